"""`explain` with the input shows which lines a run took out of a text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import curate
from curate.errors import SettingError
from curate.results.explain import explain, story_lines

KEPT = "Plants make sugar from light and water, and give off oxygen, which animals breathe."
TITLE = "About plants"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    text = f"{KEPT}\n{TITLE}\n\n{KEPT} Really."
    (folder / "in.jsonl").write_text(
        json.dumps({"id": "a", "text": "other"}) + "\n" + json.dumps({"id": "b", "text": text}),
        encoding="utf-8",
    )
    curate.filter_crawl(
        str(folder / "in.jsonl"), folder / "out", rules=("c4",), scorer="none", progress=False
    )
    return folder


def test_lines_that_were_taken_out_are_marked_and_the_others_are_the_text(run: Path) -> None:
    (story,) = explain(run / "out", "b", source=run / "in.jsonl")
    assert story.original == [(KEPT, False), (TITLE, True), (f"{KEPT} Really.", False)]
    stays = [line for line, is_removed in story.original if not is_removed]
    assert stays == [line for line in story.document["text"].splitlines() if line]
    assert f"  - {TITLE}" in story_lines(story, whole_text=False)
    assert f"<s>{TITLE}</s>" in story._repr_html_()


def test_a_page_of_html_is_extracted_again_as_the_run_did(curated: Path, pytestconfig: pytest.Config) -> None:
    crawl = pytestconfig.rootpath / "examples" / "crawl"
    (story,) = explain(curated, "https://lessons.example/fractions", source=crawl)
    assert story.original
    assert not any(is_removed for _, is_removed in story.original)


def test_another_input_is_refused_in_one_line(run: Path, curated: Path) -> None:
    with pytest.raises(SettingError, match="is not in the input that --from names"):
        explain(curated, "https://lessons.example/fractions", source=run / "in.jsonl")


def test_a_line_that_was_redacted_is_not_one_that_was_taken_out(tmp_path: Path) -> None:
    secret = "The password in https://ann:x7Kq9-tZ2pL@db.example/ and ann@firma-nord.com were on this line."
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": "a", "text": f"{KEPT}\n{secret}"}), encoding="utf-8")
    output = tmp_path / "out"
    curate.filter_crawl(
        str(tmp_path / "in.jsonl"),
        output,
        rules=(),
        scorer="none",
        redact_pii=True,
        redact_secrets=True,
        progress=False,
    )
    (story,) = explain(output, "a", source=tmp_path / "in.jsonl")
    assert "x7Kq9" not in str(story.original)
    assert [is_removed for _, is_removed in story.original or ()] == [False, False]
