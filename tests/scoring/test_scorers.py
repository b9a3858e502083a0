"""Loading scorers by name, folder and object; cascades, classes, and adapters for other tools."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint

import numpy as np
import pyarrow as pa
import pytest

from curate.bundled import classifiers_folder
from curate.errors import SettingError, UnknownNameError
from curate.scoring import bundled_scorers, load_scorer
from curate.scoring import load as registry
from curate.scoring.adapters import ScorerTransformer, map_function, score_documents
from curate.scoring.cascade import Cascade
from curate.testing import check_scorer

LESSON = (
    "Photosynthesis is the process by which plants make sugar from light, water and carbon dioxide. "
    "Chlorophyll in the leaves absorbs light. Its energy splits water into oxygen and hydrogen. "
) * 4
ADVERT = "Buy cheap shoes now! Free shipping. Add to cart. Sign in to see your offers. " * 4


class Fixed:
    name = "fixed"

    def __init__(self, value=0.25):
        self.value = value

    def score(self, texts):
        return np.full(len(texts), self.value, np.float32)


@pytest.mark.parametrize("name", ["edu", "topic", "format", "topic:Health"])
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
    with pytest.raises(SettingError, match="window_bytes is 0; set it to 1 or more"):
        scorer.with_window(0)


def test_a_cascade_reads_as_much_as_the_part_that_reads_more():
    first = load_scorer("edu").with_window(100)
    assert Cascade("c", first, load_scorer("topic")).count_read(["word " * 40]) == 200
    assert Cascade("c", first, Fixed()).count_read(["é" * 50_000, None]).tolist() == [100_000, 0]


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
    topic = load_scorer("topic")
    shares = topic.predict(["Simmer the onions in butter and add the flour.", LESSON, ""])
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert topic.label(["Simmer the onions in butter and add the flour and salt."]).to_pylist() == [
        "Food & Dining"
    ]
    assert len(topic.classes) == 24


def test_a_cascade_asks_the_second_scorer_only_within_the_band():
    asked = []

    class Second(Fixed):
        def score(self, texts):
            asked.extend(texts.to_pylist())
            return super().score(texts)

    class First(Fixed):
        def score(self, texts):
            return np.array([len(t or "") / 10 for t in texts.to_pylist()], np.float32)

    cascade = Cascade("c", First(), Second(0.99), low=0.3, high=0.5)
    scores = cascade.score(["a", "four", "a longer"])
    assert asked == ["four"]
    np.testing.assert_allclose(scores, [0.1, 0.99, 0.8], atol=1e-6)
    with pytest.raises(SettingError, match="0 <= low <= high <= 1"):
        Cascade("c", Fixed(), Fixed(), low=0.9, high=0.1)
    check_scorer(Cascade("c", load_scorer("edu"), Fixed(0.5)))


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
    assert {"edu", "topic", "format"} <= set(names)
