"""Which documents go where: duplicates out, validation apart, and nothing like it left in training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from curate.dedup import resolve_duplicates
from curate.dedup.minhash import shingle_sets
from curate.mixture.scan import Documents, ScanPlan, ScanShard, take_texts
from curate.mixture.settings import MixtureSettings
from curate.mixture.sources import Piece
from curate.text.hashing import GOLDEN, finish_all
from curate.work.files import read_arrow

DUPLICATE = "duplicate"
NEAR_VALIDATION = "near_validation"
OVER_SEED_CAP = "over_seed_cap"
_MANY = 4096  # documents whose shingles are held at a time


def remove_duplicates(
    documents: Documents, pieces: Sequence[Piece], plan: ScanPlan, settings: MixtureSettings, scratch: Path
) -> None:
    """Mark all but one of each set of duplicates over all sources; the best score stays, then the longest."""
    if settings.dedup == "none":
        return
    shards = [ScanShard(piece, plan, _rows_in(documents, i)) for i, piece in enumerate(pieces)]
    ledger = resolve_duplicates(shards, plan.dedup, scratch, near=settings.dedup == "near")
    kept_ids = _ids(ledger["kept_shard"].to_numpy(), ledger["kept_row"].to_numpy(), pieces, plan)
    places = documents.begins[ledger["shard"].to_numpy()] + ledger["row"].to_numpy()
    documents.reason[places] = DUPLICATE
    for place, kept, similarity in zip(places, kept_ids, ledger["jaccard"].to_pylist(), strict=True):
        documents.kept[int(place)] = (kept, similarity)


def cap_seeds(documents: Documents, pieces: Sequence[Piece], plan: ScanPlan) -> None:
    """Mark what a source has beyond `max_per_seed` passages of one seed: the best-scored stay, then the first.

    Passages without a seed are not counted.
    """
    for source in {piece.source.name: piece.source for piece in pieces}.values():
        if source.max_per_seed is None:
            continue
        places: list[NDArray[np.int64]] = []
        seeds: list[pa.ChunkedArray] = []
        for number, piece in enumerate(pieces):
            rows = _rows_in(documents, number)
            if piece.source.name == source.name and len(rows):
                places.append(rows + documents.begins[number])
                seeds.append(read_arrow(plan.path(piece))["seed"].take(pa.array(rows)))
        if not places:
            continue
        codes = pa.chunked_array([chunk for some in seeds for chunk in some.chunks], pa.string())
        seed = pc.fill_null(codes.combine_chunks().dictionary_encode().indices, -1).to_numpy()
        place = np.concatenate(places)[seed >= 0]
        seed = seed[seed >= 0]
        score = np.nan_to_num(documents.score[place], nan=-np.inf)
        order = np.lexsort((place, -score, seed))
        begins = np.flatnonzero(np.diff(seed[order], prepend=-1))
        rank = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
        documents.reason[place[order[rank >= source.max_per_seed]]] = OVER_SEED_CAP


def choose_validation(split_keys: NDArray[np.uint64], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Choose documents by their key and the seed alone: the same ones in any mixture that has them.

    Documents with the same words, whatever their case and punctuation, have the same key: they are never
    divided.
    """
    salt = np.uint64(xxhash.xxh3_64_intdigest(f"validation/{seed}".encode()))
    mixed = finish_all((split_keys ^ salt) * GOLDEN)
    return (mixed >> np.uint64(11)) < np.uint64(round(fraction * 2**53))


def remove_near_validation(
    documents: Documents, is_validation: NDArray[np.bool_], pieces: Sequence[Piece], plan: ScanPlan
) -> None:
    """Mark the training documents whose similarity with a validation document reaches the plan's threshold.

    Candidates share a band of MinHash rows with one, and are compared exactly.
    """
    index = _BandIndex(documents, is_validation, pieces, plan)
    if not index.n_entries:
        return
    for number, piece in enumerate(pieces):
        rows = _rows_in(documents, number)
        rows = rows[~is_validation[documents.rows(number)][rows]]
        pairs = index.meet(_bands(piece, plan, rows), rows)
        for row, (place, similarity) in _verify(pairs, piece, index, plan).items():
            at = int(documents.begins[number]) + row
            documents.reason[at] = NEAR_VALIDATION
            documents.kept[at] = (index.id_of(place), similarity)


