"""The reference page says what a run really writes."""

from __future__ import annotations

import json
from pathlib import Path

from common import ROOT
from curate.reasons import REASONS
from curate.results.reference import reference
from curate.run.manifest import MANIFEST_FIELDS


def test_the_page_is_made_from_the_ledgers() -> None:
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == reference(), (
        "Run python -m curate.results.reference > docs/reference.md"
    )


def test_a_manifest_has_the_fields_that_the_page_names(curated: Path) -> None:
    manifest = json.loads((curated / "manifest.json").read_text(encoding="utf-8"))
    assert list(manifest) == list(MANIFEST_FIELDS)
    for name in manifest["funnel"]:
        assert f"`{name}`" in MANIFEST_FIELDS["funnel"], name


def test_a_reason_stands_once_in_the_ledger() -> None:
    names = [reason.name for reason in REASONS]
    assert len(names) == len(set(names))
