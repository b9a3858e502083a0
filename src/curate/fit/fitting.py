"""Fitting a classifier from annotated pages.

    readings -> strictness of annotators and readers -> pages, each once, on the reference's scale -> groups, folds
        -> features -> members, cross-fitted -> weights of the members -> calibration on out-of-fold levels
        -> members fitted again on all pages

Every reported figure and the calibration come from out-of-fold levels: no page is judged by a model
that saw it, a near-duplicate of it, or another page of its site.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from curate.errors import SettingError
from curate.fit.annotations import Annotations, AnnotationSource, read_annotations
from curate.fit.annotators import (
    ReadPages,
    Strictness,
    check_names,
    fit_strictness,
    measure_agreement,
    merge_readings,
    reference_rows,
    render_annotators,
)
from curate.fit.calibrate import fit_calibration
from curate.fit.columns import Columns, compute_columns
from curate.fit.fitted_on import FILE as FITTED_ON
from curate.fit.fitted_on import write_fitted_on
from curate.fit.folds import draw_folds, group_pages
from curate.fit.heads import FittedHead, fit_head
from curate.fit.keywords import RecipeKeywords
from curate.fit.metrics import summarise, to_json
from curate.fit.recipe import HEAD_SETTINGS, MemberRecipe, Recipe
from curate.fit.settings import N_RESAMPLES
from curate.scoring.calibration import Calibration
from curate.scoring.heads import prepare
from curate.scoring.load import load_fitted
from curate.scoring.model import FittedScorer, Member
from curate.scoring.storage import CONFIG, WEIGHTS, staged_folder
from curate.work.json_files import read_json
from curate.work.progress import Counted, ProgressDisplay

Vector = NDArray[np.float64]
# Labels with so near to half of either kind were hardly drawn as they come.
_BALANCED = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """What `fit_classifier` made.

    Attributes:
        scorer: as loaded back from its folder.
        metrics: from out-of-fold levels and scores, with bootstrap intervals; also in `metrics.json`.
        levels: float64 (N,), out of fold.
        scores: float64 (N,), out of fold, and so is their calibration: it is fitted on the other folds.
        annotations: the pages, in the order of `levels`, each once, on the reference annotator's scale.
        folds: int64 (N,).
        strictness: of annotators and readers, from pages that were read more than once.
        reference: bool (N,), pages that the reference annotator read.
        advice: what in the labels makes the scores mean less than they say, and what to type.
    """

    scorer: FittedScorer
    metrics: dict[str, Any]
    levels: Vector
    scores: Vector
    annotations: Annotations
    folds: NDArray[np.int64]
    strictness: Strictness
    reference: NDArray[np.bool_]
    advice: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<FitResult of {len(self.levels):,} pages: {self.scorer!r}>"


def fit_classifier(
    input: AnnotationSource,  # noqa: A002  (as in every job)
    output: str | Path,
    *,
    recipe: Recipe | None = None,
    name: str | None = None,
    overwrite: bool = False,
    known_columns: Mapping[str, NDArray[np.float32]] | None = None,
    n_resamples: int = N_RESAMPLES,
    progress: bool | ProgressDisplay = True,
    **settings: Unpack[RecipeKeywords],
) -> FitResult:
    """Fit a classifier and write its folder: config.json, weights.safetensors, metrics.json, card.md.

    The folder is written beside its place and moved there at the end: whoever stops the fit, by Ctrl-C or by
    `kill -9`, leaves what was there before, or a folder that is refused if an overwrite was under way.

    Args:
        input: annotated pages: files, a table, dictionaries, or `Annotations`; see `read_annotations`.
        output: folder to write.
        recipe: features, heads and settings; by default `Recipe()`.
        name: of the classifier; by default the folder's.
        overwrite: whether a folder that holds a classifier may be replaced.
        known_columns: dense features by name, float32 (N readings, n_features), that stand in for computed ones: those
            of features that were themselves fitted on some of the pages, and have to be out of fold here.
        n_resamples: of the intervals of the figures.
        progress: show progress on stderr; or a display to show it on.
        **settings: fields of `Recipe` that differ from `recipe`.

    Returns:
        The scorer with its out-of-fold figures. The same annotations and recipe give the same weights.

    Raises:
        SettingError: A setting is wrong, or there are too few pages of some kind to fit on.
    """
    recipe = (recipe or Recipe()).replace(**settings)
    output = Path(output)
    _refuse_others(output, overwrite=overwrite)
    readings = read_annotations(input, annotator_weights=recipe.annotator_weights)
    scale = find_scale(readings, recipe)
    strictness, read_pages = compare_readings(readings, recipe, scale)
    pages = read_pages.pages
    known_columns = {name: columns[read_pages.first] for name, columns in (known_columns or {}).items()}
    display = ProgressDisplay.of(progress)
    name = name or output.resolve().name
    with staged_folder(output) as staged, tempfile.TemporaryDirectory(prefix="curate-fit-") as scratch:
        with threadpool_limits(1):  # sums of several threads differ in their last digits from run to run
            fit = _fit(read_pages, recipe, scale, known_columns, Path(scratch), display)
        about = {
            "recipe": recipe.to_config(),
            "tables": fit.columns.tables,
            "annotations": describe(readings),
        }
        scorer = FittedScorer(
            name=name,
            scale=scale,
            window_bytes=recipe.window_bytes,
            blocks=fit.columns.blocks,
            sparse=fit.columns.sparse,
            members=fit.members,
            calibration=fit.calibration,
            about=about,
        )
        scorer.save(staged)
        write_fitted_on(staged, pages.texts)
        reference = read_pages.reference
        measured = Counted(int(reference.sum()), "pages")
        with display.step("measure", measured.total, measured.look):
            metrics = summarise(
                pages, fit.levels, fit.scores, scale,
                rows=reference, seed=recipe.seed, n_resamples=n_resamples,
            )  # fmt: skip
            measured.add(measured.total)
        advice = advise(readings, recipe, scale)
        metrics["advice"] = list(advice)
        metrics["agreement"] = measure_agreement(readings)
        metrics["strictness"] = strictness.to_json()
        metrics["member_weights"] = {member.name: member.weight for member in fit.members}
        (staged / "metrics.json").write_text(to_json(metrics) + "\n", "utf-8")
        if not (output / "card.md").exists() or overwrite:
            from curate.fit.card import write_card

            write_card(staged, scorer, metrics)
    return FitResult(
        load_fitted(output), metrics, fit.levels, fit.scores, pages, fit.folds, strictness, reference, advice
    )


def _refuse_others(output: Path, *, overwrite: bool) -> None:
    """Refuse a folder whose files of our names are not a classifier's, and a classifier unless it is to be replaced."""
    config = output / CONFIG
    if not config.exists():
        for name in (WEIGHTS, "metrics.json", FITTED_ON):
            if (output / name).exists():
                raise SettingError(
                    f"'{output}' holds a {name} that is of no classifier. Choose another folder."
                )
    elif not isinstance(read_json(config).get("format"), int):
        raise SettingError(f"'{config}' is of another program. Choose another folder.")
    elif not overwrite:
        raise SettingError(
            f"'{output}' holds a classifier already. Choose another folder, or set overwrite (--overwrite)."
        )


