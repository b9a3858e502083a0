"""Loading scorers by name, folder and object; classes, and adapters for other tools."""

import json
import subprocess
import sys
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint

import numpy as np
import pyarrow as pa
import pytest

from curate.bundled import classifiers_folder
from curate.errors import SettingError, UnknownNameError
from curate.scoring import bundled_scorers, features, load_classifier, load_scorer
from curate.scoring import load as registry
from curate.scoring.adapters import ScorerTransformer, map_function, score_documents
from curate.scoring.ask import ask, ask_all
from curate.testing import check_scorer
from curate.text.words import hash_words

LESSON = (
    "Photosynthesis is the process by which plants make sugar from light, water and carbon dioxide. "
    "Chlorophyll in the leaves absorbs light. Its energy splits water into oxygen and hydrogen. "
) * 4
ADVERT = "Buy cheap shoes now! Free shipping. Add to cart. Sign in to see your offers. " * 4


class Fixed:
    name = "fixed"

    def __init__(self, value=0.25):
        self.value, self.fingerprint = value, str(value)

    def score(self, texts):
        return np.full(len(texts), self.value, np.float32)


@pytest.mark.parametrize("name", ["edu", "topic:Health", "format:Tutorial"])
def test_bundled_scorers_keep_the_law(name):
    check_scorer(load_scorer(name))


def test_a_lesson_scores_above_an_advert():
    levels, scores = load_scorer("edu").score_levels([LESSON, ADVERT])
    assert scores[0] > 0.3 > 0.05 > scores[1]
    assert levels[0] > 2 > 1 > levels[1]


def test_a_text_without_words_has_the_lowest_level_and_a_low_score():
    levels, scores = load_scorer("edu").score_levels(["", " \n", "?!", None])
    assert not levels.any()
    assert (scores < 0.01).all()


def test_what_lies_beyond_the_window_does_not_count():
    scorer = load_scorer("edu")
    page = (LESSON + "\n") * 60
    assert len(page) > scorer.window_bytes
    a, b = scorer.score([page + ADVERT, page + LESSON])
    assert a == b


def test_the_window_of_a_scorer_can_be_chosen():
    scorer = load_scorer("edu")
    narrow = scorer.with_window(200)
    assert narrow.score([LESSON + ADVERT]) == narrow.score([LESSON])
    assert narrow.count_read([LESSON, "two words", "", None]).tolist() == [200, 9, 0, 0]
    assert scorer.count_read([LESSON]) == len(LESSON)
    assert scorer.window_bytes == 16384
    assert narrow.fingerprint not in {"", scorer.fingerprint}
    check_scorer(narrow)
    for wrong in (0, -1, 1.5, "3", None, float("nan"), 1 << 80):
        with pytest.raises(SettingError, match="set it to a whole number from 1 on"):
            scorer.with_window(wrong)


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'edu'"):
        load_scorer("ed")
    with pytest.raises(UnknownNameError, match="Did you mean 'Health'"):
        load_scorer("topic:Helth")
    with pytest.raises(SettingError, match="curate fit --output"):
        load_scorer("no/such/folder")


def test_a_folder_without_a_classifier_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"holds no config\.json"):
        load_scorer(tmp_path)
    with pytest.raises(SettingError, match="word_table, not a scorer"):
        load_scorer(classifiers_folder() / "static")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format=99), "reads 1"),
        (lambda c: c["kernels"].update(words=-1), "version -1 of the words kernel"),
        (lambda c: c.update(weights_sha256="0"), "copy both"),
        (lambda c: c["blocks"]["static"].update(table_sha256="0"), "another table"),
        (lambda c: c["blocks"]["classes"]["classifiers"].update(topic="0"), "another 'topic' classifier"),
    ],
)
def test_a_classifier_of_other_kernels_or_weights_is_refused(tmp_path, change, message):
    for name in ("config.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((classifiers_folder() / "edu" / name).read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    change(config)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(SettingError, match=message):
        load_scorer(tmp_path)


def test_an_object_stands_for_itself_if_it_is_a_scorer():
    scorer = Fixed()
    assert load_scorer(scorer) is scorer
    with pytest.raises(SettingError, match="is no scorer"):
        load_scorer(object())


def test_another_packages_scorer_is_found_by_its_entry_point(monkeypatch):
    point = EntryPoint("theirs", f"{__name__}:Fixed", registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: Fixed)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    assert load_scorer("theirs").score(["x"]) == [0.25]


def test_classes_have_probabilities_that_sum_to_one():
    topic = load_classifier("topic")
    shares = topic.predict(["Simmer the onions in butter and add the flour.", LESSON, ""])
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert topic.label(["Simmer the onions in butter and add the flour and salt."]).to_pylist() == [
        "Food & Dining"
    ]
    assert len(topic.classes) == 24


def test_classifiers_side_by_side_give_what_each_gives_alone():
    pages = features.Pages(pa.array([LESSON, "", ADVERT]), 1 << 14)
    alike = load_classifier("topic"), load_classifier("format")
    zones = np.array([0, 2], np.int64)
    other = replace(alike[1], sparse=replace(alike[1].sparse, zones=zones))
    for classifiers in (alike, (alike[0], other)):
        alone = np.hstack([classifier.outputs(pages) for classifier in classifiers])
        assert features.ClassesBlock(classifiers).compute(pages).tolist() == alone.tolist()


def test_what_tells_classes_apart_is_no_scorer_and_the_error_says_what_to_type():
    for name in ("topic", classifiers_folder() / "topic"):
        with pytest.raises(
            SettingError,
            match=r"as 'topic:Health', or write the likeliest one as a column, with --label topic",
        ):
            load_scorer(name)
    assert load_classifier("topic").label([LESSON]).to_pylist()
    with pytest.raises(UnknownNameError, match="Did you mean 'topic'"):
        load_classifier("topik")
    with pytest.raises(SettingError, match="Load it with load_scorer"):
        load_classifier(classifiers_folder() / "edu")


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([0.5, np.nan], "gave the score nan; it must be a number from 0 to 1"),
        ([0.5, 1.0001], "gave the score 1.0001"),
        ([-0.1, 0], "gave the score -0.1"),
        ([0.5], r"gave scores of shape \(1,\) for 2 documents"),
        ([[0.5], [0.5]], r"gave scores of shape \(2, 1\)"),
        (["a", "b"], "gave scores that are no numbers"),
    ],
)
def test_scores_that_break_the_law_end_in_one_line_with_the_scorers_name(scores, message):
    class Broken:
        name = "broken"

        def score(self, texts):
            return scores

    with pytest.raises(SettingError, match=f"^The scorer 'broken' {message}[^\n]*$"):
        ask(Broken(), ["a", "b"])


