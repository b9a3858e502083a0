"""Classifiers of pages into named classes, such as topics, by word counts and page shape.

The bundled ones are `topic` (what a page is about, 24 classes) and `format` (what kind of page it is, 24),
with the classes of WebOrganizer (Wettig and others, 2025).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import UnknownNameError
from curate.scoring.features import (
    KERNEL_VERSIONS,
    DenseBlock,
    Pages,
    SparseFeature,
)
from curate.scoring.heads import add_products
from curate.scoring.storage import Arrays, fingerprint, languages_of, write_folder
from curate.scoring.texts import count_read
from curate.text.gate import as_texts

Array = NDArray[np.float32]

_BATCH = 2048


@dataclass(frozen=True, slots=True, eq=False)
class FittedClasses:
    """A classifier into named classes.

    Attributes:
        name: of the classifier.
        classes: names, in the order of columns.
        window_bytes: how much of a document is read.
        blocks: dense features, by name.
        sparse: word counts over the word table.
        weights: int8 (n_words, n_zones, n_classes), quantised.
        steps: float32 (n_classes,), what one unit of `weights` stands for.
        centre: float32 (n_dense,), taken off dense columns.
        dense_weights: float32 (n_dense, n_classes).
        bias: float32 (n_classes,).
        calibration: float32 (2, n_classes); the logits are row 0 times the linear outputs, plus row 1.
        about: what else the configuration says.
        sha256: of the weights, as named by scorers that use this classifier's outputs.
    """

    name: str
    classes: tuple[str, ...]
    window_bytes: int
    blocks: dict[str, DenseBlock]
    sparse: SparseFeature
    weights: NDArray[np.int8]
    steps: Array
    centre: Array
    dense_weights: Array
    bias: Array
    calibration: Array
    about: dict[str, Any]
    sha256: str = ""

    def __repr__(self) -> str:
        return (
            f"<FittedClasses '{self.name}': {len(self.classes)} classes; reads {self.window_bytes:,} bytes>"
        )

    def predict(self, texts: Sequence[str] | pa.Array, /) -> Array:
        """The probability of every class, float32 (N, n_classes); rows sum to 1.

        Each row is of its text alone. A text without a word gets the classes' rates.
        """
        array = as_texts(texts)
        shares = np.zeros((len(array), len(self.classes)), np.float32)
        for start in range(0, len(array), _BATCH):
            outputs = self.outputs(Pages(array.slice(start, _BATCH), self.window_bytes)).astype(np.float64)
            logits = outputs * self.calibration[0] + self.calibration[1]
            powers = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares[start : start + _BATCH] = powers / powers.sum(axis=1, keepdims=True)
        return shares

    def label(self, texts: Sequence[str] | pa.Array, /) -> pa.DictionaryArray:
        """The name of the likeliest class of every document, as an Arrow dictionary array (N,)."""
        best = self.predict(texts).argmax(axis=1).astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(best), pa.array(self.classes))

    def count_read(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.int64]:
        """Count the bytes of every document that lie in the window, int64 (N,)."""
        return count_read(as_texts(texts), self.window_bytes)

    def scorer(self, name: str) -> ClassScorer:
        """The scorer of one class: the probability that a document is of it."""
        if name not in self.classes:
            raise UnknownNameError(f"class of '{self.name}'", name, self.classes)
        return ClassScorer(f"{self.name}:{name}", self, self.classes.index(name))

    def outputs(self, pages: Pages, products: Array | None = None) -> Array:
        """The linear outputs, before calibration, float32 (N, n_classes).

        `products` are `self.sparse.times(pages, self.weights)`, where they are known.
        """
        if products is None:
            products = self.sparse.times(pages, self.weights)
        outputs = products * self.steps + self.bias
        if self.blocks:
            dense = np.hstack([pages.compute(block) for block in self.blocks.values()]) - self.centre
            add_products(np.ascontiguousarray(dense, np.float32), self.dense_weights, outputs)
        return outputs

    def save(self, folder: Path) -> dict[str, Any]:
        """Write `config.json` and `weights.safetensors`; returns the configuration."""
        config = {
            "kind": "classes",
            "name": self.name,
            **self.about,
            "classes": list(self.classes),
            "kernels": KERNEL_VERSIONS,
            "window_bytes": self.window_bytes,
            "blocks": {name: block.to_config() for name, block in self.blocks.items()},
            "zones": self.sparse.zones.tolist(),
        }
        arrays: Arrays = {
            "weights": self.weights,
            "steps": self.steps,
            "centre": self.centre,
            "dense_weights": self.dense_weights,
            "bias": self.bias,
            "calibration": self.calibration,
        }
        return write_folder(folder, config, arrays)


@dataclass(slots=True, eq=False)
class ClassScorer:
    """One class of a classifier as a scorer."""

    name: str
    classifier: FittedClasses
    column: int

    def __repr__(self) -> str:
        return f"<ClassScorer '{self.name}'>"

    @property
    def fingerprint(self) -> str:
        """Digest of the classifier and the class; "" before the classifier is written."""
        weights = self.classifier.sha256
        window = self.classifier.window_bytes
        own = {"kernels": KERNEL_VERSIONS, "window": window, "name": self.name, "weights": weights}
        return fingerprint(own) if weights else ""

    @property
    def languages(self) -> tuple[str, ...] | None:
        """Codes of the languages that the classifier was fitted for; None where it names none."""
        return languages_of(self.classifier.about)

    def score(self, texts: Sequence[str] | pa.Array, /) -> Array:
        """The probability of the class, float32 (N,)."""
        return np.ascontiguousarray(self.classifier.predict(texts)[:, self.column])

    def count_read(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.int64]:
        """Count the bytes of every document that lie in the window, int64 (N,)."""
        return self.classifier.count_read(texts)