def compare_readings(
    readings: Annotations, recipe: Recipe, scale: tuple[float, float, float]
) -> tuple[Strictness, ReadPages]:
    """Estimate how strict annotators and readers are, and bring all readings to the reference's scale.

    Raises:
        SettingError: The recipe names an annotator that gave no level.
    """
    check_names((*recipe.same_scale, *recipe.annotator_weights), readings)
    if recipe.positive_rate is not None:
        readings = _at_rate(readings, scale[2], recipe.positive_rate)
    reference = reference_rows(readings, recipe)
    strictness = fit_strictness(readings, reference, recipe.same_scale)
    return strictness, merge_readings(readings, strictness.shifts, reference, scale)


def describe_annotators(readings: Annotations, recipe: Recipe) -> str:
    """Say in Markdown how annotators agree and how strict they are; "" where one annotator read every page once."""
    strictness, _ = compare_readings(readings, recipe, find_scale(readings, recipe))
    return render_annotators(measure_agreement(readings), strictness)


def _at_rate(readings: Annotations, positive: float, rate: float) -> Annotations:
    """State chances with which positives are `rate` of the source; within either kind they keep their proportions."""
    is_positive = readings.levels >= positive
    weights = 1 / readings.propensity
    weights[is_positive] *= rate / weights[is_positive].sum()
    weights[~is_positive] *= (1 - rate) / weights[~is_positive].sum()
    return dataclasses.replace(readings, propensity=weights.min() / weights)


