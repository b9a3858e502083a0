# ruff: noqa: S608  (queries are put together from our own column names and those of scores, quoted)
"""Another cut on a finished run: rows move between kept and dropped, and nothing is scored again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.config import check_value, parse_bytes
from curate.errors import SettingError
from curate.results.open import KINDS, FinishedRun, open_run, quoted
from curate.run.cut import LaneCut, Scored, ScoredKinds, decide_scored, note_cuts, settle_cuts, undecided
from curate.run.fates import footer_metadata
from curate.run.funnel import Funnel, fates_of
from curate.run.lanes import is_of_kind
from curate.run.manifest import ScoreFacts
from curate.run.settings import DEFAULT_BYTES_PER_TOKEN, DEFAULT_SHARD_SIZE, Cut, FilterSettings
from curate.run.tokens import N_BYTES, N_TOKENS, tokens_of
from curate.work.files import cut_parts, write_json, write_parquet
from curate.work.folder import RunFolder, changing_run, finish_swap

_BATCH_ROWS = 16_384
_DECIDING = (
    "kind",
    "language",
    "drop_stage",
    "drop_reason",
    "drop_value",
    "drop_limit",
    "spared_by",
    "spared_value",
    "spared_limit",
)


def rethreshold(
    output: str | Path,
    *,
    threshold: float | str | Sequence[str] | Mapping[str, float] | None = None,
    keep_fraction: float | None = None,
    target_tokens: str | int | None = None,
    weights: Sequence[str] | Mapping[str, float] = (),
    scratch: str | None = None,
) -> Funnel:
    """Move rows between kept and dropped by another cut, and return the new funnel.

    The files come out as a run with that cut would have written them, byte for byte. They are written beside
    the old ones and put in their place at the end; a call that was killed is completed by the next one.

    Args:
        output: the folder of a finished run, local or in a store.
        threshold: least score to keep, 0 to 1; of several scorers by name: {"edu": 0.5, "quality": 0.4}.
        keep_fraction: or the share of scored documents to keep, above 0 and at most 1.
        target_tokens: or the tokens to keep, as '2B': counted if the run had a tokenizer, else by its bytes a token.
        weights: for keep_fraction and target_tokens, the weight of each score in the mean that ranks, by name of the scorer.
        scratch: where the new files lie until they are put into the store that the run is in; see
            `curate.work.store.scratch_folder`.

    Raises:
        SettingError: the folder holds no finished run, its documents have no score, or the cut is wrong.
    """
    wish = Cut.of(threshold, keep_fraction, weights, target_tokens)
    with changing_run(output, scratch) as folder:
        run = open_run(output)
        facts = ScoreFacts.from_manifest(run.manifest)
        if not facts.cuts:
            raise SettingError(f"The documents of {output} have no score: the run had --scorer none.")
        with run.connect() as database:
            return _write_cut(_Rows.open(database, folder, run, facts), run.manifest, wish)


def _write_cut(rows: _Rows, manifest: dict[str, Any], wish: Cut) -> Funnel:
    cuts = settle_cuts(rows.facts.scored, wish, rows.read_scored)
    changed = _change_manifest(manifest, wish, replace(rows.facts, cuts=cuts))
    funnel = _empty_funnel(manifest)
    note_cuts(funnel, cuts)
    fates = rows.survey(cuts, funnel)
    swap = rows.folder.swap
    shutil.rmtree(swap, ignore_errors=True)
    for kind in KINDS:
        rows.write(kind, cuts, fates[kind], footer_metadata(changed))
    write_json(swap / "manifest.json", changed | {"funnel": funnel.to_json()})
    finish_swap(rows.folder)
    return funnel


@dataclass(frozen=True, slots=True)
class _Rows:
    """All rows of a run, kept and dropped, in the order of the documents."""

    database: duckdb.DuckDBPyConnection
    facts: ScoreFacts
    folder: RunFolder
    schemas: dict[str, pa.Schema]
    part_bytes: int
    bytes_per_token: float

    @classmethod
    def open(
        cls, database: duckdb.DuckDBPyConnection, folder: RunFolder, run: FinishedRun, facts: ScoreFacts
    ) -> _Rows:
        database.execute(
            "CREATE VIEW documents AS SELECT * FROM dropped UNION ALL BY NAME SELECT * FROM kept"
        )
        settings = run.manifest["settings"]
        part_bytes = parse_bytes(str(settings.get("shard_size", DEFAULT_SHARD_SIZE)))
        bytes_per_token = settings.get("bytes_per_token", DEFAULT_BYTES_PER_TOKEN)
        check_value(FilterSettings, "bytes_per_token", bytes_per_token)
        return cls(database, facts, folder, run.schemas, part_bytes, bytes_per_token)

    def read_scored(self, kinds: ScoredKinds) -> Scored:
        """The scores of every document of some kinds that reached their scorers."""
        tokens = [N_TOKENS] if N_TOKENS in self.schemas["kept"].names else []
        length = f"coalesce(strlen(text), 0)::BIGINT AS {N_BYTES}"
        columns = [*_DECIDING, *self.facts.score_columns, *tokens]
        table = self._batches(columns, also=length, ordered=False)
        first = f"{kinds.scorers[0]}_score"
        found = [undecided(batch, self.facts.cuts) for batch in table]
        scored = [
            batch.filter(pa.array(is_of_kind(batch["kind"], kinds.kinds)) if len(batch) else None)
            for batch in found
        ]
        whole = pa.concat_tables(scored).filter(pc.field(first).is_valid())
        n_tokens = tokens_of(whole, self.bytes_per_token)
        return Scored(whole, whole["spared_by"].is_valid().to_numpy(), n_tokens)

    def survey(self, cuts: Sequence[LaneCut], funnel: Funnel) -> dict[str, NDArray[np.int64]]:
        """Count every row's new fate into `funnel`; give the bytes of text of the kept and of the dropped, in order."""
        n_bytes: dict[str, list[NDArray[np.int64]]] = {kind: [] for kind in KINDS}
        length = "coalesce(strlen(text), 0)::BIGINT AS n_text_bytes"
        for batch in self._batches([*_DECIDING, *self.facts.score_columns], also=length):
            decided = self._decide(batch, cuts)
            lengths = batch["n_text_bytes"].to_numpy()
            funnel.add_documents(fates_of(decided, lengths, self.facts.score_columns))
            is_kept = decided["drop_reason"].is_null().to_numpy()
            n_bytes["kept"].append(lengths[is_kept])
            n_bytes["dropped"].append(lengths[~is_kept])
        return {kind: np.concatenate([*found, np.zeros(0, np.int64)]) for kind, found in n_bytes.items()}

    def write(
        self, kind: str, cuts: Sequence[LaneCut], n_bytes: NDArray[np.int64], footer: dict[bytes, bytes]
    ) -> None:
        """Write the files of one kind."""
        schema = self.schemas[kind].with_metadata(footer)
        tables = _Stream(self._rows_of(kind, cuts, schema), schema)
        start = 0
        for number, end in enumerate(cut_parts(n_bytes, self.part_bytes) or [0]):
            path = self.folder.swap / kind / self.folder.part(kind, number).name
            write_parquet(path, tables.take(end - start), schema)
            start = end

    def _rows_of(self, kind: str, cuts: Sequence[LaneCut], schema: pa.Schema) -> Iterator[pa.Table]:
        # What was dropped without a score stays so: for the kept files it need not be read.
        scored = " OR ".join(f"{quoted(name)} IS NOT NULL" for name in self.facts.score_columns)
        where = f"drop_reason IS NULL OR {scored}" if kind == "kept" else "true"
        for batch in self._batches(None, where=where):
            decided = self._decide(batch, cuts)
            is_kept = decided["drop_reason"].is_null()
            rows = decided.filter(is_kept if kind == "kept" else pc.invert(is_kept))
            yield rows.select(schema.names).cast(schema)

    def _decide(self, batch: pa.Table, cuts: Sequence[LaneCut]) -> pa.Table:
        return decide_scored(undecided(batch, self.facts.cuts), cuts)

    def _batches(
        self, columns: Sequence[str] | None, *, also: str = "", where: str = "true", ordered: bool = True
    ) -> Iterator[pa.Table]:
        names = "*" if columns is None else ", ".join(map(quoted, columns))
        order = "ORDER BY source, position" if ordered else ""
        query = f"SELECT {names}{', ' + also if also else ''} FROM documents WHERE {where} {order}"
        reader = self.database.sql(query).to_arrow_reader(_BATCH_ROWS)
        n_batches = 0
        for n_batches, batch in enumerate(reader, 1):  # noqa: B007
            yield pa.Table.from_batches([batch])
        if not n_batches:
            yield reader.schema.empty_table()


