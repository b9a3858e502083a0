"""The last decision and the output files: which rows are kept, and into which Parquet file each row goes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.batch import DOCUMENT_COLUMNS, DROP_COLUMNS, add_columns, drop_rows
from curate.run.barrier import read_duplicates
from curate.run.extras import extra_columns, extra_fields
from curate.run.funnel import Funnel
from curate.run.screens import MARKED
from curate.run.settings import check_cut
from curate.work.files import cut_parts, read_arrow, text_bytes, write_parquet
from curate.work.folder import ChunkName, RunFolder

BELOW = "below_threshold"


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of the output beyond the fixed ones.

    Attributes:
        signals: names of the signal columns with their types.
        score: name of the score column ('edu_score'), null where nothing is scored.
        level: name of the level column, null where the scorer states none.
        n_bytes_read: name of the column of how much of a document was scored, None for a scorer that does not say.
        extras: users' own columns and their types (`curate.run.extras`).
        footer: what stands in every file's footer (`footer_metadata`).
    """

    signals: tuple[tuple[str, str], ...]
    score: str | None
    level: str | None
    n_bytes_read: str | None
    extras: dict[str, str]
    footer: dict[bytes, bytes]

    def schema(self, kind: str) -> pa.Schema:
        """The schema of 'kept' or 'dropped' files."""
        fixed = [pa.field(column.name, column.type) for column in DOCUMENT_COLUMNS]
        drops = [pa.field(column.name, column.type) for column in DROP_COLUMNS] if kind == "dropped" else []
        fields = [*fixed, *drops, *self._number_fields(), *self.extra_fields().values()]
        return pa.schema(fields, self.footer)

    def extra_fields(self) -> dict[str, pa.Field]:
        """The output field of each of the user's columns, the same in kept and dropped files."""
        ours = [column.name for column in DOCUMENT_COLUMNS + DROP_COLUMNS]
        return extra_fields(self.extras, ours + [field.name for field in self._number_fields()])

    def _number_fields(self) -> list[pa.Field]:
        fields = [pa.field(name, pa.type_for_alias(alias)) for name, alias in self.signals]
        scores = [pa.field(name, pa.float32()) for name in (self.level, self.score) if name]
        return fields + scores + [pa.field(name, pa.int64()) for name in (self.n_bytes_read,) if name]


@dataclass(frozen=True, slots=True)
class Decisions:
    """What the passes left for pass 3: the duplicates, the scores, and the score to keep from."""

    folder: RunFolder
    layout: Layout
    jaccard: float
    cut: float

    def decide(self, shard: int, name: ChunkName) -> pa.Table:
        """A chunk's documents with the last of the reasons: duplicates, and scores below the cut."""
        documents = show_marked(read_arrow(self.folder.documents(name)))
        documents = self._add_duplicates(documents, shard)
        if self.layout.score:
            documents = self._add_scores(documents, name)
        return documents

    def _add_duplicates(self, documents: pa.Table, shard: int) -> pa.Table:
        duplicates = read_duplicates(self.folder, shard)
        rows = duplicates["row"].to_numpy().astype(np.int64)
        found = {"duplicate_of": duplicates["kept_id"], "jaccard": duplicates["jaccard"]}
        documents = add_columns(
            documents, rows, {name: values.combine_chunks() for name, values in found.items()}
        )
        reasons = pc.binary_join_element_wise(
            duplicates["method"].cast(pa.string()), "duplicate", "_"
        ).combine_chunks()
        limits = pa.array(np.full(len(rows), self.jaccard))
        return drop_rows(documents, rows, "dedup", reasons, (duplicates["jaccard"].combine_chunks(), limits))

    def _add_scores(self, documents: pa.Table, name: ChunkName) -> pa.Table:
        scores = read_arrow(self.folder.scores(name))
        rows = scores["row"].to_numpy()
        found = {column: scores[key].combine_chunks() for column, key in self._score_columns().items()}
        documents = add_columns(documents, rows, found)
        values = found[self.layout.score]
        below = pc.if_else(below_cut(values.to_numpy(), self.cut), BELOW, pa.scalar(None, pa.string()))
        limits = pa.array(np.full(len(rows), self.cut))
        return drop_rows(documents, rows, "score", below, (values, limits))

    def _score_columns(self) -> dict[str | None, str]:
        columns: dict[str | None, str] = {self.layout.score: "score"}
        if self.layout.level:
            columns[self.layout.level] = "level"
        if self.layout.n_bytes_read:
            columns[self.layout.n_bytes_read] = "n_bytes_read"
        return columns


