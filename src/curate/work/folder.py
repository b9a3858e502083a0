"""The output folder of one run: what is in it, who may write to it, and whether a run can go on there.

    OUT/kept/part-00000.parquet ...      OUT/dropped/part-00000.parquet ...      OUT/manifest.json
    OUT/.curate/plan.json                what the run was asked to do
    OUT/.curate/documents/SSSSS-CCCCC.arrow     chunk CCCCC of split SSSSS after pass 1
    OUT/.curate/duplicates/SSSSS-CCCCC.arrow    the chunk's duplicates, where it has any
    OUT/.curate/duplicates.json          says that the barrier has found them all
    OUT/.curate/scores/SSSSS-CCCCC.arrow        scores of the chunk's survivors

`.curate` is deleted once the manifest is written.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import ChangedSettingsError, SettingError
from curate.work.files import read_facts, remove_leftovers, write_json

MANIFEST = "manifest.json"
REPORT = "report.html"
_OURS = ("kept", "dropped", "scored", MANIFEST, REPORT, ".curate", ".curate-swap")


@dataclass(frozen=True, slots=True, order=True)
class ChunkName:
    """Split and chunk number; names sort in the order of the documents."""

    split: int
    chunk: int

    def __str__(self) -> str:
        return f"{self.split:05d}-{self.chunk:06d}"

    @classmethod
    def parse(cls, stem: str) -> ChunkName:
        """Read a name back from a file's stem."""
        split, chunk = stem.split("-")
        return cls(int(split), int(chunk))


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of a run's files; cheap to copy to workers."""

    path: Path

    @property
    def work(self) -> Path:
        """Where the unfinished run keeps what it has."""
        return self.path / ".curate"

    @property
    def duplicates(self) -> Path:
        """The table of duplicates that the barrier leaves."""
        return self.work / "duplicates.arrow"

    @property
    def found_duplicates(self) -> Path:
        """Stands once the barrier has committed every chunk's duplicates."""
        return self.work / "duplicates.json"

    def chunk_duplicates(self, name: ChunkName) -> Path:
        """The duplicates among a chunk's documents."""
        return self.work / "duplicates" / f"{name}.arrow"

    @property
    def swap(self) -> Path:
        """Where another cut's files wait until all of them are written."""
        return self.path / ".curate-swap"

    def documents(self, name: ChunkName) -> Path:
        """A chunk after pass 1."""
        return self.work / "documents" / f"{name}.arrow"

    def scores(self, name: ChunkName) -> Path:
        """The scores of a chunk's survivors."""
        return self.work / "scores" / f"{name}.arrow"

    def part(self, kind: str, number: int) -> Path:
        """An output file; `kind` is 'kept' or 'dropped'."""
        return self.path / kind / f"part-{number:05d}.parquet"

    def chunk_names(self) -> list[ChunkName]:
        """Chunks that pass 1 has committed, in the order of the documents."""
        return sorted(ChunkName.parse(path.stem) for path in (self.work / "documents").glob("[0-9]*.arrow"))

    def split_facts(self, split: int) -> dict[int, dict[str, Any]]:
        """The facts of a split's committed chunks, by chunk number."""
        names = (name for name in self.chunk_names() if name.split == split)
        return {name.chunk: read_facts(self.documents(name)) for name in names}

    def manifest(self) -> dict[str, Any] | None:
        """The manifest of a finished run, if there is one."""
        path = self.path / MANIFEST
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def finish(self, manifest: dict[str, Any]) -> None:
        """Commit the manifest, which makes the run finished."""
        write_json(self.path / MANIFEST, manifest)


@contextmanager
def opened_run(path: Path, plan: dict[str, Any], *, overwrite: bool) -> Generator[RunFolder]:
    """Open `path` for the run that `plan` describes: new, or one to go on with; one process at a time.

    What only an unfinished run needs is deleted at the end, if the run is finished then or was before.

    Raises:
        ChangedSettingsError: the folder holds a run, finished or not, with another plan; the differences
            are named.
        SettingError: the folder holds other files, or another process is writing to it.
    """
    folder = RunFolder(path)
    if overwrite:
        for name in _OURS:
            remove = (path / name).unlink if (path / name).is_file() else None
            remove() if remove else shutil.rmtree(path / name, ignore_errors=True)
    finish_swap(folder)
    _check_contents(folder, plan)
    folder.work.mkdir(parents=True, exist_ok=True)
    with (folder.work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingError(
                f"Another process is writing to {path}. Wait for it, or name another --output."
            ) from None
        remove_leftovers(path)
        if not (folder.work / "plan.json").exists():
            write_json(folder.work / "plan.json", plan)
        yield folder
        if (path / MANIFEST).is_file():
            shutil.rmtree(folder.work)


def finish_swap(folder: RunFolder) -> None:
    """Put the files of another cut in place of the old ones, if they are complete: the manifest comes last.

    Each step can be repeated, so a swap that was killed half-way is completed by the next call.
    """
    if not (folder.swap / MANIFEST).exists():
        return
    for kind in ("kept", "dropped"):
        if (folder.swap / kind).exists():
            shutil.rmtree(folder.path / kind, ignore_errors=True)
            (folder.swap / kind).rename(folder.path / kind)
    (folder.path / REPORT).unlink(missing_ok=True)  # it told of the old cut
    (folder.swap / MANIFEST).replace(folder.path / MANIFEST)
    shutil.rmtree(folder.swap)


def _check_contents(folder: RunFolder, plan: dict[str, Any]) -> None:
    if not folder.path.exists():
        return
    begun = folder.work / "plan.json"
    earlier = folder.manifest() or (json.loads(begun.read_text()) if begun.is_file() else None)
    if earlier is not None:
        changes = changed_settings(earlier, plan)
        if changes:
            raise ChangedSettingsError(
                f"{folder.path} holds a run with other settings ({'; '.join(changes)}). "
                "Name another --output, or give --overwrite to start anew."
            )
        return
    others = [entry.name for entry in folder.path.iterdir() if entry.name != ".curate"]
    if others:
        raise SettingError(
            f"The output folder {folder.path} is not empty (it holds {min(others)}). Name another --output."
        )


def changed_settings(earlier: dict[str, Any], plan: dict[str, Any]) -> list[str]:
    """What differs between two plans, for people: 'threshold was 0.8, now 0.6'."""
    before, now = earlier.get("settings", {}), plan["settings"]
    changes = [
        f"{name} was {before.get(name)!r}, now {now.get(name)!r}"
        for name in sorted((before.keys() | now.keys()) - {"contents"})
        if before.get(name) != now.get(name)
    ]
    # Hashes by what they are of; one that is only in one of the plans is named by a setting already.
    old, new = before.get("contents", {}), now.get("contents", {})
    both = sorted(old.keys() & new.keys())
    changes += [f"{name} has changed" for name in both if old[name] != new[name]]
    changes += [
        f"{name} states no fingerprint, so that nobody can tell it from another of its name"
        for name in both
        if old[name] is None and new[name] is None
    ]
    if earlier.get("input_hash") != plan["input_hash"]:
        changes.append(
            f"the input was {earlier.get('n_input_files')} files, now {plan['n_input_files']}, "
            "or their contents changed"
        )
    if earlier.get("curate_version") != plan["curate_version"]:
        changes.append(f"curate was {earlier.get('curate_version')}, now {plan['curate_version']}")
    return changes
