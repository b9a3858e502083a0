"""Fitting a classifier of pages into named classes: ridge regression on word counts and page shape.

Calibration and every figure come from out-of-fold outputs. Folds hold near-duplicates and pages of one site
together, as for scorers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack
from threadpoolctl import threadpool_limits

from curate.fit.folds import draw_folds, group_pages
from curate.scoring.classes import FittedClasses
from curate.scoring.features import Pages, ShapeBlock, SparseFeature, load_word_table

_ALPHA = 4.0  # strength of the ridge
_ZONES = (0, 300)  # parts of a document counted apart, as in `Recipe`
_WINDOW_BYTES = 16384
_N_FOLDS = 5
_SPREAD = 0.05

Array = NDArray[np.float32]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ClassesFit:
    """What `fit_classes` made.

    Attributes:
        classifier: fitted on all pages.
        fold_classifiers: fitted without the pages of each fold.
        folds: int64 (N,).
        metrics: accuracy and the like, out of fold.
    """

    classifier: FittedClasses
    fold_classifiers: tuple[FittedClasses, ...]
    folds: NDArray[np.int64]
    metrics: dict[str, Any]

    def __repr__(self) -> str:
        return f"<ClassesFit of {len(self.folds):,} pages: {self.classifier!r}>"


def fit_classes(
    name: str,
    texts: pa.Array,
    labels: NDArray[np.int64],
    classes: Sequence[str],
    sites: Sequence[str],
    *,
    about: dict[str, Any] | None = None,
) -> ClassesFit:
    """Fit a classifier into classes.

    Args:
        name: of the classifier.
        texts: Arrow strings (N,).
        labels: int64 (N,), numbers of classes.
        classes: their names.
        sites: hosts of the pages, "" where unknown.
        about: what else the configuration shall say.
    """
    table = load_word_table()
    sparse = SparseFeature("tfidf", np.array(_ZONES, np.int64), table.idf, table.vocabulary)
    pages = Pages(texts, _WINDOW_BYTES)
    shape = ShapeBlock().compute(pages)
    columns = csr_matrix(hstack([csr_matrix(_scale(shape)[0]), sparse.rows(pages)]))
    folds = draw_folds(group_pages(texts, sites), np.zeros(len(labels)), _N_FOLDS, seed=0)
    about = {**(about or {}), "table_sha256": table.sha256}

    def fit(rows: NDArray[np.bool_]) -> FittedClasses:
        coefficients, bias = _fit_ridge(columns[rows], labels[rows], len(classes), _ALPHA)
        return _to_classifier(name, classes, sparse, shape, coefficients, bias, _WINDOW_BYTES, about)

    with threadpool_limits(1):
        parts = tuple(fit(folds != fold) for fold in range(_N_FOLDS))
        outputs = np.zeros((len(labels), len(classes)))
        for fold, part in enumerate(parts):
            held = np.flatnonzero(folds == fold)
            outputs[held] = part.outputs(Pages(texts.take(pa.array(held)), _WINDOW_BYTES))
        calibration = fit_softmax(outputs, labels)
        whole = fit(np.ones(len(labels), np.bool_))
    logits = outputs * calibration[0] + calibration[1]
    return ClassesFit(
        replace(whole, calibration=calibration), parts, folds, measure_classes(logits, labels, classes)
    )


def _scale(shape: Array) -> tuple[Array, Array, Array]:
    centre = shape.mean(axis=0, dtype=np.float64).astype(np.float32)
    spread = shape.std(axis=0, dtype=np.float64)
    scale = np.where(spread > 1e-6, _SPREAD / np.maximum(spread, 1e-6), 0).astype(np.float32)
    return (shape - centre) * scale, centre, scale


def _fit_ridge(
    columns: csr_matrix, labels: NDArray[np.int64], n_classes: int, alpha: float
) -> tuple[Vector, Vector]:
    from sklearn.linear_model import Ridge

    targets = np.where(labels[:, None] == np.arange(n_classes), 1.0, -1.0)
    model = Ridge(alpha=alpha, solver="sparse_cg", tol=1e-3).fit(columns.astype(np.float64), targets)
    return np.asarray(model.coef_).T, np.asarray(model.intercept_)


def _to_classifier(
    name: str,
    classes: Sequence[str],
    sparse: SparseFeature,
    shape: Array,
    coefficients: Vector,
    bias: Vector,
    window_bytes: int,
    about: dict[str, Any],
) -> FittedClasses:
    _, centre, scale = _scale(shape)
    n_dense, n_classes = len(scale), len(classes)
    words = coefficients[n_dense:].reshape(len(sparse.zones), len(sparse.idf), n_classes).transpose(1, 0, 2)
    steps = np.maximum(np.abs(words).max(axis=(0, 1)), 1e-12) / 127.0
    return FittedClasses(
        name=name,
        classes=tuple(classes),
        window_bytes=window_bytes,
        blocks={"shape": ShapeBlock()},
        sparse=sparse,
        weights=np.ascontiguousarray(np.rint(words / steps), np.int8),
        steps=steps.astype(np.float32),
        centre=centre,
        dense_weights=np.ascontiguousarray(coefficients[:n_dense] * scale[:, None], np.float32),
        bias=bias.astype(np.float32),
        calibration=np.stack([np.ones(n_classes), np.zeros(n_classes)]).astype(np.float32),
        about=about,
    )


def fit_softmax(outputs: Vector, labels: NDArray[np.int64]) -> Array:
    """Fit a slope and an offset a class, by maximum likelihood, that make outputs the logits of a softmax.

    Returns:
        float32 (2, n_classes): slopes and offsets.
    """
    n, n_classes = outputs.shape
    truth = np.zeros((n, n_classes))
    truth[np.arange(n), labels] = 1.0

    def loss(parameters: Vector) -> tuple[float, Vector]:
        slopes, offsets = parameters[:n_classes], parameters[n_classes:]
        logits = slopes * outputs + offsets
        logits -= logits.max(axis=1, keepdims=True)
        totals = np.exp(logits).sum(axis=1)
        errors = np.exp(logits) / totals[:, None] - truth
        value = (np.log(totals) - logits[np.arange(n), labels]).mean() + 1e-4 * offsets @ offsets
        gradient = np.append((errors * outputs).sum(axis=0), errors.sum(axis=0)) / n
        gradient[n_classes:] += 2e-4 * offsets
        return float(value), gradient

    start = np.append(np.full(n_classes, 3.0), np.zeros(n_classes))
    return minimize(loss, start, jac=True, method="L-BFGS-B").x.reshape(2, n_classes).astype(np.float32)


def measure_classes(logits: Vector, labels: NDArray[np.int64], classes: Sequence[str]) -> dict[str, Any]:
    """Measure accuracy (first and first three), macro F1, log loss, calibration error, and F1 by class."""
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    best = shares.argmax(axis=1)
    hit = best == labels
    half = 1.96 * float(np.sqrt(hit.mean() * (1 - hit.mean()) / len(hit)))
    top3 = (np.argsort(-shares, axis=1)[:, :3] == labels[:, None]).any(axis=1)
    f1 = {}
    for i, name in enumerate(classes):
        n_both = int(((best == i) & (labels == i)).sum())
        f1[name] = 2 * n_both / max(int((best == i).sum() + (labels == i).sum()), 1)
    sureness = shares.max(axis=1)
    bins = np.minimum((sureness * 10).astype(int), 9)
    ece = sum(abs(float(sureness[bins == k].sum() - hit[bins == k].sum())) for k in range(10)) / len(hit)
    return {
        "n_pages": len(labels),
        "accuracy": {
            "value": float(hit.mean()),
            "low": float(hit.mean()) - half,
            "high": float(hit.mean()) + half,
        },
        "accuracy_top3": float(top3.mean()),
        "macro_f1": float(np.mean(list(f1.values()))),
        "log_loss": float(-np.log(np.maximum(shares[np.arange(len(labels)), labels], 1e-12)).mean()),
        "calibration_error": ece,
        "f1_by_class": f1,
    }