def show_marked(documents: pa.Table) -> pa.Table:
    """Put the Markdown, in runs that write it, in the text's place, which all stages have judged by now."""
    if MARKED not in documents.column_names:
        return documents
    text = pc.coalesce(documents[MARKED], documents["text"])
    return documents.set_column(documents.column_names.index("text"), "text", text).drop_columns([MARKED])


@dataclass(frozen=True, slots=True)
class Part:
    """One output file: rows `start` to `stop` of the kept (or dropped) rows of each chunk named."""

    kind: str
    number: int
    pieces: tuple[tuple[int, ChunkName, int, int], ...]


def below_cut(scores: NDArray[np.float32], cut: float) -> pa.Array:
    """Which scores fall below `cut`; compared as float32, so that a cut taken from a score keeps it."""
    return pa.array(~(scores >= np.float32(cut)))


def choose_cut(scores: NDArray[np.float32], *, threshold: float | None, keep_fraction: float | None) -> float:
    """The score from which documents are kept: the threshold, or the one that keeps the wanted share.

    Documents that tie with the last one kept are kept too. Without documents, the share cuts at 1.

    >>> choose_cut(np.array([0.1, 0.5, 0.25, 0.75], np.float32), threshold=None, keep_fraction=0.5)
    0.5
    """
    check_cut(threshold, keep_fraction)
    if threshold is not None:
        return threshold
    if not len(scores):
        return 1.0
    n_kept = max(1, math.ceil((keep_fraction or 0) * len(scores)))
    return float(np.sort(scores)[::-1][n_kept - 1])


def footer_metadata(plan: Mapping[str, Any]) -> dict[bytes, bytes]:
    """What every output file says of its origin: settings and version, as JSON under the key `curate`."""
    facts = {name: plan[name] for name in ("curate_version", "settings")}
    return {b"curate": json.dumps(facts, sort_keys=True).encode()}


def survey(decisions: Decisions, names: Sequence[ChunkName], funnel: Funnel) -> list[Part]:
    """Count every row's fate into `funnel`, and plan the output files."""
    plans = {kind: _PartPlan(kind) for kind in ("kept", "dropped")}
    for shard, name in enumerate(names):
        documents = decisions.decide(shard, name)
        n_bytes = text_bytes(documents)
        fates = documents.select(["drop_stage", "drop_reason"]).append_column(
            "n_text_bytes", pa.array(n_bytes)
        )
        funnel.add_documents(fates)
        is_kept = pc.is_null(documents["drop_reason"]).to_numpy()
        plans["kept"].add(shard, name, n_bytes[is_kept])
        plans["dropped"].add(shard, name, n_bytes[~is_kept])
    return plans["kept"].parts() + plans["dropped"].parts()


class _PartPlan:
    """Collects the rows of one kind and cuts them into parts."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._pieces: list[tuple[int, ChunkName, int]] = []
        self._lengths: list[NDArray[np.int64]] = []

    def add(self, shard: int, name: ChunkName, n_bytes: NDArray[np.int64]) -> None:
        self._pieces.append((shard, name, len(n_bytes)))
        self._lengths.append(n_bytes)

    def parts(self) -> list[Part]:
        """At least one part, so that a reader finds a file with the schema even where no row fell."""
        ends = cut_parts(np.concatenate([*self._lengths, np.zeros(0, np.int64)])) or [0]
        starts = [0, *ends[:-1]]
        return [
            Part(self._kind, number, tuple(self._within(start, end)))
            for number, (start, end) in enumerate(zip(starts, ends, strict=True))
        ]

    def _within(self, start: int, end: int) -> Iterator[tuple[int, ChunkName, int, int]]:
        first = 0
        for shard, name, n_rows in self._pieces:
            low, high = max(start - first, 0), min(end - first, n_rows)
            if low < high:
                yield shard, name, low, high
            first += n_rows


def write_part(decisions: Decisions, part: Part) -> None:
    """Commit one output file, unless it is there already."""
    path = decisions.folder.part(part.kind, part.number)
    if not path.exists():
        write_parquet(path, _part_tables(decisions, part), decisions.layout.schema(part.kind))


def _part_tables(decisions: Decisions, part: Part) -> Iterator[pa.Table]:
    layout = decisions.layout
    schema, fields = layout.schema(part.kind), layout.extra_fields()
    for shard, name, low, high in part.pieces:
        documents = decisions.decide(shard, name)
        is_kept = pc.is_null(documents["drop_reason"])
        rows = documents.filter(is_kept if part.kind == "kept" else pc.invert(is_kept)).slice(low, high - low)
        extras = extra_columns(rows["extra"], layout.extras)
        rows = rows.drop_columns(["extra"])
        for key, values in extras.items():
            rows = rows.append_column(fields[key], values)
        yield rows.select(schema.names).cast(schema)
