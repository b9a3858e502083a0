"""Fitting fastText's supervised model, of which the matrices alone are kept.

fastText gets the numbers of columns for words: what counts as a word or a pair is settled by `curate.text.words`, and
the text never reaches it. With one thread the same rows and seed give the same matrices; with more they do not.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

_END = "</s>"
_LABEL = "__label__"
_MOST_REPEATS = 20

Array = NDArray[np.float32]


def fit_fasttext(
    rows: csr_matrix | None,
    labels: NDArray[np.int64],
    n_labels: int,
    weights: NDArray[np.float64],
    seed: int,
    settings: dict[str, Any],
) -> tuple[Array, Array, Array]:
    """Fit the model.

    Args:
        rows: (N, n_columns), as of `curate.scoring.bags.bag_rows`.
        labels: int64 (N,).
        n_labels: how many there are; each occurs.
        weights: (N,). fastText knows none: a page counts as often as its weight is a multiple of the median
            weight, at least once and at most 20 times.
        seed: of the start.
        settings: learning_rate, n_dimensions and n_epochs.

    Returns:
        Vectors (n_columns, n_dimensions), output weights (n_dimensions, n_labels), and a float32 (n_columns,)
        that is 1 where the column occurs in a page.
    """
    import fasttext

    if rows is None:
        raise TypeError("fastText is fitted on bags of words")
    repeats = np.clip(np.rint(weights / np.median(weights)), 1, _MOST_REPEATS).astype(int)
    with tempfile.TemporaryDirectory(prefix="curate-fasttext-") as folder:
        path = Path(folder) / "pages.txt"
        with path.open("w", encoding="ascii") as file:
            for row, (label, n) in enumerate(zip(labels.tolist(), repeats.tolist(), strict=True)):
                file.write(f"{_LABEL}{label} {_line(rows, row)}\n" * n)
        model = fasttext.train_supervised(
            input=str(path),
            lr=float(settings["learning_rate"]),
            dim=int(settings["n_dimensions"]),
            epoch=int(settings["n_epochs"]),
            wordNgrams=1,
            minn=0,
            maxn=0,
            minCount=1,
            bucket=0,
            loss="softmax",
            thread=1,
            seed=seed,
            verbose=0,
            label=_LABEL,
        )
    n_columns = _width(rows)
    columns = np.array([n_columns - 1 if word == _END else int(word) for word in model.words])
    vectors = np.zeros((n_columns, int(settings["n_dimensions"])), np.float32)
    vectors[columns] = model.get_input_matrix()[: len(columns)]
    outputs = np.zeros((n_labels, vectors.shape[1]), np.float32)
    outputs[[int(label.removeprefix(_LABEL)) for label in model.labels]] = model.get_output_matrix()
    seen = np.zeros(n_columns, np.float32)
    seen[columns] = 1.0
    return vectors, np.ascontiguousarray(outputs.T), seen


def _line(rows: csr_matrix, row: int) -> str:
    """Write a page's columns, each as often as it occurs, without the end, which fastText adds itself."""
    row_start, row_stop = int(rows.indptr[row]), int(rows.indptr[row + 1])
    columns = np.asarray(rows.indices[row_start:row_stop], np.int64)
    shares = np.asarray(rows.data[row_start:row_stop], np.float64)
    at_end = columns == _width(rows) - 1
    counts = np.rint(shares / shares[at_end]).astype(int)
    return " ".join(map(str, np.repeat(columns[~at_end], counts[~at_end]).tolist()))


def _width(rows: csr_matrix) -> int:
    return int((rows.shape or (0, 0))[1])
