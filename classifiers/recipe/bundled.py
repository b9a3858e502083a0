"""How the bundled classifiers are made: `python -m classifiers.recipe.bundled --data FOLDER --output FOLDER`.

    static       word table, from unlabelled web text and a sentence encoder
    lsa          axes along which the words of web pages differ, from the same text
    topic        what a page is about, on the word table
    format       what kind of page it is, on the word table
    edu          educational level, on all of these
    quality      how well a page is made, whatever its subject, on the same

The stages run in this order, each on what the earlier ones left in `--output`. What takes long is kept in
`--work`, and a stage that was done with the same pages, code and earlier stages is not done again: a run that
was stopped goes on when the command is given again. The same pages give the same bytes on one machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from classifiers.recipe.bundled_pages import (
    BOOK_LABELS,
    BOOKS,
    CLASSES,
    CORPORA,
    REFERENCE,
    LevelPages,
    WebPages,
    read_corpora,
    read_edu,
    read_quality,
    read_web,
)
from classifiers.recipe.kept import Kept, digest_of
from classifiers.recipe.lsa import fit_axes
from classifiers.recipe.measures import (
    compare_rates,
    held_out_outputs,
    perfect_calibration_error,
    render_classes_card,
)
from classifiers.recipe.words import fit_word_table
from numpy.typing import NDArray

import curate
from curate.bundled import classifiers_folder, classifiers_in
from curate.fit.annotations import Annotations
from curate.fit.annotators import Strictness, number_pages, render_annotators
from curate.fit.calibrate import fit_platt
from curate.fit.card import figures_table, write_card
from curate.fit.classes import ClassesFit, fit_classes
from curate.fit.fitting import FitResult, fit_classifier
from curate.fit.metrics import average_precision, bootstrap, spearman, summarise, to_json
from curate.fit.recipe import MemberRecipe, Recipe
from curate.protocols import Encoder
from curate.scoring.encoders import SentenceEncoder
from curate.scoring.features import Pages
from curate.scoring.load import load_classes
from curate.scoring.storage import CONFIG

ENCODER = "all-MiniLM-L6-v2"
EDU_RECIPE = Recipe(
    members=(
        MemberRecipe(("tfidf", "shape", "lines"), "ridge", 0.5, {"idf_power": -0.5}),
        MemberRecipe(
            ("static", "lsa", "shape", "lines", "common_words", "classes"),
            "kernel",
            settings={"alpha": 0.3, "n_centres": 2048, "vector_scale": 0.5},
        ),
    ),
    stack=False,
    reference_annotator=REFERENCE,
    same_scale=(
        "Llama-3.3-70B (FineWeb-Edu prompt)",
        "fineweb-edu-classifier (NOT an LLM)",  # fitted on the reference's levels
        BOOK_LABELS,
    ),
    positive=3.0,
    high=5.0,
)
QUALITY_RECIPE = Recipe(
    members=(
        EDU_RECIPE.members[0],
        replace(EDU_RECIPE.members[1], settings={**EDU_RECIPE.members[1].settings, "alpha": 0.1}),
    ),
    stack=False,
    positive=3.0,
    high=5.0,
)
RECIPES = {"edu": EDU_RECIPE, "quality": QUALITY_RECIPE}
STAGES = ("static", "lsa", "topic", "format", "edu", "quality")
_NOTES = {
    "edu": """Pages and levels: HuggingFaceFW/fineweb-edu-llama3-annotations and
