"""Making the bundled classifiers from a data folder, on made-up pages and a made-up encoder."""

import gzip
import json
import shutil
import zlib

import numpy as np
import pytest
from classifiers.recipe import bundled
from classifiers.recipe.bundled import STAGES, Maker
from classifiers.recipe.bundled_pages import (
    BOOK_FILES,
    BOOK_LABELS,
    EDU_FILES,
    FORMATS,
    REFERENCE,
    STATISTICS,
    TOPICS,
    WEB_FILES,
    read_edu,
    read_quality,
    read_rows,
)
from classifiers.recipe.code import read_code
from classifiers.recipe.kept import Kept

from curate.bundled import classifiers_folder, classifiers_in
from curate.fit import metrics
from curate.fit.annotations import read_annotations
from curate.fit.fitting import FitResult
from curate.scoring import load_classifier, load_scorer
from curate.testing import check_scorer
from labelled_pages import make_pages


class DrawnEncoder:
    """Gives every text a vector drawn by its checksum, and counts the texts."""

    name = "drawn"
    n_dimensions = 160

    def __init__(self, stop_after=None):
        self.n_texts = 0
        self.stop_after = stop_after

    def encode(self, texts):
        texts = texts if isinstance(texts, list) else texts.to_pylist()
        if self.stop_after is not None and self.n_texts + len(texts) > self.stop_after:
            raise KeyboardInterrupt
        self.n_texts += len(texts)
        seeds = [zlib.crc32(text.encode()) for text in texts]
        return np.array([np.random.default_rng(seed).normal(size=160) for seed in seeds], np.float32)


@pytest.fixture(scope="module", autouse=True)
def _few_resamples():
    """Intervals of thousands of resamples would take most of the time of these tests."""
    bootstrap = metrics.bootstrap
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            metrics, "bootstrap", lambda measure, n, seed, _, **how: bootstrap(measure, n, seed, 20, **how)
        )
        patch.setattr(bundled, "bootstrap", lambda measure, n, seed: bootstrap(measure, n, seed, 20))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for i, name in enumerate(EDU_FILES):  # 90 pages each
        rows = [{**row, "annotator": ANNOTATORS[name]} for row in make_pages(90, seed=i)]
        write_rows(folder / f"annotations/{name}.jsonl.gz", rows)
    write_readings(folder)
    for name in BOOK_FILES:
        modules = [(f"Module {k}", " ".join(r["text"] for r in make_pages(8, seed=k))) for k in range(30)]
        rows = [{"title": title, "html": page_of(title, text)} for title, text in modules]
        write_rows(folder / f"{name}.jsonl.gz", rows)
    for i, name in enumerate(WEB_FILES):
        rows = [
            {**row, "topic_id": (i + k) % len(TOPICS), "format_id": k % len(FORMATS)}
            for k, row in enumerate(make_pages(60, seed=10 + i))
        ]
        write_rows(folder / f"{name}.jsonl.gz", rows)
    for name in ("web/c4", STATISTICS, "textbooks/enwiki"):
        write_rows(folder / f"{name}.jsonl.gz", make_pages(20, seed=len(name)))
    return folder


ANNOTATORS = {
    "edu_train": REFERENCE,
    "edu_val": REFERENCE,
    "edu_extra": "Llama-3.3-70B (FineWeb-Edu prompt)",
    "edu_second_annotator": "second",
    "edu_student_scored": "fineweb-edu-classifier (NOT an LLM)",
}


def page_of(title, text):
    paragraphs = "".join(f"<p>{part}.</p>" for part in text.split(".\n"))
    return f"<html><body><main><h1>{title}</h1>{paragraphs}</main></body></html>"


