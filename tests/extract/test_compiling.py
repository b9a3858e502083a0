"""What a process beside another compiles is what that one asks for."""

from numba.core import event

from curate import extract_text
from curate.extract.native import compile_from_the_end, extract_batch


def test_what_is_compiled_from_the_end_is_what_the_extractor_calls() -> None:
    assert extract_text("<p>The sun warms the sea, and water rises as vapour.")  # all of it is on disk now
    assert extract_batch.is_kept()
    with event.install_recorder("numba:compile") as compiled:
        compile_from_the_end(lambda: False)
    # But for the one that `extract_batch` has as a part of itself.
    assert {found.data["dispatcher"].py_func.__name__ for _, found in compiled.buffer} <= {"describe_page"}


def test_nothing_is_compiled_any_more_when_the_other_is_done() -> None:
    asked = iter([False, True])
    compile_from_the_end(lambda: next(asked))
    assert next(asked, None) is None
