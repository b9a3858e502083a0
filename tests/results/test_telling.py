"""What commands say of a run: whether a twin is in the data, what a limit means, where to look, and how they stop."""

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import curate
from common import EXAMPLE_CRAWL, run_curate
from curate import cli
from curate.cli import EXIT_INTERRUPTED, run
from curate.errors import ChangedSettingsError, SettingError
from curate.results.render import describe_drop, describe_hint
from curate.run.funnel import Funnel, Tally
from curate.work.progress import ProgressDisplay, nothing_counted

POOR = "The cat sat on the mat and looked at the door. " * 3
GERMAN = "Der Hund liegt vor dem Haus und wartet auf den Briefträger, der heute nicht kommt. " * 6


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """Two copies of a page that the score drops, and a German page."""
    rows = [
        {"id": "one", "url": "https://www.a.example/Cats/", "text": POOR},
        {"id": "two", "url": "https://b.example/cats", "text": POOR},
        {"id": "three", "url": "https://c.example/hund", "text": GERMAN},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    curate.filter_crawl(
        str(tmp_path / "in.jsonl"), tmp_path / "out", rules=[], threshold=0.99, workers=1, progress=False
    )
    return tmp_path / "out"


def test_a_copy_says_whether_its_twin_is_in_the_data(copies: Path) -> None:
    (copy,) = curate.explain(copies, reason="exact_duplicate")
    assert copy.twin_is_kept is False
    told = run_curate("explain", copies, copy.document["id"]).stdout
    assert "itself dropped: below_threshold: 0.0" in told
    assert "at least 0.99 stays" in told
    curate.rethreshold(copies, threshold=0.0)
    (copy,) = curate.explain(copies, reason="exact_duplicate")
    assert copy.twin_is_kept
    assert "which is kept" in run_curate("explain", copies, copy.document["id"]).stdout


def test_a_page_dropped_for_its_language_names_it_and_what_was_wanted(copies: Path) -> None:
    told = run_curate("explain", copies, "three").stdout
    assert "language: found de" in told
    assert "wanted en" in told
    assert "stays by  --language de" in told


def test_addresses_are_found_as_people_type_them_and_near_ones_are_named(copies: Path) -> None:
    for typed in ("http://a.example/cats", "A.example/Cats/", "https://www.a.example/cats"):
        (story,) = curate.explain(copies, typed)
        assert story.document["id"] == "one"
    with pytest.raises(SettingError, match=r"Did you mean https://c\.example/hund\?"):
        curate.explain(copies, "https://c.example/hun")


def test_documents_are_found_by_reason_and_by_words(copies: Path) -> None:
    assert {each.document["id"] for each in curate.explain(copies, grep="BRIEFTRÄGER")} == {"three"}
    assert len(curate.explain(copies, grep="the", sample=1)) == 1
    with pytest.raises(SettingError, match="Did you mean 'language'"):
        curate.explain(copies, reason="langage")
    with pytest.raises(SettingError, match="either the id, URL or path"):
        curate.explain(copies)
    with pytest.raises(SettingError, match="is like that"):
        curate.explain(copies, grep="giraffe")


def test_a_limit_says_on_which_side_of_it_a_document_stays() -> None:
    row = {"drop_stage": "rules", "drop_reason": "frac", "drop_value": 0.3, "drop_limit": 0.2}
    assert describe_drop(row) == "frac: 0.3, at most 0.2 stays"
    assert describe_drop(row | {"drop_value": 0.1}) == "frac: 0.1, at least 0.2 stays"
    assert describe_drop({"drop_stage": "read", "drop_reason": "empty"}) == "empty"


def test_one_reason_that_takes_more_than_half_gives_a_hint_to_type() -> None:
    funnel = Funnel(kept=Tally(4, 1), dropped={("language", "language"): Tally(5, 1)})
    for code, n in {"de": 4, "pl": 1}.items():
        funnel.languages[code] = Funnel(dropped={("language", "language"): Tally(n, 1)})
    hint = describe_hint(funnel, "out", ["en"])
    assert (
        hint
        == "56% of what was read is not in en: found de 80%, pl 20%. To keep it: --language de, or --language any."
    )
    funnel.dropped[("language", "language")].n_documents = 4
    assert describe_hint(funnel, "out", ["en"]) is None
    funnel.dropped[("rules", "short")] = Tally(9, 1)
    assert "curate explain 'my out' --reason short --sample 5" in str(describe_hint(funnel, "my out", ["en"]))


def test_the_languages_of_a_run_are_in_its_manifest_whatever_the_cut(copies: Path) -> None:
    assert curate.rethreshold(copies, threshold=0.5).languages_dropped() == {"de": 1}


def test_other_contents_of_the_same_length_are_not_sent_to_rethreshold(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / "a.txt"
    file.write_text("Water rises as vapour and falls as rain. " * 30, encoding="utf-8")
    for threshold in (None, 0.7):
        curate.filter_crawl(
            str(tmp_path / "in"),
            tmp_path / "out",
            workers=1,
            progress=False,
            threshold=threshold,
            overwrite=True,
        )
        file.write_text("Water rises as cloudy and falls as rain. " * 30, encoding="utf-8")
        with pytest.raises(
            ChangedSettingsError, match="holds other files or contents.*Name another --output"
        ):
            curate.filter_crawl(
                str(tmp_path / "in"), tmp_path / "out", workers=1, progress=False, threshold=threshold
            )
        file.write_text("Water rises as vapour and falls as rain. " * 30, encoding="utf-8")


def test_another_threshold_alone_is_sent_to_rethreshold(tmp_path: Path) -> None:
    curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "out", workers=1, progress=False)
    with pytest.raises(
        ChangedSettingsError, match=r"curate rethreshold .*out --threshold 0\.7' makes that cut"
    ):
        curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "out", threshold=0.7, workers=1, progress=False)
    with pytest.raises(ChangedSettingsError, match="Name another --output"):
        curate.filter_crawl(
            str(EXAMPLE_CRAWL), tmp_path / "out", threshold=0.7, jaccard=0.7, workers=1, progress=False
        )


