"""The report of a finished run: its numbers are the run's, and nothing from the crawl can act in it."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import curate
from common import EXAMPLE_CRAWL, run_curate
from curate.errors import SettingError
from curate.results.html import render_page
from curate.results.overview import read_overview

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)> & </blockquote>'


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        self.attributes.update(name for name, _ in attrs)


def tags_of(page: str) -> _Tags:
    found = _Tags()
    found.feed(page)
    return found


def test_the_numbers_are_those_of_the_run(curated: Path) -> None:
    overview, funnel = read_overview(curated), read_overview(curated).funnel
    scores = [
        *pq.read_table(curated / "kept")["edu_score"].to_pylist(),
        *pq.read_table(curated / "dropped")["edu_score"].drop_null().to_pylist(),
    ]
    assert sum(overview.histogram) == len(scores) == funnel.n_scored
    assert overview.histogram[-1] == sum(score >= 0.98 for score in scores)
    assert sum(group.n_kept for group in overview.lengths) == funnel.kept.n_documents
    assert sum(group.n_read for group in overview.sites) <= funnel.read.n_documents
    kept_bytes = sum(n for n, low in zip(overview.text_bytes, range(50), strict=True) if low >= 25)
    assert kept_bytes == funnel.kept.n_text_bytes  # the cut of .5 is the edge of a bin


def test_every_reason_has_examples_of_its_own(curated: Path) -> None:
    overview = read_overview(curated)
    for (_, reason), examples in overview.reasons.items():
        assert examples, reason
        assert {each.reason for each in examples} == {reason}
    assert {key[1] for key in overview.reasons} == {reason for _, reason, _ in overview.funnel.reasons()}


def test_documents_around_the_cut_stand_on_both_sides_of_it(curated: Path) -> None:
    scores = [each.score or 0 for each in read_overview(curated).near_cut]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] >= 0.5 > scores[-1]


def test_the_command_writes_the_same_page_again_and_it_loads_nothing(curated: Path, tmp_path: Path) -> None:
    done = run_curate("report", curated, "--to", tmp_path / "one.html")
    assert done.returncode == 0, done.stderr
    curate.write_report(curated, tmp_path / "two.html")
    page = (tmp_path / "one.html").read_text()
    assert page == (tmp_path / "two.html").read_text()
    tags = tags_of(page)
    assert not {"script", "link", "img", "iframe"} & set(tags.opened)
    assert not {"src", "href", "onerror", "onload"} & tags.attributes


def test_text_of_the_crawl_is_shown_and_never_markup(tmp_path: Path) -> None:
    rows = [{"id": HOSTILE, "url": f"https://a.example/{HOSTILE}", "title": HOSTILE, "text": HOSTILE * 5}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    curate.filter_crawl(
        str(tmp_path / "in.jsonl"), tmp_path / "out", language=["any"], rules=[], threshold=0.0,
        workers=1, progress=False,
    )  # fmt: skip
    page = render_page(read_overview(tmp_path / "out"), HOSTILE)
    assert "&lt;script&gt;" in page
    assert not {"script", "img"} & set(tags_of(page).opened)


def test_a_run_without_scores_has_a_report_too(tmp_path: Path) -> None:
    curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "out", scorer="none", workers=1, progress=False)
    overview = read_overview(tmp_path / "out")
    assert (overview.histogram, overview.near_cut, overview.best) == ([], [], [])
    assert "<h2>Scores</h2>" not in curate.write_report(tmp_path / "out").read_text()


def test_another_cut_takes_the_old_report_away(tmp_path: Path) -> None:
    curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "out", workers=1, progress=False)
    report = curate.write_report(tmp_path / "out")
    assert report == tmp_path / "out" / "report.html"
    curate.rethreshold(tmp_path / "out", threshold=0.1)
    assert not report.exists()


def test_a_folder_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no finished run"):
        read_overview(tmp_path)
