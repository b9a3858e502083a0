"""How the bundled classifier `code` is made: `python -m classifiers.recipe.code --data FOLDER --output FOLDER`.

The folder holds `files.jsonl.gz` (id, package, path, language, text) and `levels.tsv` (id, edu_level, reader, reason); more
folders of the same kind (`--more`) may name files of the first in their levels. How strict a reader is, files that several read
tell (`curate.fit.annotators`). Folds are drawn by package: no file is judged by a model that saw another one of its package.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from classifiers.recipe.bundled_pages import read_levels, read_lines

from curate.fit.annotations import Annotations, read_annotations
from curate.fit.annotators import render_annotators
from curate.fit.card import write_card
from curate.fit.fitting import FitResult, fit_classifier
from curate.fit.recipe import MemberRecipe, Recipe

CODE_RECIPE = Recipe(
    members=(
        MemberRecipe(("own_tfidf", "program", "classes"), "logistic", settings={"C": 3.0, "max_iter": 300}),
        MemberRecipe(
            ("program", "program_words", "classes"), "kernel", settings={"alpha": 0.3, "n_centres": 3000}
        ),
    ),
    stack=False,
    zones=(0, 80),
    min_pages=4,
    window_bytes=2400,  # what the readers saw
    low=0.0,
    high=5.0,
    positive=3.0,
    n_folds=8,
)


def read_code(folder: Path, more: Sequence[Path] = ()) -> Annotations:
    """Read the readings of files; their packages are what sites are for pages, their languages what topics are."""
    folders = (folder, *more)
    files = {file["id"]: file for own in folders for file in read_lines(own / "files.jsonl.gz")}
    return read_annotations(
        [
            {
                "text": files[row["id"]]["text"],
                "site": files[row["id"]]["package"],
                "topic": files[row["id"]]["language"],
                "edu_level": row["edu_level"],
                "annotator": "readers",
                "reader": row["reader"] if own is folder else f"{own.resolve().name}: {row['reader']}",
            }
            for own in folders
            for row in read_levels(own / "levels.tsv")
        ]
    )


def fit_code(pages: Annotations, output: Path, recipe: Recipe = CODE_RECIPE) -> FitResult:
    """Fit `code` on readings, and write its card with where the files come from and how readers agree."""
    result = fit_classifier(pages, output, recipe=recipe, name="code", overwrite=True)
    notes = f"""Educational value of a program file for a learner, 0 to 5, in the sense of phi-1 (arXiv 2306.11644,
section 2.1). {len(result.levels):,} files of {len(set(pages.sites))} packages of PyPI, npm and Debian, free licences, levelled by
several readers, large language models all, from the first 2,400 characters of each. The figures above are by package:
every file was judged by models that saw no file of its package.

Only the first 2,400 bytes of a file are read. Not a judgement of whether a program is right, useful or safe. English
names and comments; other languages' programs were not among the files.

## Annotators
{render_annotators(result.metrics["agreement"], result.strictness)}
"""
    write_card(output, result.scorer, result.metrics, notes=notes)
    return result


def main(arguments: list[str] | None = None) -> None:
    """Fit the bundled classifier `code`."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.recipe.code", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("classifiers/code"))
    parser.add_argument(
        "--more", type=Path, action="append", default=[], help="folder of more files and levels"
    )
    settings = parser.parse_args(arguments)
    metrics = fit_code(read_code(settings.data, settings.more), settings.output).metrics
    print(
        json.dumps(
            {name: metrics[name] for name in ("spearman", "average_precision", "member_weights")}, indent=2
        )
    )


if __name__ == "__main__":
    main()