def test_rethreshold_says_what_moved_and_what_it_deleted(copies: Path) -> None:
    curate.write_report(copies)
    told = run_curate("rethreshold", copies, "--threshold", "0").stdout
    assert "Kept 1 documents, before 0." in told
    assert "report.html told of the old cut and was deleted" in told
    assert "Result: " in told


def test_a_step_that_cannot_count_claims_no_share(capsys: pytest.CaptureFixture[str]) -> None:
    display = ProgressDisplay()
    display.expect(2)
    with display.step("Finding", 0, lambda: (0, "")):
        pass
    with display.step("Writing", 2, lambda: (2, "2 of 2 files")):
        pass
    told = capsys.readouterr().err
    assert "Finding" not in told  # over at once
    assert told.startswith("2/2 Writing: 100%, 2 of 2 files, ")
    assert nothing_counted() == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_command_still_loads_ends_it_in_one_line(number: int) -> None:
    loading = (
        "import sys, threading, os, signal, types, time\n"
        "import curate.cli as cli\n"
        "class Slow:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer':\n"
        "            print('loading', flush=True); time.sleep(60)\n"
        "sys.meta_path.insert(0, Slow())\n"
        "sys.argv = ['curate', '--help']\n"
        "cli.main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", loading], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert told == "curate: Stopped. Nothing was begun.\n"
    assert process.returncode == 128 + number


@pytest.mark.parametrize(
    ("command", "stays"),
    [
        ("report", " Nothing was written."),
        ("explain", " Nothing was written."),
        ("rethreshold", " The run holds the old cut or the new one, whole: run the same command again."),
    ],
)
def test_a_query_that_a_signal_stops_is_told_in_one_line(
    command: str, stays: str, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: object, **__: object) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr("duckdb.connect", connect)
    monkeypatch.setattr(cli, "_stopped_by", [])
    before = signal.signal(signal.SIGINT, cli._leave)  # what `main` sets up
    try:
        flags = {"rethreshold": ["--threshold", "0"], "explain": ["one"]}.get(command, [])
        done = run_curate(command, copies, *flags)
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.stderr == f"curate: Stopped.{stays}\n"
    assert done.returncode == 130


def test_a_stopped_command_says_that_work_is_kept_only_where_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("curate.pipeline.run_filter", stop)
    output = tmp_path / "out"
    arguments = ["filter", "--input", str(EXAMPLE_CRAWL), "--output", str(output)]
    assert run(arguments) == EXIT_INTERRUPTED
    assert capsys.readouterr().err == "curate: Stopped. Nothing was begun.\n"
    output.mkdir()
    assert run(arguments) == EXIT_INTERRUPTED
    assert "What is committed is kept" in capsys.readouterr().err
