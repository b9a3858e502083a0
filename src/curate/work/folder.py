"""The output folder of one run: what is in it, who may write to it, and whether a run can go on there.

    OUT/kept/part-00000.parquet ...      OUT/dropped/part-00000.parquet ...      OUT/manifest.json
    OUT/.curate/plan.json                what the run was asked to do
    OUT/.curate/inputs/SSSSS.json        the input files of a split, with hashes
    OUT/.curate/documents/SSSSS-CCCCC.arrow     chunk CCCCC of split SSSSS after pass 1
    OUT/.curate/duplicates/SSSSS-CCCCC.arrow    the chunk's duplicates
    OUT/.curate/duplicates.json          says that the barrier has found them all, and among which chunks
    OUT/.curate/scores/SSSSS-CCCCC.arrow        scores of the chunk's survivors

`.curate` is deleted once the manifest is written.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from curate.errors import SettingError
from curate.work.files import remove_leftovers, write_json
from curate.work.json_files import read_json
from curate.work.lock import locked
from curate.work.output import Layout, opened_output, refuse_links

MANIFEST = "manifest.json"
REPORT = "report.html"
SWAP = ".curate-swap"
_FILES = re.compile(
    r"(kept|dropped)/part-[0-9]+\.parquet|scored/.+|(manifest|shard)\.json|report\.html|\.curate(-swap)?/.+",
    re.DOTALL,
)
_RECORDS = (f"{SWAP}/{MANIFEST}", MANIFEST, ".curate/plan.json")


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
        """Stands once the barrier has committed every chunk's duplicates, and names what it found them among."""
        return self.work / "duplicates.json"

    def forget_duplicates(self) -> None:
        """Delete what the barrier found and all that was made of it."""
        self.found_duplicates.unlink(missing_ok=True)
        for folder in (
            self.work / "duplicates",
            self.work / "scores",
            self.path / "kept",
            self.path / "dropped",
        ):
            shutil.rmtree(folder, ignore_errors=True)

    def chunk_duplicates(self, name: ChunkName) -> Path:
        """The duplicates among a chunk's documents."""
        return self.work / "duplicates" / f"{name}.arrow"

    @property
    def swap(self) -> Path:
        """Where another cut's files wait until all of them are written."""
        return self.path / SWAP

    def documents(self, name: ChunkName) -> Path:
        """A chunk after pass 1."""
        return self.work / "documents" / f"{name}.arrow"

    def inputs(self, split: int) -> Path:
        """What is noted of a split's input files: name, size, hash."""
        return self.work / "inputs" / f"{split:05d}.json"

    def scores(self, name: ChunkName) -> Path:
        """The scores of a chunk's survivors."""
        return self.work / "scores" / f"{name}.arrow"

    def part(self, kind: str, number: int) -> Path:
        """An output file; `kind` is 'kept' or 'dropped'."""
        return self.path / kind / f"part-{number:05d}.parquet"

    def chunk_names(self) -> list[ChunkName]:
        """Chunks that pass 1 has committed, in the order of the documents."""
        return sorted(ChunkName.parse(path.stem) for path in (self.work / "documents").glob("[0-9]*.arrow"))

    def manifest(self) -> dict[str, Any] | None:
        """The manifest of a finished run, if there is one."""
        path = self.path / MANIFEST
        return read_json(path) if path.is_file() else None

    def finish(self, manifest: dict[str, Any]) -> None:
        """Commit the manifest, which makes the run finished."""
        write_json(self.path / MANIFEST, manifest)


