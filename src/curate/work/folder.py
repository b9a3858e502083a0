"""The output folder of one run: what is in it, who may write to it, and whether a run can go on there.

    OUT/kept/part-00000.parquet ...      OUT/dropped/part-00000.parquet ...      OUT/manifest.json
    OUT/.curate/plan.json                what the run was asked to do
    OUT/.curate/inputs/SSSSS.json        the input files of a split, with hashes
    OUT/.curate/cursors/SSSSS-CCCCC.json where the chunk starts, for the other workers that read the split
    OUT/.curate/documents/SSSSS-CCCCC.arrow     chunk CCCCC of split SSSSS after pass 1
    OUT/.curate/duplicates/SSSSS-CCCCC.arrow    the chunk's duplicates
    OUT/.curate/duplicates.json          says that the barrier has found them all, and among which chunks
    OUT/.curate/scores/SSSSS-CCCCC.arrow        scores of the chunk's survivors

`.curate` is deleted once the manifest is written.

Where the output is in a store, all of this lies in a local scratch folder until the run is finished, and is then put
there, the manifest last. Until then the store holds `.curate/plan.json` alone, so that nobody else begins there. Of a
shard the work files are the result: each chunk is put there as soon as it is made, and OUT/shard.json last.
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
from curate.work.output import Layout, changed_error, opened_output, refuse_links
from curate.work.progress import Counted, ProgressDisplay
from curate.work.store import Store, scratch_folder
from curate.work.urls import is_url, public_name, strip_scheme

MANIFEST = "manifest.json"
SHARD = "shard.json"
REPORT = "report.html"
SWAP = ".curate-swap"
_FILES = re.compile(
    r"(kept|dropped)/part-[0-9]+\.parquet|scored/.+|(manifest|shard)\.json|report\.html|\.curate(-swap)?/.+",
    re.DOTALL,
)
PLAN = ".curate/plan.json"
_RECORDS = (f"{SWAP}/{MANIFEST}", MANIFEST, PLAN)


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
    store: Store | None = None

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

    def cursor(self, name: ChunkName) -> Path:
        """Where a chunk starts in its split, known as soon as the one before it is read."""
        return self.work / "cursors" / f"{name}.json"

    def scores(self, name: ChunkName) -> Path:
        """The scores of a chunk's survivors."""
        return self.work / "scores" / f"{name}.arrow"

    def part(self, kind: str, number: int) -> Path:
        """An output file; `kind` is 'kept' or 'dropped'."""
        return self.path / kind / f"part-{number:05d}.parquet"

    def chunk_names(self) -> list[ChunkName]:
        """Chunks that pass 1 has committed, in the order of the documents."""
        return sorted(ChunkName.parse(path.stem) for path in (self.work / "documents").glob("[0-9]*.arrow"))

    def put(self, path: Path) -> None:
        """Put a work file into the store, too, where the output is in one."""
        if self.store is not None:
            self.store.put(path, path.relative_to(self.path).as_posix())

    def manifest(self) -> dict[str, Any] | None:
        """The manifest of a finished run, if there is one."""
        path = self.path / MANIFEST
        if path.is_file():
            return read_json(path)
        return (self.store.read_json(MANIFEST) or None) if self.store else None

    def finish(self, manifest: dict[str, Any]) -> None:
        """Commit the manifest, which makes the run finished."""
        write_json(self.path / MANIFEST, manifest)


def run_path(output: str | Path, scratch: str | None = None) -> Path:
    """The local folder that a run works in: its output, or the scratch folder of one whose output is in a store."""
    name = str(output)
    return scratch_folder(name, scratch) if is_url(name) else Path(strip_scheme(name))