def advise(readings: Annotations, recipe: Recipe, scale: tuple[float, float, float]) -> tuple[str, ...]:
    """Say what in the labels makes scores mean less than they say, and what to type; empty where nothing does."""
    rate = float((readings.levels >= scale[2]).mean())
    if recipe.positive_rate is None and (readings.propensity == 1).all() and abs(rate - 0.5) <= _BALANCED:
        note = (
            f"{rate:.0%} of the labels are at level {scale[2]:g} or above and no row states its propensity: scores will be "
            "right only where as many pages are. Were pages chosen by kind, say how common the kind is where the scorer "
            "will run, as in --positive-rate 0.05, or give rows a field propensity (labelled pages of a kind / all of it)."
        )
        return (note,)
    return ()


def find_scale(pages: Annotations, recipe: Recipe) -> tuple[float, float, float]:
    """Settle (lowest, highest, positive) level: as the recipe says, else from the levels that occur.

    Labels of 0 and 1 are binary; whole ones that reach 2 to 5 are taken for the 0-5 scale with 3 as the
    positive level; of any other scale the positive level has to be stated.
    """
    if pages.words:
        recipe = _scale_of_words(pages, recipe)
    lowest, highest = float(pages.levels.min()), float(pages.levels.max())
    low = recipe.low if recipe.low is not None else min(lowest, 0.0)
    high = recipe.high if recipe.high is not None else (1.0 if highest <= 1 else max(highest, 5.0))
    if recipe.positive is None and not (0 <= lowest <= highest <= 5 and _are_whole(pages.levels)):
        raise SettingError(
            f"Levels reach from {lowest:g} to {highest:g}, which is neither 0-1 nor 0-5 in whole steps: say "
            "from which level a page counts as positive (--positive)."
        )
    positive = recipe.positive if recipe.positive is not None else (1.0 if high == 1 else 3.0)
    if not low <= lowest <= highest <= high:
        raise SettingError(
            f"Levels reach from {lowest:g} to {highest:g}, outside low={low:g}, high={high:g}. Set both."
        )
    n_positive = int((pages.levels >= positive).sum())
    if min(n_positive, len(pages) - n_positive) < recipe.n_folds:
        raise SettingError(
            f"{n_positive} of {len(pages)} pages are at level {positive:g} or above; at least "
            f"{recipe.n_folds} of either kind are needed. Set positive (--positive) to another level, "
            "or annotate more pages."
        )
    return low, high, positive


def _scale_of_words(pages: Annotations, recipe: Recipe) -> Recipe:
    last = len(pages.words) - 1
    if recipe.positive is None and last > 1:
        raise SettingError(
            f"Levels are the words {', '.join(pages.words)}: say from which a page counts as positive, as in "
            f"--positive {pages.words[-1]}."
        )
    positive = 1.0 if recipe.positive is None else recipe.positive
    return dataclasses.replace(recipe, positive=positive, low=0.0, high=float(last))


def _are_whole(levels: Vector) -> bool:
    return bool((levels == np.round(levels)).all())


