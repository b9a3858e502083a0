"""Every example beside another tool runs where that tool is installed, and ends with the library's scores."""

import importlib.util
import subprocess
import sys

import pytest

from common import ROOT
from curate.scoring import load_scorer

FOLDER = ROOT / "examples" / "neighbours"
PACKAGES = {
    "pandas_frame": ("pandas",),
    "polars_frame": ("polars",),
    "duckdb_relation": ("duckdb",),
    "datasets_map": ("datasets",),
    "dask_frame": ("dask", "pandas"),
    "ray_data": ("ray", "pandas"),
    "spark_frame": ("pyspark",),
    "fastapi_service": ("fastapi",),
    "datatrove_pipeline": ("datatrove", "regex"),
}
SLOW = {"ray_data", "spark_frame", "dask_frame"}


def test_every_example_is_run_and_stands_in_the_list():
    files = {path.stem for path in FOLDER.glob("*.py")} - {"texts"}
    assert files == set(PACKAGES)
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}.py`" in listed for name in files)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in PACKAGES]
)
def test_the_example_ends_with_the_scores_of_the_library(name, monkeypatch):
    for package in PACKAGES[name]:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    command = [sys.executable, str(FOLDER / f"{name}.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    monkeypatch.syspath_prepend(FOLDER)
    from texts import TEXTS

    scores = load_scorer("edu").score(TEXTS)
    expected = [f"{score:.4f}  {text[:40]}" for score, text in zip(scores, TEXTS, strict=True)]
    assert done.stdout.strip().splitlines()[-3:] == expected