class _BandIndex:
    """The validation documents by their band keys; a document's place is its number over all pieces."""

    def __init__(
        self, documents: Documents, is_validation: NDArray[np.bool_], pieces: Sequence[Piece], plan: ScanPlan
    ) -> None:
        self._begins, self._pieces, self._plan = documents.begins, pieces, plan
        keys: list[NDArray[np.uint64]] = [np.empty((0, plan.dedup.n_bands), np.uint64)]
        places: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        for number, piece in enumerate(pieces):
            rows = _rows_in(documents, number)
            rows = rows[is_validation[documents.rows(number)][rows]]
            keys.append(_bands(piece, plan, rows))
            places.append(rows + documents.begins[number])
        bands, self._places = np.concatenate(keys), np.concatenate(places)
        self.n_entries = len(self._places)
        self._orders = np.argsort(bands, axis=0, kind="stable")
        self._sorted = np.take_along_axis(bands, self._orders, axis=0)

    def meet(self, bands: NDArray[np.uint64], rows: NDArray[np.int64]) -> list[tuple[int, int]]:
        """Pairs (row, validation place) that share a band, each once, in order."""
        pairs: set[tuple[int, int]] = set()
        for band in range(bands.shape[1]):
            firsts = np.searchsorted(self._sorted[:, band], bands[:, band], "left")
            lasts = np.searchsorted(self._sorted[:, band], bands[:, band], "right")
            for found in np.flatnonzero(lasts > firsts):
                for place in self._places[self._orders[firsts[found] : lasts[found], band]]:
                    pairs.add((int(rows[found]), int(place)))
        return sorted(pairs)

    def shingles(self, places: NDArray[np.int64]) -> dict[int, NDArray[np.uint64]]:
        """The distinct shingles of validation documents, by place (ascending)."""
        found: dict[int, NDArray[np.uint64]] = {}
        numbers = np.searchsorted(self._begins, places, "right") - 1
        for number in np.unique(numbers):
            here = places[numbers == number]
            rows = here - self._begins[number]
            sets = _shingles(self._pieces[number], rows, self._plan)
            found |= dict(zip(here.tolist(), sets, strict=True))
        return found

    def id_of(self, place: int) -> str:
        """The id of a validation document."""
        number = int(np.searchsorted(self._begins, place, "right")) - 1
        table = read_arrow(self._plan.path(self._pieces[number]))
        return str(table["id"][place - int(self._begins[number])].as_py())


def _verify(
    pairs: list[tuple[int, int]], piece: Piece, index: _BandIndex, plan: ScanPlan
) -> dict[int, tuple[int, float]]:
    """Compare candidates exactly: row to (the most similar validation document, similarity)."""
    found: dict[int, tuple[int, float]] = {}
    for begin in range(0, len(pairs), _MANY):
        some = pairs[begin : begin + _MANY]
        rows = np.unique([row for row, _ in some])
        mine = dict(zip(rows.tolist(), _shingles(piece, rows, plan), strict=True))
        theirs = index.shingles(np.unique([place for _, place in some]))
        for row, place in some:
            one, other = mine[row], theirs[place]
            n_common = len(np.intersect1d(one, other, assume_unique=True))
            similarity = n_common / max(len(one) + len(other) - n_common, 1)
            if similarity >= plan.dedup.jaccard and similarity > found.get(row, (0, 0.0))[1]:
                found[row] = (place, similarity)
    return found


def _shingles(piece: Piece, rows: NDArray[np.int64], plan: ScanPlan) -> list[NDArray[np.uint64]]:
    sets, offsets = shingle_sets(take_texts(piece, rows), plan.dedup.shingle_words)
    return [sets[begin:end] for begin, end in pairwise(offsets)]


def _bands(piece: Piece, plan: ScanPlan, rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    n_bands = plan.dedup.n_bands
    if not len(rows):
        return np.empty((0, n_bands), np.uint64)
    column = read_arrow(plan.path(piece))["bands"].combine_chunks()
    return column.values.to_numpy().reshape(-1, n_bands)[rows]


def _rows_in(documents: Documents, piece: int) -> NDArray[np.int64]:
    """Rows of a piece that are still in."""
    return np.flatnonzero(documents.reason[documents.rows(piece)] == "")


def _ids(
    shards: NDArray[np.int32], rows: NDArray[np.int64], pieces: Sequence[Piece], plan: ScanPlan
) -> list[str]:
    found = np.empty(len(rows), object)
    for shard in np.unique(shards):
        here = np.flatnonzero(shards == shard)
        ids = read_arrow(plan.path(pieces[shard]))["id"]
        found[here] = ids.take(pa.array(rows[here])).to_pylist()
    return found.tolist()
