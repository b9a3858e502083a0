"""What earlier crawls already had: keys and signatures on disk, to deduplicate a new crawl against.

    INDEX/manifest.json               the plan, versions, and for every segment its files with checksums
    INDEX/segment-00000/keys.arrow    one row per document: keys, signature, id, and where its text lies

A segment is written beside its place, then named in the manifest, which is replaced by renaming: an index is
as it was before an addition or as it is after, whatever happens in between. One process adds at a time.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from curate.dedup.minhash import KEYS_VERSION
from curate.dedup.plan import DedupPlan
from curate.dedup.texts import RowTexts
from curate.errors import RunError, SettingError
from curate.text.unicode_tables import UNICODE_VERSION
from curate.text.words import WORDS_VERSION
from curate.work.files import read_arrow, write_json

FORMAT = 1
MANIFEST = "manifest.json"
_KEYS = "keys.arrow"
_SHAPE = ("shingle_words", "seed", "n_bands", "n_rows")  # what keys depend on; the threshold may differ


@dataclass(frozen=True, slots=True)
class TextFile:
    """A Parquet file whose rows were indexed, as it was then."""

    path: str
    column: str
    size_bytes: int
    modified_ns: int

    @classmethod
    def stamp(cls, path: str, column: str) -> TextFile:
        """Describe the file as it is now."""
        state = os.stat(path)
        return cls(os.path.abspath(path), column, state.st_size, state.st_mtime_ns)

    def is_unchanged(self) -> bool:
        """Whether the file is still what it was."""
        try:
            state = os.stat(self.path)
        except OSError:
            return False
        return (state.st_size, state.st_mtime_ns) == (self.size_bytes, self.modified_ns)

    def read_batches(self) -> Iterator[pa.RecordBatch]:
        """Read the texts from the beginning."""
        with pq.ParquetFile(self.path, pre_buffer=False) as file:
            yield from file.iter_batches(8192, columns=[self.column], use_threads=False)


class Index:
    """An index that was opened: checked, and immutable from here on."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        """Take what `open_index` has read and checked."""
        self.path = path
        self.manifest = manifest

    @property
    def n_documents(self) -> int:
        """Documents in all segments."""
        return sum(segment["n_documents"] for segment in self.manifest["segments"])

    @property
    def plan(self) -> DedupPlan:
        """The plan that the keys were computed with."""
        return DedupPlan(**self.manifest["plan"])

    def count_readable(self) -> int:
        """Count the documents whose text is where it was, so that they are compared exactly."""
        n_readable = 0
        for shard, segment in zip(self.shards(), self.manifest["segments"], strict=True):
            unchanged = np.array(
                [TextFile(**text_file).is_unchanged() for text_file in segment["texts"]] + [False]
            )
            n_readable += int(np.count_nonzero(unchanged[shard.read_keys()["text_file"].to_numpy()]))
        return n_readable

    @property
    def stamp(self) -> str:
        """Identify the contents: the checksums of all segments."""
        return xxhash.xxh3_64_hexdigest(json.dumps(self.manifest["segments"], sort_keys=True).encode())

    def shards(self) -> list[IndexShard]:
        """Give one shard per segment."""
        return [
            IndexShard(
                f"\0index {self.path.resolve()}/{segment['name']}",  # unlike the name of any input
                self.path / segment["name"] / _KEYS,
                [TextFile(**text_file) for text_file in segment["texts"]],
            )
            for segment in self.manifest["segments"]
        ]


class IndexShard:
    """A segment as deduplication sees it; texts are read where their file is still what it was."""

    def __init__(self, name: str, keys: Path, texts: Sequence[TextFile]) -> None:
        """Take the segment's keys and the files of its texts."""
        self.name = name
        self._keys = keys
        self._texts = texts
        self._readers: dict[int, RowTexts | None] = {}

    def read_keys(self) -> pa.Table:
        """Read the keys; files are mapped, so only columns that are used are read."""
        table = read_arrow(self._keys)
        return table.append_column("row", pa.array(np.arange(len(table)))).drop_columns(["signature"])

    def read_texts(self, rows: NDArray[np.int64], /) -> pa.ChunkedArray:
        """Read texts; null where the file is gone or was changed."""
        table = read_arrow(self._keys)
        files, file_rows = (table[name].to_numpy()[rows] for name in ("text_file", "text_row"))
        texts: list[Any] = []
        for begin, end in _runs(files):
            reader = self._reader(int(files[begin]))
            some = file_rows[begin:end]
            texts.append(pa.nulls(end - begin, pa.large_string()) if reader is None else reader.read(some))
        arrays = [array.cast(pa.large_string()) for array in texts]
        chunks = [
            c for array in arrays for c in (array.chunks if isinstance(array, pa.ChunkedArray) else [array])
        ]
        return pa.chunked_array(chunks, pa.large_string())

    def read_signatures(self, rows: NDArray[np.int64], /) -> NDArray[np.uint32]:
        """Read the signatures of the rows."""
        column = read_arrow(self._keys)["signature"].take(pa.array(rows)).combine_chunks()
        n = column.type.list_size
        return column.flatten().to_numpy(zero_copy_only=False).reshape(-1, n)

    def release(self) -> None:
        """Close the files of the texts."""
        self._readers.clear()

    def _reader(self, number: int) -> RowTexts | None:
        if number not in self._readers:
            known = number >= 0 and self._texts[number].is_unchanged()
            self._readers[number] = RowTexts(self._texts[number].read_batches) if known else None
        return self._readers[number]