@contextmanager
def opened_run(
    path: Path,
    plan: dict[str, Any],
    *,
    overwrite: bool,
    inputs: Iterable[str | Path] = (),
    holds_same: Callable[[RunFolder], bool] = lambda _folder: False,
) -> Generator[RunFolder]:
    """Open `path` for the run that `plan` describes: new, or one to go on with; one process at a time.

    What only an unfinished run needs is deleted at the end, if the run is finished then or was before.

    Args:
        path: the output folder.
        plan: of the run.
        overwrite: delete an earlier run of the same command first.
        inputs: the files that the run reads.
        holds_same: whether the input files, where only their times have changed, hold what the folder's run has read.

    Raises:
        ChangedSettingsError: the folder holds a run, finished or not, with another plan; the differences
            are named.
        SettingError: the folder holds other files, or another process is writing to it.
    """
    folder = RunFolder(path)
    compare = partial(changed_settings, plan=plan, holds_same=partial(holds_same, folder))
    advise = partial(_advise_cut, path, plan)
    with opened_output(
        path, _layout_of(plan), compare=compare, inputs=inputs, overwrite=overwrite, advise=advise
    ):
        finish_swap(folder)
        folder.work.mkdir(exist_ok=True)
        if not (folder.work / "plan.json").exists():
            write_json(folder.work / "plan.json", plan)
        yield folder
        if (path / MANIFEST).is_file():
            # A file that is mapped yet stays on NFS under another name, and its folder with it, until the next call.
            shutil.rmtree(folder.work, ignore_errors=True)


@contextmanager
def changing_run(path: Path) -> Generator[RunFolder]:
    """Hold the folder of a finished run, to change it.

    Raises:
        SettingError: there is no such folder, a link lies in it, or another process is writing to it.
    """
    folder = RunFolder(path)
    if not path.is_dir():
        raise SettingError(f"There is no folder {path}. Name the --output of 'curate filter'.")
    with locked(path):
        refuse_links(path)
        finish_swap(folder)
        remove_leftovers(path)
        yield folder


def _layout_of(plan: dict[str, Any]) -> Layout:
    """The layout of the command whose plan this is: 'filter', or what the plan says."""
    job = _job_of(plan)
    return Layout(
        f"curate {job}",
        _FILES,
        _RECORDS,
        lambda record: "input_hash" in record and "curate_version" in record and _job_of(record) == job,
    )


def _job_of(plan: dict[str, Any]) -> str:
    settings = plan.get("settings")
    return str(settings.get("job", "filter")) if isinstance(settings, dict) else ""


def finish_swap(folder: RunFolder) -> None:
    """Put the files of another cut in place of the old ones, if they are complete: the manifest comes last.

    Each step can be repeated, so a swap that was killed half-way is completed by the next call that may write;
    who calls this holds the folder's lock.
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


_OF_THE_CUT = ("threshold", "keep_fraction", "weights")


def _advise_cut(path: Path, plan: dict[str, Any], record: dict[str, Any]) -> str | None:
    """Where a finished run differs by its cut alone, that can be moved without reading or scoring again."""
    cut = {name: record.get("settings", {}).get(name) for name in _OF_THE_CUT}
    as_before = plan | {"settings": plan["settings"] | cut}
    if not (path / MANIFEST).is_file() or changed_settings(record, as_before):
        return None
    wanted: list[str] = []
    for name in _OF_THE_CUT:
        value = plan["settings"].get(name)
        values = value if isinstance(value, list | tuple) else [value]
        wanted += [f"--{name.replace('_', '-')} {each}" for each in values if each is not None]
    command = shlex.join(["curate", "rethreshold", str(path), *" ".join(wanted).split()])
    return f"'{command}' makes that cut without reading or scoring again."


def changed_settings(
    earlier: dict[str, Any], plan: dict[str, Any], holds_same: Callable[[], bool] = lambda: True
) -> list[str]:
    """What differs between two plans, for people: 'threshold was 0.8, now 0.6'.

    `holds_same` is asked where nothing differs but the times of the input files.
    """
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
    if earlier.get("shard") != plan.get("shard"):
        changes.append(f"shard was {earlier.get('shard')}, now {plan.get('shard')}")
    is_touched = earlier.get("input_modified") != plan.get("input_modified")
    if earlier.get("input_hash") != plan["input_hash"] or (not changes and is_touched and not holds_same()):
        changes.append(
            f"the input was {earlier.get('n_input_files')} files, now {plan['n_input_files']}, "
            "or their contents changed"
        )
    if earlier.get("curate_version") != plan["curate_version"]:
        changes.append(f"curate was {earlier.get('curate_version')}, now {plan['curate_version']}")
    return changes
