"""The features of annotated pages, computed once and by the kernels that score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from curate.fit.annotations import Annotations
from curate.fit.recipe import SPARSE_FEATURES, Recipe
from curate.scoring.bags import bag_of
from curate.scoring.encoders import load_encoder
from curate.scoring.features import (
    CommonWordsBlock,
    DenseBlock,
    EncoderBlock,
    LinesBlock,
    Pages,
    ProgramBlock,
    ProgramWordsBlock,
    ShapeBlock,
    SparseFeature,
    StaticBlock,
    load_word_table,
)
from curate.scoring.load import load_classes_block
from curate.scoring.lsa import LsaBlock, load_axes
from curate.scoring.quantised import export_encoder
from curate.scoring.storage import fingerprint_files
from curate.scoring.vocabulary import Vocabulary, hash_ngrams

Array = NDArray[np.float32]

NO_LIMIT = np.float32(1e30)
_SPREADS = {
    "shape": 0.05,
    "lines": 0.075,
    "common_words": 0.05,
    "classes": 0.1,
    "program": 0.06,
    "program_words": 0.05,
}
_LIMIT = 4.0
_MAX_IDF = 9.0
_ENCODED_AT_A_TIME = 256


@dataclass(slots=True, eq=False)
class Columns:
    """Features of N annotated pages.

    Attributes:
        n_pages: N.
        blocks: dense features by name.
        dense: name -> float32 (N, n_features).
        sparse: sparse features by name.
        rows: name -> sparse matrix (N, n_zones * n_columns).
        tables: sparse features that live in a word table: name -> its SHA-256.
    """

    n_pages: int
    blocks: dict[str, DenseBlock] = field(default_factory=dict[str, DenseBlock])
    dense: dict[str, Array] = field(default_factory=dict[str, Array])
    sparse: dict[str, SparseFeature] = field(default_factory=dict[str, SparseFeature])
    rows: dict[str, csr_matrix] = field(default_factory=dict[str, csr_matrix])
    tables: dict[str, str] = field(default_factory=dict[str, str])

    def join(self, names: tuple[str, ...]) -> Array:
        """Put dense features side by side."""
        if not names:
            return np.zeros((self.n_pages, 0), np.float32)
        return np.hstack([self.dense[name] for name in names])

    def preparation(
        self, names: tuple[str, ...], columns: Array, vector_scale: float = 1.0
    ) -> tuple[Array, Array, Array]:
        """Settle (centre, scale, limit) of columns from the pages that are fitted on.

        Columns of shape, lines, common words and classes are brought to one spread, small beside word vectors of
        length 1, and cut at four standard deviations. Vectors are centred and multiplied by `vector_scale`, all alike:
        their spread carries meaning.
        """
        centre = columns.mean(axis=0, dtype=np.float64).astype(np.float32)
        scale = np.ones(columns.shape[1], np.float32)
        limit = np.full(columns.shape[1], NO_LIMIT, np.float32)
        at = 0
        for name in names:
            stop = at + self.dense[name].shape[1]
            scale[at:stop] = vector_scale
            if name in _SPREADS:
                spread = columns[:, at:stop].std(axis=0, dtype=np.float64)
                scale[at:stop] = np.where(spread > 1e-6, _SPREADS[name] / np.maximum(spread, 1e-6), 0)
                limit[at:stop] = _SPREADS[name] * _LIMIT
            at = stop
        return centre, scale, limit


def compute_columns(  # noqa: PLR0912 - one branch a feature
    pages: Annotations,
    recipe: Recipe,
    known: Mapping[str, Array] | None = None,
    scratch: Path | None = None,
    on_encoded: Callable[[int], None] = lambda _: None,
) -> Columns:
    """Compute every feature that the recipe uses, but for the dense ones that are `known`.

    Args:
        pages: N annotated pages.
        recipe: names features and their settings.
        known: dense features by name.
        scratch: folder for the files of an int8 encoder.
        on_encoded: is told how many pages an encoder has read.
    """
    known = known or {}
    columns = Columns(len(pages))
    batch = Pages(pages.texts, recipe.window_bytes)
    if recipe.uses("shape"):
        columns.blocks["shape"] = ShapeBlock()
    if recipe.uses("lines"):
        columns.blocks["lines"] = LinesBlock()
    if recipe.uses("common_words"):
        columns.blocks["common_words"] = CommonWordsBlock(load_word_table())
    if recipe.uses("static"):
        columns.blocks["static"] = StaticBlock(load_word_table(), recipe.static_zones)
    if recipe.uses("lsa"):
        columns.blocks["lsa"] = LsaBlock(load_axes(), recipe.static_zones)
    if recipe.uses("classes"):
        columns.blocks["classes"] = load_classes_block(
            dict.fromkeys(recipe.classifiers, ""), Path("the recipe")
        )
    if recipe.uses("program"):
        columns.blocks["program"] = ProgramBlock()
    if recipe.uses("program_words"):
        columns.blocks["program_words"] = ProgramWordsBlock(load_word_table())
    if recipe.uses("encoder"):
        columns.blocks["encoder"] = _encoder_block(recipe, scratch)
    for name, block in columns.blocks.items():
        if name in known:
            columns.dense[name] = known[name]
        elif isinstance(block, EncoderBlock):
            columns.dense[name] = _encode(block, batch, on_encoded)
        else:
            columns.dense[name] = batch.compute(block)
    for name in SPARSE_FEATURES:
        if recipe.uses(name):
            columns.sparse[name] = _sparse_feature(name, batch, recipe, columns)
            columns.rows[name] = columns.sparse[name].rows(batch)
    return columns


def _encoder_block(recipe: Recipe, scratch: Path | None) -> EncoderBlock:
    settings: dict[str, Any] = {
        "model": recipe.encoder or "",
        "max_tokens": recipe.encoder_max_tokens,
        "dtype": recipe.encoder_dtype,
    }
    if recipe.encoder_dtype != "int8":
        local = Path(settings["model"])
        if local.is_dir():
            # By its whole path and content: elsewhere the name might stand for a stranger's model.
            settings["model"] = str(local.resolve())
            return EncoderBlock(
                load_encoder(**settings), settings | {"files_sha256": fingerprint_files(local)}
            )
        return EncoderBlock(load_encoder(**settings), settings)
    if scratch is None:
        raise TypeError("an int8 encoder is written to a folder: give compute_columns one")
    encoder, files = export_encoder(settings["model"], settings["max_tokens"], scratch)
    settings.update(max_tokens=encoder.max_tokens, files=files)
    return EncoderBlock(encoder, settings, scratch)


def _encode(block: EncoderBlock, batch: Pages, on_encoded: Callable[[int], None]) -> Array:
    parts = [np.zeros((0, block.n_features), np.float32)]
    for start in range(0, len(batch), _ENCODED_AT_A_TIME):
        pages = Pages(batch.texts.slice(start, _ENCODED_AT_A_TIME), batch.window_bytes)
        parts.append(block.compute(pages))
        on_encoded(len(pages))
    return np.vstack(parts)


def _sparse_feature(name: str, batch: Pages, recipe: Recipe, columns: Columns) -> SparseFeature:
    zones = np.array(recipe.zones, np.int64)
    if name == "tfidf":
        table = load_word_table()
        columns.tables[name] = table.sha256
        return SparseFeature("tfidf", zones, table.idf, table.vocabulary)
    if name == "ngrams":
        words = hash_ngrams(batch.words, recipe.n_buckets, pairs=True)
    else:
        words = batch.words if name == "own_tfidf" else bag_of(batch.words)
    per_page = [np.unique(words.hashes[words.offsets[i] : words.offsets[i + 1]]) for i in range(len(batch))]
    found, n_pages = np.unique(np.concatenate(per_page), return_counts=True)
    if name == "fasttext":
        common = np.flatnonzero(n_pages >= recipe.min_pages)
        common = np.sort(common[np.argsort(-n_pages[common], kind="stable")][: recipe.max_words])
        ones = np.ones(len(common) + 1, np.float32)
        return SparseFeature("bag", np.zeros(1, np.int64), ones, Vocabulary.of(found[common]), pairs=True)
    idf = np.minimum(np.log((1 + len(batch)) / n_pages), _MAX_IDF).astype(np.float32)
    if name == "ngrams":
        spread = np.full(recipe.n_buckets, np.float32(min(np.log(1.0 + len(batch)), _MAX_IDF)))
        spread[found.astype(np.int64)] = idf
        return SparseFeature("ngrams", np.where(zones > 0, 2 * zones - 1, 0), spread, None, pairs=True)
    common = n_pages >= recipe.min_pages
    return SparseFeature("tfidf", zones, np.ascontiguousarray(idf[common]), Vocabulary.of(found[common]))
