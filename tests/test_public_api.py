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


def test_importing_curate_loads_nothing_heavy() -> None:
    script = (
        "import sys, curate; "
        "heavy = {'torch', 'typer', 'sentence_transformers', 'numba', 'pyarrow', 'sklearn', 'duckdb'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_line_loads_no_kernels() -> None:
    script = (
        "import sys; from curate.cli.app import make_app; make_app(); "
        "heavy = {'torch', 'sentence_transformers', 'numba', 'sklearn', 'scipy', 'duckdb'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_command_loads_no_other_and_the_main_job_nothing_that_only_html_or_redaction_needs() -> None:
    script = (
        "import sys; from curate.cli.app import make_app; make_app('filter'); import curate.pipeline; "
        "unasked = {'curate.cli.train', 'curate.cli.craft', 'curate.extract.native', 'curate.rules.pii'}; "
        "print(sorted(unasked & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_main_job_loads_no_torch_pandas_or_linear_algebra() -> None:
    script = (
        "import sys, curate.pipeline, pyarrow; pyarrow.array([1]); "
        "heavy = {'torch', 'sentence_transformers', 'pandas', 'scipy.linalg'}; print(sorted(heavy & set(sys.modules)))"
    )
    command = os.environ | {"CURATE_WITHOUT_PANDAS": "1"}  # as the command line sets it
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=command
    )
    assert done.stdout.strip() == "[]"
