"""Decontamination: pages that share long n-grams with benchmarks, named with benchmark and n-gram.

An n-gram of 13 words, lower case and without punctuation, is what Brown et al. 2020 (arXiv 2005.14165,
appendix C) used; words are those of `curate.text.words`. Where these are single code points, as in Chinese and Japanese,
13 of them are a name or a phrase: there two count for one word, so that an n-gram has 25, and of mixed text as many as
make up 12 words and a half.
"""

# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.config import plain_file
from curate.errors import SettingError, one_line
from curate.text.hashing import GOLDEN
from curate.text.kernel import kernel
from curate.text.lines import MOST_BYTES, read_json_file, read_json_lines, read_text_lines
from curate.text.normalise import comparable, fold_text
from curate.text.unicode_tables import SEPARATOR, SINGLE, SINGLE_BLOCKS, load_tables
from curate.text.utf8 import SEED, capacity_for, find_or_add
from curate.text.words import Words, hash_words

DEFAULT_N = 13
_FIRST_SINGLE = chr(min(first for first, _ in SINGLE_BLOCKS))
_63 = np.uint64(63)


class Decontaminator:
    """Finds pages that hold an n-gram of a benchmark.

    Args:
        benchmarks: for each benchmark's name, its items: questions, passages, answers.
        n: words of an n-gram, of single code points 2 n - 1. Items with fewer are not looked for.

    Attributes:
        n_ngrams: distinct n-grams looked for.
        n_records, n_unseen: records of the files, and those too short to be looked for, all their fields together.
    """

    def __init__(self, benchmarks: Mapping[str, Iterable[str]], n: int = DEFAULT_N) -> None:
        if n < 1:
            raise SettingError(f"decontaminate: n is {n}; an n-gram has at least 1 word.")
        self.n = n
        self.n_records = self.n_unseen = 0
        self._places: list[
            tuple[str, str, int, int]
        ] = []  # benchmark, item, first word, words: of each n-gram
        keys: dict[int, list[NDArray[np.uint64]]] = {}
        numbers: dict[int, list[NDArray[np.int64]]] = {}
        for name, items in benchmarks.items():
            for item in map(fold_text, items):
                hashes = hash_words(pa.array([item], pa.string())).hashes
                lengths = _ngram_lengths(item, len(hashes), n)
                if not len(lengths):
                    continue
                for length in np.unique(lengths).tolist():
                    found = np.zeros(len(hashes) - length + 1, np.uint64)
                    _hash_ngrams(hashes, length, found)
                    firsts = np.flatnonzero(lengths == length)
                    keys.setdefault(length, []).append(found[firsts])
                    numbers.setdefault(length, []).append(len(self._places) + np.arange(len(firsts)))
                    self._places += [(name, item, first, length) for first in firsts.tolist()]
        self._tables = [
            _Table.of(length, np.concatenate(keys[length]), np.concatenate(numbers[length]))
            for length in sorted(keys)
        ]
        self.n_ngrams = sum(table.n_ngrams for table in self._tables)

    @classmethod
    def from_files(cls, paths: Sequence[str], n: int = DEFAULT_N) -> Decontaminator:
        """Read benchmarks from files: every string of each record of JSON, JSONL, Parquet or CSV, each line of others.

        A record none of whose strings has `n` words is looked for as its strings in a row: a question that is split
        over fields. A benchmark is named after its file, `gsm8k.jsonl.gz` -> `gsm8k`, with its folder where several
        files have one name.

        Raises:
            SettingError: a file cannot be read, is not what its ending says, or no item is long enough.
        """
        stems = [Path(path).name.split(".")[0] for path in paths]
        benchmarks: dict[str, list[str]] = {}
        n_records = n_unseen = 0
        for path, stem in zip(paths, stems, strict=True):
            name = stem if stems.count(stem) == 1 else f"{Path(path).absolute().parent.name}/{stem}"
            items = benchmarks.setdefault(name, [])
            for strings in _read_records(path):
                some = _worth_looking_for(strings, n)
                items += some or strings
                n_records, n_unseen = n_records + 1, n_unseen + (not some)
        made = cls(benchmarks, n)
        made.n_records, made.n_unseen = n_records, n_unseen
        if not made.n_ngrams:
            raise SettingError(
                f"No item of {', '.join(paths)} has {n} words. Take a smaller n, or other files."
            )
        return made

    def warnings(self) -> list[str]:
        """Say what is not looked for."""
        if not self.n_unseen:
            return []
        short = f"{self.n_unseen:,} of {self.n_records:,} benchmark items have fewer than {self.n} words"
        return [f"Decontamination: {short} and are not looked for."]

    def match(self, texts: pa.Array | pa.ChunkedArray, words: Words | None = None) -> pa.RecordBatch:
        """Look for the benchmarks' n-grams in N texts.

        Args:
            texts: Arrow strings; null is empty.
            words: what `curate.text.words.hash_words` gives for them once they are `comparable`, where it is at hand.

        Returns:
            `benchmark` and `ngram` (strings, null where none is found): the first one in the text, in the
            benchmark's words, folded; and `n_matches` (int32), how many positions of the text match.

        >>> found = Decontaminator({"quiz": ["How many legs has a spider?"]}, n=4).match(
        ...     pa.array(["Say how many legs has a beetle.", "Six legs."]))
        >>> found.to_pylist()[0]
        {'benchmark': 'quiz', 'ngram': 'how many legs has', 'n_matches': 2}
        """
        words = hash_words(comparable(texts)) if words is None else words
        n_documents = len(words.offsets) - 1
        first, n_matches = np.full(n_documents, -1, np.int64), np.zeros(n_documents, np.int32)
        where = np.full(n_documents, np.iinfo(np.int64).max)
        for table in self._tables:
            found = np.full(n_documents, -1, np.int64)
            places = np.zeros(n_documents, np.int64)
            _match(
                words.hashes, words.offsets, table.length, table.keys, table.values, table.bits, found, places, n_matches
            )  # fmt: skip
            earlier = (found >= 0) & (places < where)
            first[earlier], where[earlier] = table.numbers[found[earlier]], places[earlier]
        found = np.unique(first[first >= 0]).tolist()
        names = {-1: (None, None)} | {number: self._name(number) for number in found}
        named = [names[number] for number in first.tolist()]
        return pa.RecordBatch.from_arrays(
            [
                pa.array([benchmark for benchmark, _ in named], pa.string()),
                pa.array([ngram for _, ngram in named], pa.string()),
                pa.array(n_matches),
            ],
            names=["benchmark", "ngram", "n_matches"],
        )

    def _name(self, number: int) -> tuple[str, str]:
        benchmark, item, first, length = self._places[number]
        return benchmark, " ".join(fold_words(item, first + length)[first:])