def write_readings(folder):
    """Readers' web pages, 30 of them controls, and lessons, some read twice; a reader is stricter by a level."""

    def read(row, reader):
        level = max(row["edu_level"] - 1, 0)
        return {
            "edu_level": level,
            "quality_level": 5 - row["edu_level"],
            "reader": reader,
            "reason": "made up",
        }

    controls = make_pages(90, seed=0)[:30]
    rows = [
        {
            **row,
            "id": f"p{i}",
            **read(row, "r0"),
            "stratum": "control" if row in controls else "c4",
            "propensity": 1,
        }
        for i, row in enumerate([*controls, *make_pages(60, seed=30)])
    ]
    write_rows(folder / "annotations/readers.jsonl.gz", [{**row, "annotator": "readers"} for row in rows])
    docs, web = make_pages(40, seed=40), make_pages(40, seed=41)
    write_rows(
        folder / "lessons/docs.jsonl.gz",
        [
            {
                "id": f"d{i}",
                "source": f"package{i % 8}/a.html",
                "html": page_of("Manual", row["text"]) if i else "",
            }
            for i, row in enumerate(docs)
        ],
    )
    write_rows(folder / "lessons/web.jsonl.gz", [{"id": f"w{i}", **row} for i, row in enumerate(web)])
    lines = ["id\tedu_level\tquality_level\treader\treason"]
    for name, pages in (("d", docs), ("w", web)):
        for i, row in enumerate(pages):
            readers = ("r1", "r2")[: 1 + (i % 4 == 0)]
            lines += ["\t".join([f"{name}{i}", *map(str, read(row, reader).values())]) for reader in readers]
    (folder / "lessons/levels.tsv").write_text("\n".join(lines) + "\n")


