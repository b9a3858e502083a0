# ruff: noqa: S608  (queries are put together from our own column names and the score's, quoted)
"""Another cut on a finished run: rows move between kept and dropped, and nothing is scored again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.results.open import KINDS, FinishedRun, open_run, quoted
from curate.run.cut import BELOW, choose_cut, footer_metadata
from curate.run.funnel import Funnel, Tally
from curate.work.files import cut_parts, write_json, write_parquet
from curate.work.folder import RunFolder, changing_run, finish_swap

_BATCH_ROWS = 16_384


def rethreshold(
    output: str | Path, *, threshold: float | None = None, keep_fraction: float | None = None
) -> Funnel:
    """Move rows between kept and dropped by another cut, and return the new funnel.

    The files come out as a run with that cut would have written them, byte for byte. They are written beside
    the old ones and put in their place at the end; a call that was killed is completed by the next one.

    Args:
        output: the folder of a finished run.
        threshold: least score to keep, 0 to 1.
        keep_fraction: or the share of scored documents to keep, above 0 and at most 1.

    Raises:
        SettingError: the folder holds no finished run, its documents have no score, or the cut is wrong.
    """
    if (threshold is None) == (keep_fraction is None):
        raise SettingError("Give either threshold or keep_fraction.")
    with changing_run(Path(output)) as folder:
        run = open_run(folder.path)
        if run.score is None:
            raise SettingError(f"The documents of {output} have no score: the run had --scorer none.")
        with run.connect() as database:
            return _write_cut(_Rows.open(database, folder, run, run.score), threshold, keep_fraction)


def _write_cut(rows: _Rows, threshold: float | None, keep_fraction: float | None) -> Funnel:
    manifest, swap = rows.run.manifest, rows.folder.swap
    cut = choose_cut(rows.scores(), threshold=threshold, keep_fraction=keep_fraction)
    changed = _change_manifest(manifest, threshold, keep_fraction, cut)
    funnel = Funnel.from_json(changed["funnel"])
    funnel.dropped.pop(("score", BELOW), None)
    shutil.rmtree(swap, ignore_errors=True)
    for kind in KINDS:
        tally, below = rows.write(kind, cut, footer_metadata(changed))
        if kind == "kept":
            funnel.kept = tally
        elif below.n_documents:
            funnel.dropped["score", BELOW] = below
    funnel.cut = cut
    write_json(swap / "manifest.json", changed | {"funnel": funnel.to_json()})
    finish_swap(rows.folder)
    return funnel


@dataclass(frozen=True, slots=True)
class _Rows:
    """All rows of a run, kept and dropped, in the order of the documents."""

    database: duckdb.DuckDBPyConnection
    folder: RunFolder
    run: FinishedRun
    score: str

    @classmethod
    def open(
        cls, database: duckdb.DuckDBPyConnection, folder: RunFolder, run: FinishedRun, score: str
    ) -> _Rows:
        database.execute(
            "CREATE VIEW documents AS SELECT * FROM dropped UNION ALL BY NAME SELECT * FROM kept"
        )
        return cls(database, folder, run, quoted(score))

    def scores(self) -> NDArray[np.float32]:
        """Every score."""
        query = f"SELECT {self.score} AS score FROM documents WHERE {self.score} IS NOT NULL"
        return self.database.sql(query).to_arrow_table()["score"].to_numpy()

    def write(self, kind: str, cut: float, footer: dict[bytes, bytes]) -> tuple[Tally, Tally]:
        """Write the files of one kind; count its rows, and those among them that are below the cut."""
        is_below = f"({self.score} IS NOT NULL AND NOT {self.score} >= $cut::FLOAT)"
        is_kept = f"(drop_reason IS NULL OR drop_reason = '{BELOW}') AND NOT {is_below}"
        where = is_kept if kind == "kept" else f"NOT ({is_kept})"
        lengths = self._query(
            f"SELECT coalesce(strlen(text), 0)::BIGINT AS n, {is_below} AS below "
            f"FROM documents WHERE {where} ORDER BY source, position",
            cut,
        ).to_arrow_table()
        n_bytes, below = lengths["n"].to_numpy(), lengths["below"].to_numpy()
        schema = self.run.schemas[kind].with_metadata(footer)
        tables = _Stream(
            self._query(
                f"SELECT * REPLACE ({_replace(self.score, is_below)}) FROM documents "
                f"WHERE {where} ORDER BY source, position",
                cut,
            ),
            schema,
        )
        start = 0
        for number, end in enumerate(cut_parts(n_bytes) or [0]):
            path = self.folder.swap / kind / self.folder.part(kind, number).name
            write_parquet(path, tables.take(end - start), schema)
            start = end
        return Tally(len(n_bytes), int(n_bytes.sum())), Tally(int(below.sum()), int(n_bytes[below].sum()))

    def _query(self, query: str, cut: float) -> Any:
        return self.database.sql(query, params={"cut": cut})


def _replace(score: str, is_below: str) -> str:
    """The drop columns of a row after the new cut; those of other stages stay."""
    by_score = f"(drop_reason IS NULL OR drop_reason = '{BELOW}')"
    values = {
        "drop_stage": "'score'",
        "drop_reason": f"'{BELOW}'",
        "drop_value": f"{score}::DOUBLE",
        "drop_limit": "$cut::DOUBLE",
    }
    return ", ".join(
        f"CASE WHEN {by_score} THEN (CASE WHEN {is_below} THEN {value} END) ELSE {name} END AS {name}"
        for name, value in values.items()
    )


class _Stream:
    """Hands out a query's rows, a number at a time."""

    def __init__(self, result: Any, schema: pa.Schema) -> None:
        self._batches = result.to_arrow_reader(_BATCH_ROWS)
        self._schema = schema
        self._rest = schema.empty_table()

    def take(self, n_rows: int) -> Iterator[pa.Table]:
        while n_rows > 0:
            if not len(self._rest):
                batch = pa.Table.from_batches([self._batches.read_next_batch()])
                self._rest = batch.select(self._schema.names).cast(self._schema)
            table = self._rest.slice(0, n_rows)
            self._rest = self._rest.slice(len(table))
            n_rows -= len(table)
            yield table


def _change_manifest(
    manifest: dict[str, Any], threshold: float | None, keep_fraction: float | None, cut: float
) -> dict[str, Any]:
    changed = json.loads(json.dumps(manifest))
    changed["settings"] |= {"threshold": threshold, "keep_fraction": keep_fraction}
    changed["score"]["cut"] = cut
    return changed
