"""Features of documents: dense blocks of columns, and sparse word counts that meet weights in a kernel.

Pages          a batch as the features see it: the window of each text, its words, their numbers
WordTable      the bundled vocabulary: hash, idf and a small vector for every common word
SparseFeature  TF-IDF over a vocabulary or over buckets of hashed words and pairs, or a plain bag of these
ShapeBlock, LinesBlock, CommonWordsBlock, StaticBlock, EncoderBlock      dense columns
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.bundled import classifiers_folder
from curate.errors import SettingError
from curate.protocols import Encoder
from curate.scoring.bags import bag_means, bag_of, bag_rows
from curate.scoring.kernels import mean_vectors, share_words, tfidf_rows, tfidf_times
from curate.scoring.lines import LINES_NAMES, LINES_VERSION, measure_lines
from curate.scoring.program import PROGRAM_NAMES, PROGRAM_SHAPE_VERSION, Programs, read_programs
from curate.scoring.shape import SHAPE_NAMES, SHAPE_VERSION, measure_shape
from curate.scoring.storage import check_kernels, read_config, read_weights
from curate.scoring.texts import take_window
from curate.scoring.vocabulary import Vocabulary, hash_ngrams
from curate.text.words import WORDS_VERSION, Words, hash_words

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

KERNEL_VERSIONS = {
    "words": WORDS_VERSION,
    "shape": SHAPE_VERSION,
    "lines": LINES_VERSION,
    "program": PROGRAM_SHAPE_VERSION,
}
TABLE_NAME = "static"
MOST_COMMON_WORDS = 1024
"""As many common words a block may ask for."""

Array = NDArray[np.float32]


class Pages:
    """A batch of documents, and what features share of it, each computed once.

    Attributes:
        texts: Arrow strings, N documents, cut to the window.
        window_bytes: its size.
    """

    def __init__(self, texts: pa.Array, window_bytes: int) -> None:
        self.window_bytes = window_bytes
        self.texts = take_window(texts, window_bytes)
        self._numbers: dict[int, NDArray[np.int32]] = {}
        self._dense: dict[str, Array] = {}

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def words(self) -> Words:
        """The words of every document."""
        return hash_words(self.texts)

    @cached_property
    def programs(self) -> Programs:
        """The same documents, taken for programs."""
        return read_programs(self.texts)

    @cached_property
    def names(self) -> Pages:
        """The same documents, taken for programs: the words inside their identifiers."""
        return Pages(self.programs.names, 2 * self.window_bytes)

    @cached_property
    def prose(self) -> Pages:
        """The same documents, taken for programs: their comments and documentation."""
        return Pages(self.programs.prose, 2 * self.window_bytes)

    def number(self, vocabulary: Vocabulary) -> NDArray[np.int32]:
        """The words' numbers in a vocabulary."""
        key = id(vocabulary)
        if key not in self._numbers:
            self._numbers[key] = vocabulary.find(self.words)
        return self._numbers[key]

    def compute(self, block: DenseBlock) -> Array:
        """A dense block's columns; equal blocks of several parts are computed once."""
        key = repr(block.to_config())
        if key not in self._dense:
            self._dense[key] = block.compute(self)
        return self._dense[key]

    def put(self, block: DenseBlock, columns: Array) -> None:
        """Take columns of a block that are known already."""
        self._dense[repr(block.to_config())] = columns


@dataclass(frozen=True, slots=True, eq=False)
class WordTable:
    """What is known of common words without any label.

    Attributes:
        vocabulary: the words.
        idf: float32 (n_words,), ln(pages / pages with the word) on web text.
        vectors: int8 (n_words, n_dimensions), quantised.
        scales: float32 (n_words,), weight of the word in a mean of vectors times its quantisation step.
        sha256: of the weights, as named by classifiers that were fitted on this table.
    """

    vocabulary: Vocabulary
    idf: Array
    vectors: NDArray[np.int8]
    scales: Array
    sha256: str


def load_word_table() -> WordTable:
    """Load the bundled word table."""
    return _load_word_table(classifiers_folder() / TABLE_NAME)


@lru_cache(maxsize=4)
def _load_word_table(folder: Path) -> WordTable:
    config = read_config(folder)
    if config.get("kind") != "word_table":
        raise SettingError(f"'{folder}' is no word table but a {config.get('kind')}.")
    check_kernels(folder, config, KERNEL_VERSIONS)
    arrays = read_weights(folder, config)
    idf = arrays["idf"].astype(np.float32)
    return WordTable(
        Vocabulary.of(arrays["hashes"], idf),
        idf,
        arrays["vectors"],
        arrays["scales"].astype(np.float32),
        config["weights_sha256"],
    )


