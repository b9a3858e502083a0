"""Screens of the user's own: rows with their reasons, the laws of a run, and `check_screen`."""

import textwrap

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import curate
from common import EXAMPLE_CRAWL, start_curate
from curate.errors import ChangedSettingsError, SettingError
from curate.testing import check_screen

SCREENS = """
    import pyarrow.compute as pc

    def no_plants(documents):
        return pc.if_else(pc.match_substring(documents["text"], "plant"), "about_plants", None)

    def few_words(documents):
        return [n < 250 for n in documents["n_words"].to_pylist()]

    def seen(documents):
        global names
        names = documents.schema.names
        return [True] * len(documents)

    def wrong_length(documents):
        return [True]

    def wrong_kind(documents):
        return [1.0] * len(documents)

    def wrong_reason(documents):
        return ["two words"] * len(documents)

    no_function = 3
"""


@pytest.fixture
def screens(tmp_path):
    path = tmp_path / "screens.py"
    path.write_text(textwrap.dedent(SCREENS))
    return path


def run(output, **settings):
    return curate.filter_crawl(EXAMPLE_CRAWL, output, progress=False, **{"workers": 1} | settings)


def rows_of(output, kind):
    return pa.concat_tables(
        [pq.read_table(path) for path in sorted((output / kind).glob("*.parquet"))]
    ).to_pylist()


def test_what_a_screen_names_is_dropped_with_its_reason_and_nothing_else(screens, tmp_path, curated):
    funnel = run(tmp_path / "out", screen=f"{screens}:no_plants")
    dropped = [row for row in rows_of(tmp_path / "out", "dropped") if row["drop_reason"] == "about_plants"]
    assert len(dropped) == funnel.dropped["rules", "about_plants"].n_documents > 0
    assert all("plant" in row["text"] and row["drop_stage"] == "rules" for row in dropped)
    assert {row["drop_detail"] for row in dropped} == {f"{screens}:no_plants"}
    before = {row["id"] for row in rows_of(curated, "kept")}
    kept = rows_of(tmp_path / "out", "kept")
    assert not any("plant" in row["text"] for row in kept)
    assert {row["id"] for row in kept} <= before
    assert funnel.read.n_documents == len(kept) + len(rows_of(tmp_path / "out", "dropped"))


def test_a_mask_says_what_stays_and_two_screens_run_in_their_order(screens, tmp_path):
    names = [f"{screens}:no_plants", f"{screens}:few_words"]
    funnel = run(tmp_path / "out", screen=names)
    assert all(row["n_words"] < 250 for row in rows_of(tmp_path / "out", "kept"))
    assert funnel.dropped["rules", "few_words"].n_documents > 0
    assert funnel.dropped["rules", "about_plants"].n_documents > 0


def test_the_bytes_do_not_depend_on_workers_or_chunks(screens, tmp_path):
    for name, workers in (("one", 1), ("two", 2)):
        run(tmp_path / name, screen=f"{screens}:no_plants", workers=workers)
    for kind in ("kept", "dropped"):
        first, second = (sorted((tmp_path / name / kind).glob("*.parquet")) for name in ("one", "two"))
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_an_edited_screen_counts_as_another_one(screens, tmp_path):
    from curate.rules.own import load_screen

    run(tmp_path / "out", screen=f"{screens}:no_plants")
    screens.write_text(screens.read_text().replace('"plant"', '"bridge"'))
    load_screen.cache_clear()
    with pytest.raises(ChangedSettingsError, match="the screen .*:no_plants has changed"):
        run(tmp_path / "out", screen=f"{screens}:no_plants")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("screens", "Unknown screen 'screens'"),
        ("nowhere.py:f", "there is no file 'nowhere.py'"),
        ("no.such.module:f", "cannot be loaded: No module named 'no'"),
        ("{file}:absent", "has no function 'absent'"),
        ("{file}:no_function", "has no function 'no_function'"),
    ],
)
def test_a_screen_that_is_not_there_is_named_before_anything_is_read(name, message, screens, tmp_path):
    with pytest.raises(SettingError, match=message):
        run(tmp_path / "out", screen=name.format(file=screens))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("wrong_length", "gave 1 answers for"),
        ("wrong_kind", "gave an array of double"),
        ("wrong_reason", "a reason is a word"),
    ],
)
def test_an_answer_of_another_form_ends_the_run_in_a_line(function, message, screens, tmp_path):
    with pytest.raises(SettingError, match=message):
        run(tmp_path / "out", screen=f"{screens}:{function}")


def test_the_command_takes_a_module_of_the_folder_it_is_run_in(screens, tmp_path):
    done = start_curate("filter", EXAMPLE_CRAWL, "-o", "out", "--screen", "screens:no_plants", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "about_plants" in done.stdout


def test_a_screen_that_keeps_the_law_passes(screens):
    check_screen(f"{screens}:no_plants")
    check_screen(f"{screens}:few_words", ["a page of one's own"])


def knows_its_place(documents):
    return [None if row < 10 else "late" for row in range(len(documents))]


def knows_the_first(documents):
    return [len(text) >= len(documents["text"][0].as_py()) for text in documents["text"].to_pylist()]


def needs_an_address(documents):
    return [url.startswith("https") for url in documents["url"].to_pylist()]


def mask_with_a_null(documents):
    return pc.starts_with(documents["url"], "https")


@pytest.mark.parametrize(
    ("screen", "message"),
    [
        (knows_its_place, "'late' in a batch and None alone"),
        (knows_the_first, "in a batch and"),
        (needs_an_address, "it raised AttributeError"),
        (mask_with_a_null, "a mask with a null"),
        (lambda documents: "all", "gave"),
    ],
)
def test_a_screen_that_breaks_the_law_is_caught(screen, message):
    with pytest.raises(AssertionError, match=message):
        check_screen(screen)
