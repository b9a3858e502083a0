"""Tables are made once for what decides them, and anew when it changes, is cut off, or cannot be kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curate.text import cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "kept"))
    monkeypatch.setattr(cache, "cache_folder", cache.cache_folder.__wrapped__)
    return tmp_path / "kept"


def counted() -> tuple[list[int], object]:
    calls: list[int] = []

    def make() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"numbers": np.arange(5), "words": np.array(["a", "bc"])}

    return calls, make


def test_arrays_come_back_from_disk_and_anew_under_another_stamp(folder: Path) -> None:
    calls, make = counted()
    for stamp in ("one", "one", "two"):
        found = cache.remembered("t", stamp, make)
        assert found["numbers"].tolist() == [0, 1, 2, 3, 4]
        assert found["words"].tolist() == ["a", "bc"]
    assert len(calls) == 2
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("n_bytes", [0, 10, 100])
def test_a_file_that_is_cut_off_is_made_again(folder: Path, n_bytes: int) -> None:
    calls, make = counted()
    cache.remembered("t", "one", make)
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[:n_bytes])
    assert cache.remembered("t", "one", make)["numbers"].tolist() == [0, 1, 2, 3, 4]
    assert len(calls) == 2


def test_where_nothing_can_be_written_nothing_is_kept(folder: Path) -> None:
    folder.touch()  # a file where the folder should be
    calls, make = counted()
    assert cache.cache_folder() is None
    for _ in range(2):
        assert cache.remembered("t", "one", make)["numbers"].tolist() == [0, 1, 2, 3, 4]
    assert len(calls) == 2