@dataclass(frozen=True, slots=True, eq=False)
class SparseFeature:
    """TF-IDF of words, or of hashed words and pairs, in zones of a document; or fastText's mean of both.

    Attributes:
        kind: "tfidf" over the vocabulary, "ngrams" over `len(idf)` buckets (a power of two), or "bag" over
            the vocabulary and one column more for the end of the document.
        zones: int64 (n_zones,); a zone is the first so many words (of a pair, two entries), 0 for all.
        idf: float32 (n_columns,); all ones for "bag".
        vocabulary: the words of "tfidf", the hashes of words and pairs of "bag"; None for "ngrams".
        pairs: whether "ngrams" holds pairs of neighbours too.
    """

    kind: str
    zones: NDArray[np.int64]
    idf: Array
    vocabulary: Vocabulary | None = None
    pairs: bool = True

    def number(self, pages: Pages) -> tuple[NDArray[np.int32], Words]:
        """Find the column of every word (or n-gram)."""
        if self.kind == "bag" and self.vocabulary is not None:
            bag = bag_of(pages.words)
            return self.vocabulary.find(bag), bag
        if self.vocabulary is not None:
            return pages.number(self.vocabulary), pages.words
        grams = hash_ngrams(pages.words, len(self.idf), pairs=self.pairs)
        return grams.hashes.astype(np.int32), grams

    def rows(self, pages: Pages) -> csr_matrix:
        """The matrix (N, n_zones * n_columns) that heads are fitted on."""
        from scipy.sparse import csr_matrix, hstack

        numbers, words = self.number(pages)
        if self.kind == "bag":
            return bag_rows(numbers, words.offsets, len(self.idf))
        shape = (len(pages), len(self.idf))
        blocks = [
            csr_matrix(tfidf_rows(numbers, words, int(zone), self.idf), shape=shape) for zone in self.zones
        ]
        return csr_matrix(hstack(blocks, format="csr", dtype=np.float32))

    def times(self, pages: Pages, weights: Array | NDArray[np.int8]) -> Array:
        """Multiply that matrix with weights (n_columns, n_zones, n_outputs) without making it."""
        numbers, words = self.number(pages)
        if self.kind == "bag":
            return bag_means(numbers, words.offsets, np.ascontiguousarray(weights[:, 0], np.float32))
        return tfidf_times(numbers, words, self.zones, self.idf, weights)


class DenseBlock(Protocol):
    """Columns of a document, from that document alone."""

    @property
    def n_features(self) -> int:
        """How many columns."""
        ...

    def compute(self, pages: Pages, /) -> Array:
        """Compute float32 (N, n_features)."""
        ...

    def to_config(self) -> dict[str, Any]:
        """The block as JSON, from which the loader of classifiers makes it again."""
        ...


@dataclass(frozen=True, slots=True)
class ShapeBlock:
    """The shape of the page's beginning (`curate.scoring.shape`)."""

    n_features: int = len(SHAPE_NAMES)

    def compute(self, pages: Pages, /) -> Array:
        """Compute float32 (N, n_features)."""
        return measure_shape(pages.texts)

    def to_config(self) -> dict[str, Any]:
        """The block's name."""
        return {"block": "shape"}


@dataclass(frozen=True, slots=True)
class LinesBlock:
    """The kinds of lines in the page's beginning (`curate.scoring.lines`)."""

    n_features: int = len(LINES_NAMES)

    def compute(self, pages: Pages, /) -> Array:
        """Compute float32 (N, n_features)."""
        return measure_lines(pages.texts)

    def to_config(self) -> dict[str, Any]:
        """The block's name."""
        return {"block": "lines"}


@dataclass(frozen=True, slots=True)
class CommonWordsBlock:
    """Square roots of the shares that the commonest words of the word table have in a page: how it speaks, not of what."""

    table: WordTable
    n_features: int = 64

    def compute(self, pages: Pages, /) -> Array:
        """Compute float32 (N, n_features)."""
        numbers = pages.number(self.table.vocabulary)
        return share_words(
            numbers, pages.words, _number_commonest(self.table, self.n_features), self.n_features
        )

    def to_config(self) -> dict[str, Any]:
        """Name the table and how many words."""
        return {"block": "common_words", "n_words": self.n_features, "table_sha256": self.table.sha256}


@lru_cache(maxsize=4)
def _number_commonest(table: WordTable, n_words: int) -> NDArray[np.int16]:
    """Each word's place among the commonest, -1 for all others."""
    places = np.full(len(table.idf), -1, np.int16)
    places[np.argsort(table.idf, kind="stable")[:n_words]] = np.arange(min(n_words, len(table.idf)))
    return places