class _Table(NamedTuple):
    """The n-grams of one number of words.

    Attributes:
        length: words of each.
        numbers: int64, the number of each n-gram among all, by its number here.
        keys, values: an open-addressing table from hashes to numbers here, -1 where empty.
        bits: a bit or more for each n-gram, sixteen times as many in all: what is not there is seldom looked up, and the
            bits stay in the processor's cache where the table does not.
        n_ngrams: distinct ones.
    """

    length: int
    numbers: NDArray[np.int64]
    keys: NDArray[np.uint64]
    values: NDArray[np.int32]
    bits: NDArray[np.uint64]
    n_ngrams: int

    @classmethod
    def of(cls, length: int, hashes: NDArray[np.uint64], numbers: NDArray[np.int64]) -> _Table:
        capacity = capacity_for.py_func(len(hashes) + 1)
        keys, values = np.zeros(capacity, np.uint64), np.full(capacity, -1, np.int32)
        bits = np.zeros(max(capacity // 8, 64), np.uint64)
        return cls(length, numbers, keys, values, bits, int(_fill(hashes, keys, values, bits)))


def _ngram_lengths(item: str, n_words: int, n: int) -> NDArray[np.int64]:
    """How many words the n-gram has that begins at each word; none where what is left is too short.

    A word counts 2 and a single code point 1; an n-gram is the shortest run that counts 2 n - 1.
    """
    if not item or max(item) < _FIRST_SINGLE:
        return np.full(max(n_words - n + 1, 0), n, np.int64)
    kinds = load_tables().kinds
    weights = [1 if kinds[ord(word[0])] == SINGLE else 2 for word in fold_words(item)]
    totals = np.concatenate([[0], np.cumsum(weights)])
    ends = np.searchsorted(totals, totals[:-1] + 2 * n - 1)
    lengths = ends - np.arange(len(weights))
    return lengths[ends <= len(weights)]


def fold_words(text: str, n: int | None = None) -> list[str]:
    """The words of `curate.text.words`, or the first `n` of them, as text.

    >>> fold_words("It's 日本, Straße!")
    ['it', 's', '日', '本', 'strasse']
    """
    kinds = load_tables().kinds
    found: list[str] = []
    inside = False
    for character in text:
        kind = int(kinds[ord(character)])
        if kind == SEPARATOR:
            inside = False
        elif inside and kind != SINGLE:
            found[-1] += character.casefold()
        elif len(found) == n:
            break
        else:
            found.append(character.casefold())
            inside = kind != SINGLE
    return found


def _worth_looking_for(strings: list[str], n: int) -> list[str]:
    """A record's strings, if one is long enough; else all of them in a row, if that is; else nothing."""
    if any(_is_long(text, n) for text in strings):
        return strings
    joined = " ".join(strings)
    return [joined] if _is_long(joined, n) else []


def _is_long(text: str, n: int) -> bool:
    folded = fold_text(text)
    n_words = len(hash_words(pa.array([folded], pa.string())).hashes)
    return len(_ngram_lengths(folded, n_words, n)) > 0


def _read_records(path: str) -> Iterator[list[str]]:
    endings = [part.lower() for part in Path(path).name.split(".")[1:]]
    if "json" in endings:
        value = read_json_file(path)
        yield from (list(_strings_of(item)) for item in (value if isinstance(value, list) else [value]))
    elif "jsonl" in endings or "ndjson" in endings:
        for number, row in read_json_lines(path):
            if row is None:
                raise SettingError(
                    f"Benchmark file '{path}', line {number}, is no JSON object: mend or remove it."
                )
            yield list(_strings_of(row))
    elif "parquet" in endings:
        yield from _read_parquet(path)
    elif "csv" in endings or "tsv" in endings:
        rows = csv.reader(
            (f"{line}\n" for line in read_text_lines(path)), delimiter="\t" if "tsv" in endings else ","
        )
        yield from (row for number, row in enumerate(rows) if row and number)  # the first names the columns
    else:
        yield from ([line] for line in read_text_lines(path) if line.strip())


def _read_parquet(path: str) -> Iterator[list[str]]:
    try:
        with pa.OSFile(str(plain_file(path, MOST_BYTES))) as file:
            for batch in pq.ParquetFile(file).iter_batches(1024):
                yield from (list(_strings_of(row)) for row in batch.to_pylist())
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SettingError(f"Benchmark file '{path}' cannot be read: {one_line(error)}.") from None


def _strings_of(value: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings_of(item)


@kernel
def _hash_ngrams(hashes, n, found):  # noqa: ANN001, ANN202
    """Hash every n-gram of word hashes: a polynomial in an odd base, rolled along."""
    top = np.uint64(1)
    for _ in range(n):
        top *= GOLDEN
    value = np.uint64(0)
    for k in range(len(hashes)):
        value = value * GOLDEN + (hashes[k] ^ SEED)
        if k >= n:
            value -= top * (hashes[k - n] ^ SEED)
        if k >= n - 1:
            found[k - n + 1] = value ^ (value >> np.uint64(29))


@kernel
def _fill(found, keys, values, bits):  # noqa: ANN001, ANN202
    n = 0
    for number in range(len(found)):
        n += find_or_add(found[number], np.int32(number), keys, values, len(keys)) == number
        word, bit = _bit_of(found[number], bits)
        bits[word] |= bit
    return n


@kernel(inline=True)
def _bit_of(ngram, bits):  # noqa: ANN001, ANN202
    """Where the bit of an n-gram lies: which word, and the bit in it."""
    spread = ngram * SEED
    return np.int64(spread >> np.uint64(32)) & (len(bits) - 1), np.uint64(1) << (
        spread >> np.uint64(26) & _63
    )


@kernel
def _match(hashes, offsets, n, keys, values, bits, first, places, n_matches):  # noqa: ANN001, ANN202
    mask = len(keys) - 1
    longest = 0
    for d in range(len(offsets) - 1):
        longest = max(longest, offsets[d + 1] - offsets[d])
    found = np.empty(max(longest, 1), np.uint64)
    for d in range(len(offsets) - 1):
        start, end = offsets[d], offsets[d + 1]
        if end - start < n:
            continue
        _hash_ngrams(hashes[start:end], n, found)
        for k in range(end - start - n + 1):
            word, bit = _bit_of(found[k], bits)
            if not bits[word] & bit:
                continue
            slot = np.int64((found[k] * GOLDEN) >> np.uint64(32)) & mask
            while values[slot] >= 0:
                if keys[slot] == found[k]:
                    if first[d] < 0:
                        first[d], places[d] = values[slot], k
                    n_matches[d] += 1
                    break
                slot = (slot + 1) & mask