def write_rows(path, rows):
    path.parent.mkdir(exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


def maker(data, folder, encoder=None):
    return Maker(data, folder / "classifiers", Kept(folder / "work"), encoder or DrawnEncoder())


def contents(folder):
    files = sorted(file for file in (folder / "classifiers").rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    done = [maker(data, folder).make(name) for name in STAGES]
    assert all(done)
    return folder


def test_what_is_made_scores_from_its_own_folder(made):
    with classifiers_in(made / "classifiers"):
        check_scorer(load_scorer("edu"))
        assert load_classifier("topic").classes == TOPICS
        levels = load_scorer("edu").score_levels([row["text"] for row in make_pages(80, seed=50)])[0]
    truth = [row["edu_level"] for row in make_pages(80, seed=50)]
    assert np.corrcoef(levels, truth)[0, 1] > 0.7
    assert made / "classifiers" != classifiers_folder()
    figures = json.loads((made / "classifiers/edu/metrics.json").read_text())
    assert figures["held_out"]["n_pages"] == 90
    assert figures["calibration_error_if_perfect"]["value"] > 0
    assert sum(group["n_pages"] for group in figures["rates_by_topic"]["groups"]) == 180
    assert figures["strictness"]["annotators"]["readers"]["strictness"] == pytest.approx(-0.8, abs=0.25)
    domains = {row["name"]: row for row in figures["by_domain"]}
    assert domains["documentation"]["n_pages"] == 39  # a page without a text is left out
    assert domains["documentation and science together"]["n_pages"] == 79
    assert figures["beside_readers"] == []  # 20 pages were read twice


def test_quality_goes_by_its_own_levels(made):
    pages = make_pages(80, seed=50)
    with classifiers_in(made / "classifiers"):
        check_scorer(load_scorer("quality"))
        levels = load_scorer("quality").score_levels([row["text"] for row in pages])[0]
    assert np.corrcoef(levels, [row["edu_level"] for row in pages])[0, 1] < -0.7
    assert "held_out" not in json.loads((made / "classifiers/quality/metrics.json").read_text())
    assert "## By domain" in (made / "classifiers/quality/card.md").read_text()


def test_a_stage_that_is_done_is_not_done_again(data, made):
    before = contents(made)
    again = maker(data, made)
    assert not any(again.make(name) for name in STAGES)
    assert again.word_encoder.n_texts == 0
    assert contents(made) == before


def test_what_other_pages_gave_is_not_taken_for_these(data, made, tmp_path):
    """The web pages are the same, and so are topic and format: but not what they say of the new pages."""
    folder, pages = tmp_path / "made", tmp_path / "data"
    shutil.copytree(made, folder)
    shutil.copytree(data, pages)
    rows = [{**row, "annotator": ANNOTATORS["edu_extra"]} for row in make_pages(90, seed=99)]
    write_rows(pages / "annotations/edu_extra.jsonl.gz", rows)
    kept = set((folder / "work").glob("topic-edu-*.npy"))
    again = maker(pages, folder)
    assert all(again.make(name) for name in ("static", "lsa", "topic"))
    assert len(set((folder / "work").glob("topic-edu-*.npy")) - kept) == 1


def test_a_run_that_was_stopped_goes_on_and_gives_the_same_bytes(data, made, tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "_WORDS_A_PIECE", 20)
    with pytest.raises(KeyboardInterrupt):
        maker(data, tmp_path, DrawnEncoder(stop_after=30)).make("static")
    n_words = json.loads((made / "classifiers/static/config.json").read_text())["n_words"]
    rest = maker(data, tmp_path)
    assert all(rest.make(name) for name in STAGES)
    assert rest.word_encoder.n_texts == n_words - 20  # a piece was kept
    assert contents(tmp_path) == contents(made)


def test_pages_of_the_validation_file_are_told_by_their_file(data):
    edu = read_edu(data)
    assert edu.is_val[:450].tolist() == [False] * 90 + [True] * 90 + [False] * 270
    assert not edu.is_val[450:].any()
    assert len(edu.without_val()) == len(edu.pages) - 90


def test_controls_state_the_chance_they_had_of_being_drawn(data):
    edu = read_edu(data).pages
    levels = np.array([row["edu_level"] for row in make_pages(90, seed=0)])
    chances = edu.propensity[450 : 450 + 30]
    for level in set(levels[:30].tolist()):
        expected = (levels[:30] == level).sum() / (levels == level).sum()
        np.testing.assert_allclose(chances[levels[:30] == level], expected)
    assert (edu.propensity[480:540] == 1).all()


def test_a_package_or_a_book_is_one_site_and_a_books_lists_are_no_lessons(data):
    edu = read_edu(data).pages
    assert {"package1", "package7", BOOK_FILES[0]} <= set(edu.sites)
    of_books = np.array([name == BOOK_LABELS for name in edu.annotators])
    assert set(edu.levels[of_books].tolist()) == {1.0, 4.0}
    assert not any(name == BOOK_LABELS for name in read_quality(data).pages.annotators)


def test_a_book_that_is_left_out_has_no_pages_in_the_fit(data):
    whole = read_edu(data).pages
    edu = read_edu(data, books=BOOK_FILES[1:]).pages
    rest = [
        text for text, site in zip(whole.texts.to_pylist(), whole.sites, strict=True) if site != BOOK_FILES[0]
    ]
    assert len(rest) < len(whole)
    assert edu.texts.to_pylist() == rest


@pytest.fixture
def more(tmp_path):
    """A folder as `--more` takes it: two pages of its own, one of them read twice, and two known ones read again."""
    folder = tmp_path / "second round"
    pages = [
        {"id": "m0", "source": "packageA/a.html", "html": page_of("Lesson", "Of more.\n")},
        {
            "id": "m1",
            "source": "b.txt",
            "site": "packageB",
            "text": "A text of its own",
            "domain": "humanities",
        },
        {"id": "m2", "source": "packageA/empty.html", "html": ""},
    ]
    folder.mkdir()
    write_rows(folder / "pages.jsonl.gz", pages)
    readings = ["m0\t4\t5\tr1", "m0\t3\t4\tr2", "m1\t2\t\tr1", "m2\t0\t0\tr1", "d1\t5\t1\tr1", "p0\t0\t1\tr1"]
    (folder / "levels.tsv").write_text("\n".join(["id\tedu_level\tquality_level\treader", *readings]) + "\n")
    return folder


def test_more_pages_are_read_by_further_readers_of_the_same_kind(data, more):
    before, edu = read_edu(data).pages, read_edu(data, [more]).pages
    is_new = np.array([reader.startswith("second round: r") for reader in edu.readers])
    new = edu.take(np.flatnonzero(is_new))
    assert len(edu) == len(before) + 5 == len(before) + is_new.sum()
    assert set(new.annotators) == {"readers"}
    assert dict(zip(new.sites, new.domains, strict=True)) == {
        "packageA": "documentation",
        "packageB": "humanities",
        "package1": "documentation",  # known pages keep what is known of them
        new.sites[-1]: "web",
    }
    assert new.texts.to_pylist()[-2] in before.texts.to_pylist()
    assert len(read_quality(data, [more]).pages) == len(read_quality(data).pages) + 4  # one has no such level


def test_pages_drawn_by_the_level_of_another_annotator_state_the_chance_that_gave_them(data, tmp_path):
    levels = [row["edu_level"] for row in read_rows(data, "annotations/edu_student_scored")]
    places = [*[i for i, level in enumerate(levels) if level == 3][:2], levels.index(1)]
    rows = [f"edu_student_scored#{place}\t2\t3\tr1" for place in places]
    (tmp_path / "levels.tsv").write_text("\n".join(["id\tedu_level\tquality_level\treader", *rows]) + "\n")
    pages = read_edu(data, [tmp_path]).pages
    new = pages.take(np.flatnonzero([reader.endswith(": r1") for reader in pages.readers]))
    assert new.propensity.tolist() == pytest.approx([2 / levels.count(3)] * 2 + [1 / levels.count(1)])


def test_more_pages_leave_word_table_and_axes_as_they_are(data, made, more):
    with_more = Maker(data, made / "classifiers", Kept(made / "work"), DrawnEncoder(), (more,))
    sources = {name: with_more._digest_sources(name) for name in STAGES}
    assert {name for name in STAGES if sources[name] == maker(data, made)._digest_sources(name)} == {
        "static",
        "lsa",
    }


def test_levels_of_a_page_that_no_file_has_are_refused(data, more):
    with (more / "levels.tsv").open("a") as lines:
        lines.write("typo\t1\t1\tr1\n")
    with pytest.raises(ValueError, match=r"names 1 pages that no file has, as 'typo'"):
        read_edu(data, [more])


def test_program_files_of_several_folders_are_one_set_of_readings(tmp_path):
    folders = [tmp_path / "code", tmp_path / "later"]
    levels = (["f0\t2\tc1\tmade up", 'f0\t3\tc2\t"as it is'], ["g0\t4\tc1\t", "f0\t1\tc1\t"])
    for folder, name, rows in zip(folders, "fg", levels, strict=True):
        folder.mkdir()
        about = {"package": f"npm/{name}", "path": "a.js", "language": "javascript"}
        write_rows(folder / "files.jsonl.gz", [{"id": f"{name}0", "text": f"let {name} = 1", **about}])
        (folder / "levels.tsv").write_text("\n".join(["id\tedu_level\treader\treason", *rows]) + "\n")
    readings = read_code(folders[0], folders[1:])
    assert readings.levels.tolist() == [2, 3, 4, 1]
    assert readings.readers == ("c1", "c2", "later: c1", "later: c1")
    assert readings.sites == ("npm/f", "npm/f", "npm/g", "npm/f")


def test_a_level_is_measured_beside_readings_as_they_were_given():
    rng = np.random.default_rng(0)
    worth = rng.integers(0, 5, 400).astype(float)
    read = np.repeat(np.arange(400), np.where(np.arange(400) < 100, 2, 1))
    levels = np.clip(np.round(worth[read] + rng.normal(scale=0.5, size=len(read))), 0, 5)
    rows = [
        {"text": f"page {page}", "edu_level": level, "annotator": "a", "reader": "r", "domain": "science"}
        for page, level in zip(read, levels, strict=True)
    ]
    readings = read_annotations(rows)
    pages = readings.take(np.unique(read, return_index=True)[1])
    told = FitResult(None, {}, worth, worth / 5, pages, None, None, None)
    (row, both) = bundled.measure_beside_readers(readings, told)
    assert (row["name"], both["name"]) == ("science", "documentation and science together")
    assert (row["n_pages"], row["n_read_twice"]) == (400, 100)
    assert row["two_readings"]["value"] < row["of_one"]["value"] < row["of_mean"]["value"] < 1
    assert row["without_noise"]["value"] == pytest.approx(1, abs=0.03)  # the level is the worth itself
    assert row["of_one"]["value"] < row["of_all"]["value"] < row["of_mean"]["value"]
    assert 0.95 < row["average_precision_2"]["value"] < 1
    assert row["share_at_2"] == pytest.approx(0.6, abs=0.05)
    kept = {kept["threshold"]: kept for kept in row["kept"]}[0.5]
    assert kept["poor"]["value"] < 0.05 < 0.9 < kept["lessons"]["value"]
    assert "| science | 400, 100 |" in bundled.render_beside_readers([row])
