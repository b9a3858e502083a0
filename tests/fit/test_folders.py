"""A classifier's folder is there whole or not at all; the same pages and seed give the same bytes."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from common import run_curate
from curate.errors import SettingError
from curate.fit import fit_classifier, fitting, read_annotations
from curate.fit.fitted_on import hash_texts, read_fitted_on
from curate.scoring import load_scorer
from curate.scoring.storage import staged_folder
from labelled_pages import make_pages

HERE = Path(__file__).parents[1]  # where `labelled_pages` lies
TEXTS = [row["text"] for row in make_pages(10, seed=4)]
QUICK = {"members": ["own_tfidf:ridge"], "n_resamples": 5}


def run_python(code, *arguments, **environment):
    code = f"import sys; sys.path.insert(0, {str(HERE)!r})\n{textwrap.dedent(code)}"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=200, check=False
    )


KILLED = """
    import os, signal
    from labelled_pages import make_pages
    from curate.fit import fit_classifier
    from curate.scoring import storage

    folder, nth = sys.argv[1], int(sys.argv[2])
    replace, calls = os.replace, 0

    def replace_or_die(source, target):
        global calls
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    storage.os.replace = replace_or_die
    fit_classifier(make_pages(100, seed=1), folder, members=["own_tfidf:ridge"], n_resamples=5, overwrite=True)
"""


def is_refused(folder):
    try:
        load_scorer(folder)
    except SettingError as error:
        return "copy both" in str(error)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("there_before", [False, True])
def test_a_kill_at_any_step_of_writing_leaves_the_old_the_new_or_a_refusal(tmp_path, there_before):
    folder = tmp_path / "mine"
    new = fit_classifier(make_pages(100, seed=1), tmp_path / "new" / "mine", **QUICK).scorer.score(TEXTS)
    outcomes = []
    for nth in range(1, 12):
        if there_before:
            old = fit_classifier(make_pages(100, seed=2), folder, overwrite=True, **QUICK).scorer.score(TEXTS)
        done = run_python(KILLED, folder, nth)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        if not folder.exists():
            assert not there_before
            outcomes.append("nothing")
            continue
        if is_refused(folder):
            outcomes.append("refused")
            continue
        scores = load_scorer(folder).score(TEXTS)
        assert there_before
        assert any(np.array_equal(scores, known) for known in (old, new))
        outcomes.append("old" if np.array_equal(scores, old) else "new")
    else:
        pytest.fail("the fit never came to its end")
    np.testing.assert_array_equal(load_scorer(folder).score(TEXTS), new)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert outcomes == (["old"] * 6 + ["refused"] if there_before else ["nothing"] * 3)


def test_a_block_that_raises_leaves_what_was_there(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text("old")

    def stop():
        with staged_folder(folder) as staged:
            (staged / "config.json").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert (folder / "config.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_other_files_of_a_folder_stay(tmp_path):
    fit_classifier(make_pages(60), tmp_path / "mine", **QUICK)
    (tmp_path / "mine" / "notes.md").write_text("mine")
    fit_classifier(make_pages(60), tmp_path / "mine", overwrite=True, **QUICK)
    assert (tmp_path / "mine" / "notes.md").read_text() == "mine"


SAME = """
    from labelled_pages import make_pages
    from curate.fit import fit_classifier

    members = ["fasttext:softmax:n_epochs=2", "tfidf+shape:ridge", "static+shape:kernel:n_centres=20", "shape:forest:n_trees=5"]
    fit_classifier(make_pages(90), sys.argv[1], name="mine", members=members, stack=True, seed=7, n_resamples=5)
"""


def test_two_processes_write_the_same_bytes(tmp_path):
    for name, hash_seed in (("a", "1"), ("b", "2")):
        done = run_python(SAME, tmp_path / name, PYTHONHASHSEED=hash_seed, OMP_NUM_THREADS=hash_seed)
        assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["card.md", "config.json", "fitted_on.safetensors", "metrics.json", "weights.safetensors"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_ctrl_c_stops_the_command_and_writes_nothing(tmp_path, monkeypatch):
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in make_pages(60)))

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "fit_calibration", stop)
    done = run_curate("fit", "-a", "labels.jsonl", "-o", "mine", "--member", "shape", cwd=tmp_path)
    assert done.returncode == 130
    assert done.stderr.endswith("curate: Stopped. Nothing was written.\n")
    assert "fit: 83%, 5 of 6 fits" in done.stderr or "fit: 100%, 6 of 6 fits" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["labels.jsonl"]


def test_the_pages_fitted_on_are_known_by_their_hashes(tmp_path):
    rows = make_pages(60)
    fit_classifier(rows, tmp_path / "mine", **QUICK)
    fitted = read_fitted_on(tmp_path / "mine")
    assert set(hash_texts(read_annotations(rows[:5]).texts)) <= set(fitted)
    assert not set(hash_texts(read_annotations(make_pages(5, seed=9)).texts)) & set(fitted)
    assert read_fitted_on(tmp_path) is None


def test_two_fits_into_one_folder_do_not_meet(tmp_path):
    folder = tmp_path / "mine"
    with staged_folder(folder) as staged:
        (staged / "config.json").write_text("first")
        with (
            pytest.raises(SettingError, match=f"Another process is writing to {folder}"),
            staged_folder(folder),
        ):
            pass
    assert (folder / "config.json").read_text() == "first"


@pytest.mark.parametrize(
    ("name", "overwrite"), [("config.json", True), ("metrics.json", False), ("metrics.json", True)]
)
def test_a_fit_writes_over_no_file_of_another_program(tmp_path, name, overwrite):
    (tmp_path / name).write_text('{"model_type": "llama"}')
    with pytest.raises(SettingError, match="of no classifier|of another program"):
        fit_classifier(make_pages(60), tmp_path, overwrite=overwrite, **QUICK)
    assert (tmp_path / name).read_text() == '{"model_type": "llama"}'