def test_the_score_lies_between_those_of_the_members():
    edu = load_scorer("edu")
    texts = [LESSON, "", "Buy now, cheap shoes", LESSON[:90]]
    members = edu.score_members(texts)
    assert members.shape == (len(edu.members), 4)
    score = edu.score(texts)
    assert (members.min(0) - 1e-6 <= score).all()
    assert (score <= members.max(0) + 1e-6).all()
    assert members[:, 1] == pytest.approx(np.full(len(members), score[1]))
    np.testing.assert_array_equal(edu.score_members(texts[:1])[:, 0], members[:, 0])


def test_scorers_asked_together_give_what_each_gives_alone():
    edu = load_scorer("edu")
    several = [
        edu,
        Fixed(),
        edu.with_window(500),
        load_scorer("quality"),
        load_scorer("topic:Health"),
    ]
    texts = [LESSON * 9, ADVERT, "", None, "word"]
    for scorer, found in zip(several, ask_all(several, texts), strict=True):
        alone = ask(scorer, texts)
        np.testing.assert_array_equal(found.scores, alone.scores)
        np.testing.assert_array_equal(found.scores, scorer.score(texts))
        assert (found.levels is None) == (alone.levels is None)


def test_scorers_with_one_window_hash_the_words_once(monkeypatch):
    edu = load_scorer("edu")
    called = []
    monkeypatch.setattr(features, "hash_words", lambda texts: called.append(1) or hash_words(texts))
    ask_all([edu, replace(edu, name="again")], [LESSON])
    assert called == [1]


def test_map_function_adds_columns():
    columns = map_function("edu", prefix="edu_")({"text": [LESSON, ADVERT]})
    assert columns["edu_score"][0] > columns["edu_score"][1]
    assert len(columns["edu_level"]) == 2
    datasets = pytest.importorskip("datasets")
    dataset = datasets.Dataset.from_dict({"text": [LESSON, ADVERT]}).map(map_function("edu"), batched=True)
    assert dataset[0]["score"] > dataset[1]["score"]


def test_the_transformer_works_in_a_pipeline():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(ScorerTransformer("edu"), LogisticRegression(C=100))
    model.fit([LESSON, ADVERT] * 3, [1, 0] * 3)
    assert model.predict([LESSON, ADVERT]).tolist() == [1, 0]
    assert ScorerTransformer("edu").get_feature_names_out().tolist() == ["edu_score", "edu_level"]
    assert ScorerTransformer(Fixed()).fit_transform(pa.array(["a", "b"])).shape == (2, 1)


@dataclass
class Document:
    text: str
    metadata: dict = field(default_factory=dict)


def test_documents_get_score_and_level_and_a_reason():
    documents = [Document(LESSON), Document(ADVERT)]
    kept = score_documents(documents, load_scorer("edu"), threshold=0.3)
    assert kept == [True, (False, "edu_score")]
    assert set(documents[0].metadata) == {"edu_score", "edu_level"}


def test_loading_the_default_imports_no_torch_and_no_scikit_learn():
    code = (
        "import sys; from curate.scoring import load_scorer; load_scorer('edu').score(['a b c']);"
        "heavy = {'torch', 'sklearn', 'transformers', 'typer'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_bundled_names_are_sorted_and_hold_the_default():
    names = bundled_scorers()
    assert names == sorted(names)
    assert "edu" in names
    assert not {"topic", "format", "static"} & set(names)
