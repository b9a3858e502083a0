"""Making the bundled classifiers from a data folder, on made-up pages and a made-up encoder."""

import gzip
import json
import shutil
import zlib

import numpy as np
import pytest
from classifiers.recipe import bundled
from classifiers.recipe.bundled import STAGES, Maker
from classifiers.recipe.bundled_pages import EDU_FILES, FORMATS, TOPICS, WEB_FILES, read_edu
from classifiers.recipe.kept import Kept

from curate.bundled import classifiers_folder, classifiers_in
from curate.fit import metrics
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
        patch.setattr(metrics, "bootstrap", lambda measure, n, seed, _: bootstrap(measure, n, seed, 20))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for i, name in enumerate(EDU_FILES):  # 90 pages each
        annotator = "Llama-3-70B" if name in {"edu_train", "edu_val"} else f"annotator of {name}"
        rows = [{**row, "annotator": annotator} for row in make_pages(90, seed=i)]
        write_rows(folder / f"annotations/{name}.jsonl.gz", rows)
    for i, name in enumerate(WEB_FILES):
        rows = [
            {**row, "topic_id": (i + k) % len(TOPICS), "format_id": k % len(FORMATS)}
            for k, row in enumerate(make_pages(60, seed=10 + i))
        ]
        write_rows(folder / f"{name}.jsonl.gz", rows)
    for name in ("web/c4", "textbooks/osbooks-statistics", "textbooks/enwiki"):
        write_rows(folder / f"{name}.jsonl.gz", make_pages(20, seed=len(name)))
    return folder


def write_rows(path, rows):
    path.parent.mkdir(exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


def maker(data, folder, page_encoder=None):
    kept = Kept(folder / "work")
    return Maker(data, folder / "classifiers", kept, DrawnEncoder(), page_encoder or DrawnEncoder())


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
    assert (made / "classifiers/edu-cascade/card.md").read_text().startswith("# edu-cascade")


def test_a_stage_that_is_done_is_not_done_again(data, made):
    before = contents(made)
    again = maker(data, made)
    assert not any(again.make(name) for name in STAGES)
    assert again.word_encoder.n_texts == again.page_encoder.n_texts == 0
    assert contents(made) == before


def test_what_other_pages_gave_is_not_taken_for_these(data, made, tmp_path):
    """The web pages are the same, and so are topic and format: but not what they say of the new pages."""
    folder, pages = tmp_path / "made", tmp_path / "data"
    shutil.copytree(made, folder)
    shutil.copytree(data, pages)
    rows = [{**row, "annotator": "annotator of edu_extra"} for row in make_pages(90, seed=99)]
    write_rows(pages / "annotations/edu_extra.jsonl.gz", rows)
    kept = set((folder / "work").glob("topic-*.npy"))
    again = maker(pages, folder)
    assert all(again.make(name) for name in ("static", "lsa", "topic"))
    assert len(set((folder / "work").glob("topic-*.npy")) - kept) == 1


def test_a_run_that_was_stopped_goes_on_and_gives_the_same_bytes(data, made, tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "_PAGES_A_PIECE", 100)
    with pytest.raises(KeyboardInterrupt):
        for name in STAGES:
            maker(data, tmp_path, DrawnEncoder(stop_after=250)).make(name)
    rest = maker(data, tmp_path)
    done = [rest.make(name) for name in STAGES]
    assert done == [name in {"edu-large", "edu-cascade"} for name in STAGES]
    assert rest.page_encoder.n_texts == 5 * 90 - 200  # two pieces were kept
    assert contents(tmp_path) == contents(made)


def test_pages_of_the_validation_file_are_told_by_their_file(data):
    edu = read_edu(data)
    assert edu.is_val.tolist() == [False] * 90 + [True] * 90 + [False] * 270
    assert len(edu.without_val()) == 360
