"""The fitted scorer: features, heads on them, their weighted sum, and its calibration.

    texts -> window -> words -> features -> members (features + head) -> level -> calibration -> score

Everything is arrays and numba kernels, a document at a time, so that the score of a document is the same
bit for bit in any batch. A member that holds a transformer encoder is as exact as that encoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.scoring.calibration import Calibration
from curate.scoring.features import (
    KERNEL_VERSIONS,
    DenseBlock,
    EncoderBlock,
    Pages,
    SparseFeature,
)
from curate.scoring.heads import Head, head_arrays, prepare
from curate.scoring.storage import Arrays, fingerprint, languages_of, write_folder
from curate.scoring.texts import count_read
from curate.text.gate import as_texts

Array = NDArray[np.float32]

_BATCH = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A head on some of the features.

    The head sees, side by side: the dense columns, each as clip((x - centre) * scale, -limit, limit);
    then the products of the sparse feature with `sparse_weights`.

    Attributes:
        name: for reports.
        weight: share in the level.
        blocks: names of dense blocks, in order.
        centre: float32 (n_dense,).
        scale: float32 (n_dense,).
        limit: float32 (n_dense,).
        head: on the columns so made.
        sparse: name of a sparse feature, or None.
        sparse_weights: float32 (n_columns, n_zones, n_outputs), or None.
    """

    name: str
    weight: float
    blocks: tuple[str, ...]
    centre: Array
    scale: Array
    limit: Array
    head: Head
    sparse: str | None = None
    sparse_weights: Array | None = None

    def __repr__(self) -> str:
        return f"<Member '{self.name}': {self.weight:g} of the level>"

    def predict(self, pages: Pages, dense: dict[str, Array], sparse: dict[str, SparseFeature]) -> Array:
        """The head's level for every page, float32 (N,)."""
        columns = [dense[block] for block in self.blocks]
        n_dense = sum(block.shape[1] for block in columns)
        if n_dense != len(self.centre):  # heads index without asking
            raise SettingError(
                f"The member '{self.name}' was fitted on {len(self.centre)} columns; its features have "
                f"{n_dense}: the encoder is another one. Fit the classifier again."
            )
        products = np.empty((len(pages), 0), np.float32)
        if self.sparse is not None and self.sparse_weights is not None:
            products = sparse[self.sparse].times(pages, self.sparse_weights)
        features = prepare(columns, self.centre, self.scale, self.limit, products)
        return self.head.predict(features)


