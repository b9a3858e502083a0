"""What earlier crawls already had: keys and signatures on disk, to deduplicate a new crawl against.

    INDEX/manifest.json               the plan, versions, and for every segment its files with checksums
    INDEX/segment-00000/keys.arrow    one row per document: keys, signature, id, and where its text lies

A segment is written beside its place, then named in the manifest, which is replaced by renaming: an index is
as it was before an addition or as it is after, whatever happens in between. One process adds at a time. What comes
from elsewhere is checked when the index is opened: the manifest by its own checksum and its shape, the tables by theirs.
"""

from __future__ import annotations

import json
import os
import re
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

from curate.config import plain_file
from curate.dedup.minhash import KEYS_VERSION
from curate.dedup.plan import DedupPlan
from curate.dedup.texts import RowTexts
from curate.errors import RunError, SettingError, one_line
from curate.text.unicode_tables import UNICODE_VERSION
from curate.text.words import WORDS_VERSION
from curate.work.files import batch_rows, read_arrow, remove_leftovers, write_json
from curate.work.json_files import check_shape, read_json
from curate.work.lock import locked
from curate.work.output import refuse_links

FORMAT = 2
_FORMATS = (1, 2)  # 1 had no checksum of the manifest
MANIFEST = "manifest.json"
_KEYS = "keys.arrow"
_MOST_BYTES = 1 << 42
_SHAPE = ("shingle_words", "seed", "n_bands", "n_rows")  # what keys depend on; the threshold may differ


_FOOTER_BYTES = 1 << 16
_SEGMENT = re.compile(r"segment-[0-9]{5}")
_SHAPE_OF_MANIFEST: dict[str, Any] = {
    "format": int,
    "keys_version": int,
    "words_version": int,
    "unicode_version": str,
    "plan": {
        "jaccard": (int, float), "recall": (int, float), "shingle_words": int, "seed": int, "n_bands": int, "n_rows": int,
    },
    "segments": [
        {
            "name": str,
            "n_documents": int,
            "files": {_KEYS: str},
            "texts": [{"path": str, "column": str, "size_bytes": int, "modified_ns": int, "footer?": str}],
            "input?": str,
        }
    ],
    "checksum?": str,
}  # fmt: skip
_COLUMNS = ("words_hash", "bands", "signature", "n_words", "n_bytes", "id", "url", "text_file", "text_row")


@dataclass(frozen=True, slots=True)
class TextFile:
    """A Parquet file whose rows were indexed, as it was then.

    Attributes:
        footer: checksum of its last 64 KiB, where Parquet states every column's place and bounds; "" in old indexes.
    """

    path: str
    column: str
    size_bytes: int
    modified_ns: int
    footer: str = ""

    @classmethod
    def stamp(cls, path: str, column: str) -> TextFile:
        """Describe the file as it is now."""
        state = os.stat(path)
        return cls(os.path.abspath(path), column, state.st_size, state.st_mtime_ns, _hash_footer(path))

    def is_unchanged(self) -> bool:
        """Whether the file is still what it was: of its size, and either untouched or with the same end."""
        try:
            state = os.stat(self.path)
            if state.st_size != self.size_bytes:
                return False
            return state.st_mtime_ns == self.modified_ns or (
                bool(self.footer) and _hash_footer(self.path) == self.footer
            )
        except OSError:
            return False

    def read_batches(self) -> Iterator[pa.RecordBatch]:
        """Read the texts from the beginning."""
        with pq.ParquetFile(self.path, pre_buffer=False) as file:
            yield from file.iter_batches(batch_rows(file.metadata), columns=[self.column], use_threads=False)


def _hash_footer(path: str) -> str:
    with plain_file(path, _MOST_BYTES).open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _FOOTER_BYTES))
        return xxhash.xxh3_64_hexdigest(file.read())


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

    def holds(self, stamp: str) -> bool:
        """Whether a segment was made of the input with this stamp."""
        return bool(stamp) and stamp in [segment.get("input") for segment in self.manifest["segments"]]

    def shards(self) -> list[IndexShard]:
        """One shard per segment."""
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
            texts.append(self._read(reader, int(files[begin]), some))
        arrays = [array.cast(pa.large_string()) for array in texts]
        chunks = [
            c for array in arrays for c in (array.chunks if isinstance(array, pa.ChunkedArray) else [array])
        ]
        return pa.chunked_array(chunks, pa.large_string())

    def _read(self, reader: RowTexts | None, number: int, rows: NDArray[np.int64]) -> Any:
        if reader is not None:
            try:
                return reader.read(rows)
            except (pa.ArrowException, OSError, KeyError, ValueError):  # rotten, or no such column
                self._readers[number] = None
        return pa.nulls(len(rows), pa.large_string())

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


