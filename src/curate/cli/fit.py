"""`curate fit`: a classifier from annotated pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from curate.cli.labels import IdField, Levels, Pages, TextField, annotations_option, level_option
from curate.cli.options import with_settings
from curate.cli.say import say, say_markdown
from curate.fit.recipe import Recipe

_IN_PYTHON_ALONE = {
    *("zones", "static_zones", "min_pages", "n_buckets", "max_words", "classifiers"),
    *("same_scale", "annotator_weights"),
}
_OF_ANOTHER_FORM = {"members", "positive", "group_sites"}


@with_settings(Recipe, left_out=_IN_PYTHON_ALONE | _OF_ANOTHER_FORM, flags={"n_folds": "folds"})
def fit_command(
    given: dict[str, Any],
    *,
    annotations: Annotated[
        list[str],
        annotations_option(
            "JSONL, CSV or TSV (.gz, .zst) or Parquet with text and level, or with id and level where another "
            "of the files has the id's text; a pattern may be given."
        ),
    ],
    output: Annotated[str, typer.Option("--output", "-o", help="Folder for the classifier.")],
    member: Annotated[
        list[str] | None,
        typer.Option(
            help="Features and head, as 'tfidf+shape:ridge', with a weight ('static+shape:kernel*0.5') or settings "
            "of the head ('static:svr:C=4,epsilon=0.2'). Features: tfidf, own_tfidf, ngrams, shape, static, lsa, classes, "
            "encoder; fasttext stands alone. Heads: ridge, logistic, svr, kernel, mlp, forest. Repeat for several.  "
            "[default: tfidf:ridge, tfidf+shape:ridge and static+lsa+shape:kernel]"
        ),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            help="The score is the probability of this level, or word of --levels, or more.  [default: 3, or 1 of 0-1 labels]"
        ),
    ] = None,
    part_sites: Annotated[
        bool, typer.Option("--part-sites", help="Let pages of one site be fitted and tested on.")
    ] = False,
    text_field: TextField = "text",
    id_field: IdField = "id",
    annotator_field: Annotated[
        str, typer.Option("--annotator-field", "--annotator-column", help="Field of who gave the level.")
    ] = "annotator",
    levels: Levels = None,
    pages_of: Pages = None,
    level_field: Annotated[
        list[str] | None,
        level_option(
            "Field of the level. Repeat it for a classifier each, in folders of that name under the output."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a classifier that lies in the folder.")
    ] = False,
) -> None:
    """Fit, calibrate and measure a classifier on annotated pages; first say how annotators agree and how strict they are.

    Example: curate fit -a labels.jsonl -o classifiers/mine
    """
    from curate.errors import SettingError
    from curate.fit import correlate_levels, describe_annotators, fit_classifier, read_annotations
    from curate.fit.annotations import render_sources
    from curate.fit.card import figures_table
    from curate.work.progress import ProgressDisplay

    words = levels.split(",") if levels else []
    given |= {"positive": _positive_level(positive, words), "group_sites": not part_sites}
    given |= {"members": member} if member else {}
    recipe = Recipe().replace(**given)
    fields = list(dict.fromkeys(level_field or [None]))
    for name in fields:
        if len(fields) > 1 and Path(name or "").name != name:
            raise SettingError(
                f"'{name}' cannot name a folder under {output}: fit it alone, into a folder of your choice."
            )
    read = {
        name: read_annotations(
            annotations,
            text_field=text_field,
            level_field=name,
            id_field=id_field,
            annotator_field=annotator_field,
            words=words,
            pages=pages_of or (),
        )
        for name in fields
    }
    if len(fields) > 1:
        say(correlate_levels({str(name): pages for name, pages in read.items()}), "")
    for name, pages in read.items():
        folder = output if len(fields) == 1 else str(Path(output) / str(name))
        if len(fields) > 1:
            say(f"# {name}", "")
        say(*render_sources(pages).split("\n"), "")
        if about := describe_annotators(pages, recipe):
            say(*about.split("\n"), "")
        display = ProgressDisplay(quiet=quiet)
        result = fit_classifier(pages, folder, recipe=recipe, overwrite=overwrite, progress=display)
        n_pages = len(result.annotations)
        say(f"Fitted on {n_pages:,} pages; figures are out of fold, on {result.metrics['n_pages']:,}.", "")
        for line in result.advice:
            say(f"Note: {line}", "")
        say_markdown(figures_table(result.metrics))
        say(
            "",
            f"{folder} holds the classifier and its card. Use it: curate filter --input CRAWL --output OUT --scorer {folder}",
        )


def _positive_level(stated: str | None, words: list[str]) -> float | None:
    """The level behind --positive: a number, or a word of --levels."""
    from curate.errors import SettingError, UnknownNameError

    if stated is None:
        return None
    known = [word.strip().lower() for word in words]
    if stated.strip().lower() in known:
        return float(known.index(stated.strip().lower()))
    try:
        return float(stated)
    except ValueError:
        if known:
            raise UnknownNameError("level", stated, known) from None
        raise SettingError(
            f"--positive is '{stated}'; type a number, or name its word in --levels."
        ) from None
