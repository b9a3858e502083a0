"""How the bundled classifiers are made: `python -m curate.fit.bundled NAME --data FOLDER`.

static       word table, from unlabelled web text and a sentence encoder
topic        what a page is about, on the word table
format       what kind of page it is, on the word table
edu          educational level, on all of these
edu-large    the same with a transformer encoder: slower and better
edu-cascade  edu, and edu-large for pages that edu is unsure of
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.bundled import classifiers_folder
from curate.fit.annotations import Annotations, read_annotations, site_of
from curate.fit.card import figures_table, render_cascade_card, render_classes_card, write_card
from curate.fit.classes import ClassesFit, fit_classes, held_out_outputs
from curate.fit.fitting import FitResult, fit_classifier
from curate.fit.metrics import average_precision, summarise
from curate.fit.recipe import MemberRecipe, Recipe
from curate.fit.words import fit_word_table
from curate.scoring.encoders import SentenceEncoder, load_encoder
from curate.scoring.features import Pages
from curate.scoring.storage import write_folder
from curate.scoring.texts import take_window

CORPORA = (
    "annotations/edu_train", "annotations/edu_extra", "annotations/edu_second_annotator",
    "annotations/edu_student_scored", "web/c4", "web/weborganizer-00", "web/weborganizer-01",
    "web/weborganizer-02", "web/weborganizer-03", "textbooks/osbooks-statistics", "textbooks/enwiki",
)  # fmt: skip
EDU_FILES = ("edu_train", "edu_extra", "edu_second_annotator", "edu_student_scored")
EDU_RECIPE = Recipe(
    members=(
        MemberRecipe(("tfidf", "shape"), "ridge"),
        MemberRecipe(("static", "shape", "classes"), "kernel", settings={"alpha": 0.1}),
    ),
    reference_annotator="Llama-3-70B",
    annotator_weights={"fineweb-edu-classifier": 0.5, "large language model, 2026-11": 0.7},
    same_scale=("Llama-3.3-70B",),  # levels 0 and 1 were left out of these pages
    positive=3.0,
    high=5.0,
)


WEB_FILES = tuple(name for name in CORPORA if name.startswith("web/weborganizer"))
# The classes of WebOrganizer's classifiers, in the order of their numbers.
TOPICS = (
    "Adult", "Art & Design", "Software Development", "Crime & Law", "Education & Jobs",
    "Electronics & Hardware", "Entertainment", "Social Life", "Fashion & Beauty", "Finance & Business",
    "Food & Dining", "Games", "Health", "History", "Home & Hobbies", "Industrial", "Literature", "Politics",
    "Religion", "Science & Technology", "Software", "Sports & Fitness", "Transportation", "Travel",
)  # fmt: skip
FORMATS = (
    "Academic Writing", "Content Listing", "Creative Writing", "Customer Support", "Comment Section", "FAQ",
    "Truncated", "Knowledge Article", "Legal Notices", "Listicle", "News Article", "Nonfiction Writing",
    "About (Organization)", "News (Organization)", "About (Personal)", "Personal Blog", "Product Page",
    "Q&A Forum", "Spam & Ads", "Structured Data", "Documentation", "Audio Transcript", "Tutorial",
    "User Review",
)  # fmt: skip


EDU_LARGE_RECIPE = EDU_RECIPE.replace(
    members=(
        *EDU_RECIPE.members,
        MemberRecipe(("encoder", "shape", "classes"), "kernel", 1.5, {"alpha": 0.1}),
    ),
    encoder="all-MiniLM-L6-v2",
)
CASCADE_BAND = (0.1, 0.9)


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


@dataclass(frozen=True, slots=True, eq=False)
class Web:
    """Pages with topic and format."""

    texts: pa.Array
    sites: tuple[str, ...]
    labels: dict[str, NDArray[np.int64]]


def read_web(data: Path) -> Web:
    """Read the pages with topic and format."""
    rows = [row for name in WEB_FILES for row in read_rows(data, name)]
    labels = {kind: np.array([row[f"{kind}_id"] for row in rows], np.int64) for kind in ("topic", "format")}
    texts = pa.array([row["text"] for row in rows], pa.large_string())
    return Web(texts, tuple(site_of(row["url"]) for row in rows), labels)


def fit_web_classes(web: Web, kind: str) -> ClassesFit:
    """Fit `topic` or `format`."""
    classes = TOPICS if kind == "topic" else FORMATS
    about = {"annotations": {"n_pages": len(web.sites), "annotator": f"WebOrganizer's {kind} classifier"}}
    return fit_classes(kind, web.texts, web.labels[kind], classes, web.sites, about=about)


def write_web_classes(fit: ClassesFit, output: Path) -> None:
    """Write the folder of `topic` or `format`."""
    fit.classifier.save(output)
    (output / "metrics.json").write_text(json.dumps(fit.metrics, indent=2) + "\n", "utf-8")
    (output / "card.md").write_text(render_classes_card(fit), "utf-8")


def held_out_classes(web: Web, pages: Annotations) -> NDArray[np.float32]:
    """Give what topic and format say of annotated pages, some of which they were fitted on, out of fold."""
    fits = [fit_web_classes(web, kind) for kind in EDU_RECIPE.classifiers]
    return held_out_outputs(fits, web.texts, web.sites, pages.texts, pages.sites)


Known = dict[str, NDArray[np.float32]]


def fit_edu(data: Path, output: Path, *, large: bool = False, known: Known | None = None) -> FitResult:
    """Fit the educational level on all annotated pages, and measure it on `edu_val` by a fit without that.

    Args:
        data: folder of the annotated pages.
        output: folder of the classifier.
        large: whether a transformer encoder takes part.
        known: columns of features, of all pages, that are not computed again.
    """
    pages = read_edu(data, with_val=True)
    recipe = EDU_LARGE_RECIPE if large else EDU_RECIPE
    known = known or {"classes": held_out_classes(read_web(data), pages)}
    if large and "encoder" not in known:
        encoder = load_encoder(recipe.encoder or "", recipe.encoder_max_tokens, recipe.encoder_dtype)
        known = {**known, "encoder": encoder.encode(take_window(pages.texts, recipe.window_bytes))}
    is_val = np.arange(len(pages)) // 1000 == 1  # the second file, less two pages
    is_val[1998:] = False
    held_out = measure_held_out(pages, is_val, recipe, known)
    name = "edu-large" if large else "edu"
    result = fit_classifier(pages, output, recipe=recipe, name=name, overwrite=True, known_columns=known)
    metrics = {**result.metrics, "held_out": held_out}
    (output / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", "utf-8")
    notes = f"""Pages and levels: HuggingFaceFW/fineweb-edu-llama3-annotations and