def _runs(values: NDArray[np.int32]) -> Iterator[tuple[int, int]]:
    cuts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    yield from ((begin, end) for begin, end in pairwise(cuts) if begin < end)


def open_index(path: str | Path, plan: DedupPlan | None = None) -> Index:
    """Open an index and check it.

    Args:
        path: folder of the index.
        plan: the plan of the run that needs it; its keys must be of the same shape.

    Raises:
        SettingError: there is no index, or it was made with other settings or another version.
        RunError: a file is damaged.
    """
    path = Path(path)
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        versions = manifest["format"], manifest["keys_version"], manifest["words_version"]
    except FileNotFoundError:
        raise SettingError(
            f"No index in {path}. Make one with: curate index build {path} --input ..."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise RunError(f"The manifest of {path} is damaged; build the index anew.") from None
    if versions != (FORMAT, KEYS_VERSION, WORDS_VERSION):
        raise SettingError(f"The index {path} was made by another version of the keys; build it anew.")
    index = Index(path, manifest)
    if plan is not None:
        theirs, ours = asdict(index.plan), asdict(plan)
        for name in _SHAPE:
            if theirs[name] != ours[name]:
                raise SettingError(
                    f"The index {path} has {name} {theirs[name]}, this run {ours[name]}; "
                    f"give --jaccard {index.plan.jaccard} --recall {index.plan.recall}, or build it anew."
                )
    for segment in manifest["segments"]:
        for name, expected in segment["files"].items():
            if _checksum(path / segment["name"] / name) != expected:
                raise RunError(
                    f"{path / segment['name'] / name} is damaged: its checksum differs. "
                    "Restore the file or build it anew."
                )
    return index


def create_index(path: str | Path, plan: DedupPlan) -> Index:
    """Make an empty index in a new or empty folder."""
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise SettingError(f"{path} is not empty; name a new folder, or use 'curate index add'.")
    path.mkdir(parents=True, exist_ok=True)
    manifest = {
        "format": FORMAT,
        "keys_version": KEYS_VERSION,
        "words_version": WORDS_VERSION,
        "unicode_version": UNICODE_VERSION,
        "plan": asdict(plan),
        "segments": [],
    }
    write_json(path / MANIFEST, manifest)
    return Index(path, manifest)


def append_segment(index: Index, tables: Iterable[pa.Table], texts: Sequence[TextFile]) -> Index:
    """Add documents as one segment; all of them are in the index when this returns, else none.

    Args:
        index: the index as it was opened.
        tables: columns of `compute_keys(..., signatures=True)`, with `id` (string), `text_file` (int32,
            place in `texts`, -1 for none) and `text_row` (int64); perhaps `url`.
        texts: the files where texts can be found again.
    """
    with _locked(index.path):
        manifest = json.loads((index.path / MANIFEST).read_text(encoding="utf-8"))
        name = f"segment-{len(manifest['segments']):05d}"
        temporary = index.path / f".tmp-{name}"
        for leftover in (temporary, index.path / name):  # of an addition that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        temporary.mkdir()
        n_documents = _write_keys(temporary / _KEYS, tables)
        temporary.rename(index.path / name)
        if not n_documents:
            shutil.rmtree(index.path / name)
            return Index(index.path, manifest)
        segment = {
            "name": name,
            "n_documents": n_documents,
            "files": {_KEYS: _checksum(index.path / name / _KEYS)},
            "texts": [asdict(text_file) for text_file in texts],
        }
        manifest["segments"].append(segment)
        write_json(index.path / MANIFEST, manifest)
        return Index(index.path, manifest)


def _write_keys(path: Path, tables: Iterable[pa.Table]) -> int:
    """Write tables as they come, so that memory holds one; returns the number of documents."""
    n_documents = 0
    writer = None
    with pa.OSFile(str(path), "wb") as sink:
        for table in tables:
            if writer is None:
                writer = pa.ipc.new_file(sink, table.schema)
            writer.write_table(table)
            n_documents += len(table)
        if writer is not None:
            writer.close()
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
    return n_documents


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with open(path / ".lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingError(f"Another process is adding to the index {path}. Wait for it.") from None
        yield


def _checksum(path: Path) -> str:
    digest = xxhash.xxh3_128()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()
