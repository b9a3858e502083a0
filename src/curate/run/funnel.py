"""The funnel: how many documents were read, what each reason took, and how many are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

STAGES = ("read", "extract", "language", "rules", "dedup", "score")


@dataclass(slots=True)
class Tally:
    """Documents, and bytes of their text."""

    n_documents: int = 0
    n_text_bytes: int = 0

    def add(self, n_documents: int, n_text_bytes: int) -> None:
        """Count some more."""
        self.n_documents += n_documents
        self.n_text_bytes += n_text_bytes


@dataclass(slots=True)
class Funnel:
    """Counts of one run.

    Law: `read.n_documents == kept.n_documents + sum of dropped`; `check` raises if it is broken.

    Attributes:
        dropped: by (stage, reason), in the order of the stages.
        records: records that are not pages, by kind (a WARC request, an image, a 404): counted, not read.
        problems: stretches of files that could not be read: source, position, reason, detail.
        lines_removed: lines that line rules took out of pages, by reason.
        n_scored: documents that reached the scorer.
        cut: the score from which documents are kept, null where nothing was scored.
        warnings: what a user should look at.
    """

    kept: Tally = field(default_factory=Tally)
    dropped: dict[tuple[str, str], Tally] = field(default_factory=dict[tuple[str, str], Tally])
    records: Counter[str] = field(default_factory=Counter[str])
    problems: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    lines_removed: Counter[str] = field(default_factory=Counter[str])
    n_scored: int = 0
    cut: float | None = None
    warnings: list[str] = field(default_factory=list[str])

    @property
    def read(self) -> Tally:
        """Every document, kept or dropped."""
        every = [self.kept, *self.dropped.values()]
        return Tally(sum(t.n_documents for t in every), sum(t.n_text_bytes for t in every))

    def add_documents(self, documents: pa.Table) -> None:
        """Count a table with `drop_stage`, `drop_reason` and `n_text_bytes`."""
        grouped = documents.group_by(["drop_stage", "drop_reason"]).aggregate(
            [("n_text_bytes", "count"), ("n_text_bytes", "sum")]
        )
        for row in grouped.to_pylist():
            key = (row["drop_stage"], row["drop_reason"])
            tally = self.kept if row["drop_reason"] is None else self.dropped.setdefault(key, Tally())
            tally.add(row["n_text_bytes_count"], row["n_text_bytes_sum"])

    def reasons(self) -> list[tuple[str, str, Tally]]:
        """(stage, reason, tally), by stage, the largest first."""
        order = {stage: number for number, stage in enumerate(STAGES)}
        found = [(stage, reason, tally) for (stage, reason), tally in self.dropped.items()]
        return sorted(found, key=lambda row: (order.get(row[0], len(order)), -row[2].n_documents, row[1]))

    def to_json(self) -> dict[str, Any]:
        """The funnel as it stands in the manifest."""
        return {
            "read": _to_json(self.read),
            "dropped": [
                {"stage": stage, "reason": reason, **_to_json(tally)}
                for stage, reason, tally in self.reasons()
            ],
            "kept": _to_json(self.kept),
            "n_scored": self.n_scored,
            "cut": self.cut,
            "lines_removed": dict(sorted(self.lines_removed.items())),
            "records_not_read": dict(sorted(self.records.items())),
            "problems": self.problems,
            "warnings": self.warnings,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Funnel:
        """Read a funnel back from a manifest."""
        dropped = {
            (row["stage"], row["reason"]): Tally(row["n_documents"], row["n_text_bytes"])
            for row in data["dropped"]
        }
        return cls(
            kept=Tally(**data["kept"]),
            dropped=dropped,
            records=Counter(data["records_not_read"]),
            lines_removed=Counter(data.get("lines_removed", {})),
            problems=list(data["problems"]),
            n_scored=data["n_scored"],
            cut=data["cut"],
            warnings=list(data["warnings"]),
        )


def count_by(column: pa.ChunkedArray) -> dict[str, int]:
    """Count the values of a string column, nulls left out."""
    counts = pc.value_counts(column.drop_null())
    return {row["values"]: row["counts"] for row in counts.to_pylist()}


def _to_json(tally: Tally) -> dict[str, int]:
    return {"n_documents": tally.n_documents, "n_text_bytes": tally.n_text_bytes}