@contextmanager
def opened_run(
    output: str | Path,
    plan: dict[str, Any],
    *,
    overwrite: bool,
    inputs: Iterable[str | Path] = (),
    scratch: str | None = None,
    display: ProgressDisplay | None = None,
    holds_same: Callable[[RunFolder], bool] = lambda _folder: False,
    is_shard: bool = False,
) -> Generator[RunFolder]:
    """Open `output` for the run that `plan` describes: new, or one to go on with; one process at a time.

    What only an unfinished run needs is deleted at the end, if the run is finished then or was before. A run whose
    output is in a store is put there at the end, and nothing of it stays here.

    Args:
        output: the output folder, local or in a store.
        plan: of the run.
        overwrite: delete an earlier run of the same command first.
        inputs: the files that the run reads.
        scratch: where the work files of a run lie whose output is in a store; see `scratch_folder`.
        display: to show what is put into the store on.
        holds_same: whether the input files, where only their times have changed, hold what the folder's run has read.
        is_shard: whether the work files are what is wanted in a store, where a run goes on that another machine began.

    Raises:
        ChangedSettingsError: the folder holds a run, finished or not, with another plan; the differences
            are named.
        SettingError: the folder holds other files, or another process is writing to it.
        RunError: the store does not answer.
    """
    path = run_path(output, scratch)
    store = Store.of(str(output)) if is_url(str(output)) else None
    folder = RunFolder(path, store)
    layout, inputs = layout_of(_job_of(plan)), list(inputs)
    compare = partial(changed_settings, plan=plan, holds_same=partial(holds_same, folder))
    advise = partial(_advise_cut, output, plan, partial(holds_same, folder))
    with opened_output(
        path,
        layout,
        compare=compare,
        inputs=inputs,
        overwrite=overwrite,
        advise=partial(_advise_scratch, path) if store else advise,
    ):
        if store is None:
            finish_swap(folder)
        else:
            found = _get(folder, store, ".curate/inputs/") if is_shard and not overwrite else []
            try:
                _claim(store, layout, plan, compare, advise, inputs, overwrite=overwrite)
            except BaseException:
                for file in found:
                    file.unlink()
                raise
            if is_shard and not _get(folder, store, SHARD):
                _get(folder, store, ".curate/documents/")
        folder.work.mkdir(exist_ok=True)
        if not (folder.work / "plan.json").exists():
            write_json(folder.work / "plan.json", plan)
        yield folder
        if store is not None and folder.manifest():
            publish(folder, layout.files, display or ProgressDisplay(quiet=True))
            shutil.rmtree(path, ignore_errors=True)
        elif store is not None and (path / SHARD).is_file():
            _put_lacking(folder, store)
            shutil.rmtree(path, ignore_errors=True)
        elif (path / MANIFEST).is_file():
            # A file that is mapped yet stays on NFS under another name, and its folder with it, until the next call.
            shutil.rmtree(folder.work, ignore_errors=True)


def _get(folder: RunFolder, store: Store, prefix: str) -> list[Path]:
    """Get from the store what lies under a name and is not here; give those files."""
    found = [(name, folder.path / name, n) for name, n in store.list().items() if name.startswith(prefix)]
    lacking = [each for each in found if not each[1].exists()]
    store.get_all(lacking)
    return [path for _, path, _ in lacking]


def _put_lacking(folder: RunFolder, store: Store) -> None:
    """Put a shard's chunks there that a worker made and did not come to put there, then what says that they are all there."""
    found = store.list()
    own = [*(folder.work / "inputs").glob("[0-9]*.json"), *(folder.work / "documents").glob("[0-9]*.arrow")]
    names = [(path, path.relative_to(folder.path).as_posix()) for path in sorted(own)]
    store.put_all([(path, name) for path, name in names if found.get(name) != path.stat().st_size])
    folder.put(folder.path / SHARD)


