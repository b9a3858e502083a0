# pyright: reportArgumentType=false
# (scikit-learn states no types: they are guessed)
"""Fitting the axes of latent semantic analysis on unlabelled pages; see `curate.scoring.lsa`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from curate.scoring.features import KERNEL_VERSIONS, Pages, SparseFeature, load_word_table
from curate.scoring.storage import write_folder


def fit_axes(
    corpora: Iterable[pa.Array],
    output: Path,
    *,
    n_dimensions: int = 96,
    window_bytes: int = 16384,
    n_iterations: int = 3,
    seed: int = 0,
    about: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Fit the axes on the bundled word table and write their folder.

    Args:
        corpora: arrays of documents; equal documents count once.
        output: folder to write.
        n_dimensions: how many axes.
        window_bytes: how much of a document is read.
        n_iterations: of the randomised decomposition (Halko, Martinsson, Tropp 2011).
        seed: of its start.
        about: what else the configuration shall say.

    Returns:
        The configuration as written.
    """
    from sklearn.utils.extmath import randomized_svd

    table = load_word_table()
    texts = list(dict.fromkeys(text for array in corpora for text in array.to_pylist() if text))
    feature = SparseFeature("tfidf", np.zeros(1, np.int64), table.idf, table.vocabulary)
    rows = feature.rows(Pages(pa.array(texts, pa.large_string()), window_bytes))
    with threadpool_limits(1):  # sums of several threads differ in their last digits from run to run
        _, _, axes = randomized_svd(rows, n_dimensions, n_iter=n_iterations, random_state=seed)
    axes = np.asarray(axes, np.float64).T  # words x dimensions
    steps = np.maximum(np.abs(axes).max(axis=1), 1e-12) / 127.0
    arrays = {
        "axes": np.rint(axes / steps[:, None]).astype(np.int8),
        "steps": (steps / steps.max()).astype(np.float32),  # lengths are lost in scoring: only ratios matter
    }
    config = {
        "kind": "word_axes",
        "kernels": {"words": KERNEL_VERSIONS["words"]},
        "table_sha256": table.sha256,
        "n_dimensions": axes.shape[1],
        "n_documents": len(texts),
        **(about or {}),
    }
    return write_folder(output, config, arrays)