def open_index(path: str | Path, plan: DedupPlan | None = None, *, used: bool = False) -> Index:
    """Open an index and check it.

    Args:
        path: folder of the index.
        plan: the plan of the run that needs it; its keys must be of the same shape.
        used: to deduplicate against it, for which it must hold something.

    Raises:
        SettingError: there is no index, it is empty, or it was made with other settings or another version.
        RunError: a file is damaged.
    """
    path = Path(path)
    index = Index(path, _read_manifest(path))
    if plan is not None:
        theirs, ours = asdict(index.plan), asdict(plan)
        for name in _SHAPE:
            if theirs[name] != ours[name]:
                raise SettingError(
                    f"The index {path} has {name} {theirs[name]}, this run {ours[name]}; "
                    f"give --jaccard {index.plan.jaccard} --recall {index.plan.recall}, or build it anew."
                )
    for segment in index.manifest["segments"]:
        _check_segment(path, segment, index.plan)
    if used and not index.n_documents:
        raise SettingError(f"The index {path} is empty. Fill it with: curate index add {path} --input ...")
    return index


def _read_manifest(path: Path) -> dict[str, Any]:
    source = path / MANIFEST
    if not source.is_file():
        raise SettingError(f"No index in {path}. Make one with: curate index build {path} --input ...")
    damaged = f"The manifest of {path} is damaged; build the index anew."
    try:
        manifest = read_json(source)
    except SettingError as error:
        raise RunError(f"{damaged} ({error})") from None
    if isinstance(manifest.get("format"), int) and manifest["format"] not in _FORMATS:
        raise SettingError(f"The index {path} was made by another version of curate; build it anew.")
    try:
        check_shape(manifest, _SHAPE_OF_MANIFEST, source)
    except SettingError as error:
        raise RunError(f"{damaged} ({error})") from None
    if (manifest["keys_version"], manifest["words_version"]) != (KEYS_VERSION, WORDS_VERSION):
        raise SettingError(f"The index {path} was made by another version of the keys; build it anew.")
    names = [segment["name"] for segment in manifest["segments"]]
    is_whole = manifest["format"] == 1 or manifest.get("checksum") == _hash_manifest(manifest)
    known = {key.removesuffix("?") for key in _SHAPE_OF_MANIFEST}
    if not is_whole or set(manifest) - known or not all(map(_SEGMENT.fullmatch, names)):
        raise RunError(f"The manifest of {path} is damaged: its checksum differs. Build the index anew.")
    try:
        DedupPlan(**manifest["plan"])
    except (TypeError, SettingError) as error:
        raise RunError(f"The manifest of {path} is damaged; build the index anew. ({error})") from None
    return manifest


def _hash_manifest(manifest: dict[str, Any]) -> str:
    content = {name: value for name, value in manifest.items() if name != "checksum"}
    return xxhash.xxh3_64_hexdigest(json.dumps(content, sort_keys=True).encode())


