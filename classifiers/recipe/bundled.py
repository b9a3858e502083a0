"""How the bundled classifiers are made: `python -m classifiers.recipe.bundled --data FOLDER --output FOLDER`.

    static       word table, from unlabelled web text and a sentence encoder
    lsa          axes along which the words of web pages differ, from the same text
    topic        what a page is about, on the word table
    format       what kind of page it is, on the word table
    edu          educational level, on all of these
    edu-large    the same with a transformer encoder: slower and better
    edu-cascade  edu, and edu-large for pages that edu is unsure of

The stages run in this order, each on what the earlier ones left in `--output`. What takes long is kept in
`--work`, and a stage that was done with the same pages, code and earlier stages is not done again: a run that
was stopped goes on when the command is given again. The same pages give the same bytes on one machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from classifiers.recipe.bundled_pages import (
    CLASSES,
    CORPORA,
    EduPages,
    WebPages,
    read_corpora,
    read_edu,
    read_web,
)
from classifiers.recipe.kept import Kept, digest_of
from classifiers.recipe.lsa import fit_axes
from classifiers.recipe.words import fit_word_table
from numpy.typing import NDArray

import curate
from curate.bundled import classifiers_folder, classifiers_in
from curate.fit.annotations import Annotations
from curate.fit.annotators import reference_rows
from curate.fit.calibrate import compare_rates, perfect_calibration_error
from curate.fit.card import figures_table, render_cascade_card, render_classes_card, write_card
from curate.fit.classes import ClassesFit, fit_classes, held_out_outputs
from curate.fit.fitting import fit_classifier
from curate.fit.metrics import average_precision, summarise
from curate.fit.recipe import MemberRecipe, Recipe
from curate.protocols import Encoder
from curate.scoring.encoders import SentenceEncoder
from curate.scoring.features import Pages
from curate.scoring.load import load_classes
from curate.scoring.storage import CONFIG, WEIGHTS, write_folder
from curate.scoring.texts import take_window

ENCODER = "all-MiniLM-L6-v2"
EDU_RECIPE = Recipe(
    members=(
        MemberRecipe(("tfidf", "shape"), "ridge", 0.7),
        MemberRecipe(("static", "lsa", "shape", "classes"), "kernel", settings={"alpha": 0.1}),
    ),
    reference_annotator="Llama-3-70B",
    same_scale=("Llama-3.3-70B",),  # levels 0 and 1 were left out of these pages
    positive=3.0,
    high=5.0,
)
EDU_LARGE_RECIPE = EDU_RECIPE.replace(
    members=(
        *EDU_RECIPE.members,
        MemberRecipe(("encoder", "shape", "classes"), "kernel", 1.5, {"alpha": 0.1}),
    ),
    encoder=ENCODER,
)
CASCADE_BAND = (0.1, 0.9)
STAGES = ("static", "lsa", "topic", "format", "edu", "edu-large", "edu-cascade")
_WORD_DIMENSIONS, _LSA_DIMENSIONS = 64, 80  # together what 16 MB for `edu` have room for
# Of the encoders, in fits: a CPU with AMX embeds 2.5 times as many pages as in fp32, which scoring uses.
_DTYPE = "bf16"
_PAGES_A_PIECE, _WORDS_A_PIECE = 256, 8192

Known = dict[str, NDArray[np.float32]]


class KeptEncoder:
    """An encoder whose embeddings are kept, a piece of the texts at a time.

    Attributes:
        name: of the encoder.
    """

    def __init__(
        self, encoder: Encoder, kept: Kept, settings: Sequence[Any] = (), n_texts: int | None = None
    ) -> None:
        self.name = encoder.name
        self._encoder = encoder
        self._kept = kept
        self._settings = list(settings)
        self._n_texts = n_texts or _PAGES_A_PIECE

    @property
    def n_dimensions(self) -> int:
        """Dimensions of an embedding."""
        return self._encoder.n_dimensions

    def encode(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.float32]:
        """Embed `texts`, those aside that were embedded by an earlier run."""
        texts = texts.to_pylist() if isinstance(texts, pa.Array) else list(texts)
        pieces: list[NDArray[Any]] = []
        for start in range(0, len(texts), self._n_texts):
            piece = texts[start : start + self._n_texts]
            key = digest_of(self.name, self._settings, piece)
            pieces.append(self._kept.array("encoder", key, lambda piece=piece: self._encoder.encode(piece)))
        return np.vstack(pieces)


@dataclass(frozen=True, eq=False)
class Maker:
    """Makes the bundled classifiers, stage by stage.

    Attributes:
        data: folder of the pages, see `classifiers.recipe.bundled_pages`.
        output: gets one folder for each classifier.
        kept: what earlier runs left.
        word_encoder: of single words, for the word table.
        page_encoder: of pages, for `edu-large`.
    """

    data: Path
    output: Path
    kept: Kept
    word_encoder: Encoder
    page_encoder: Encoder

    def make(self, name: str) -> bool:
        """Make one classifier, unless it lies there as this code would make it. Says whether it was made."""
        stamp = [self._digest_sources(name), self._digest_made(name)]
        if self.kept.stamp(name) == stamp:
            return False
        with classifiers_in(self.output):
            if name == "static":
                self._make_static()
            elif name == "lsa":
                about = {"corpora": list(CORPORA)}
                fit_axes(
                    read_corpora(self.data), self.output / "lsa", n_dimensions=_LSA_DIMENSIONS, about=about
                )
            elif name in CLASSES:
                self._make_classes(name)
            elif name == "edu-cascade":
                self._make_cascade()
            else:
                self._make_edu(name)
        self.kept.set_stamp(name, [self._digest_sources(name), self._digest_made(name)])
        return True

    @cached_property
    def edu(self) -> EduPages:
        """The pages with an educational level."""
        return read_edu(self.data)

    @cached_property
    def web(self) -> WebPages:
        """The pages with topic and format."""
        return read_web(self.data)

    def _make_static(self) -> None:
        encoder = KeptEncoder(self.word_encoder, self.kept, [_DTYPE], _WORDS_A_PIECE)
        fit_word_table(
            read_corpora(self.data),
            encoder,
            self.output / "static",
            n_dimensions=_WORD_DIMENSIONS,
            about={"corpora": list(CORPORA)},
        )

    def _make_classes(self, name: str) -> None:
        fit = fit_web_classes(self.web, name)
        folder = self.output / name
        fit.classifier.save(folder)
        _write_json(folder / "metrics.json", fit.metrics)
        (folder / "card.md").write_text(render_classes_card(fit), "utf-8")
        pages = self.edu.pages
        self.kept.array(
            name,
            self._digest_sources(name),
            lambda: held_out_outputs([fit], self.web.texts, self.web.sites, pages.texts, pages.sites),
        )

    def _make_edu(self, name: str) -> None:
        recipe = EDU_LARGE_RECIPE if name == "edu-large" else EDU_RECIPE
        known = {"classes": np.hstack([self._kept(kind) for kind in recipe.classifiers])}
        if recipe.encoder:
            encoder = KeptEncoder(self.page_encoder, self.kept, [recipe.encoder_max_tokens, _DTYPE])
            known["encoder"] = encoder.encode(take_window(self.edu.pages.texts, recipe.window_bytes))
        scores = fit_edu(self.edu, self.output / name, recipe, known)
        self.kept.array(name, self._digest_sources(name), lambda: scores)

    def _make_cascade(self) -> None:
        write_cascade(self.output / "edu-cascade", self.edu.pages, self._kept("edu"), self._kept("edu-large"))

    def _kept(self, name: str) -> NDArray[Any]:
        def missing() -> NDArray[Any]:
            msg = f"'{self.kept.folder}' lacks what the stage {name} leaves; remove its {name}.json, and start again"
            raise FileNotFoundError(msg)

        return self.kept.array(name, self._digest_sources(name), missing)

    @cached_property
    def _digest_data(self) -> str:
        files = sorted(self.data.glob("*/*.jsonl.gz"))
        return digest_of(*(part for file in files for part in (file.name, file.read_bytes())))

    def _digest_sources(self, name: str) -> str:
        """Digest all that a classifier is made from."""
        before = map(self._digest_made, STAGES[: STAGES.index(name)])
        return digest_of(_digest_code(), self._digest_data, *before)

    def _digest_made(self, name: str) -> str:
        """Digest the configuration of a made classifier, which names its weights."""
        config = self.output / name / CONFIG
        return digest_of(config.read_bytes()) if config.is_file() else ""


def _digest_code() -> str:
    package = Path(curate.__file__).parent
    recipe = Path(__file__).parent
    parts = ("fit/", "scoring/", "text/")
    names = sorted(file.relative_to(package).as_posix() for file in package.rglob("*.py"))
    used = [package / name for name in names if name.startswith(parts)]
    return digest_of(*(file.read_bytes() for file in (*used, *sorted(recipe.glob("*.py")))))


def fit_web_classes(web: WebPages, kind: str) -> ClassesFit:
    """Fit `topic` or `format`."""
    about = {"annotations": {"n_pages": len(web.sites), "annotator": f"WebOrganizer's {kind} classifier"}}
    return fit_classes(kind, web.texts, web.labels[kind], CLASSES[kind], web.sites, about=about)


def held_out_classes(web: WebPages, pages: Annotations) -> NDArray[np.float32]:
    """Give what topic and format say of annotated pages, some of which they were fitted on, out of fold."""
    fits = [fit_web_classes(web, kind) for kind in EDU_RECIPE.classifiers]
    return held_out_outputs(fits, web.texts, web.sites, pages.texts, pages.sites)


def fit_edu(edu: EduPages, output: Path, recipe: Recipe, known: Known) -> NDArray[np.float64]:
    """Fit the educational level on all annotated pages, and measure it on `edu_val` by a fit without that.

    Args:
        edu: the pages.
        output: folder of the classifier.
        recipe: `EDU_RECIPE` or `EDU_LARGE_RECIPE`.
        known: columns of features, of all pages, that are not computed again.

    Returns:
        Out-of-fold scores of all pages, float64 (N,).
    """
    held_out = measure_held_out(edu.pages, edu.is_val, recipe, known)
    result = fit_classifier(edu.pages, output, recipe=recipe, overwrite=True, known_columns=known)
    rows = reference_rows(edu.pages, EDU_RECIPE)
    topics = np.array(topic_names(edu.pages.texts))
    checks = {
        "calibration_error_if_perfect": perfect_calibration_error(result.scores[rows]),
        "rates_by_topic": compare_rates(
            result.scores[rows], edu.pages.levels[rows] >= 3, topics[rows].tolist()
        ),
    }
    _write_json(output / "metrics.json", {**result.metrics, **checks, "held_out": held_out})
    chance = held_out["calibration_error_if_perfect"]
    notes = f"""Pages and levels: HuggingFaceFW/fineweb-edu-llama3-annotations and