@contextmanager
def changing_run(output: str | Path, scratch: str | None = None) -> Generator[RunFolder]:
    """Hold the folder of a finished run, to change it.

    Raises:
        SettingError: there is no such folder, a link lies in it, or another process is writing to it.
    """
    path = run_path(output, scratch)
    if is_url(str(output)):
        folder = RunFolder(path, Store.of(str(output)))
        with locked(path):
            try:
                finish_swap(folder)
                shutil.rmtree(folder.swap, ignore_errors=True)
                yield folder
            finally:
                if not (folder.swap / MANIFEST).exists():  # else it waits for the next call to be put there
                    shutil.rmtree(path, ignore_errors=True)
        return
    folder = RunFolder(path)
    if not path.is_dir():
        raise SettingError(f"There is no folder {path}. Name the --output of 'curate filter'.")
    with locked(path):
        refuse_links(path)
        finish_swap(folder)
        remove_leftovers(path)
        yield folder


def layout_of(job: str) -> Layout:
    """The layout of a command's folders: 'filter', or another that works as it does."""
    return Layout(
        f"curate {job}",
        _FILES,
        _RECORDS,
        lambda record: "input_hash" in record and "curate_version" in record and _job_of(record) == job,
    )


def _job_of(plan: dict[str, Any]) -> str:
    settings = plan.get("settings")
    return str(settings.get("job", "filter")) if isinstance(settings, dict) else ""


def _claim(
    store: Store,
    layout: Layout,
    plan: dict[str, Any],
    compare: Callable[[dict[str, Any]], list[str]],
    advise: Callable[[dict[str, Any]], str | None],
    inputs: Iterable[str | Path],
    *,
    overwrite: bool,
) -> None:
    """Take a folder in a store for a run, by the rules of `opened_output`; the run's plan stands there from now on.

    There is no lock: two machines that make the same run there at once put the same files there.
    """
    found = store.list()
    name = next((record for record in layout.records if record in found), None)
    record = store.read_json(name) if name else None
    if record is not None and not layout.is_ours(record):
        record = None
    others = [each for each in found if not layout.files.fullmatch(each)]
    others = [each for each in others if not each.rpartition("/")[2].startswith(".")]
    if record is None and found and (others := others or list(found)):
        raise SettingError(
            f"The output folder {store} is not empty (it holds {min(others)}) and holds no run of "
            f"'{layout.command}'. Name another --output."
        )
    if record is not None and overwrite:
        if others:
            raise SettingError(
                f"{store} holds {min(others)}, which '{layout.command}' did not write. Move it away, or name another "
                "--output."
            )
        inside = [str(each) for each in inputs if str(each).startswith(f"{store.url}/")]
        if inside:
            raise SettingError(
                f"The input {public_name(inside[0])} lies in the output folder {store}, which --overwrite would "
                "delete. Name another --output."
            )
        own = [each for each in found if layout.files.fullmatch(each)]
        store.delete(sorted(own, key=lambda each: each in layout.records))
        record = None
    elif record is not None and (changes := compare(record)):
        raise changed_error(store, changes, advise(record))
    if record is None:
        store.write_json(PLAN, plan)


def publish(folder: RunFolder, files: re.Pattern[str], display: ProgressDisplay) -> None:
    """Put a finished run into its store: what was not put there yet, then the manifest, which makes it finished there.

    Each file is deleted here once it is there, so a call that was killed is completed by the next one.
    """
    store, path = folder.store, folder.path
    manifest = path / MANIFEST
    if store is None or not manifest.is_file():
        return
    waiting = [
        (file, name)
        for file in sorted(path.rglob("*"))
        if file.is_file()
        and files.fullmatch(name := file.relative_to(path).as_posix())
        and not name.startswith(".curate")
        and name != MANIFEST
    ]
    put = Counted(len(waiting), "files")

    def done(file: Path) -> None:
        file.unlink()
        put.add(1)

    with display.step(f"Writing to {store}", len(waiting), put.look):
        store.put_all(waiting, done)
    store.put(manifest, MANIFEST)
    store.delete([PLAN])


