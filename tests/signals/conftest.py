from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_pages():
    folder = Path(os.environ.get("CURATE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "web"
    if not folder.is_dir():
        pytest.skip(f"no real pages at {folder}; set CURATE_TEST_DATA")
    pages = []
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            pages += [json.loads(line)["text"] for line in lines]
    return pages
