"""Open a finished run to look at it: nothing in its folder is written, moved or locked, whoever made it.

Names that a folder brings along are checked against its Parquet files, which DuckDB gets as tables: it reads no path,
loads no extension and cannot be told otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

from curate.errors import RunError, SettingError, one_line
from curate.run.shards import SHARD
from curate.work.folder import MANIFEST, SWAP
from curate.work.json_files import NUMBER, check_shape, read_json
from curate.work.store import Store
from curate.work.urls import is_url, strip_scheme

KINDS = ("kept", "dropped")
_PART = re.compile(r"part-[0-9]+\.parquet")
_N_TRIES = 5
_OPTIONAL_NUMBER = (int, float, type(None))
_OPTIONAL_TEXT = (str, type(None))
_TALLY = {"n_documents": int, "n_text_bytes": int}
_FUNNEL: dict[str, Any] = {
    "kept": _TALLY,
    "dropped": [{"stage": str, "reason": str, **_TALLY}],
    "spared": [{"reason": str, **_TALLY}],
    "records_not_read?": {"*": int},
    "lines_removed?": {"*": int},
    "problems?": [
        {"source": str, "reason": str, "position?": (int, str, type(None)), "detail?": _OPTIONAL_TEXT}
    ],
    "warnings?": [str],
    "limits?": [dict],
    "n_scored": int,
    "cut?": _OPTIONAL_NUMBER,
}
_SHAPE = {
    "curate_version": str,
    "n_input_files": int,
    "settings": dict,
    "funnel": {**_FUNNEL, "kinds?": {"*": _FUNNEL}, "languages?": {"*": _FUNNEL}},
    "rule_sets": [
        {
            "name": str,
            "version": _OPTIONAL_TEXT,
            "rules": [
                {
                    "reason": str,
                    "signal": str,
                    "low": _OPTIONAL_NUMBER,
                    "high": _OPTIONAL_NUMBER,
                    "where?": _OPTIONAL_TEXT,
                    "where_low?": _OPTIONAL_NUMBER,
                    "where_high?": _OPTIONAL_NUMBER,
                    "languages?": [str],
                    "except_languages?": [str],
                    "by_language?": {"*": {"low": _OPTIONAL_NUMBER, "high": _OPTIONAL_NUMBER}},
                }
            ],
        }
    ],
    "score": {
        "score_column": _OPTIONAL_TEXT,
        "level_columns": [str],
        "scored": [{"kinds": [str], "scorers": [str], "spare_above": _OPTIONAL_NUMBER}],
        "cuts": [
            {
                "kinds": [str],
                "scores": [str],
                "limits": [{"reason": str, "weights": {"*": NUMBER}, "least": NUMBER}],
                "spare_above": _OPTIONAL_NUMBER,
            }
        ],
    },
    "timings": {"cpu_s": {"*": NUMBER}},
}
COLUMNS = ("id", "url", "source", "position", "title", "date", "language", "text", "kind")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """What a finished run's folder holds.

    Attributes:
        path: of the folder, or its address in a store.
        manifest: checked for the shape that readers rely on.
        files: Parquet files of 'kept' and 'dropped', in order.
        schemas: of 'kept' and 'dropped'.
        system: the file system that the files are in.
    """

    path: Path | Store
    manifest: dict[str, Any]
    files: dict[str, list[str]]
    schemas: dict[str, pa.Schema]
    system: Any

    @contextmanager
    def connect(self) -> Generator[duckdb.DuckDBPyConnection]:
        """A database of the tables `kept` and `dropped` that can reach nothing else."""
        with locked_database() as database:
            for kind in KINDS:
                database.register(kind, _dataset(self.files[kind], self.schemas[kind], self.system))
            yield database


@contextmanager
def locked_database() -> Generator[duckdb.DuckDBPyConnection]:
    """A DuckDB that opens no file, loads no extension, and whose settings cannot be changed."""
    config: dict[str, Any] = {
        "enable_external_access": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "lock_configuration": True,
    }
    with duckdb.connect(config=config) as database:
        yield database


def quoted(name: str) -> str:
    """Quote a column's name for a query.

    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def read_run(output: str | Path, read: Callable[[FinishedRun, duckdb.DuckDBPyConnection], T]) -> T:
    """Read a finished run; where a `rethreshold` moves its files meanwhile, read again.

    Raises:
        SettingError: `output` holds no finished run, or one that is damaged.
        RunError: the files cannot be read, or change all the time.
    """
    for _ in range(_N_TRIES):
        before = _stamp(output)
        try:
            run = open_run(output)
            with run.connect() as database:
                found = read(run, database)
        except SettingError:
            # Between two moves a folder may look damaged.
            if _stamp(output) == before:
                raise
            continue
        except (OSError, pa.ArrowException, duckdb.Error, UnicodeDecodeError) as error:
            if _stamp(output) == before:
                raise RunError(f"The files of {output} cannot be read: {one_line(error)}") from error
            continue
        if _stamp(output) == before:
            return found
    raise RunError(f"Another process keeps changing {output}. Wait for it.")


