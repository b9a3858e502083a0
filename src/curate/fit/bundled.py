"""How the bundled classifiers are made: `python -m curate.fit.bundled NAME --data FOLDER`.

static   word table, from unlabelled web text and a sentence encoder
edu      educational level, on the word table
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.bundled import classifiers_folder
from curate.fit.annotations import Annotations, read_annotations
from curate.fit.fitting import FitResult, fit_classifier
from curate.fit.recipe import Recipe
from curate.fit.words import fit_word_table
from curate.scoring.encoders import SentenceEncoder

CORPORA = (
    "annotations/edu_train", "annotations/edu_extra", "annotations/edu_second_annotator",
    "annotations/edu_student_scored", "web/c4", "web/weborganizer-00", "web/weborganizer-01",
    "web/weborganizer-02", "web/weborganizer-03", "textbooks/osbooks-statistics", "textbooks/enwiki",
)  # fmt: skip
EDU_FILES = ("edu_train", "edu_extra", "edu_second_annotator", "edu_student_scored")
EDU_RECIPE = Recipe(
    reference_annotator="Llama-3-70B",
    annotator_weights={"fineweb-edu-classifier": 0.5, "large language model, 2026-11": 0.7},
    same_scale=("Llama-3.3-70B",),  # levels 0 and 1 were left out of these pages
    positive=3.0,
    high=5.0,
)


def read_rows(data: Path, name: str) -> list[dict[str, Any]]:
    """Read one file of the data folder."""
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def fit_static(data: Path, output: Path) -> dict[str, Any]:
    """Fit the word table."""

    def corpora() -> Any:
        for name in CORPORA:
            yield pa.array([row["text"] for row in read_rows(data, name)], pa.large_string())

    encoder = SentenceEncoder("all-MiniLM-L6-v2", batch_size=256)
    return fit_word_table(corpora(), encoder, output, about={"corpora": list(CORPORA)})


def read_edu(data: Path, *, with_val: bool) -> Annotations:
    """Read the annotated pages of the educational level."""
    names = [*EDU_FILES[:1], *(["edu_val"] if with_val else []), *EDU_FILES[1:]]
    files = [data / "annotations" / f"{name}.jsonl.gz" for name in names]
    return read_annotations(files, annotator_weights=EDU_RECIPE.annotator_weights)


def fit_edu(data: Path, output: Path, *, with_val: bool = True) -> FitResult:
    """Fit the educational level; without `edu_val` for the figure that no page of it was fitted on."""
    return fit_classifier(
        read_edu(data, with_val=with_val), output, recipe=EDU_RECIPE, name="edu", overwrite=True
    )


def main() -> None:
    """Fit one bundled classifier."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=["static", "edu"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    output = options.output or classifiers_folder() / options.name
    if options.name == "static":
        fit_static(options.data, output)
    else:
        fit_edu(options.data, output)


if __name__ == "__main__":
    main()