def finish_swap(folder: RunFolder) -> None:
    """Put the files of another cut in place of the old ones, if they are complete: the manifest comes last.

    Each step can be repeated, so a swap that was killed half-way is completed by the next call that may write;
    who calls this holds the folder's lock.
    """
    if folder.store is not None:
        _finish_in_store(folder, folder.store)
        return
    if not (folder.swap / MANIFEST).exists():
        return
    for kind in ("kept", "dropped"):
        if (folder.swap / kind).exists():
            shutil.rmtree(folder.path / kind, ignore_errors=True)
            (folder.swap / kind).rename(folder.path / kind)
    (folder.path / REPORT).unlink(missing_ok=True)  # it told of the old cut
    (folder.swap / MANIFEST).replace(folder.path / MANIFEST)
    shutil.rmtree(folder.swap)


def _finish_in_store(folder: RunFolder, store: Store) -> None:
    """The same in a store, which moves nothing: new files are put beside the old ones, then copied over them.

    Readers take the files beside as soon as their manifest is there, and those in place again when it is gone.
    """
    if (folder.swap / MANIFEST).exists():
        store.delete([f"{SWAP}/{MANIFEST}"])
        store.delete([name for name in store.list() if name.startswith(f"{SWAP}/")])
        files = sorted(folder.swap.rglob("*.parquet"))
        store.put_all([(file, file.relative_to(folder.path).as_posix()) for file in files])
        store.put(folder.swap / MANIFEST, f"{SWAP}/{MANIFEST}")
        (
            folder.swap / MANIFEST
        ).unlink()  # first: what is left of a deletion that was killed is no complete cut
        shutil.rmtree(folder.swap)
    found = store.list()
    if f"{SWAP}/{MANIFEST}" not in found:
        return
    waiting = [name for name in found if name.startswith((f"{SWAP}/kept/", f"{SWAP}/dropped/"))]
    places = [name.removeprefix(f"{SWAP}/") for name in waiting]
    for name, place in zip(waiting, places, strict=True):
        store.copy(name, place)
    store.delete(
        name for name in found if name.startswith(("kept/part-", "dropped/part-")) and name not in places
    )
    store.delete([REPORT])  # it told of the old cut
    store.copy(f"{SWAP}/{MANIFEST}", MANIFEST)
    store.delete([f"{SWAP}/{MANIFEST}", *waiting])


_OF_THE_CUT = ("threshold", "keep_fraction", "target_tokens", "weights")


def _advise_scratch(path: Path, record: dict[str, Any]) -> str:  # noqa: ARG001  (all records alike)
    return f"These are work files of a run that was stopped: give --overwrite, delete {path}, or name another --scratch."


def _advise_cut(
    output: str | Path, plan: dict[str, Any], holds_same: Callable[[], bool], record: dict[str, Any]
) -> str | None:
    """Where a finished run differs by its cut alone, that can be moved without reading or scoring again."""
    cut = {name: record.get("settings", {}).get(name) for name in _OF_THE_CUT}
    as_before = plan | {"settings": plan["settings"] | cut}
    if "funnel" not in record or changed_settings(record, as_before, holds_same):
        return None
    wanted: list[str] = []
    for name in _OF_THE_CUT:
        value = plan["settings"].get(name)
        values = value if isinstance(value, list | tuple) else [value]
        wanted += [f"--{name.replace('_', '-')} {each}" for each in values if each is not None]
    command = shlex.join(["curate", "rethreshold", str(output), *" ".join(wanted).split()])
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
        n_before, n_now = earlier.get("n_input_files"), plan["n_input_files"]
        is_other = (
            f"was {n_before} files, now {n_now}"
            if n_before != n_now
            else "holds other files or contents than it did"
        )
        changes.append(f"the input {is_other}")
    if earlier.get("curate_version") != plan["curate_version"]:
        changes.append(f"curate was {earlier.get('curate_version')}, now {plan['curate_version']}")
    return changes