FineWeb (ODC-By 1.0, text from Common Crawl); readers' pages and topics: Common Crawl through DCLM, with WebOrganizer's
labels; pages of free program documentation; modules of OpenStax's economics, chemistry, contemporary mathematics and
statistics (CC BY 4.0) at a weak level nobody gave; 300 pieces on the humanities, business, law and social science that
language models wrote for the fit, at readers' levels. English only. Not a judgement of truth, and not fitted on any
teacher's opinion: readers are large language models.""",
    "quality": """How well a text is made, as text, whatever its subject and whoever it is for: 0 unusable, 1 poor, 2 weak,
3 decent, 4 good, 5 excellent. Readers are large language models that saw a rubric and the first 1,600 characters.
Pages: Common Crawl through DCLM and FineWeb, C4, and pages of free program documentation. English only. It sees words
and the look of lines: not whether what a page says is true, nor who wrote it.

High here and low on `edu`: reviews, interviews, news, editorials, verse and stories, policies, notes on releases and
platforms, how-tos of one product. Low here and fair on `edu`: essays by students and for sale, answers of homework sites,
flash cards and quizzes that lost a side, overviews that were translated or scrambled by machines.""",
}
_WORD_DIMENSIONS, _LSA_DIMENSIONS = 64, 80  # together what 16 MB for `edu` have room for
# Of the encoder: a CPU with AMX embeds 2.5 times as many words as in fp32.
_DTYPE = "bf16"
_WORDS_A_PIECE = 8192

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
        self._n_texts = n_texts or _WORDS_A_PIECE

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
        more: folders of more pages with levels.
        books: the textbooks that `edu` is fitted on.
    """

    data: Path
    output: Path
    kept: Kept
    word_encoder: Encoder
    more: tuple[Path, ...] = ()
    books: tuple[str, ...] = BOOKS

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
                _state_languages(self.output / name)
            else:
                self._make_levels(name)
                _state_languages(self.output / name)
        self.kept.set_stamp(name, [self._digest_sources(name), self._digest_made(name)])
        return True

    @cached_property
    def levels(self) -> dict[str, LevelPages]:
        """The readings of either scorer."""
        return {
            "edu": read_edu(self.data, self.more, self.books),
            "quality": read_quality(self.data, self.more),
        }

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
        for scorer, edu in self.levels.items():
            pages = edu.pages
            self.kept.array(
                f"{name}-{scorer}",
                self._digest_sources(name),
                lambda pages=pages: held_out_outputs(
                    [fit], self.web.texts, self.web.sites, pages.texts, pages.sites
                ),
            )

    def _make_levels(self, name: str) -> None:
        recipe = RECIPES[name]
        known = {"classes": np.hstack([self._kept(kind, name) for kind in recipe.classifiers])}
        beside = None
        if name == "quality":
            beside = BesideEdu.of(self.levels["edu"].pages, self.held_out_levels("edu"))
        levels = fit_levels(self.levels[name], self.output / name, recipe, known, _NOTES[name], beside)
        self.kept.array(name, self._digest_sources(name), lambda: levels)

    def held_out_levels(self, name: str) -> NDArray[Any]:
        """Give what the stage of a scorer left: each page's level out of fold, in the order of first readings."""
        return self.kept.array(name, self._digest_sources(name), self._missing(name))

    def _kept(self, kind: str, scorer: str) -> NDArray[Any]:
        return self.kept.array(f"{kind}-{scorer}", self._digest_sources(kind), self._missing(kind))

    def _missing(self, stage: str) -> Callable[[], NDArray[Any]]:
        def missing() -> NDArray[Any]:
            msg = f"'{self.kept.folder}' lacks what the stage {stage} leaves: make {stage} again"
            raise FileNotFoundError(msg)

        return missing

    @cached_property
    def _digest_data(self) -> str:
        return _digest_files([*self.data.glob("*/*.jsonl.gz"), *self.data.glob("*/*.tsv")])

    @cached_property
    def _digest_more(self) -> list[str]:
        return [_digest_files([*folder.glob("*.jsonl.gz"), folder / "levels.tsv"]) for folder in self.more]

    def _digest_sources(self, name: str) -> str:
        """Digest all that a classifier is made from."""
        before = map(self._digest_made, STAGES[: STAGES.index(name)])
        is_of_text = name in {"static", "lsa"}
        more = [] if is_of_text else self._digest_more
        without = [] if is_of_text else sorted(set(BOOKS) - set(self.books))
        return digest_of(_digest_code(extracts=not is_of_text), self._digest_data, *before, *more, *without)

    def _digest_made(self, name: str) -> str:
        """Digest the configuration of a made classifier, which names its weights."""
        config = self.output / name / CONFIG
        return digest_of(config.read_bytes()) if config.is_file() else ""


