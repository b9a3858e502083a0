"""Signals of files, and what rule sets make of them: behind `curate signals` and `curate rules`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.crawl import (
    FileProblem,
    ReadOptions,
    check_columns,
    find_files,
    plan_splits,
    read_chunks,
    refuse_as_output,
)
from curate.errors import SettingError
from curate.language import identify_languages
from curate.pipeline import add_text, live_rows, start_documents
from curate.rules import RuleSet, apply_rules, clean_lines, line_rules_of, load_rules, required_signals
from curate.signals import DEFAULT_SIGNALS, check_signals, compute_signals
from curate.work.files import committed

_BATCH_ROWS = 1024
_ID_COLUMNS = ("id", "url", "source", "position")
_EXAMPLE_CHARS = 160


@dataclass(slots=True)
class SignalsReport:
    """What `write_signals` did."""

    n_documents: int = 0
    n_unread: int = 0
    problems: list[FileProblem] = field(default_factory=list[FileProblem])


@dataclass(slots=True)
class Disagreement:
    """Documents that one rule set keeps and another drops.

    Attributes:
        kept_by: the set that keeps them.
        dropped_by: the set that drops them.
        n_documents: how many there are.
        by_reason: how many for each reason of the set that drops them.
        examples: the first ones: `id`, `url`, `drop_reason`, `drop_value`, `drop_limit`, `text` (its start).
    """

    kept_by: str
    dropped_by: str
    n_documents: int = 0
    by_reason: Counter[str] = field(default_factory=Counter[str])
    examples: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass(slots=True)
class Comparison:
    """What rule sets make of the same documents: kept by each, and where any two of them disagree."""

    n_documents: int
    n_kept: dict[str, int]
    disagreements: list[Disagreement]
    problems: list[FileProblem] = field(default_factory=list[FileProblem])


def write_signals(
    inputs: Sequence[str],
    output: str,
    *,
    rules: Sequence[str] = (),
    names: Sequence[str] | None = None,
    extractor: str = "curate",
    options: ReadOptions | None = None,
) -> SignalsReport:
    """Write the signals of every document of some files as one Parquet file.

    Its columns are `id`, `url`, `source`, `position`, the lines removed by reason, and the signals.

    Args:
        inputs: files, folders or globs.
        output: the Parquet file; replaced if it is there.
        rules: rule sets whose line rules clean the text first, and whose signals are added.
        names: signals to write; all of the one pass by default.
        extractor: takes the text out of HTML.
        options: bounds and names of columns.
    """
    if not output.endswith(".parquet"):
        raise SettingError(f"--output '{output}' is not a .parquet file.")
    rule_sets = load_rules(rules)
    wanted = list(
        dict.fromkeys([*(DEFAULT_SIGNALS if names is None else names), *required_signals(rule_sets)])
    )
    report = SignalsReport()
    schema = _measure(
        pa.table({name: pa.nulls(0) for name in (*_ID_COLUMNS, "text")}), rule_sets, wanted
    ).schema
    schema = pa.schema(
        [pa.field(name, t) for name, t in zip(_ID_COLUMNS, _ID_TYPES, strict=True)] + list(schema)[4:]
    )
    refuse_as_output([output], find_files(inputs))
    documents = _read(inputs, extractor, options, report)
    Path(output).absolute().parent.mkdir(parents=True, exist_ok=True)
    with (
        committed(Path(output)) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for table in documents:
            writer.write_table(_measure(table, rule_sets, wanted).cast(schema))
            report.n_documents += len(table)
    return report


def compare_rules(
    inputs: Sequence[str],
    names: Sequence[str],
    *,
    n_examples: int = 3,
    extractor: str = "curate",
    options: ReadOptions | None = None,
) -> Comparison:
    """Judge the same documents by several rule sets, each on the text that its own line rules leave.

    Args:
        inputs: files, folders or globs.
        names: two or more rule sets, as `load_rules` takes them.
        n_examples: documents to show for each way in which two sets disagree.
        extractor: takes the text out of HTML.
        options: bounds and names of columns.
    """
    if len(set(names)) < 2:
        raise SettingError("Name two or more rule sets to compare, such as gopher@paper gopher@dolma.")
    sets = {name: load_rules([name]) for name in names}
    for rule_sets in sets.values():
        check_signals(required_signals(rule_sets))
    pairs = [Disagreement(a, b) for a, b in combinations(sets, 2)] + [
        Disagreement(b, a) for a, b in combinations(sets, 2)
    ]
    kept_counts = dict.fromkeys(sets, 0)
    report = SignalsReport()
    for table in _read(inputs, extractor, options, report):
        verdicts = {name: _judge(table["text"], rule_sets) for name, rule_sets in sets.items()}
        kept = {
            name: verdict["drop_reason"].is_null().to_numpy(zero_copy_only=False)
            for name, verdict in verdicts.items()
        }
        report.n_documents += len(table)
        for name in sets:
            kept_counts[name] += int(kept[name].sum())
        for pair in pairs:
            rows = np.flatnonzero(kept[pair.kept_by] & ~kept[pair.dropped_by])
            _add_rows(pair, rows, table, verdicts[pair.dropped_by], n_examples)
    return Comparison(
        report.n_documents, kept_counts, [pair for pair in pairs if pair.n_documents], report.problems
    )


_ID_TYPES = (pa.string(), pa.string(), pa.string(), pa.int64())


def _judge(texts: pa.ChunkedArray, rule_sets: Sequence[RuleSet]) -> pa.RecordBatch:
    languages = identify_languages(texts)["language"]
    cleaned, _ = clean_lines(texts, line_rules_of(rule_sets), languages)
    signals = compute_signals(cleaned, required_signals(rule_sets))
    return apply_rules(signals, rule_sets, languages=languages)


def _add_rows(
    pair: Disagreement, rows: np.ndarray[Any, Any], table: pa.Table, verdict: pa.RecordBatch, n_examples: int
) -> None:
    pair.n_documents += len(rows)
    pair.by_reason.update(verdict["drop_reason"].take(pa.array(rows)).to_pylist())
    for row in rows[: max(n_examples - len(pair.examples), 0)].tolist():
        shown = {name: table[name][row].as_py() for name in ("id", "url")}
        shown |= verdict.slice(row, 1).to_pylist()[0]
        pair.examples.append(
            shown
            | {"text": " ".join(table["text"][row].as_py()[: 2 * _EXAMPLE_CHARS].split())[:_EXAMPLE_CHARS]}
        )


def _measure(table: pa.Table, rule_sets: Sequence[RuleSet], names: Sequence[str]) -> pa.Table:
    texts, removed = clean_lines(table["text"].cast(pa.string()), line_rules_of(rule_sets))
    measured = compute_signals(texts, names)
    columns = {name: table[name] for name in _ID_COLUMNS}
    for batch in (removed, measured):
        columns |= dict(zip(batch.schema.names, batch.columns, strict=True))
    return pa.table(columns)


def _read(
    inputs: Sequence[str], extractor: str, options: ReadOptions | None, report: SignalsReport
) -> Iterator[pa.Table]:
    """The documents of the files, with their text, a batch at a time."""
    options = options or ReadOptions()
    files = find_files(inputs)
    check_columns(files, options)
    for split in plan_splits(files):
        for chunk in read_chunks(split, options):
            report.problems += chunk.problems
            documents = add_text(start_documents(chunk.pages), chunk.pages, extractor=extractor)
            rows = live_rows(documents)
            report.n_unread += len(documents) - len(rows)
            documents = documents.select([*_ID_COLUMNS, "text"]).take(pa.array(rows))
            documents = documents.set_column(4, "text", pc.fill_null(documents["text"], ""))
            for start in range(0, len(documents), _BATCH_ROWS):
                yield documents.slice(start, _BATCH_ROWS)