def _empty_funnel(manifest: Mapping[str, Any]) -> Funnel:
    """The funnel without its counts of documents: what the reader met and was warned of stays."""
    old = Funnel.from_json(manifest["funnel"])
    return Funnel(
        records=old.records,
        problems=old.problems,
        warnings=old.warnings,
        lines_removed=old.lines_removed,
        n_chars_removed=old.n_chars_removed,
    )


class _Stream:
    """Hands out tables' rows, a number at a time."""

    def __init__(self, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
        self._tables = tables
        self._rest = schema.empty_table()

    def take(self, n_rows: int) -> Iterator[pa.Table]:
        while n_rows > 0:
            if not len(self._rest):
                self._rest = next(self._tables)
            table = self._rest.slice(0, n_rows)
            self._rest = self._rest.slice(len(table))
            n_rows -= len(table)
            yield table


def _change_manifest(manifest: dict[str, Any], cut: Cut, facts: ScoreFacts) -> dict[str, Any]:
    changed = json.loads(json.dumps(manifest))
    threshold = cut.threshold_setting()
    changed["settings"] |= {
        "threshold": list(threshold) if isinstance(threshold, tuple) else threshold,
        "keep_fraction": cut.keep_fraction,
        "target_tokens": None if cut.target_tokens is None else str(cut.target_tokens),
        "weights": list(cut.weights_setting()),
    }
    changed["score"] = facts.to_json()
    return changed