def _digest_files(files: Sequence[Path]) -> str:
    return digest_of(*(part for file in sorted(files) for part in (file.name, file.read_bytes())))


def _digest_code(*, extracts: bool) -> str:
    package = Path(curate.__file__).parent
    recipe = Path(__file__).parent
    parts = ("fit/", "scoring/", "text/", *(["extract/"] if extracts else []))
    names = sorted(file.relative_to(package).as_posix() for file in package.rglob("*.py"))
    used = [package / name for name in names if name.startswith(parts)]
    return digest_of(*(file.read_bytes() for file in (*used, *sorted(recipe.glob("*.py")))))


def _state_languages(folder: Path) -> None:
    """Note in a classifier's configuration that its pages were English: of others no score is asked."""
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    stated = {"format": config.pop("format"), "kind": config.pop("kind"), "name": config.pop("name")}
    _write_json(folder / CONFIG, {**stated, "languages": ["en"], **config})


def fit_web_classes(web: WebPages, kind: str) -> ClassesFit:
    """Fit `topic` or `format`."""
    about = {"annotations": {"n_pages": len(web.sites), "annotator": f"WebOrganizer's {kind} classifier"}}
    return fit_classes(kind, web.texts, web.labels[kind], CLASSES[kind], web.sites, about=about)


def held_out_classes(web: WebPages, pages: Annotations) -> NDArray[np.float32]:
    """Give what topic and format say of annotated pages, some of which they were fitted on, out of fold."""
    fits = [fit_web_classes(web, kind) for kind in EDU_RECIPE.classifiers]
    return held_out_outputs(fits, web.texts, web.sites, pages.texts, pages.sites)


def fit_levels(
    edu: LevelPages, output: Path, recipe: Recipe, known: Known, notes: str, beside: BesideEdu | None = None
) -> NDArray[np.float64]:
    """Fit levels on all readings, and measure them by domain; on `edu_val` by a fit without that, where it has levels.

    Args:
        edu: the readings.
        output: folder of the classifier.
        recipe: `EDU_RECIPE` or `QUALITY_RECIPE`.
        known: columns of features, of all readings, that are not computed again.
        notes: what the card says of the pages.
        beside: what the card compares the levels with.

    Returns:
        Out-of-fold levels of all pages, float64 (N pages,).
    """
    result = fit_classifier(edu.pages, output, recipe=recipe, overwrite=True, known_columns=known)
    pages, rows = result.annotations, result.reference
    topics = np.array(topic_names(pages.texts))
    chance = chance_of_positive(edu.pages, result)
    metrics: dict[str, Any] = {
        **result.metrics,
        "calibration_error_if_perfect": perfect_calibration_error(result.scores[rows]),
        "rates_by_topic": compare_rates(result.scores[rows], chance[rows] == 1, topics[rows].tolist()),
        "by_domain": measure_domains(result, chance),
        "beside_readers": measure_beside_readers(edu.pages, result),
    }
    parts = [notes, "## By domain\n" + render_domains(metrics["by_domain"])]
    parts += [render_beside_readers(metrics["beside_readers"]), render_strictness(metrics)]
    if beside is not None:
        metrics["beside_edu"] = beside.measure(result)
        parts.append(render_beside(metrics["beside_edu"]))
    if edu.is_val.any():
        metrics["held_out"] = measure_held_out(edu.pages, edu.is_val, recipe, known)
        parts.append(render_held_out(metrics["held_out"]))
    (output / "metrics.json").write_text(to_json(metrics) + "\n", "utf-8")
    write_card(output, result.scorer, result.metrics, notes="\n\n".join(parts) + "\n")
    return result.levels


