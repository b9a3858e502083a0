"""Errors cross processes whole: a pool that cannot read one would wait for ever."""

from __future__ import annotations

import multiprocessing
import pickle

import pytest

from curate import errors
from curate.errors import CurateError, MissingPackageError, UnknownNameError

MADE = {
    UnknownNameError: UnknownNameError("rule set", "gophr", ["gopher", "c4"]),
    MissingPackageError: MissingPackageError("Training", "torch", "train"),
}


def all_errors(base: type = CurateError) -> list[type]:
    return [base, *(found for below in base.__subclasses__() for found in all_errors(below))]


@pytest.mark.parametrize("kind", [kind for kind in all_errors() if kind.__module__ == errors.__name__])
def test_every_error_is_the_same_after_pickling(kind: type) -> None:
    error = MADE.get(kind) or kind("One line.")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)


def _fail(_: int) -> None:
    raise UnknownNameError("scorer", "edo", ["edu"])


def test_a_mistyped_name_in_a_pool_is_an_error_and_no_hang() -> None:
    with (
        multiprocessing.get_context("spawn").Pool(1) as pool,
        pytest.raises(UnknownNameError, match="Did you mean"),
    ):
        pool.map_async(_fail, [0]).get(timeout=60)
