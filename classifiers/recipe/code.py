"""How the bundled classifier `code` is made: `python -m classifiers.recipe.code --data FOLDER --output FOLDER`.

The folder holds `files.jsonl.gz` (id, package, path, language, text) and `levels.tsv` (id, edu_level, reader, reason).
A file that was read twice has the mean of both levels. Folds are drawn by package: no file is judged by a model that
saw another one of its package.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from curate.fit.annotations import Annotations
from curate.fit.card import write_card
from curate.fit.fitting import FitResult, fit_classifier
from curate.fit.recipe import MemberRecipe, Recipe

CODE_RECIPE = Recipe(
    members=(
        MemberRecipe(("own_tfidf", "program", "classes"), "logistic", settings={"C": 3.0, "max_iter": 300}),
        MemberRecipe(
            ("program", "program_words", "classes"), "kernel", settings={"alpha": 0.3, "n_centres": 768}
        ),
    ),
    zones=(0, 80),
    min_pages=4,
    window_bytes=2400,  # what the readers saw
    low=0.0,
    high=5.0,
    positive=3.0,
    n_folds=8,
)


def read_code(folder: Path) -> tuple[Annotations, list[str]]:
    """Read the labelled files and the language of each; their packages are what sites are for pages."""
    with gzip.open(folder / "files.jsonl.gz", "rt", encoding="utf-8") as lines:
        files = [json.loads(line) for line in lines]
    levels: dict[str, list[float]] = defaultdict(list)
    with (folder / "levels.tsv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE):
            levels[row["id"]].append(float(row["edu_level"]))
    files = [file for file in files if levels[file["id"]]]
    ones = np.ones(len(files))
    pages = Annotations(
        texts=pa.array([file["text"] for file in files], pa.large_string()),
        levels=np.array([np.mean(levels[file["id"]]) for file in files]),
        annotators=("readers",) * len(files),
        sites=tuple(file["package"] for file in files),
        weights=ones,
        propensity=ones,
        topics=("",) * len(files),
    )
    return pages, [file["language"] for file in files]


def fit_code(pages: Annotations, output: Path, recipe: Recipe = CODE_RECIPE) -> FitResult:
    """Fit `code`, and write its card with where the files come from."""
    result = fit_classifier(pages, output, recipe=recipe, name="code", overwrite=True)
    notes = f"""Educational value of a program file for a learner, 0 to 5, in the sense of phi-1 (arXiv 2306.11644,
section 2.1). {len(pages)} files of {len(set(pages.sites))} packages of PyPI, npm and Debian, free licences, levelled by
several readers, large language models all, from the first 2,400 characters of each. The figures above are by package:
every file was judged by models that saw no file of its package.

Only the first 2,400 bytes of a file are read. Not a judgement of whether a program is right, useful or safe. English
names and comments; other languages' programs were not among the files.
"""
    write_card(output, result.scorer, result.metrics, notes=notes)
    return result


def main(arguments: list[str] | None = None) -> None:
    """Fit the bundled classifier `code`."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.recipe.code", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("classifiers/code"))
    settings = parser.parse_args(arguments)
    pages, _ = read_code(settings.data)
    metrics = fit_code(pages, settings.output).metrics
    print(
        json.dumps(
            {name: metrics[name] for name in ("spearman", "average_precision", "member_weights")}, indent=2
        )
    )


if __name__ == "__main__":
    main()