def find_folds(pages: Annotations, recipe: Recipe, positive: float) -> NDArray[np.int64]:
    """Draw the folds, and check that each leaves pages of both kinds to fit on."""
    sites = pages.sites if recipe.group_sites else [""] * len(pages)
    groups = group_pages(pages.texts, sites, recipe.overlap)
    folds = draw_folds(groups, np.round(pages.levels), recipe.n_folds, recipe.seed, pages.domains)
    truth = pages.levels >= positive
    if not 0 < truth[pages.weights > 0].sum() < np.count_nonzero(pages.weights):
        raise SettingError(
            f"{int(truth.sum())} of {len(pages)} pages are at level {positive:g} or above, most of their readings taken, and "
            f"{np.count_nonzero(pages.weights)} have a weight above 0: both kinds are needed among these."
        )
    for fold in range(recipe.n_folds):
        rest = truth[(folds != fold) & (pages.weights > 0)]
        if not (folds == fold).any() or not 0 < rest.sum() < len(rest):
            largest = int(np.bincount(groups).max())
            of_site = max((n for site, n in Counter(sites).items() if site), default=0)
            way_out = "let sites be parted (--part-sites)" if of_site > largest / 2 else "raise --overlap"
            raise SettingError(
                f"The {len(pages)} pages fall into too few groups of one site or of near-duplicates "
                f"({groups.max() + 1}, the largest of {largest}) to part {recipe.n_folds} times with pages of both kinds "
                f"left. Annotate pages of more sites, set fewer folds (--folds), or {way_out}."
            )
    return folds


def describe(pages: Annotations) -> dict[str, Any]:
    """Say what was fitted on: pages by level and annotator, and a digest of texts and levels."""
    digest = hashlib.sha256()
    for text, level in zip(pages.texts.to_pylist(), pages.levels, strict=True):
        digest.update(f"{level:g}\x00{text}\x00".encode())
    return {
        "n_pages": len(set(pages.texts.to_pylist())),
        "n_readings": len(pages),
        "levels": {f"{level:g}": n for level, n in sorted(Counter(pages.levels.tolist()).items())},
        "annotators": dict(sorted(Counter(pages.annotators).items())),
        "skipped": pages.skipped,
        "sha256": digest.hexdigest(),
    }


@dataclass(slots=True, eq=False)
class _Fit:
    columns: Columns
    members: tuple[Member, ...]
    calibration: Any
    levels: Vector
    scores: Vector
    folds: NDArray[np.int64]


def _fit(
    read_pages: ReadPages,
    recipe: Recipe,
    scale: tuple[float, float, float],
    known_columns: Mapping[str, NDArray[np.float32]] | None,
    scratch: Path,
    display: ProgressDisplay,
) -> _Fit:
    pages, targets, reference = read_pages.pages, read_pages.targets, read_pages.reference
    folds = find_folds(pages, recipe, scale[2])
    read = Counted(len(pages), "pages")
    with display.step("features", read.total, read.look):
        columns = compute_columns(pages, recipe, known_columns, scratch, read.add)
        read.add(read.total - read.n_done)
    fits = Counted(len(recipe.members) * (recipe.n_folds + 1), "fits")
    with display.step("fit", fits.total, fits.look):
        out_of_fold = np.column_stack(
            [cross_fit(m, columns, targets, pages.weights, folds, recipe.seed, fits) for m in recipe.members]
        )
        whole = [
            fit_member(m, columns, targets, pages.weights, recipe.seed, done=fits) for m in recipe.members
        ]
    shares = member_weights(recipe, out_of_fold[reference], pages.levels[reference])
    levels = out_of_fold @ shares
    calibration = fit_calibration(
        recipe.calibration,
        levels[reference],
        pages.levels[reference] >= scale[2],
        1 / pages.propensity[reference],
    )
    members = tuple(
        to_member(member, columns, fitted, float(share))
        for member, fitted, share in zip(recipe.members, whole, shares, strict=True)
        if share > 0
    )
    scores = _calibrate_out_of_fold(levels, read_pages, folds, recipe, scale[2], calibration)
    levels = np.clip(levels, scale[0], scale[1])
    return _Fit(columns, members, calibration, levels, scores, folds)


