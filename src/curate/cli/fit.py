"""`curate fit`: a classifier from annotated pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from curate.cli.say import say, say_markdown


def fit_command(
    *,
    annotations: Annotated[
        list[str],
        typer.Option(
            "--annotations",
            "-a",
            help="JSONL, CSV or TSV (.gz, .zst) or Parquet with text and level, or with id and level where another "
            "of the files has the id's text; a pattern may be given. Can be repeated.",
            show_default=False,
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Folder for the classifier.", show_default=False)
    ],
    member: Annotated[
        list[str] | None,
        typer.Option(
            help="Features and head, as 'tfidf+shape:ridge', with a weight ('static+shape:kernel*0.5') or settings "
            "of the head ('static:svr:C=4,epsilon=0.2'). Features: tfidf, own_tfidf, ngrams, shape, static, lsa, classes, "
            "encoder; fasttext stands alone. Heads: ridge, logistic, svr, kernel, mlp, forest. Repeat to average.  "
            "[default: tfidf:ridge, tfidf+shape:ridge and static+lsa+shape:kernel, stacked]",
            show_default=False,
        ),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            help="The score is the probability of this level, or word of --levels, or more.  [default: 3, or 1 of 0-1 labels]",
            show_default=False,
        ),
    ] = None,
    positive_rate: Annotated[
        float | None,
        typer.Option(
            help="Share of such pages where the scorer will run, if labelled pages were chosen by kind.  "
            "[default: as among the labels, by their propensity]",
            show_default=False,
        ),
    ] = None,
    low: Annotated[
        float | None, typer.Option(help="Lowest level of the scale.  [default: 0]", show_default=False)
    ] = None,
    high: Annotated[
        float | None,
        typer.Option(help="Highest level of the scale.  [default: 5, or 1]", show_default=False),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="sentence-transformers model of the feature 'encoder': name or folder.", show_default=False
        ),
    ] = None,
    encoder_dtype: Annotated[
        str, typer.Option(help="fp32, bf16, or int8 (onnxruntime; needs no torch to score).")
    ] = "fp32",
    encoder_max_tokens: Annotated[int, typer.Option(help="How much of a page the encoder reads.")] = 256,
    window_bytes: Annotated[int, typer.Option(help="How much of a page the other features read.")] = 16384,
    calibration: Annotated[
        str, typer.Option(help="platt, isotonic, or auto (by number of labels).")
    ] = "auto",
    stack: Annotated[bool, typer.Option("--stack", help="Fit the members' weights out of fold.")] = False,
    folds: Annotated[int, typer.Option(help="Folds of the cross-fitting.")] = 5,
    part_sites: Annotated[
        bool, typer.Option("--part-sites", help="Let pages of one site be fitted and tested on.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of everything drawn.")] = 0,
    reference_annotator: Annotated[
        str | None,
        typer.Option(
            help="The annotator whose scale is predicted, by the whole name.  [default: the most frequent]",
            show_default=False,
        ),
    ] = None,
    overlap: Annotated[
        float,
        typer.Option(
            help="Pages that share this much of their text are never parted; above 1, only equal ones are held."
        ),
    ] = 0.25,
    text_field: Annotated[
        str, typer.Option("--text-field", "--text-column", help="Field of the text.")
    ] = "text",
    id_field: Annotated[
        str,
        typer.Option(
            "--id-field", "--id-column", help="Field of the page's id, where levels lie apart from texts."
        ),
    ] = "id",
    annotator_field: Annotated[
        str, typer.Option("--annotator-field", "--annotator-column", help="Field of who gave the level.")
    ] = "annotator",
    levels: Annotated[
        str | None,
        typer.Option(
            help="Levels as words, from the lowest up: bad,fair,good counts as 0, 1, 2.", show_default=False
        ),
    ] = None,
    pages_of: Annotated[
        list[str] | None,
        typer.Option(
            "--pages",
            help="Input as of `curate filter` with the texts of labels that have only an id or url. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    level_field: Annotated[
        list[str] | None,
        typer.Option(
            "--level-field",
            "--label-column",
            help="Field of the level. Repeat it for a classifier each, in folders of that name under the output.  "
            "[default: edu_level, level, label or score]",
            show_default=False,
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
    from curate.fit import Recipe, correlate_levels, describe_annotators, fit_classifier, read_annotations
    from curate.fit.annotations import render_sources
    from curate.fit.card import figures_table
    from curate.fit.recipe import DEFAULT_RECIPE
    from curate.work.progress import ProgressDisplay

    words = levels.split(",") if levels else []
    settings: dict[str, Any] = {
        "positive": _positive_level(positive, words),
        "positive_rate": positive_rate,
        "overlap": overlap,
        "low": low,
        "high": high,
        "encoder": encoder,
        "encoder_dtype": encoder_dtype,
        "encoder_max_tokens": encoder_max_tokens,
        "window_bytes": window_bytes,
        "calibration": calibration,
        "n_folds": folds,
        "group_sites": not part_sites,
        "seed": seed,
        "reference_annotator": reference_annotator,
    }
    if member:
        settings["members"] = member
    if stack:
        settings["stack"] = True
    recipe = (Recipe() if member else DEFAULT_RECIPE).replace(**settings)
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
