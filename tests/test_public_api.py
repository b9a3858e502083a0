"""What users import: the names, and that importing costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import types

import curate


def test_every_public_name_is_there_and_none_is_a_module() -> None:
    assert list(curate.__all__) == sorted(curate.__all__)
    for name in curate.__all__:
        assert not isinstance(getattr(curate, name), types.ModuleType)


def test_a_function_is_still_a_function_after_its_module_was_imported() -> None:
    script = (
        "import curate, curate.pipeline, curate.results.explain, curate.results.rethreshold; "
        "assert callable(curate.explain) and callable(curate.rethreshold)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def _loaded(script: str, of: set[str], **variables: str) -> set[str]:
    """Which of these modules a fresh process has after a script."""
    script = f"import sys; {script}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ | variables
    )
    return of & set(done.stdout.split())


def test_importing_curate_loads_nothing_heavy() -> None:
    heavy = {"torch", "typer", "sentence_transformers", "numba", "pyarrow", "sklearn", "duckdb"}
    assert _loaded("import curate", heavy) == set()


def test_the_command_line_loads_no_kernels() -> None:
    heavy = {"torch", "sentence_transformers", "numba", "sklearn", "scipy", "duckdb"}
    assert _loaded("from curate.cli.app import make_app; make_app()", heavy) == set()


def test_a_command_loads_no_other_and_the_main_job_nothing_that_only_html_or_redaction_needs() -> None:
    script = "from curate.cli.app import make_app; make_app('filter'); import curate.pipeline"
    unasked = {"curate.cli.train", "curate.cli.craft", "curate.extract.native", "curate.rules.pii"}
    assert _loaded(script, unasked) == set()


def test_the_main_job_loads_no_torch_pandas_or_linear_algebra() -> None:
    heavy = {"torch", "sentence_transformers", "pandas", "scipy.linalg"}
    script = "import curate.pipeline, pyarrow; pyarrow.array([1])"
    assert _loaded(script, heavy, CURATE_WITHOUT_PANDAS="1") == set()  # as the command line sets it