def _calibrate_out_of_fold(
    levels: Vector,
    read_pages: ReadPages,
    folds: NDArray[np.int64],
    recipe: Recipe,
    positive: float,
    whole: Calibration,
) -> Vector:
    """Every page's score by a calibration that saw no page of its fold, of the kind that `whole` is."""
    pages, reference = read_pages.pages, read_pages.reference
    truth, kind = pages.levels >= positive, str(whole.to_config()["kind"])
    scores = np.zeros(len(levels))
    for fold in range(recipe.n_folds):
        held, rest = folds == fold, (folds != fold) & reference
        calibration = whole
        if 0 < truth[rest].sum() < rest.sum():
            calibration = fit_calibration(kind, levels[rest], truth[rest], 1 / pages.propensity[rest])
        scores[held] = calibration.apply(levels[held].astype(np.float32))
    return scores


def cross_fit(
    member: MemberRecipe,
    columns: Columns,
    targets: Vector,
    weights: Vector,
    folds: NDArray[np.int64],
    seed: int,
    done: Counted | None = None,
) -> Vector:
    """Every page's level by a model that saw no page of its fold, (N,)."""
    levels = np.zeros(len(targets))
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        fitted = fit_member(member, columns, targets, weights, seed, rows=(~held) & (weights > 0), done=done)
        levels[held] = predict_member(member, columns, fitted, held)
    return levels


@dataclass(frozen=True, slots=True, eq=False)
class FittedMember:
    """A head with the preparation of its dense columns."""

    centre: NDArray[np.float32]
    scale: NDArray[np.float32]
    limit: NDArray[np.float32]
    head: FittedHead


def fit_member(
    member: MemberRecipe,
    columns: Columns,
    targets: Vector,
    weights: Vector,
    seed: int,
    rows: NDArray[np.bool_] | None = None,
    done: Counted | None = None,
) -> FittedMember:
    """Fit one member on the pages at `rows` (all by default), and count it as done."""
    rows = weights > 0 if rows is None else rows
    dense = columns.join(member.dense)[rows]
    vector_scale = {**HEAD_SETTINGS[member.head], **member.settings}.get("vector_scale", 1.0)
    centre, scale, limit = columns.preparation(member.dense, dense, vector_scale)
    sparse_rows = None if member.sparse is None else columns.rows[member.sparse][rows]
    idf = None if member.sparse is None else columns.sparse[member.sparse].idf
    ready = prepare([dense], centre, scale, limit)
    head = fit_head(member.head, ready, sparse_rows, targets[rows], weights[rows], seed, member.settings, idf)
    if done is not None:
        done.add(1)
    return FittedMember(centre, scale, limit, head)


def predict_member(
    member: MemberRecipe, columns: Columns, fitted: FittedMember, rows: NDArray[np.bool_]
) -> Vector:
    """The member's level for the pages at `rows`."""
    dense = columns.join(member.dense)[rows]
    ready = prepare([dense], fitted.centre, fitted.scale, fitted.limit)
    sparse_rows = None if member.sparse is None else columns.rows[member.sparse][rows]
    return fitted.head.predict(ready, sparse_rows).astype(np.float64)


def member_weights(recipe: Recipe, levels: Vector, targets: Vector) -> Vector:
    """Settle the members' shares: as stated, or by non-negative least squares on out-of-fold levels."""
    stated = [member.weight for member in recipe.members]
    if recipe.stack and len(stated) > 1 and not any(stated):
        shares, _ = nnls(levels - levels.mean(axis=0), targets - targets.mean())
        if shares.sum() > 0:
            return shares / shares.sum()
    shares = np.array([1.0 if weight is None else weight for weight in stated])
    return shares / shares.sum()


def to_member(member: MemberRecipe, columns: Columns, fitted: FittedMember, share: float) -> Member:
    """Turn a fitted member into what the scorer runs: weights of word counts as they are stored, in half floats."""
    sparse_weights = fitted.head.sparse_weights
    if member.sparse is not None and sparse_weights is not None:
        n_zones = len(columns.sparse[member.sparse].zones)
        n_columns = len(columns.sparse[member.sparse].idf)
        shaped = sparse_weights.reshape(n_zones, n_columns, -1).transpose(1, 0, 2)
        sparse_weights = np.ascontiguousarray(shaped.astype(np.float16), np.float32)
    return Member(
        member.name, share, member.dense, fitted.centre, fitted.scale, fitted.limit,
        fitted.head.head, member.sparse, sparse_weights,
    )  # fmt: skip
