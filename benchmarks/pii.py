"""Precision and recall of `redact_pii` on labelled sentences written for this project.

`tests/rules/pii_labelled.jsonl` holds e-mail and public IP addresses as they stand in pages, addresses hidden on
purpose (`ann (at) shop dot com`), and what looks like an address and is none (`others`): version numbers, private
addresses, file names. A small set, half of it chosen to be hard: it shows which forms are missed, not how often
they occur. The patterns were mended on it.

`tests/rules/pii_countries.jsonl` was written afterwards, as addresses stand in pages of some 25 countries; the patterns were not changed
since. It also names telephone numbers, account numbers and identity numbers (`numbers`), which are not looked for.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.harness import ROOT, read_jsonl
from curate.rules import redact_pii

LABELLED = ROOT / "tests" / "rules" / "pii_labelled.jsonl"
COUNTRIES = ROOT / "tests" / "rules" / "pii_countries.jsonl"
KINDS = ("emails", "ips", "hidden", "others", "numbers")


def run(args: list[str]) -> dict[str, Any]:  # noqa: ARG001
    return measure_pii() | {"countries": measure_pii(COUNTRIES)}


def measure_pii(path: Path = LABELLED) -> dict[str, Any]:
    """Count what was replaced of each kind; `others` are false alarms."""
    rows = read_jsonl(path)
    redacted, n_emails, n_ips = redact_pii(pa.array([row["text"] for row in rows]))
    replaced, labelled, wrong = Counter[str](), Counter[str](), dict[str, list[str]]()
    for row, text in zip(rows, redacted.to_pylist(), strict=True):
        for kind in KINDS:
            for address in row.get(kind, ()):
                gone = address not in text
                labelled[kind] += 1
                replaced[kind] += gone
                if gone == (kind in {"others", "numbers"}):
                    wrong.setdefault(kind, []).append(address)
    n_replaced = sum(n_emails.to_pylist()) + sum(n_ips.to_pylist())
    found = replaced["emails"] + replaced["ips"]
    return {
        "sentences": len(rows),
        "labelled": dict(labelled),
        "replaced": dict(replaced),
        "n_replaced": n_replaced,
        "precision": round(1 - replaced["others"] / n_replaced, 3),
        "recall": round(found / (labelled["emails"] + labelled["ips"]), 3),
        "recall_with_hidden": round(
            (found + replaced["hidden"]) / (labelled["emails"] + labelled["ips"] + labelled["hidden"]), 3
        ),
        "wrong": wrong,
    }
