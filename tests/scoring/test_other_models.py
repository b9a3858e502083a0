"""Models of fastText and scikit-learn as scorers, and scorers that cannot be made."""

import pickle
from importlib.metadata import EntryPoint

import fasttext
import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from curate.errors import SettingError
from curate.scoring import load, load_scorer
from curate.testing import check_scorer
from labelled_pages import make_pages

skops_io = pytest.importorskip("skops.io")


@pytest.fixture(scope="module")
def pages():
    rows = make_pages(150, n_levels=2)
    return [row["text"] for row in rows], np.array([row["edu_level"] for row in rows])


@pytest.fixture(scope="module")
def model_file(pages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fasttext")
    lines = [
        f"__label__{'hq' if y else 'cc'} {' '.join(text.split())}\n" for text, y in zip(*pages, strict=True)
    ]
    (folder / "train.txt").write_text("".join(lines))
    model = fasttext.train_supervised(
        str(folder / "train.txt"), epoch=25, thread=1, verbose=0, dim=16, bucket=1000
    )
    model.save_model(str(folder / "mine.bin"))
    words = fasttext.train_unsupervised(
        str(folder / "train.txt"), epoch=1, thread=1, verbose=0, dim=4, bucket=100
    )
    words.save_model(str(folder / "words.bin"))
    return folder / "mine.bin"


def test_a_fasttext_model_gives_the_probability_of_the_wanted_label(model_file, pages):
    scorer = load_scorer(f"{model_file}#hq")
    check_scorer(scorer)
    assert scorer.name == "mine:hq"
    scores = scorer.score(pages[0])
    assert scores[pages[1] == 1].mean() > scores[pages[1] == 0].mean() + 0.3
    other = load_scorer(f"{model_file}#__label__cc").score(pages[0])
    assert scores + other == pytest.approx(np.ones(len(scores)), abs=1e-3)
    texts = ["two\nlines\0of it", "", "\u3042"]
    assert scorer.score(texts).shape == (3,)
    expected = fasttext.load_model(str(model_file)).f.predict("two lines of it\n", 2, 0.0, "strict")
    assert scorer.score(texts)[0] == pytest.approx(next(p for p, label in expected if label == "__label__hq"))


def test_fasttext_files_that_cannot_be_used_give_one_line(model_file, tmp_path):
    (tmp_path / "junk.bin").write_bytes(b"junk" * 100)
    for name, message in (
        (str(model_file), r"tells 2 labels apart \(cc, hq\): .*mine.bin#cc"),
        (f"{model_file}#hp", r"Unknown label .*Known: cc, hq"),
        (str(model_file.parent / "words.bin"), "word vectors, not a classifier"),
        (f"{tmp_path}/none.bin#a", "There is no fastText model"),
        (f"{tmp_path}/junk.bin#a", "no fastText model"),
    ):
        with pytest.raises(SettingError, match=message) as caught:
            load_scorer(name)
        assert "\n" not in str(caught.value)


def test_a_pipeline_of_scikit_learn_is_a_scorer(pages, tmp_path):
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(*pages)
    skops_io.dump(pipeline, tmp_path / "mine.skops")
    scorer = load_scorer(f"{tmp_path}/mine.skops")
    check_scorer(scorer)
    assert scorer.score(pages[0]) == pytest.approx(pipeline.predict_proba(pages[0])[:, 1])
    named = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(
        pages[0], np.array(["bad", "good"])[pages[1]]
    )
    skops_io.dump(named, tmp_path / "named.skops")
    with pytest.raises(SettingError, match=r"tells bad, good apart: .*named.skops#bad"):
        load_scorer(f"{tmp_path}/named.skops")
    good, bad = (load_scorer(f"{tmp_path}/named.skops#{label}").score(pages[0]) for label in ("good", "bad"))
    assert good + bad == pytest.approx(np.ones(len(good)))


def test_pipelines_that_cannot_be_used_safely_give_one_line(pages, tmp_path):
    unsafe = make_pipeline(FunctionTransformer(exec), TfidfVectorizer(), LogisticRegression())
    skops_io.dump(unsafe, tmp_path / "unsafe.skops")
    skops_io.dump(make_pipeline(TfidfVectorizer(), RidgeClassifier()).fit(*pages), tmp_path / "ridge.skops")
    skops_io.dump(LogisticRegression().fit(np.eye(2), [0, 1]), tmp_path / "numbers.skops")
    (tmp_path / "mine.pkl").write_bytes(pickle.dumps([1]))
    (tmp_path / "junk.skops").write_bytes(b"junk")
    for name, message in (
        ("unsafe", "types that are not known to be safe .*exec"),
        ("ridge", "gives no probabilities"),
        ("numbers", "does not take texts"),
        ("junk", "cannot be loaded as skops stores it"),
        ("none", "There is no pipeline"),
    ):
        with pytest.raises(SettingError, match=message) as caught:
            load_scorer(f"{tmp_path}/{name}.skops")
        assert "\n" not in str(caught.value)
    with pytest.raises(SettingError, match=r"is a pickle.*skops\.io\.dump"):
        load_scorer(f"{tmp_path}/mine.pkl")


class NeedsAFile:
    name = "needs-a-file"

    def __init__(self):
        with open("/nowhere/model.bin", "rb"):
            pass


def test_a_packages_scorer_that_cannot_be_made_gives_one_line(monkeypatch):
    point = EntryPoint("theirs", f"{__name__}:NeedsAFile", load.ENTRY_POINT_GROUP)
    monkeypatch.setattr(load, "entry_points", lambda group: [point])
    monkeypatch.setattr(EntryPoint, "load", lambda self: NeedsAFile)
    with pytest.raises(SettingError, match=r"The scorer 'theirs' .* cannot be made: FileNotFoundError"):
        load_scorer("theirs")
