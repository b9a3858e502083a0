"""The scorer in other tools, through the tools themselves where they are installed; other packages' scorers."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from curate.scoring import load_scorer
from curate.scoring.adapters import ScorerTransformer, datatrove_filter, map_function

LESSON = (
    "Photosynthesis is the process by which plants make sugar from light, water and carbon dioxide. "
    "Chlorophyll in the leaves absorbs light. Its energy splits water into oxygen and hydrogen. "
) * 4
ADVERT = "Buy cheap shoes now! Free shipping. Add to cart. Sign in to see your offers. " * 6
TEXTS = [LESSON, ADVERT, "", "short"]


def install(folder, name, entry, source):
    """An installed distribution, as a wheel would leave it: a module and its dist-info with an entry point."""
    (folder / f"{name}.py").write_text(textwrap.dedent(source))
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[curate.scorers]\n{entry}\n")


def ask(folder, code):
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{textwrap.dedent(code)}"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


SCORER = """
    import numpy as np
    class Length:
        name = "length"
        def score(self, texts):
            return np.array([min(len(str(t)), 10) / 10 for t in texts], np.float32)
    ready = Length()
    not_one = 3
"""


@pytest.mark.parametrize("target", ["Length", "ready"])
def test_the_scorer_of_an_installed_package_is_loaded_by_name(tmp_path, target):
    install(tmp_path, "theirscorers", f"by-length = theirscorers:{target}", SCORER)
    done = ask(
        tmp_path, "from curate import load_scorer; print(load_scorer('by-length').score(['hello']).tolist())"
    )
    assert done.stdout.strip() == "[0.5]", done.stderr


def test_an_entry_point_that_is_no_scorer_is_named(tmp_path):
    install(tmp_path, "theirscorers", "odd = theirscorers:not_one", SCORER)
    done = ask(tmp_path, "from curate import load_scorer; load_scorer('odd')")
    assert "Entry point 'theirscorers:not_one' of the group curate.scorers is no scorer" in done.stderr


def test_an_entry_point_that_cannot_be_imported_says_whose_it_is(tmp_path):
    install(tmp_path, "theirscorers", "broken = theirscorers:absent", SCORER)
    done = ask(tmp_path, "from curate import load_scorer; load_scorer('broken')")
    assert "SettingError: The scorer 'broken' of the package theirscorers cannot be loaded" in done.stderr


def test_datasets_map_adds_columns():
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"text": [*TEXTS, None]})
    scored = rows.map(map_function("edu", prefix="edu_"), batched=True, batch_size=2)
    expected = load_scorer("edu").score([*TEXTS, ""])
    np.testing.assert_array_equal(np.array(scored["edu_score"], np.float32), expected)
    assert len(scored.filter(lambda row: row["edu_score"] > 0.3)) == 1


def test_the_datatrove_filter_keeps_and_explains(tmp_path):
    pytest.importorskip("datatrove")
    from datatrove.data import Document
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.writers import JsonlWriter

    documents = [Document(text=text, id=str(i)) for i, text in enumerate(TEXTS)]
    dropped = JsonlWriter(str(tmp_path / "dropped"), compression=None)
    kept = JsonlWriter(str(tmp_path / "kept"), compression=None)
    step = datatrove_filter("edu", threshold=0.3, batch_size=2, exclusion_writer=dropped)
    LocalPipelineExecutor([documents, step, kept], tasks=1, logging_dir=str(tmp_path / "logs")).run()
    assert '"id":"0"' in (tmp_path / "kept" / "00000.jsonl").read_text()
    lines = (tmp_path / "dropped" / "00000.jsonl").read_text().splitlines()
    assert len(lines) == 3
    assert all('"filter_reason":"edu_score"' in line and '"edu_level"' in line for line in lines)


def test_the_transformer_is_cloned_searched_and_put_in_a_union():
    from sklearn.base import clone
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline, make_union

    assert clone(ScorerTransformer("topic:Health")).get_params() == {"scorer": "topic:Health"}
    union = make_union(ScorerTransformer("edu"), TfidfVectorizer())
    assert union.fit_transform(TEXTS).shape[1] > 2
    model = Pipeline([("scores", ScorerTransformer()), ("head", LogisticRegression())])
    search = GridSearchCV(model, {"scores__scorer": ["edu", "topic:Health"], "head__C": [1, 100]}, cv=2)
    search.fit([LESSON + str(i) for i in range(4)] + [ADVERT + str(i) for i in range(4)], [1] * 4 + [0] * 4)
    assert search.best_score_ == 1
