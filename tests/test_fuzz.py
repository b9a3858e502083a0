"""The fuzz targets: cases that failed once, a few others, and with --run-slow ten minutes of them."""

from __future__ import annotations

import pytest

from benchmarks.fuzz import KEPT, TARGETS, run, run_case


@pytest.mark.parametrize(
    ("target", "case"), [(target, case) for target, cases in KEPT.items() for case in cases]
)
def test_cases_that_failed_once_hold(target, case):
    run_case(target, case)


@pytest.mark.parametrize(("target", "n"), [("readers", 20), ("extraction", 3), ("rules", 1), ("extras", 3)])
def test_damage_of_any_kind_neither_crashes_nor_hangs_nor_loses_a_row(target, n):
    assert target in TARGETS
    for case in range(n):
        run_case(target, case)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_minutes_of_damage():
    assert not [row for row in run(["--first", "500000"])["rows"] if row["findings"]]