def open_run(output: str | Path) -> FinishedRun:
    """Look at what lies in the folder, local or in a store; of a cut that was stopped half-way, the new files."""
    path = Store.of(str(output)) if is_url(str(output)) else Path(strip_scheme(str(output)))
    manifest, files, system = _look_in_store(path) if isinstance(path, Store) else _look_in_folder(path)
    if not manifest and isinstance(path, Path) and (path / SHARD).is_file():
        raise SettingError(f"{path} holds one shard of a run. Join all of them first ('curate join').")
    if not manifest:
        raise SettingError(
            f"{path} holds no finished run (no manifest.json). Name the --output of 'curate filter'."
        )
    if "score" not in manifest or "funnel" not in manifest:
        raise SettingError(f"{path} holds no finished run of 'curate filter' (no manifest.json of one).")
    check_shape(manifest, _SHAPE, f"{path}/{MANIFEST}")
    scorers = manifest["settings"].get("scorer")
    check_shape(
        [scorers] if isinstance(scorers, str) else scorers, [str], f"{path}/{MANIFEST}", "settings.scorer"
    )
    for kind in KINDS:
        if not files[kind]:
            raise SettingError(
                f"{path} is damaged: {kind}/ holds no Parquet file. Run 'curate filter' again."
            )
    schemas = {kind: pq.read_schema(files[kind][0], filesystem=system) for kind in KINDS}
    _check_columns(path, schemas, manifest["score"])
    return FinishedRun(path, manifest, files, schemas, system)


Found = tuple[dict[str, Any], dict[str, list[str]], Any]
"""A manifest, the Parquet files of each kind, and the file system they are in."""


def _look_in_folder(path: Path) -> Found:
    swap = path / SWAP
    is_swapping = not swap.is_symlink() and (swap / MANIFEST).is_file()
    files: dict[str, list[str]] = {}
    for kind in KINDS:
        folder = (swap if is_swapping and (swap / kind).is_dir() else path) / kind
        names = sorted(folder.iterdir()) if folder.is_dir() else []
        files[kind] = [str(file) for file in names if _PART.fullmatch(file.name) and file.is_file()]
    return read_json((swap if is_swapping else path) / MANIFEST), files, LocalFileSystem()


def _look_in_store(store: Store) -> Found:
    system, root = store.open()
    names = store.list()
    place = f"{SWAP}/" if f"{SWAP}/{MANIFEST}" in names else ""
    files = {
        kind: [
            f"{root}/{name}"
            for name in names
            if name.startswith(f"{place}{kind}/") and _PART.fullmatch(name.rpartition("/")[2])
        ]
        for kind in KINDS
    }
    return store.read_json(f"{place}{MANIFEST}"), files, PyFileSystem(FSSpecHandler(system))


def _check_columns(path: Path | Store, schemas: dict[str, pa.Schema], score: dict[str, Any]) -> None:
    """Every name that the manifest gives for a column is one that the files have."""
    cuts = score["cuts"]
    scores = [
        name
        for cut in cuts
        for name in (*cut["scores"], *(n for each in cut["limits"] for n in each["weights"]))
    ]
    scores += [f"{name}_score" for each in score["scored"] if cuts for name in each["scorers"]]
    scores += [name for name in (score["score_column"], *score["level_columns"]) if name is not None]
    if any(
        not cut["scores"] or not cut["limits"] or not all(each["weights"] for each in cut["limits"])
        for cut in cuts
    ):
        raise SettingError(f"{path}/{MANIFEST} is damaged: a cut has no score or no limit.")
    for kind, schema in schemas.items():
        names = [name.casefold() for name in schema.names]
        if len(set(names)) < len(names):
            raise SettingError(f"{path}/{kind} has columns of one name, but for the case of their letters.")
        unknown = [name for name in scores if name not in schema.names]
        if unknown:
            raise SettingError(
                f"{path}/{MANIFEST} names the score column {unknown[0][:80]!r}, which the files have not."
            )
        lacking = [name for name in COLUMNS if name not in schema.names]
        if lacking:
            raise SettingError(f"{path}/{kind} has no column '{lacking[0]}': it is not of 'curate filter'.")


def _dataset(files: list[str], schema: pa.Schema, system: Any) -> ds.Dataset:
    """Files by their names, which are neither patterns nor columns."""
    # DuckDB knows no numbers of 16 bits, and gives durations back as intervals of months, days and nanoseconds.
    for place, field in enumerate(schema):
        if pa.types.is_float16(field.type) or pa.types.is_duration(field.type):
            plain = pa.float32() if pa.types.is_float16(field.type) else pa.int64()
            schema = schema.set(place, field.with_type(plain))
    return ds.dataset(files, schema=schema, format="parquet", filesystem=system, partitioning=None)


def _stamp(output: str | Path) -> tuple[object, ...]:
    """Changes whenever a file of the run is put in place; in a store, whenever its manifest or that of a cut is."""
    if is_url(str(output)):
        store = Store.of(str(output))
        return store.state(MANIFEST), store.state(f"{SWAP}/{MANIFEST}")
    path = Path(strip_scheme(str(output)))
    stamps: list[object] = []
    for name in (MANIFEST, "kept", "dropped", f"{SWAP}/{MANIFEST}", f"{SWAP}/kept", f"{SWAP}/dropped"):
        try:
            state = (path / name).stat()
        except OSError:
            stamps.append(None)
        else:
            stamps.append((state.st_ino, state.st_mtime_ns))
    return tuple(stamps)