FineWeb (ODC-By 1.0, text from Common Crawl); pages of the second annotator and topics: Common Crawl
through DCLM, with WebOrganizer's labels.
English web pages only. Not a judgement of truth, and not fitted on any teacher's opinion.

## On pages that took no part
The same recipe fitted without `edu_val`, measured on its {held_out["n_pages"]} pages
({held_out["n_positive"]} at level 3 or more). The weights in this folder were then fitted on all pages.

{figures_table(held_out)}

A scorer whose every score were the true probability would show a calibration error of {_figure(chance)} on these
pages, by chance.

"""
    write_card(output, result.scorer, result.metrics, notes=notes)
    return result.scores


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
    scores = scorer.calibration.apply(raw).astype(np.float64)
    metrics = summarise(pages.take(test), levels, scores, scorer.scale)
    return {**metrics, "calibration_error_if_perfect": perfect_calibration_error(scores)}


def write_cascade(
    output: Path, pages: Annotations, edu: NDArray[np.float64], large: NDArray[np.float64]
) -> dict[str, Any]:
    """Write the cascade, with what it gives up against `edu-large`, from out-of-fold scores of both (N,)."""
    low, high = CASCADE_BAND
    rows = reference_rows(pages, EDU_RECIPE)
    first, second = edu[rows], large[rows]
    asked = (first >= low) & (first <= high)
    scores = np.where(asked, second, first)
    truth, weights = pages.levels[rows] >= 3, np.ones(int(rows.sum()))
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
    (output / WEIGHTS).unlink()
    _write_json(output / "metrics.json", metrics)
    (output / "card.md").write_text(render_cascade_card(metrics, low, high), "utf-8")
    return metrics


def topic_names(texts: pa.Array) -> list[str]:
    """Give the likeliest topic of every page, by the classifier that lies beside the one being made."""
    return load_classes(classifiers_folder() / "topic").label(texts).to_pylist()


def _figure(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} (95%: {figure['low']:.3f} to {figure['high']:.3f})"


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Make the bundled classifiers, all or up to the last of those that are named."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.recipe.bundled", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", choices=[*STAGES, []], metavar="NAME", help="default: all")
    parser.add_argument("--data", type=Path, required=True, help="folder of the pages")
    parser.add_argument("--output", type=Path, help="folder of the classifiers; default: the bundled one")
    parser.add_argument("--work", type=Path, default=Path("bundled-work"), help="folder of what is kept")
    options = parser.parse_args(arguments)
    maker = Maker(
        options.data,
        options.output or classifiers_folder(),
        Kept(options.work),
        SentenceEncoder(ENCODER, dtype=_DTYPE, batch_size=256),
        SentenceEncoder(ENCODER, dtype=_DTYPE, batch_size=16),
    )
    for name in options.names or STAGES:
        began_s = time.perf_counter()
        made = maker.make(name)
        print(
            f"{name}: {f'made in {time.perf_counter() - began_s:.0f} s' if made else 'is up to date'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