@dataclass(frozen=True, slots=True)
class StaticBlock:
    """Weighted means of word vectors, one a zone."""

    table: WordTable
    zones: tuple[int, ...] = (0, 300)

    @property
    def n_features(self) -> int:
        """Dimensions of a vector times zones."""
        return self.table.vectors.shape[1] * len(self.zones)

    def compute(self, pages: Pages, /) -> Array:
        """Compute float32 (N, n_features)."""
        numbers = pages.number(self.table.vocabulary)
        zones = np.array(self.zones, np.int64)
        return mean_vectors(numbers, pages.words, zones, self.table.vectors, self.table.scales)

    def to_config(self) -> dict[str, Any]:
        """Name the table and the zones."""
        return {"block": "static", "zones": list(self.zones), "table_sha256": self.table.sha256}


@dataclass(frozen=True, slots=True)
class ClassesBlock:
    """Outputs of classifiers into classes, such as topics: what one set of labels teaches another.

    Attributes:
        classifiers: `curate.scoring.classes.FittedClasses`, bundled.
    """

    classifiers: tuple[Any, ...]

    @property
    def n_features(self) -> int:
        """Classes of all classifiers together."""
        return sum(len(classifier.classes) for classifier in self.classifiers)

    def compute(self, pages: Pages, /) -> Array:
        """Compute float32 (N, n_features): the linear outputs, before calibration."""
        weights = _side_by_side(self.classifiers)
        if weights is None:
            return np.hstack([classifier.outputs(pages) for classifier in self.classifiers])
        products = self.classifiers[0].sparse.times(pages, weights)
        ends = np.cumsum([len(classifier.classes) for classifier in self.classifiers])
        parts = zip(self.classifiers, np.split(products, ends[:-1], axis=1), strict=True)
        return np.hstack([classifier.outputs(pages, part) for classifier, part in parts])

    def to_config(self) -> dict[str, Any]:
        """Name the classifiers and their weights."""
        return {"block": "classes", "classifiers": {c.name: c.sha256 for c in self.classifiers}}


@lru_cache(maxsize=4)
def _side_by_side(classifiers: tuple[Any, ...]) -> NDArray[np.int8] | None:
    """The weights of classifiers that weigh the same words in the same zones, as of one; None where they do not.

    A page's words are then counted once, and each is looked up in one place.
    """
    first, *others = (classifier.sparse for classifier in classifiers)
    is_alike = all(
        other.kind == first.kind
        and other.vocabulary is first.vocabulary
        and other.idf is first.idf
        and np.array_equal(other.zones, first.zones)
        for other in others
    )
    return np.concatenate([classifier.weights for classifier in classifiers], axis=2) if is_alike else None


@dataclass(frozen=True, slots=True)
class ProgramBlock:
    """What a program file's beginning looks like (`curate.scoring.program`)."""

    n_features: int = len(PROGRAM_NAMES)

    def compute(self, pages: Pages, /) -> Array:
        """Compute float32 (N, n_features)."""
        return pages.programs.shapes

    def to_config(self) -> dict[str, Any]:
        """The block's name."""
        return {"block": "program"}


@dataclass(frozen=True, slots=True)
class ProgramWordsBlock:
    """Weighted means of word vectors over a program's names, and over its comments."""

    table: WordTable

    @property
    def n_features(self) -> int:
        """Dimensions of a vector, twice."""
        return 2 * self.table.vectors.shape[1]

    def compute(self, pages: Pages, /) -> Array:
        """Compute float32 (N, n_features)."""
        means = StaticBlock(self.table, (0,))
        return np.hstack([means.compute(pages.names), means.compute(pages.prose)])

    def to_config(self) -> dict[str, Any]:
        """Name the table."""
        return {"block": "program_words", "table_sha256": self.table.sha256}


@dataclass(frozen=True, slots=True)
class EncoderBlock:
    """Embeddings of an encoder, such as a sentence-transformers model.

    Attributes:
        encoder: loads what it needs when it is first asked.
        config: what the loader makes the block of again.
        folder: where the files named in the configuration lie, if there are any.
    """

    encoder: Encoder
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    folder: Path | None = None

    @property
    def n_features(self) -> int:
        """Dimensions of an embedding."""
        return self.encoder.n_dimensions

    def compute(self, pages: Pages, /) -> Array:
        """Compute float32 (N, n_features)."""
        return np.ascontiguousarray(self.encoder.encode(pages.texts), np.float32)

    def to_config(self) -> dict[str, Any]:
        """Name the encoder and its settings."""
        return {"block": "encoder", **self.config}

    def copy_files(self, folder: Path) -> None:
        """Put the encoder's own files, if it has any, into a classifier's folder."""
        for name in self.config.get("files", {}):
            if self.folder is not None and self.folder != folder:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.folder / name, folder / name)


def table_of(sha256: str, folder: Path) -> WordTable:
    """Load the bundled word table and check that it is the one a classifier was fitted on."""
    table = load_word_table()
    if table.sha256 != sha256:
        raise SettingError(
            f"'{folder}' was fitted on another table of word vectors. Fit it again with `curate fit`."
        )
    return table