@dataclass(frozen=True, slots=True, eq=False)
class FittedScorer:
    """A scorer fitted on annotated pages; `curate.fit` makes it and a folder holds it.

    Attributes:
        name: of the classifier.
        scale: (lowest, highest, positive) level of the annotators.
        window_bytes: how much of a document is read.
        blocks: dense features by name.
        sparse: sparse features by name.
        members: heads; their weights sum to 1.
        calibration: level to score.
        about: what else the configuration says, carried along.
        fingerprint: SHA-256 of configuration and weights as loaded; "" before the scorer is written.
    """

    name: str
    scale: tuple[float, float, float]
    window_bytes: int
    blocks: dict[str, DenseBlock]
    sparse: dict[str, SparseFeature]
    members: tuple[Member, ...]
    calibration: Calibration
    about: dict[str, Any]
    fingerprint: str = ""

    def __repr__(self) -> str:
        members = " + ".join(f"{member.weight:g} {member.name}" for member in self.members)
        return f"<FittedScorer '{self.name}': {members}; reads {self.window_bytes:,} bytes; {self.fingerprint[:12]}>"

    @property
    def languages(self) -> tuple[str, ...] | None:
        """Codes of the languages it was fitted for, as its configuration names them; None where it names none."""
        return languages_of(self.about)

    def score(self, texts: Sequence[str] | pa.Array, /) -> Array:
        """The probability of the positive level or more, float32 (N,), from each text alone.

        A text without a word counts as the lowest level.
        """
        return self.score_levels(texts)[1]

    def score_levels(self, texts: Sequence[str] | pa.Array, /) -> tuple[Array, Array]:
        """(levels, scores), both float32 (N,); levels lie on the annotators' scale."""
        return score_pages([self], as_texts(texts))[0]

    def count_read(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.int64]:
        """Count the bytes of every document that lie in the window, int64 (N,)."""
        return count_read(as_texts(texts), self.window_bytes)

    def with_window(self, window_bytes: int) -> FittedScorer:
        """The same scorer with another window: the first `window_bytes` bytes of a document are read.

        Its calibration is that of the window it was fitted with; fit again where the difference matters.
        """
        is_whole = isinstance(window_bytes, int | np.integer)  # pyright: ignore[reportUnnecessaryIsInstance]
        if not is_whole or not 1 <= window_bytes < 1 << 62:
            raise SettingError(f"window_bytes is {window_bytes}; set it to a whole number from 1 on.")
        window_bytes = int(window_bytes)
        digest = fingerprint({"fitted": self.fingerprint, "window_bytes": window_bytes})
        return replace(self, window_bytes=window_bytes, fingerprint=digest)

    def predict_raw(self, pages: Pages) -> Array:
        """The members' weighted sum, neither clipped nor calibrated."""
        raw = np.zeros(len(pages), np.float32)
        for member, levels in zip(self.members, self._predict_members(pages), strict=True):
            raw += np.float32(member.weight) * levels
        raw[np.diff(pages.words.offsets) == 0] = self.scale[0]
        return raw

    def score_members(self, texts: Sequence[str] | pa.Array, /) -> Array:
        """Each member's level, calibrated as the whole is: float32 (n_members, N).

        The calibration is that of the weighted sum, so these are no calibrated probabilities: they tell where members differ.
        """
        array = as_texts(texts)
        scores = np.zeros((len(self.members), len(array)), np.float32)
        for start in range(0, len(array), _BATCH):
            pages = Pages(array.slice(start, _BATCH), self.window_bytes)
            is_empty = np.diff(pages.words.offsets) == 0
            for at, levels in enumerate(self._predict_members(pages)):
                scores[at, start : start + _BATCH] = self.calibration.apply(
                    np.where(is_empty, np.float32(self.scale[0]), levels)
                )
        return scores

    def _predict_members(self, pages: Pages) -> Iterator[Array]:
        """Each member's levels of the pages; features that members share are made once."""
        dense = {name: pages.compute(block) for name, block in self.blocks.items()}
        for member in self.members:
            yield member.predict(pages, dense, self.sparse)

    def save(self, folder: Path) -> dict[str, Any]:
        """Write `config.json`, `weights.safetensors` and an int8 encoder's files; returns the configuration."""
        for block in self.blocks.values():
            if isinstance(block, EncoderBlock):
                block.copy_files(folder)
        arrays: Arrays = {}
        config: dict[str, Any] = {
            "kind": "scorer",
            "name": self.name,
            **self.about,
            "scale": {"low": self.scale[0], "high": self.scale[1], "positive": self.scale[2]},
            "kernels": KERNEL_VERSIONS,
            "window_bytes": self.window_bytes,
            "blocks": {name: block.to_config() for name, block in self.blocks.items()},
            "sparse": {
                name: _store_sparse(name, feature, self.about, arrays)
                for name, feature in self.sparse.items()
            },
            "members": [_store_member(member, arrays) for member in self.members],
            "calibration": self.calibration.to_config(),
        }
        return write_folder(folder, config, arrays)


def score_pages(scorers: Sequence[FittedScorer], texts: pa.Array) -> list[tuple[Array, Array]]:
    """Each scorer's (levels, scores) of N texts, both float32 (N,); words and equal features are made once.

    All scorers must read windows of one size.
    """
    raws = [np.zeros(len(texts), np.float32) for _ in scorers]
    for start in range(0, len(texts), _BATCH):
        pages = Pages(texts.slice(start, _BATCH), scorers[0].window_bytes)
        for scorer, raw in zip(scorers, raws, strict=True):
            raw[start : start + _BATCH] = scorer.predict_raw(pages)
    return [
        (np.clip(raw, scorer.scale[0], scorer.scale[1]), scorer.calibration.apply(raw))
        for scorer, raw in zip(scorers, raws, strict=True)
    ]


def _store_sparse(name: str, feature: SparseFeature, about: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
    config: dict[str, Any] = {"kind": feature.kind, "zones": feature.zones.tolist(), "pairs": feature.pairs}
    if about.get("tables", {}).get(name):
        return {**config, "table_sha256": about["tables"][name]}
    arrays[f"sparse.{name}.idf"] = feature.idf
    if feature.vocabulary is not None:
        arrays[f"sparse.{name}.hashes"] = feature.vocabulary.hashes
    return config


def _store_member(member: Member, arrays: Arrays) -> dict[str, Any]:
    prefix = f"member.{member.name}."
    for name in ("centre", "scale", "limit"):
        arrays[prefix + name] = getattr(member, name)
    for name, array in head_arrays(member.head).items():
        arrays[f"{prefix}head.{name}"] = array
    if member.sparse_weights is not None:
        arrays[prefix + "sparse"] = member.sparse_weights.astype(np.float16)
    return {
        "name": member.name,
        "weight": member.weight,
        "blocks": list(member.blocks),
        "head": member.head.kind,
        "sparse": member.sparse,
    }
