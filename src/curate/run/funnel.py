"""The funnel: how many documents were read, what each reason took, and how many are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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

    Law: `read.n_documents == kept.n_documents + sum of dropped`, for all documents and for each kind.

    Attributes:
        dropped: by (stage, reason), in the order of the stages.
        spared: kept although they fail a rule that is not hard, since their score is high enough; by that rule.
        kinds: the same counts for 'page', 'text' and 'code' apart, without what follows here.
        records: records that are not pages, by kind (a WARC request, an image, a 404): counted, not read.
        problems: stretches of files that could not be read: source, position, reason, detail.
        lines_removed: lines that line rules took out of pages, by reason.
        n_chars_removed: characters of these lines.
        languages: counts by language, as for `kinds`; documents of unknown language are left out.
        n_scored: documents that have a score.
        n_kept_scored: those of them that are kept.
        cut: what documents must reach, the first number; None where nothing was scored.
        limits: every number that documents must reach, as `curate.run.cut.LaneCut` writes them.
        warnings: what a user should look at.
    """

    kept: Tally = field(default_factory=Tally)
    dropped: dict[tuple[str, str], Tally] = field(default_factory=dict[tuple[str, str], Tally])
    spared: dict[str, Tally] = field(default_factory=dict[str, Tally])
    kinds: dict[str, Funnel] = field(default_factory=dict[str, "Funnel"])
    records: Counter[str] = field(default_factory=Counter[str])
    problems: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    lines_removed: Counter[str] = field(default_factory=Counter[str])
    n_chars_removed: int = 0
    languages: dict[str, Funnel] = field(default_factory=dict[str, "Funnel"])
    n_scored: int = 0
    n_kept_scored: int = 0
    cut: float | None = None
    limits: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    warnings: list[str] = field(default_factory=list[str])

    def __repr__(self) -> str:
        where = ", ".join(f"{reason} {tally.n_documents:,}" for _, reason, tally in self.reasons()[:5])
        more = f" and {len(self.dropped) - 5} reasons more" if len(self.dropped) > 5 else ""
        return (
            f"<Funnel: {self.kept.n_documents:,} of {self.read.n_documents:,} documents kept"
            f"{f'; dropped: {where}{more}' if where else ''}>"
        )

    @property
    def read(self) -> Tally:
        """Every document, kept or dropped."""
        every = [self.kept, *self.dropped.values()]
        return Tally(sum(t.n_documents for t in every), sum(t.n_text_bytes for t in every))

    def add_documents(self, fates: pa.Table) -> None:
        """Count what `fates_of` made."""
        keys = ["kind", "language", "drop_stage", "drop_reason", "spared_by"]
        grouped = fates.group_by(keys).aggregate(
            [("n_text_bytes", "count"), ("n_text_bytes", "sum"), ("is_scored", "sum")]
        )
        for row in grouped.to_pylist():
            parts = [self.kinds.setdefault(row["kind"], Funnel())]
            if row["language"] is not None:
                parts.append(self.languages.setdefault(row["language"], Funnel()))
            for funnel in (self, *parts):
                funnel.n_scored += row["is_scored_sum"] or 0
                funnel.n_kept_scored += (row["is_scored_sum"] or 0) if row["drop_reason"] is None else 0
                for tally in funnel.tallies_of(row):
                    tally.add(row["n_text_bytes_count"], row["n_text_bytes_sum"])

    def tallies_of(self, row: Mapping[str, Any]) -> list[Tally]:
        """Where documents of a fate are counted."""
        if row["drop_reason"] is not None:
            return [self.dropped.setdefault((row["drop_stage"], row["drop_reason"]), Tally())]
        spared = row["spared_by"]
        return [self.kept] if spared is None else [self.kept, self.spared.setdefault(spared, Tally())]

    def reasons(self) -> list[tuple[str, str, Tally]]:
        """(stage, reason, tally), by stage, the largest first."""
        order = {stage: number for number, stage in enumerate(STAGES)}
        found = [(stage, reason, tally) for (stage, reason), tally in self.dropped.items()]
        return sorted(found, key=lambda row: (order.get(row[0], len(order)), -row[2].n_documents, row[1]))

    def spared_by(self) -> list[tuple[str, Tally]]:
        """(rule, tally) of what was spared, the largest first."""
        return sorted(self.spared.items(), key=lambda pair: (-pair[1].n_documents, pair[0]))

    def by_kind(self) -> list[tuple[str, Funnel]]:
        """(kind, funnel) by name; empty where all documents are of one kind."""
        return sorted(self.kinds.items()) if len(self.kinds) > 1 else []

    def by_language(self) -> list[tuple[str, Funnel]]:
        """(language, funnel), the largest first, of languages of which documents got past the stage `language`.

        Empty where it is one language alone.
        """
        past = [
            (code, funnel)
            for code, funnel in self.languages.items()
            if funnel.read.n_documents
            > sum(t.n_documents for (at, _), t in funnel.dropped.items() if at == "language")
        ]
        return sorted(past, key=lambda pair: (-pair[1].read.n_documents, pair[0])) if len(past) > 1 else []

    def languages_dropped(self) -> Counter[str]:
        """Documents that were dropped for their language, by language."""
        counts = {code: own.dropped.get(("language", "language")) for code, own in self.languages.items()}
        return Counter({code: tally.n_documents for code, tally in counts.items() if tally})

    def _repr_html_(self) -> str:
        """The funnel as a notebook shows it."""
        whole = self.read.n_documents or 1

        def line(name: str, tally: Tally, sign: str = "") -> str:
            share = f"{tally.n_documents / whole:.1%}"
            cells = (f"{sign}{tally.n_documents:,}", share, f"{tally.n_text_bytes:,}")
            return f"<tr><th>{escape(name)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"

        rows = [line("read", self.read)]
        rows += [line(f"{stage}: {reason}", tally, "−") for stage, reason, tally in self.reasons()]
        rows.append(line("kept", self.kept))
        if n_lines := sum(self.lines_removed.values()):
            rows.append(f"<tr><th>lines taken out of pages</th><td>{n_lines:,}</td><td></td><td></td></tr>")
        head = "<tr><th></th><th>documents</th><th>share</th><th>bytes of text</th></tr>"
        return f"<table>{head}{''.join(rows)}</table>"

    def to_json(self) -> dict[str, Any]:
        """The funnel as it stands in the manifest."""
        return self.counts() | {
            "kinds": {kind: funnel.counts() for kind, funnel in sorted(self.kinds.items())},
            "languages": {code: funnel.counts() for code, funnel in sorted(self.languages.items())},
            "cut": self.cut,
            "limits": self.limits,
            "n_chars_removed": self.n_chars_removed,
            "lines_removed": dict(sorted(self.lines_removed.items())),
            "records_not_read": dict(sorted(self.records.items())),
            "problems": self.problems,
            "warnings": self.warnings,
        }

    def counts(self) -> dict[str, Any]:
        """The counts of documents, as they stand in the manifest."""
        return {
            "read": _to_json(self.read),
            "dropped": [
                {"stage": stage, "reason": reason, **_to_json(tally)}
                for stage, reason, tally in self.reasons()
            ],
            "kept": _to_json(self.kept),
            "spared": [{"reason": reason, **_to_json(tally)} for reason, tally in self.spared_by()],
            "n_scored": self.n_scored,
            "n_kept_scored": self.n_kept_scored,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Funnel:
        """Read a funnel back from a manifest."""
        dropped = {
            (row["stage"], row["reason"]): Tally(row["n_documents"], row["n_text_bytes"])
            for row in data["dropped"]
        }
        spared = {row["reason"]: Tally(row["n_documents"], row["n_text_bytes"]) for row in data["spared"]}
        return cls(
            kept=Tally(**data["kept"]),
            dropped=dropped,
            spared=spared,
            kinds={kind: cls.from_json(counts) for kind, counts in data.get("kinds", {}).items()},
            languages={code: cls.from_json(counts) for code, counts in data.get("languages", {}).items()},
            n_chars_removed=data.get("n_chars_removed", 0),
            lines_removed=Counter(data.get("lines_removed", {})),
            records=Counter(data.get("records_not_read", {})),
            problems=list(data.get("problems", ())),
            n_scored=data["n_scored"],
            n_kept_scored=data.get("n_kept_scored", data["kept"]["n_documents"] if data["n_scored"] else 0),
            cut=data.get("cut"),
            limits=list(data.get("limits", ())),
            warnings=list(data.get("warnings", ())),
        )


def fates_of(documents: pa.Table, n_text_bytes: NDArray[np.int64], scores: Sequence[str]) -> pa.Table:
    """What the funnel counts of N documents: kind, language, fate, bytes of text, and whether one of `scores` is there."""
    is_scored = np.zeros(len(documents), np.bool_)
    for name in scores:
        is_scored |= documents[name].is_valid().to_numpy()
    fates = documents.select(["kind", "language", "drop_stage", "drop_reason", "spared_by"])
    fates = fates.append_column("n_text_bytes", pa.array(n_text_bytes))
    return fates.append_column("is_scored", pa.array(is_scored.astype(np.int64)))


def _to_json(tally: Tally) -> dict[str, int]:
    return {"n_documents": tally.n_documents, "n_text_bytes": tally.n_text_bytes}
