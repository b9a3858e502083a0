"""The jobs of the library have one shape, and type checkers see what they take."""

import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import curate
import typed_keywords
from common import EXAMPLE_CRAWL, ROOT
from curate.errors import SettingError
from curate.run.settings import FilterSettings

JOBS = {
    "filter_crawl": "curate.pipeline",
    "score_files": "curate.jobs.score",
    "dedup_files": "curate.jobs.dedup",
    "mix": "curate.mixture.run",
    "tokenize_mixture": "curate.tokens.tokenize",
    "fit_classifier": "curate.fit.fitting",
    "annotate_pages": "curate.annotate.run",
    "train": "curate.train.loop",
}


@pytest.mark.parametrize("name", JOBS)
def test_every_job_takes_input_and_output_and_the_rest_by_name(name):
    if name == "train":
        pytest.importorskip("torch")
    signature = inspect.signature(getattr(import_module(JOBS[name]), name))
    positional = [p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["input", "output"]
    for parameter, default in (("overwrite", False), ("progress", True)):
        found = signature.parameters[parameter]
        assert (found.kind, found.default) == (found.KEYWORD_ONLY, default)


@pytest.mark.parametrize("file", typed_keywords.FILES)
def test_the_typed_keywords_are_those_of_the_settings(file):
    written = (typed_keywords.SOURCE / file).read_text(encoding="utf-8")
    assert written == typed_keywords.render(file), "run: python tests/typed_keywords.py"


RIGHT = """
from pathlib import Path

import numpy as np
import pyarrow as pa

import curate
from curate import LevelScorer, Scorer


class Mine:
    name = "mine"

    def score(self, texts: object, /) -> np.ndarray:
        return np.zeros(1, np.float32)


def main() -> None:
    funnel = curate.filter_crawl(
        Path("crawl"), "out", threshold=0.8, language="en", workers=2, rules=["gopher"], progress=False
    )
    print(funnel.kept.n_documents)
    levels, scores = curate.load_scorer("edu").score_levels(["a text"])
    print(levels.sum(), scores.sum())
    scorer: Scorer = curate.load_scorer("classifiers/mine")
    if isinstance(scorer, LevelScorer):
        scorer.score_levels(["a text"])
    curate.filter_crawl(["a", "b"], Path("out"), scorer=["edu", "quality"], threshold={"edu": 0.5})
    curate.score_files("in.parquet", "out", scorer="edu", workers=1)
    curate.find_duplicates(["a", "b"]).num_rows
"""
WRONG = {
    "curate.filter_crwal('x', 'y')": "filter_crwal",
    "curate.filter_crawl('x', 'y', treshold=0.5)": "treshold",
    "curate.filter_crawl('x', 'y', workers='many')": "workers",
    "curate.filter_crawl('x')": "output",
    "curate.find_duplicates(['a'], jacard=0.5)": "jacard",
    "curate.load_scorer('edu').scores(['a'])": "scores",
}


def check_types(checker, script, tmp_path):
    """The lines in which a type checker finds an error; it sees the package as an installed one."""
    path = tmp_path / "script.py"
    path.write_text(script)
    environment = os.environ | {"MYPYPATH": str(ROOT / "src"), "PYTHONPATH": str(ROOT / "src")}
    if checker == "mypy":
        command = [
            "mypy",
            "--python-executable",
            sys.executable,
            "--cache-dir",
            str(tmp_path / "cache"),
            "--follow-imports=silent",
            str(path),
        ]
        command += ["--ignore-missing-imports"]
    else:
        (tmp_path / "pyrightconfig.json").write_text(
            f'{{"extraPaths": ["{ROOT / "src"}"], "include": ["script.py"]}}'
        )
        command = ["pyright", "-p", str(tmp_path), "--pythonpath", sys.executable]
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, env=environment, check=False
    )
    found = [line for line in done.stdout.splitlines() if "script.py:" in line and "error" in line]
    return {int(line.split("script.py:")[1].split(":")[0]) for line in found}, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["pyright", "mypy"])
def test_a_type_checker_takes_a_right_script_and_finds_every_mistake(checker, tmp_path):
    pytest.importorskip(checker)
    lines, output = check_types(checker, RIGHT, tmp_path)
    assert not lines, output
    script = "import curate\n" + "\n".join(WRONG) + "\n"
    lines, output = check_types(checker, script, tmp_path)
    assert lines == {number + 2 for number in range(len(WRONG))}, output


# ---- what callers hand over --------------------------------------------------------------------------------


def test_paths_numbers_of_numpy_and_single_names_are_taken(tmp_path):
    funnel = curate.filter_crawl(
        EXAMPLE_CRAWL,
        tmp_path / "out",
        threshold=np.float32(0.5),
        workers=np.int64(1),
        chunk_bytes=32e6,
        memory=4_000_000_000,
        language="en",
        rules="curate",
        progress=False,
    )
    again = curate.filter_crawl(
        [EXAMPLE_CRAWL],
        str(tmp_path / "out"),
        threshold=0.5,
        chunk_bytes=32_000_000,
        rules=["curate"],
        progress=False,
    )
    assert funnel == again
    assert funnel.kept.n_documents > 0


def test_float32_is_read_by_its_digits():
    settings = FilterSettings(input=("x",), output="y", jaccard=np.float32(0.7))
    assert settings.jaccard == 0.7


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scorer": Path("nowhere/mine")}, "There is no classifier folder 'nowhere/mine'"),
        ({"scorer": Path("edu")}, "There is no classifier folder './edu'"),
        ({"scorer": None}, "The object None is no scorer"),
        ({"scorer": 3}, "The object 3 is no scorer"),
        ({"workers": 1.5}, "workers must be a whole number or left out, not 1.5"),
        ({"input": 5}, "input must be a path or a list of paths, not 5"),
    ],
)
def test_what_is_no_scorer_or_no_number_is_refused_before_anything_is_read(settings, message, tmp_path):
    arguments = {"input": EXAMPLE_CRAWL, "output": tmp_path / "out", "progress": False} | settings
    with pytest.raises(SettingError) as caught:
        curate.filter_crawl(**arguments)
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_job_within_a_worker_of_a_pool_runs_with_one_process(tmp_path):
    script = f"""
import multiprocessing, curate
def job(output):
    return curate.filter_crawl({str(EXAMPLE_CRAWL)!r}, output, workers=2, progress=False, chunk_bytes=4000).kept.n_documents
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(job, [{str(tmp_path / "out")!r}]))
"""
    path = tmp_path / "job.py"
    path.write_text(script)
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_results_are_short_where_they_are_printed(curated):
    shown = [repr(curate.load_scorer(name)) for name in ("edu", "quality", "topic:Health")]
    shown += [repr(curate.filter_crawl(EXAMPLE_CRAWL, curated, progress=False))]
    for text in shown:
        assert len(text) < 300, text
        assert "\n" not in text
        assert text.startswith("<")
