"""The pages of docs/ name every signal, reading and rule set."""

from __future__ import annotations

import re
from pathlib import Path

from curate.rules import DEFAULT_VERSIONS, RULE_SETS
from curate.signals import SIGNALS

DOCS = Path(__file__).parents[2] / "docs"


def test_every_signal_and_reading_is_in_the_docs():
    page = (DOCS / "signals.md").read_text(encoding="utf-8")
    for signal in SIGNALS.values():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{signal.name}` ")]
        assert signal.doc in row
        for parameter, values in signal.parameters.items():
            assert f"`{parameter}`" in row, signal.name
            (meaning,) = [
                line for line in page.splitlines() if re.match(rf"\| [^|]*`{parameter}`[^|]* \|", line)
            ]
            assert [value for value in values if f"`{value}`" not in meaning] == [], parameter


def test_every_rule_set_is_in_the_docs():
    page = (DOCS / "rules.md").read_text(encoding="utf-8")
    for name, version in DEFAULT_VERSIONS.items():
        assert f"`{name}`" in page
        assert f"{name}@{version}" in RULE_SETS
    for rule_set in RULE_SETS.values():
        assert rule_set.version in page
