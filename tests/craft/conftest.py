"""Curated pages, topics, and settings that point at a practice server which plays a writer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from craft_pages_of_tests import N_TOPICS, SECRET, page_text

from curate.craft import CraftSettings
from curate.llm import ask
from curate.testing.practice import PracticeServer
from curate.testing.writer import write_passage


@pytest.fixture
def topics(tmp_path) -> Path:
    path = tmp_path / "topics.txt"
    path.write_text("".join(f"How lamp {n} works\n" for n in range(N_TOPICS)), encoding="utf-8")
    return path


@pytest.fixture
def pages(tmp_path) -> Path:
    path = tmp_path / "pages.jsonl"
    rows = [
        {
            "id": f"page-{n}",
            "url": f"http://host{n % 4}.example.org/{n}",
            "text": page_text(n),
            "edu_score": n / 24,
            "topic": f"topic {n % 3}",
            "license": "CC-BY-4.0",
        }
        for n in range(24)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def make_settings(tmp_path, topics):
    def make(server: PracticeServer | None = None, **changes) -> CraftSettings:
        values = {
            "output": str(tmp_path / "crafted"),
            "model": "practice",
            "base_url": server.base_url if server else "http://127.0.0.1:9/v1",
            "price_input": 1.0,
            "price_output": 4.0,
            "budget_usd": 100.0,
            "timeout_s": 10.0,
            "max_output_tokens": 6000,
            "scorer": "none",
            "workers": 1,
            "recipe": "story",
        }
        if "input" not in changes:
            values["topics"] = str(topics)
        return CraftSettings(**(values | changes))

    return make


@pytest.fixture
def writer():
    """A practice server that writes, with the faults that `plant` names."""

    def make(plant=None, **options) -> PracticeServer:
        return PracticeServer(write=write_passage, plant=plant, **options)

    return make


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(ask, "FIRST_WAIT_S", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
