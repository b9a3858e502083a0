"""A small crawl, a practice server and settings that point at both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from annotate_pages_of_tests import N_PAGES, SECRET, page_text

from curate.annotate import AnnotateSettings
from curate.llm import ask as run_module
from curate.testing.practice import PracticeServer


@pytest.fixture
def crawl(tmp_path) -> Path:
    path = tmp_path / "pages.jsonl"
    rows = [
        {"id": f"page-{n}", "url": f"http://example.org/{n}", "text": page_text(n)} for n in range(N_PAGES)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def make_settings(tmp_path, crawl):
    def make(server: PracticeServer | None = None, **changes) -> AnnotateSettings:
        values = {
            "input": (str(crawl),),
            "output": str(tmp_path / "labels.jsonl"),
            "model": "practice",
            "base_url": server.base_url if server else "http://127.0.0.1:9/v1",
            "price_input": 1.0,
            "price_output": 4.0,
            "budget_usd": 100.0,
            "timeout_s": 10.0,
        }
        return AnnotateSettings(**(values | changes))

    return make


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(run_module, "FIRST_WAIT_S", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
