"""The transformer as scikit-learn expects one; the datatrove filter where a package is missing."""

import pickle
import sys
import types

import numpy as np
import pandas as pd
import pytest

from curate.errors import SettingError, TextsError, UnknownNameError
from curate.scoring import adapters, load_scorer
from curate.scoring.adapters import ScorerTransformer, datatrove_filter

TEXTS = [
    "Photosynthesis is how plants make sugar from light.",
    "Buy shoes now!",
    "A triangle has three sides.",
]


def test_a_column_transformer_scores_the_column_whether_it_hands_over_a_table_or_a_series():
    from sklearn.compose import ColumnTransformer

    expected = np.column_stack(load_scorer("edu").score_levels(TEXTS))[:, ::-1]
    table = pd.DataFrame({"text": TEXTS, "n": [1, 2, 3]})
    for columns in (["text"], "text"):
        made = ColumnTransformer([("edu", ScorerTransformer("edu"), columns)]).fit_transform(table)
        np.testing.assert_array_equal(made, expected)
    with pytest.raises(TextsError, match="one column, not 2"):
        ScorerTransformer().transform(table)


def test_the_output_can_be_set_to_pandas():
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(ScorerTransformer("edu")).set_output(transform="pandas")
    made = pipeline.fit_transform(pd.Series(TEXTS, index=["a", "b", "c"]))
    assert list(made.columns) == ["edu_score", "edu_level"]
    assert list(made.index) == ["a", "b", "c"]


def test_another_scorer_set_after_fit_is_the_one_that_scores():
    transformer = ScorerTransformer("edu").fit(TEXTS)
    transformer.set_params(scorer="topic:Health")
    np.testing.assert_array_equal(
        transformer.transform(TEXTS)[:, 0], load_scorer("topic:Health").score(TEXTS)
    )
    assert transformer.get_feature_names_out().tolist() == ["topic:Health_score"]
    assert repr(ScorerTransformer("topic:Health")) == "ScorerTransformer(scorer='topic:Health')"
    with pytest.raises(ValueError, match="Invalid parameter"):
        transformer.set_params(scorr="edu")


def test_missing_texts_are_taken_as_score_takes_them():
    texts = pd.Series([TEXTS[0], None])
    np.testing.assert_array_equal(ScorerTransformer().transform(texts)[:, 0], load_scorer("edu").score(texts))


class Finder:
    """Refuses one module, as a machine without its package would."""

    def __init__(self, missing):
        self.missing = missing

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == self.missing:
            raise ModuleNotFoundError(f"No module named {self.missing!r}", name=self.missing)


@pytest.mark.parametrize("missing", ["datatrove", "regex"])
def test_the_datatrove_filter_names_the_package_that_is_missing(missing, monkeypatch, tmp_path):
    adapters._datatrove_class.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] in {"datatrove", missing}]:
        monkeypatch.delitem(sys.modules, name)
    folder = tmp_path / "datatrove" / "pipeline" / "filters"
    folder.mkdir(parents=True)
    (folder / "base_filter.py").write_text("import regex\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [Finder(missing), *sys.meta_path])
    with pytest.raises(SettingError, match=f"pip install {missing}[.]"):
        datatrove_filter("edu")
    for name in [name for name in sys.modules if name.split(".")[0] == "datatrove"]:
        monkeypatch.delitem(sys.modules, name)


def test_a_datatrove_filter_knows_its_scorer_at_once_and_can_be_pickled(monkeypatch):
    with pytest.raises(UnknownNameError, match="Did you mean 'edu'"):
        datatrove_filter("edo")

    class BaseFilter:
        def __init__(self, batch_size=1, exclusion_writer=None):
            self.batch_size, self.exclusion_writer = batch_size, exclusion_writer

    names = (
        "datatrove",
        "datatrove.pipeline",
        "datatrove.pipeline.filters",
        "datatrove.pipeline.filters.base_filter",
    )
    for name in names:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules[names[-1]].BaseFilter = BaseFilter
    adapters._datatrove_class.cache_clear()
    step = pickle.loads(pickle.dumps(datatrove_filter("edu", threshold=0.3, batch_size=2)))
    adapters._datatrove_class.cache_clear()
    assert (step.scorer, step.threshold, step.batch_size) == ("edu", 0.3, 2)
    document = types.SimpleNamespace(text=TEXTS[1], metadata={})
    assert step.filter(document) == (False, "edu_score")
    assert document.metadata["edu_score"] < 0.3