FineWeb (ODC-By 1.0, text from Common Crawl); pages of the second annotator and topics: Common Crawl
through DCLM, with WebOrganizer's labels.
English web pages only. Not a judgement of truth, and not fitted on any teacher's opinion.

## On pages that took no part
The same recipe fitted without `edu_val`, measured on its {held_out["n_pages"]} pages
({held_out["n_positive"]} at level 3 or more). The weights in this folder were then fitted on all pages.

{figures_table(held_out)}

"""
    write_card(output, result.scorer, result.metrics, notes=notes)
    return result


def measure_held_out(
    pages: Annotations, held: NDArray[np.bool_], recipe: Recipe, known: Known
) -> dict[str, Any]:
    """Fit without the pages at `held`, and measure on them."""
    rest, test = np.flatnonzero(~held), np.flatnonzero(held)
    with tempfile.TemporaryDirectory() as folder:
        scorer = fit_classifier(
            pages.take(rest),
            Path(folder) / "held-out",
            recipe=recipe,
            known_columns={name: columns[rest] for name, columns in known.items()},
        ).scorer
    batch = Pages(pages.texts.take(pa.array(test)), scorer.window_bytes)
    for name in set(known) & set(scorer.blocks):
        batch.put(scorer.blocks[name], known[name][test])
    raw = scorer.predict_raw(batch)
    levels = np.clip(raw, scorer.scale[0], scorer.scale[1]).astype(np.float64)
    return summarise(pages.take(test), levels, scorer.calibration.apply(raw).astype(np.float64), scorer.scale)


def write_cascade(output: Path, edu: FitResult, large: FitResult) -> dict[str, Any]:
    """Write the cascade, with what it gives up against `edu-large`, from out-of-fold scores of both."""
    low, high = CASCADE_BAND
    rows = np.array(["Llama-3-70B" in name for name in edu.annotations.annotators])
    first, second = edu.scores[rows], large.scores[rows]
    asked = (first >= low) & (first <= high)
    scores = np.where(asked, second, first)
    truth, weights = edu.annotations.levels[rows] >= 3, np.ones(int(rows.sum()))
    cuts = {f"{cut:g}": float(((scores >= cut) == (second >= cut)).mean()) for cut in (0.2, 0.3, 0.5, 0.8)}
    metrics = {
        "n_pages": int(rows.sum()),
        "share_asked": float(asked.mean()),
        "agreement_with_edu_large_by_cut": cuts,
        "average_precision": {
            "edu": average_precision(first, truth, weights),
            "edu-cascade": average_precision(scores, truth, weights),
            "edu-large": average_precision(second, truth, weights),
        },
    }
    config = {"kind": "cascade", "name": "edu-cascade", "first": "edu", "second": "edu-large"}
    write_folder(output, {**config, "low": low, "high": high}, {})
    (output / "weights.safetensors").unlink()
    (output / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", "utf-8")
    (output / "card.md").write_text(render_cascade_card(metrics, low, high), "utf-8")
    return metrics


def main() -> None:
    """Fit one bundled classifier."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=["static", "topic", "format", "edu", "edu-large", "edu-cascade"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    output = options.output or classifiers_folder() / options.name
    if options.name == "static":
        fit_static(options.data, output)
    elif options.name in {"topic", "format"}:
        write_web_classes(fit_web_classes(read_web(options.data), options.name), output)
    elif options.name == "edu":
        fit_edu(options.data, output)
    elif options.name == "edu-large":
        fit_edu(options.data, output, large=True)
    else:
        with tempfile.TemporaryDirectory() as folder:
            edu = fit_edu(options.data, Path(folder) / "edu")
            large = fit_edu(options.data, Path(folder) / "edu-large", large=True)
            write_cascade(output, edu, large)


if __name__ == "__main__":
    main()
