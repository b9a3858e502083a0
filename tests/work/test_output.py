"""Output folders: what is not this command's own is never deleted, and one process writes at a time."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from curate.errors import ChangedSettingsError, SettingError
from curate.work.folder import opened_run
from curate.work.json_files import check_shape
from curate.work.lock import LOCK_FILE, locked
from curate.work.output import Layout, opened_output

LAYOUT = Layout(
    "curate test",
    re.compile(r"plan\.json|parts/part-[0-9]+\.txt|work/.+"),
    ("plan.json",),
    lambda record: record.get("job") == "test",
)


def tree(folder: Path) -> dict[str, str | None]:
    """Every path below the folder with its text; links by their target."""
    return {
        path.relative_to(folder).as_posix(): os.readlink(path)
        if path.is_symlink()
        else (path.read_text() if path.is_file() else None)
        for path in sorted(folder.rglob("*"))
    }


def make_run(folder: Path) -> None:
    for name, text in {"plan.json": '{"job": "test"}', "parts/part-0.txt": "old", "work/a/b": "old"}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def open_over(folder: Path, inputs: tuple[str, ...] = (), *, overwrite: bool = True):
    return opened_output(folder, LAYOUT, compare=lambda _: ["n was 1"], inputs=inputs, overwrite=overwrite)


def test_an_overwrite_deletes_the_whole_run_and_nothing_else(tmp_path: Path) -> None:
    make_run(tmp_path)
    (tmp_path / ".tmp-notes.txt").write_text("mine")
    (tmp_path / "parts" / ".tmp-12-half.txt").write_text("of a killed writer")
    (tmp_path / ".git" / "refs").mkdir(parents=True)
    with open_over(tmp_path):
        assert tree(tmp_path) == {".git": None, ".git/refs": None, ".tmp-notes.txt": "mine", "parts": None}


@pytest.mark.parametrize(
    "foreign", ["notes.md", "parts/notes.md", "parts/part-x.txt", "raw/photo.jpg", "parts/inner/part-1.txt"]
)
def test_a_folder_that_holds_something_else_is_refused_and_untouched(tmp_path: Path, foreign: str) -> None:
    make_run(tmp_path)
    (tmp_path / foreign).parent.mkdir(exist_ok=True)
    (tmp_path / foreign).write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(SettingError, match=re.escape(foreign)), open_over(tmp_path):
        pass
    assert tree(tmp_path) == before


@pytest.mark.parametrize("plan", [None, '{"job": "other"}', "[]", "{", '{"job": "test"'])
def test_what_is_no_run_of_this_command_is_refused_and_untouched(tmp_path: Path, plan: str | None) -> None:
    make_run(tmp_path)
    (tmp_path / "plan.json").unlink() if plan is None else (tmp_path / "plan.json").write_text(plan)
    before = tree(tmp_path)
    with pytest.raises(SettingError), open_over(tmp_path):
        pass
    assert tree(tmp_path) == before


def test_an_input_within_the_output_is_refused_and_untouched(tmp_path: Path) -> None:
    make_run(tmp_path / "run")
    (tmp_path / "link").symlink_to(tmp_path / "run" / "parts")
    before = tree(tmp_path)
    for name in ("run/parts/part-0.txt", "run", "link/part-0.txt"):
        with (
            pytest.raises(SettingError, match="lies in the output folder"),
            open_over(tmp_path / "run", (str(tmp_path / name),)),
        ):
            pass
    assert tree(tmp_path) == before


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("place", ["parts/part-1.txt", "work/inner", "more"])
def test_a_link_in_the_output_is_refused_and_its_target_untouched(
    tmp_path: Path, place: str, overwrite: bool
) -> None:
    make_run(tmp_path / "run")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "a").write_text("mine")
    (tmp_path / "run" / place).symlink_to(tmp_path / "precious")
    before = tree(tmp_path)
    with pytest.raises(SettingError, match="is a link"), open_over(tmp_path / "run", overwrite=overwrite):
        pass
    assert tree(tmp_path) == before


def test_a_run_with_other_settings_is_named_and_untouched(tmp_path: Path) -> None:
    make_run(tmp_path)
    before = tree(tmp_path)
    with pytest.raises(ChangedSettingsError, match="n was 1"), open_over(tmp_path, overwrite=False):
        pass
    assert tree(tmp_path) == before


@pytest.mark.parametrize("n_steps", range(7))
def test_an_overwrite_that_was_killed_is_completed_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_steps: int
) -> None:
    make_run(tmp_path)
    steps = iter(range(n_steps))

    def dying(delete):
        def step(path: Path, **options: object) -> None:
            if next(steps, None) is None:
                raise KeyboardInterrupt
            delete(path, **options)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", dying(Path.unlink))
        patch.setattr(Path, "rmdir", dying(Path.rmdir))
        try:
            with open_over(tmp_path):
                pass
        except KeyboardInterrupt:
            pass
    with open_over(tmp_path, overwrite=False) if n_steps < 6 else open_over(tmp_path):
        assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_the_second_writer_is_refused_and_the_lock_makes_no_file(tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        with pytest.raises(SettingError, match="Another process"), locked(tmp_path / "run"):
            pass
        assert list((tmp_path / "run").iterdir()) == []
    with locked(tmp_path / "run"):
        pass


def test_where_folders_cannot_be_locked_a_file_is_and_never_through_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    real = fcntl.flock

    def no_folders(descriptor: int, operation: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(9, "Bad file descriptor")
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", no_folders)
    with locked(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]
        with pytest.raises(SettingError, match="Another process"), locked(tmp_path):
            pass
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "precious").write_text("mine")
    (tmp_path / LOCK_FILE).symlink_to("precious")
    with pytest.raises(SettingError, match="cannot lock"), locked(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "mine"

    def never(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", never)
    (tmp_path / LOCK_FILE).unlink()
    with pytest.raises(SettingError, match="another disk, or set CURATE_NO_LOCK=1"), locked(tmp_path):
        pass
    monkeypatch.setenv("CURATE_NO_LOCK", "1")
    with locked(tmp_path):
        (tmp_path / "new").touch()


def test_a_work_folder_that_cannot_go_yet_as_on_nfs_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = {"input_hash": "1", "n_input_files": 1, "curate_version": "1", "settings": {}}
    real = os.rmdir

    def busy(path: str, **at: int) -> None:
        if os.fspath(path).endswith(("documents", ".curate")):
            raise OSError(39, "Directory not empty", path)
        real(path, **at)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", busy)
        with opened_run(tmp_path, plan, overwrite=False) as folder:
            (folder.work / "documents").mkdir()
            folder.finish(plan)
    assert (tmp_path / ".curate").exists()
    with opened_run(tmp_path, plan, overwrite=False) as folder:
        assert folder.manifest() == plan
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({}, "'n' is missing"),
        ({"n": True}, "'n' is not of type int"),
        ({"n": 1, "rows": [{"a": "x"}, {"a": 1}]}, r"'rows\[1\].a' is not of type str"),
        ({"n": 1, "kind": "three"}, "'kind' is none of one, two"),
        ({"n": 1, "kind": ["one"]}, "'kind' is none of one, two"),
        ([], "is not an object"),
        ({"n": 10**39}, "'n' is a number of more than 64 bits"),
    ],
)
def test_a_wrong_shape_is_named_by_its_place(value: object, place: str) -> None:
    shape = {"n": int, "rows?": [{"a": str}], "kind?": {"one", "two"}}
    with pytest.raises(SettingError, match=place):
        check_shape(value, shape, "x.json")