def _write_manifest(path: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    manifest = manifest | {"format": FORMAT}
    manifest["checksum"] = _hash_manifest(manifest)
    write_json(path / MANIFEST, manifest)
    return manifest


def _check_segment(path: Path, segment: dict[str, Any], plan: DedupPlan) -> None:
    """Check a segment's table against its checksum, and itself: kernels and readers index by what it says."""
    file = path / segment["name"] / _KEYS
    if _checksum(file) != segment["files"][_KEYS]:
        raise RunError(f"{file} is damaged: its checksum differs. Restore the file or build it anew.")
    try:
        table = read_arrow(file)
        table.validate(full=True)
        bands, signature = (table.schema.field(name).type for name in ("bands", "signature"))
        kinds = [table.schema.field(name).type for name in ("text_file", "text_row")]
        fits = (
            len(table) == segment["n_documents"]
            and all(name in table.schema.names for name in _COLUMNS[3:])
            and all(table[name].null_count == 0 for name in table.schema.names if name != "url")
            and pa.types.is_fixed_size_list(bands)
            and bands.list_size == plan.n_bands
            and pa.types.is_fixed_size_list(signature)
            and signature.value_type == pa.uint32()
            and kinds == [pa.int32(), pa.int64()]
            and _lie_within(table["text_file"].to_numpy(), -1, len(segment["texts"]))
            and _lie_within(table["text_row"].to_numpy(), 0, 1 << 62)
            and pa.types.is_large_string(table.schema.field("id").type)
        )
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise RunError(f"{file} is damaged ({one_line(error)}). Build the index anew.") from None
    if not fits:
        raise RunError(f"{file} is damaged: its columns are not those of an index. Build it anew.")


def _lie_within(places: NDArray[Any], low: int, end: int) -> bool:
    return bool((places >= low).all() and (places < end).all())


@contextmanager
def changing_index(path: str | Path) -> Generator[None]:
    """Hold an index, or the folder of a new one, as its only writer.

    Raises:
        SettingError: another process is writing to it, or a link lies in it.
    """
    with locked(Path(path)):
        refuse_links(Path(path))
        remove_leftovers(Path(path))
        yield


def new_index(path: str | Path, plan: DedupPlan) -> Index:
    """An index without documents, of which nothing is written yet, for a new or empty folder."""
    path = Path(path)
    if (path / MANIFEST).exists():
        raise SettingError(
            f"{path} holds an index already: add to it with 'curate index add', look into it with 'curate index info', or "
            "name a new folder."
        )
    if path.exists() and not (path.is_dir() and all(map(_may_lie_there, path.iterdir()))):
        raise SettingError(f"{path} is not empty, and holds no index; name a new folder.")
    manifest = {
        "format": FORMAT,
        "keys_version": KEYS_VERSION,
        "words_version": WORDS_VERSION,
        "unicode_version": UNICODE_VERSION,
        "plan": asdict(plan),
        "segments": [],
    }
    return Index(path, manifest)


def _may_lie_there(entry: Path) -> bool:
    """Whether a new index may be made beside this: it is hidden, or the segment of a build that was killed."""
    if entry.name.startswith("."):
        return True
    return _SEGMENT.fullmatch(entry.name) is not None and [each.name for each in entry.iterdir()] == [_KEYS]


def relocate_texts(path: str | Path, old: str | Path, new: str | Path) -> tuple[Index, int]:
    """Say that the files of the texts that lay below the folder `old` lie below `new` now.

    Returns:
        The index, and the number of files whose place changed and that are what they were.
    """
    before, after = os.path.abspath(old), os.path.abspath(new)
    with changing_index(path):
        index = open_index(path)
        segments, n_found = json.loads(json.dumps(index.manifest["segments"])), 0
        for segment in segments:
            for text_file in segment["texts"]:
                if text_file["path"] == before or text_file["path"].startswith(before.rstrip("/") + "/"):
                    text_file["path"] = after + text_file["path"][len(before) :]
                    n_found += TextFile(**text_file).is_unchanged()
        return Index(
            index.path, _write_manifest(index.path, index.manifest | {"segments": segments})
        ), n_found


def append_segment(
    index: Index, tables: Iterable[pa.Table], texts: Sequence[TextFile], stamp: str = ""
) -> Index:
    """Add documents as one segment; all of them are in the index when this returns, else none.

    Who calls it holds the index (`changing_index`) from before it was opened, so that no other addition is lost.

    Args:
        index: the index as it was opened.
        tables: columns of `compute_keys(..., signatures=True)`, with `id` (string), `text_file` (int32,
            place in `texts`, -1 for none) and `text_row` (int64); perhaps `url`.
        texts: the files where texts can be found again.
        stamp: of what was read, by which a second addition of it is known (`Index.holds`); "" for none.
    """
    manifest = index.manifest
    name = f"segment-{len(manifest['segments']):05d}"
    temporary = index.path / f".tmp-{name}"
    for leftover in (temporary, index.path / name):  # of an addition that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    temporary.mkdir()
    n_documents = _write_keys(temporary / _KEYS, tables)
    if not n_documents:
        shutil.rmtree(temporary)
        return index
    temporary.rename(index.path / name)
    segment = {
        "name": name,
        "n_documents": n_documents,
        "files": {_KEYS: _checksum(index.path / name / _KEYS)},
        "texts": [asdict(text_file) for text_file in texts],
        "input": stamp,
    }
    changed = _write_manifest(index.path, manifest | {"segments": [*manifest["segments"], segment]})
    return Index(index.path, changed)


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


def _checksum(path: Path) -> str:
    digest = xxhash.xxh3_128()
    try:
        with plain_file(path, _MOST_BYTES).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()