@dataclass(frozen=True, slots=True, eq=False)
class BesideEdu:
    """What quality is compared with: by text of a page, its level by `edu` out of fold, and the mean that readers gave."""

    predicted: dict[str, float]
    read: dict[str, float]

    @classmethod
    def of(cls, readings: Annotations, levels: NDArray[np.float64]) -> BesideEdu:
        """Take the readings of `edu` and its out-of-fold levels, one for each page in the order of first readings."""
        texts = list(dict.fromkeys(readings.texts.to_pylist()))
        of_readers = readings.take(np.flatnonzero([reader != "" for reader in readings.readers]))
        page = number_pages(of_readers)
        means = np.bincount(page, of_readers.levels) / np.bincount(page)
        of_texts = dict.fromkeys(of_readers.texts.to_pylist())
        return cls(
            dict(zip(texts, levels.tolist(), strict=True)), dict(zip(of_texts, means.tolist(), strict=True))
        )

    def measure(self, quality: FitResult) -> dict[str, Any]:
        """Compare levels of quality with educational ones, and name the kinds of pages on which they part."""
        texts = quality.annotations.texts
        rows = np.array([i for i, text in enumerate(texts.to_pylist()) if text in self.read])
        kept = texts.take(pa.array(rows))
        names = kept.to_pylist()
        read = np.array([self.read[text] for text in names]), quality.annotations.levels[rows]
        told = np.array([self.predicted[text] for text in names]), quality.levels[rows]
        ones = np.ones(len(rows))
        kinds = np.array(load_classes(classifiers_folder() / "format").label(kept).to_pylist())
        edu, made = read
        corners = {
            "well made, little to learn": (made >= 3.5) & (edu < 1.5),
            "something to learn, not well made": (made < 2.5) & (edu >= 2),
        }
        return {
            "n_pages": len(rows),
            "readers": bootstrap(lambda r: spearman(read[0][r], read[1][r], ones[r]), len(rows), 0),
            "scorers": bootstrap(lambda r: spearman(told[0][r], told[1][r], ones[r]), len(rows), 0),
            "shares": [
                [
                    float(((edu >= low) & (edu < high) & (made >= bottom) & (made < top)).mean())
                    for bottom, top in _THIRDS
                ]
                for low, high in _THIRDS
            ],
            "corners": {
                name: {
                    "n_pages": int(here.sum()),
                    "formats": dict(Counter(kinds[here].tolist()).most_common(6)),
                    "told_apart": float((told[1][here] - told[0][here]).mean()) if here.any() else 0.0,
                }
                for name, here in corners.items()
            },
        }


_THIRDS = ((-1.0, 1.5), (1.5, 2.5), (2.5, 6.0))


def render_beside(found: dict[str, Any]) -> str:
    """Render `BesideEdu.measure` as Markdown."""
    lines = [
        "## Beside `edu`",
        f"On {found['n_pages']:,} pages that the same readers gave both levels, Spearman of the two levels is",
        f"{_figure(found['readers'])}, and of the two scorers' levels, out of fold, {_figure(found['scorers'])}.",
        "",
        "| share of pages | quality under 1.5 | 1.5 to 2.5 | 2.5 or more |",
        "|---|---|---|---|",
    ]
    for name, row in zip(("edu under 1.5", "1.5 to 2.5", "2.5 or more"), found["shares"], strict=True):
        lines.append(f"| {name} | " + " | ".join(f"{share:.0%}" for share in row) + " |")
    lines.append("")
    for name, corner in found["corners"].items():
        formats = ", ".join(f"{kind} {n}" for kind, n in corner["formats"].items())
        lines.append(
            f"- {name}: {corner['n_pages']} pages, by format {formats}. The scorers' levels differ there by "
            f"{corner['told_apart']:+.2f} on the mean."
        )
    return "\n".join(lines)


