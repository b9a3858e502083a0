"""Precision and recall of `redact_pii` and `redact_secrets` on labelled text written for this project.

`tests/rules/pii_labelled.jsonl` holds e-mail and public IP addresses as they stand in pages, addresses hidden on
purpose (`ann (at) shop dot com`), and what looks like an address and is none (`others`): version numbers, private
addresses, file names. A small set, half of it chosen to be hard: it shows which forms are missed, not how often
they occur. `tests/rules/secret_cases.py` makes lines of programs with and without secrets; the patterns were mended on
both of its parts, on the second after its first count.

`tests/rules/pii_countries.jsonl` was written afterwards, as addresses stand in pages of some 25 countries; the patterns were not changed
since. It also names telephone numbers, account numbers and identity numbers (`numbers`), which are not looked for.

`tests/rules/pii_fresh.jsonl` was written last, and nothing was changed for it either: addresses of some 25 countries, and code, versions,
sections and identifiers. Its intervals are Wilson's, at 95%.
"""

from __future__ import annotations

import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.harness import ROOT, read_jsonl
from curate.fit.metrics import wilson
from curate.rules import redact_pii, redact_secrets

LABELLED = ROOT / "tests" / "rules" / "pii_labelled.jsonl"
SECRET_CASES = ROOT / "tests" / "rules" / "secret_cases.py"
COUNTRIES = ROOT / "tests" / "rules" / "pii_countries.jsonl"
FRESH = ROOT / "tests" / "rules" / "pii_fresh.jsonl"
KINDS = ("emails", "ips", "hidden", "others", "numbers")


def run(args: list[str]) -> dict[str, Any]:  # noqa: ARG001
    return measure_pii() | {
        "countries": measure_pii(COUNTRIES),
        "fresh": measure_pii(FRESH),
        "secrets": measure_secrets(),
    }


def measure_secrets() -> dict[str, Any]:
    """Count what was replaced of what is secret, and of what is not (false alarms)."""
    cases = runpy.run_path(str(SECRET_CASES))["make_cases"]()
    redacted, _ = redact_secrets(pa.array([text for text, _, _ in cases]))
    missed, wrong = list[str](), list[str]()
    for (text, gone, stays), after in zip(cases, redacted.to_pylist(), strict=True):
        missed += [text for value in gone if value in after]
        wrong += [text for value in stays if value not in after]
    n_gone, n_stays = (sum(len(case[part]) for case in cases) for part in (1, 2))
    return {
        "secrets": n_gone,
        "others": n_stays,
        "missed": missed,
        "false_alarms": wrong,
        "recall": round(1 - len(missed) / n_gone, 3),
    }


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
    found, n_labelled = (counts["emails"] + counts["ips"] for counts in (replaced, labelled))
    return {
        "sentences": len(rows),
        "labelled": dict(labelled),
        "replaced": dict(replaced),
        "n_replaced": n_replaced,
        "precision": round(1 - replaced["others"] / n_replaced, 3),
        "recall": round(found / n_labelled, 3),
        "precision_interval": _interval(1 - replaced["others"] / n_replaced, n_replaced),
        "recall_interval": _interval(found / n_labelled, n_labelled),
        "recall_with_hidden": round(
            (found + replaced["hidden"]) / (labelled["emails"] + labelled["ips"] + labelled["hidden"]), 3
        ),
        "wrong": wrong,
    }


def _interval(rate: float, n: int) -> list[float]:
    return [round(bound, 3) for bound in wilson(rate, n)]