def chance_of_positive(readings: Annotations, result: FitResult) -> NDArray[np.float64]:
    """Give the chance that the reference annotator calls a page positive, float64 (N pages,).

    1 or 0 where it read the page. Elsewhere Platt's curve on the level that others gave, brought to its scale, fitted
    on the pages that both read; with no such page, whether that level is positive.
    """
    pages, reference = result.annotations, result.reference
    positive = pages.levels >= result.scorer.scale[2]
    if reference.all():
        return positive.astype(np.float64)
    page = number_pages(readings)
    name = pages.annotators[int(reference.argmax())]
    others = np.array([annotator != name for annotator in readings.annotators])
    n = np.bincount(page, others)
    level = np.bincount(page, np.where(others, readings.levels - result.strictness.shifts, 0.0)) / np.maximum(
        n, 1
    )
    both = (n > 0) & reference
    chance = positive.astype(np.float64)
    if 0 < positive[both].sum() < both.sum():
        largest = np.zeros(len(n))
        np.maximum.at(largest, page, 1 / readings.propensity)
        curve = fit_platt(level[both], positive[both], largest[both])
        chance[~reference] = curve.apply(level[~reference].astype(np.float32))
    return chance


def measure_domains(result: FitResult, chance: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Measure, out of fold, each domain's pages that somebody read, by levels on the reference's scale.

    `promised` is the sum of scores, `found` that of the chances of a positive.
    """
    pages = result.annotations
    domains, levels = np.array(pages.domains), pages.levels
    read = np.array(pages.annotators) != BOOK_LABELS
    groups = [
        (name, (domains == name) & read)
        for name in sorted(set(pages.domains))
        if ((domains == name) & read).any()
    ]
    reference = result.reference
    if not reference.all():
        groups.insert(0, ("web, the reference's own levels", reference))
    lessons = np.isin(domains, ("documentation", "science")) & read
    groups.append(("documentation and science together", lessons))
    rows = [_measure_domain(name, here, result, chance) for name, here in groups if here.any()]
    for book in sorted({site for site in pages.sites if site.startswith("textbooks/")}):
        of_book = np.array([site == book for site in pages.sites])
        modules = of_book & (levels >= 3)
        kept = [float((result.scores[part] >= 0.5).mean()) for part in (modules, of_book & (levels < 3))]
        about = {"name": f"{book}, fitted without it", "n_pages": int(of_book.sum())}
        rows.append({**about, "modules_kept": kept[0], "lists_kept": kept[1]})
    return rows


def _measure_domain(
    name: str, here: NDArray[np.bool_], result: FitResult, chance: NDArray[np.float64]
) -> dict[str, Any]:
    levels, predicted, scores = result.annotations.levels[here], result.levels[here], result.scores[here]
    ones, n = np.ones(len(levels)), len(levels)

    def precision(cut: float) -> dict[str, float]:
        # Levels on the reference's scale are fractions: at least the cut is what would be rounded to it.
        return bootstrap(lambda r: average_precision(predicted[r], levels[r] >= cut - 0.5, ones[r]), n, 0)

    return {
        "name": name,
        "n_pages": n,
        "spearman": bootstrap(lambda r: spearman(predicted[r], levels[r], ones[r]), n, 0),
        "average_precision_2": precision(2),
        "average_precision_3": precision(3),
        "promised": float(scores.sum()),
        "found": float(chance[here].sum()),
    }


def render_domains(rows: list[dict[str, Any]]) -> str:
    """Render `measure_domains` as Markdown."""
    lines = ["Out of fold: no page is judged by a fit that saw its site, package or book.", ""]
    lines += ["| pages | n | Spearman | average precision at >= 2 | at >= 3 | positives promised, found |"]
    lines += ["|---|---|---|---|---|---|"]
    books = [row for row in rows if "modules_kept" in row]
    for row in rows:
        if row not in books:
            figures = " | ".join(
                _figure(row[name]) for name in ("spearman", "average_precision_2", "average_precision_3")
            )
            lines.append(
                f"| {row['name']} | {row['n_pages']:,} | {figures} | {row['promised']:.0f}, {row['found']:.0f} |"
            )
    if books:
        lines += [
            "",
            "| textbook | modules at score >= .5 | contents, indexes and keys at score >= .5 |",
            "|---|---|---|",
        ]
        lines += [f"| {row['name']} | {row['modules_kept']:.0%} | {row['lists_kept']:.0%} |" for row in books]
    return "\n".join(lines)


_LESSON, _POOR = 2.5, 1.0  # on the readers' own scale, as they gave it
_THRESHOLDS = (0.3, 0.4, 0.5, 0.6)
_FEW_READ_TWICE = 30
_FIRST, _LAST = itemgetter(0), itemgetter(-1)


def measure_beside_readers(readings: Annotations, result: FitResult) -> list[dict[str, Any]]:
    """Measure, out of fold and by domain, against what readers gave, as they gave it.

    `kept` has, for some thresholds, the shares that reach it of pages at 2.5 or more (`lessons`) and at 1 or less (`poor`) on
    the mean of readers. On pages that were read twice: `two_readings`, Spearman of one reading with the other, and `of_mean`,
    of the level with their mean. `without_noise` is `of_one`, Spearman with the first reading, over the square root of
    `two_readings`: what it would be with levels that hold no error of a reader (Spearman's correction for attenuation, 1904).
    `of_all` is Spearman with the mean of each page's readings, `average_precision_2` at 2 or more on it, as `share_at_2` are.
    Readings as given are whole numbers with many ties. Levels brought to one scale differ by what readers differ in, which
    parts these ties by chance: Spearman with those, in `measure_domains`, is lower.
    """
    readings_of: dict[int, list[float]] = {}
    numbers = number_pages(readings).tolist()
    for page, level, reader in zip(numbers, readings.levels.tolist(), readings.readers, strict=True):
        if reader:
            readings_of.setdefault(page, []).append(level)
    domains = result.annotations.domains
    groups: dict[str, tuple[str, ...]] = {name: (name,) for name in sorted(set(domains))}
    groups["documentation and science together"] = ("documentation", "science")
    rows: list[dict[str, Any]] = []
    for name, here in groups.items():
        read = {page: levels for page, levels in readings_of.items() if domains[page] in here}
        if sum(len(levels) > 1 for levels in read.values()) >= _FEW_READ_TWICE:
            rows.append(_measure_beside_readers(name, read, result))
    return rows


def _measure_beside_readers(name: str, read: dict[int, list[float]], result: FitResult) -> dict[str, Any]:
    pages, n = np.array(list(read)), len(read)
    first, last, mean = (np.array([f(levels) for levels in read.values()]) for f in (_FIRST, _LAST, np.mean))
    twice = np.array([len(levels) > 1 for levels in read.values()])
    told, scores = result.levels[pages], result.scores[pages]

    def correlate(a: NDArray[Any], b: NDArray[Any]) -> float:
        return spearman(a, b, np.ones(len(a)))

    def two_readings(rows: NDArray[np.int64]) -> float:
        a, b = first[rows][twice[rows]], last[rows][twice[rows]]
        return correlate(np.append(a, b), np.append(b, a))  # which of the two is the first means nothing

    def of_mean(rows: NDArray[np.int64]) -> float:
        return correlate(told[rows][twice[rows]], mean[rows][twice[rows]])

    def of_one(rows: NDArray[np.int64]) -> float:
        return correlate(told[rows], first[rows])

    def of_all(rows: NDArray[np.int64]) -> float:
        return correlate(told[rows], mean[rows])

    def precision_at_2(rows: NDArray[np.int64]) -> float:
        return average_precision(told[rows], mean[rows] >= 2, np.ones(len(rows)))

    def without_noise(rows: NDArray[np.int64]) -> float:
        return of_one(rows) / float(np.sqrt(two_readings(rows)))

    def share_kept(which: NDArray[np.bool_], threshold: float) -> dict[str, float]:
        def share(rows: NDArray[np.int64]) -> float:
            found = scores[rows][which[rows]]
            return float((found >= threshold).mean()) if len(found) else float("nan")

        return bootstrap(share, n, 0)

    return {
        "name": name,
        "n_pages": n,
        "n_read_twice": int(twice.sum()),
        "two_readings": bootstrap(two_readings, n, 0),
        "of_one": bootstrap(of_one, n, 0),
        "of_mean": bootstrap(of_mean, n, 0),
        "of_all": bootstrap(of_all, n, 0),
        "average_precision_2": bootstrap(precision_at_2, n, 0),
        "share_at_2": float((mean >= 2).mean()),
        "without_noise": bootstrap(without_noise, n, 0),
        "n_lessons": int((mean >= _LESSON).sum()),
        "kept": [
            {
                "threshold": threshold,
                "lessons": share_kept(mean >= _LESSON, threshold),
                "poor": share_kept(mean <= _POOR, threshold),
            }
            for threshold in _THRESHOLDS
        ],
    }


def render_beside_readers(rows: list[dict[str, Any]]) -> str:
    """Render `measure_beside_readers` as Markdown."""
    lines = [
        "## Beside readers",
        "Out of fold, Spearman of the level with what readers gave, as they gave it, and of two readings of one page. *Without",
        "noise*: the first divided by the root of the second, which is what it would be were every reader right. *Precision*:",
        "the average precision at 2 or more on the mean of readers, and the share of such pages.",
        "",
        "| pages | n, read twice | a reading | two readings | mean of two | without noise | mean of all | precision (share) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        names = ("of_one", "two_readings", "of_mean", "without_noise", "of_all", "average_precision_2")
        figures = " | ".join(_figure(row[name]) for name in names) + f" ({row['share_at_2']:.0%})"
        lines.append(f"| {row['name']} | {row['n_pages']:,}, {row['n_read_twice']} | {figures} |")
    lines += [
        "",
        "Share of pages at 2.5 or more on the mean of readers that reach a threshold / of those at 1 or less:",
        "",
        "| pages | at 2.5 or more | "
        + " | ".join(f"score >= {threshold:g}" for threshold in _THRESHOLDS)
        + " |",
        "|---|---|" + "---|" * len(_THRESHOLDS),
    ]
    for row in rows:
        shares = " | ".join(f"{_percent(kept['lessons'])} / {_percent(kept['poor'])}" for kept in row["kept"])
        lines.append(f"| {row['name']} | {row['n_lessons']} | {shares} |")
    return "\n".join(lines)


def render_strictness(metrics: dict[str, Any]) -> str:
    """Render agreement and strictness as Markdown."""
    strictness = Strictness(np.zeros(0), **metrics["strictness"])
    return "## Annotators\n" + render_annotators(metrics["agreement"], strictness)


def render_held_out(held_out: dict[str, Any]) -> str:
    """Render `measure_held_out` as Markdown."""
    chance = held_out["calibration_error_if_perfect"]
    return f"""## On pages that took no part
The same recipe fitted without `edu_val`, measured on its {held_out["n_pages"]} pages
({held_out["n_positive"]} at level 3 or more). The weights in this folder were then fitted on all pages.

{figures_table(held_out)}

A scorer whose every score were the true probability would show a calibration error of {_figure(chance)} on these
pages, by chance.
"""


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


def topic_names(texts: pa.Array) -> list[str]:
    """Give the likeliest topic of every page, by the classifier that lies beside the one being made."""
    return load_classes(classifiers_folder() / "topic").label(texts).to_pylist()


def _percent(figure: dict[str, float]) -> str:
    return f"{figure['value']:.0%} ({figure['low']:.0%} to {figure['high']:.0%})"


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
    parser.add_argument(
        "--more",
        type=Path,
        action="append",
        default=[],
        help="folder of more pages and levels; may be repeated",
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        choices=BOOKS,
        help="textbook that edu is not fitted on, to measure something on it; may be repeated",
    )
    options = parser.parse_args(arguments)
    maker = Maker(
        options.data,
        options.output or classifiers_folder(),
        Kept(options.work),
        SentenceEncoder(ENCODER, dtype=_DTYPE, batch_size=256),
        tuple(options.more),
        tuple(book for book in BOOKS if book not in options.without),
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
