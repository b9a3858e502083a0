"""Finds the input files, names them, opens and hashes them: local paths and fsspec URLs alike."""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, cast

import xxhash

from curate.crawl.git import GitIndexError, find_git_folder, is_git_folder, read_tracked
from curate.errors import RunError, SettingError
from curate.work.urls import WEB, is_url, open_filesystem, public_name, public_text, readable, strip_scheme

REMOTE_BLOCK_BYTES = 8 << 20
# What other tools leave beside their data, and indexes and checksums of crawls.
_IGNORED_NAMES = ("_SUCCESS", "_metadata", "_common_metadata")
_IGNORED_STARTS = (".", "_committed_", "_started_", "_temporary")
_IGNORED_ENDS = (".cdx", ".cdx.gz", ".cdxj", ".cdxj.gz", ".idx", ".crc", ".md5", ".sha1", ".sha256", ".tmp")
# What people put beside data to tell of it.
_CARD = re.compile(
    r"(?:readme|license|licence|copying|notice|changelog|citation|dataset_card)(?:\.(?:md|txt|rst|cff|bib|ya?ml))?"
)
_CARDS = (
    "dataset_info.json",
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
    "metadata.json",
    "manifest.json",
    "schema.json",
    "croissant.json",
    "stats.json",
)
_PACKED = ("", ".gz", ".zst", ".bz2", ".xz", ".lz4")
_DATA_KINDS = (".jsonl", ".ndjson", ".parquet", ".warc", ".wet", ".arc", ".csv", ".tsv")
_DATA_ENDS = tuple(kind + packed for kind in _DATA_KINDS for packed in _PACKED)

_PLAIN = re.compile(
    r"\.(?:jsonl|ndjson|json|parquet|csv|tsv|wet|txt|md)(?:\.(?:gz|zst|bz2|xz|lz4))?$", re.IGNORECASE
)


def may_be_html(path: str) -> bool:
    """Whether a file, by its name, may hold HTML more likely than text alone; only its records tell."""
    return _PLAIN.search(path) is None


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to read; `source` is its name in every output row, relative to the input it is under.

    `problem` is the reason, with its detail, for which it is not read but reported. `tree_path` is the path of a
    tracked file in its git checkout, which is read as a source file or left out.
    """

    path: str
    source: str
    size_bytes: int
    is_card: bool = False
    """Whether it only tells of the data it lies beside, as a README; it is counted and not read."""
    problem: tuple[str, str] | None = None
    tree_path: str | None = None


def find_files(inputs: Sequence[str]) -> list[InputFile]:
    """Find every file under `inputs` (files, folders, globs; local or fsspec URLs), sorted by source.

    Hidden files, markers of other tools, crawl indexes and earlier outputs of this program are passed over
    within folders; of a git checkout only the files that it tracks are found. The result does not depend on the
    order of `inputs` or on where a folder lies.

    Raises:
        SettingError: An input does not exist, holds no files or cannot be listed.
    """
    if not inputs:
        raise SettingError("No input given: name a file, a folder, a glob or a URL, as in --input crawl/.")
    if not all(text.strip() for text in inputs):
        raise SettingError(
            "An input is empty, as a variable that is not set: name a file, a folder, a glob or a URL."
        )
    found: dict[str, InputFile] = {}
    named: set[str] = set()
    for text in inputs:
        files = _find_remote(text) if is_url(text) else _find_local(strip_scheme(text))
        if not files:
            raise SettingError(
                f"No crawl files in '{public_name(text)}': give a folder, file or glob that has some."
            )
        if (
            len(files) == 1
            and not glob.has_magic(text)
            and os.path.basename(files[0].path) == os.path.basename(text)
        ):
            named.add(files[0].path)  # a file given outright is always read
        for file in files:
            known = found.get(file.path)
            if known is None or len(file.source) < len(known.source):
                found[file.path] = file
    sources = _distinct_sources({path: file.source for path, file in found.items()})
    has_data = any(source.lower().endswith(_DATA_ENDS) for source in sources.values())
    files = [
        replace(
            file,
            source=sources[path],
            is_card=has_data and path not in named and file.tree_path is None and _is_card(sources[path]),
        )
        for path, file in found.items()
    ]
    return sorted(files, key=lambda file: (file.source, file.path))


def find_kept(inputs: Sequence[str | os.PathLike[str]]) -> list[InputFile]:
    """Find files as `find_files` does, where a result folder stands for the documents that it kept."""
    paths = [os.fspath(path) for path in inputs]
    for place, path in enumerate(paths):
        kept = os.path.join(path, "kept")
        if os.path.isfile(os.path.join(path, "manifest.json")) and os.path.isdir(kept):
            paths[place] = kept
    return find_files(paths)


def refuse_as_output(outputs: Sequence[str | os.PathLike[str]], files: Sequence[InputFile]) -> None:
    """Refuse to write over a file that is read, under whatever name.

    Raises:
        SettingError: names it.
    """
    read = {os.path.realpath(file.path) for file in files if not is_url(file.path)}
    for output in outputs:
        if os.path.realpath(output) in read:
            raise SettingError(f"The output {os.fspath(output)} is also an input. Name another --output.")


def _is_card(source: str) -> bool:
    name = source.rsplit("/", 1)[-1].lower()
    return name in _CARDS or _CARD.fullmatch(name) is not None


def _find_local(text: str) -> list[InputFile]:
    path = os.path.abspath(os.path.expanduser(text))
    if os.path.isdir(path):
        _refuse_output(text, os.listdir(path))
        return [_named(found, path) for found in _walk(path, path)]
    if os.path.exists(path):
        size = _size(path)
        if size is None:
            raise SettingError(f"Input '{text}' is no regular file: write it to a file first.")
        return [InputFile(path, os.path.basename(path), size)]
    if not glob.has_magic(text):
        raise SettingError(f"Input '{text}' does not exist: give a file, a folder, a glob or a URL.")
    root = _glob_root(path)
    files: list[InputFile] = []
    for match in sorted(glob.glob(path, recursive=True)):
        if os.path.isdir(match):
            inner = [] if "**" in text else _walk(match, root)
        else:
            _refuse_way_out(match, root)
            inner = [_looked_at(match)]
        files += [_named(found, root) for found in inner]
    return files


def _named(file: InputFile, root: str) -> InputFile:
    return replace(file, source=os.path.relpath(file.path, root).replace(os.sep, "/"))


def _glob_root(path: str) -> str:
    parts = path.split("/")
    n_fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return "/".join(parts[:n_fixed]) or "/"


def _refuse_way_out(path: str, root: str) -> None:
    """Refuse a link that leads out of what the user named: it may be a stranger's, to a file of the user's."""
    if os.environ.get("CURATE_FOLLOW_LINKS") == "1":
        return
    places = [os.path.realpath(root)]
    head, mark, _ = places[0].partition("/snapshots/")  # how the cache of huggingface_hub lies
    places += [f"{head}/blobs"] if mark else []
    target = os.path.realpath(path)
    if os.path.exists(target) and not any(
        target == place or target.startswith(place.rstrip("/") + "/") for place in places
    ):
        raise SettingError(
            f"{public_name(path)} is a link that leads out of {public_name(root)}. Remove it, name what it points to "
            "as an input of its own, or set CURATE_FOLLOW_LINKS=1 if you made the links."
        )


def _walk(folder: str, root: str) -> list[InputFile]:
    """List the files under `folder`, not yet named, less those to be passed over; no link leads out of `root`."""

    def refuse(error: OSError) -> None:
        raise SettingError(f"Folder '{error.filename}' cannot be listed: {error.strerror}.") from error

    files: list[InputFile] = []
    seen: set[str] = set()
    checkouts: dict[str, _Checkout | None] = {}
    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            if os.path.realpath(os.path.dirname(parent)).startswith(real):
                files.append(
                    InputFile(parent, "", 0, problem=("link_cycle", "a link to a folder that it lies in"))
                )
            folders.clear()
            continue
        seen.add(real)
        _refuse_way_out(parent, root)
        if is_git_folder(folders, names):
            problem = ("git_bare", "a repository without its files: clone it")
            files.append(InputFile(parent, "", 0, problem=problem))
            folders.clear()
            continue
        checkout = checkouts[parent] = _checkout_of(parent, checkouts.get(os.path.dirname(parent)), files)
        folders[:] = sorted(name for name in folders if not _is_ignored(name))
        if parent != folder and _is_output([*folders, *names]):
            folders.clear()
            continue
        for name in names:
            path = os.path.join(parent, name)
            if _is_ignored(name):
                continue
            if os.path.islink(path):
                _refuse_way_out(path, root)
            found = _looked_at(path)
            if checkout is None or found.problem:
                files.append(found)
            elif (inner := os.path.relpath(path, checkout.folder).replace(os.sep, "/")) in checkout.tracked:
                files.append(replace(found, tree_path=None if _is_data(name) else readable(inner)))
    return files


@dataclass(frozen=True, slots=True)
class _Checkout:
    folder: str
    tracked: frozenset[str]


def _checkout_of(folder: str, outer: _Checkout | None, files: list[InputFile]) -> _Checkout | None:
    """The git checkout that a folder belongs to. One whose index cannot be read is reported, and walked like any folder."""
    git_folder = find_git_folder(folder)
    if git_folder is None:
        return outer
    try:
        return _Checkout(folder, frozenset(read_tracked(git_folder)))
    except GitIndexError as error:
        problem = ("git_index_damaged", f"{error}; every file of the folder is read")
        files.append(InputFile(os.path.join(folder, ".git"), "", 0, problem=problem))
        return None


def _is_data(name: str) -> bool:
    """Whether a tracked file is read as crawl data and not as a source file: repositories hold data sets too."""
    return (
        re.search(
            r"\.(?:warc|wet|wat|arc|jsonl|ndjson|parquet|zip|tar|tgz)(?:\.(?:gz|zst|bz2|xz|lz4))?$",
            name,
            re.IGNORECASE,
        )
        is not None
    )


def _looked_at(path: str) -> InputFile:
    """A file, not yet named; a pipe or device, which may never end, is reported and never opened."""
    size = _size(path)
    if size is None:
        return InputFile(path, "", 0, problem=("not_a_file", "a pipe, a socket or a device"))
    return InputFile(path, "", size)


def _size(path: str) -> int | None:
    """Return the size of a file, 0 for a link to nowhere (found out later), null for pipes and devices."""
    try:
        status = os.stat(path)
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _is_ignored(name: str) -> bool:
    return name in _IGNORED_NAMES or name.startswith(_IGNORED_STARTS) or name.lower().endswith(_IGNORED_ENDS)


def _is_output(names: Sequence[str]) -> bool:
    return "manifest.json" in names and "kept" in names


def _refuse_output(text: str, names: Sequence[str]) -> None:
    if _is_output(names):
        raise SettingError(
            f"'{public_name(text)}' is the output of an earlier run: give '{public_name(text).rstrip('/')}/kept' to "
            "read it."
        )


def _find_remote(url: str) -> list[InputFile]:
    system, path = open_filesystem(url)
    try:
        files, root = _list_remote(system, path)
    except FileNotFoundError:
        files, root = {}, ""
    except Exception as error:  # every store has errors of its own
        detail = public_text(error, url).replace(path, public_name(path))
        raise SettingError(f"Input '{public_name(url)}' cannot be listed: {detail}.") from error
    if not glob.has_magic(path) and root:
        _refuse_output(url, [name[len(root) :].strip("/").split("/")[0] for name in files])
    if not files and not glob.has_magic(path) and not _exists(system, path):
        raise SettingError(
            f"Input '{public_name(url)}' does not exist: give a file, a folder, a glob or a URL."
        )
    found: list[InputFile] = []
    for name, info in files.items():
        public = public_name(name)
        source = (
            name[len(root) :].lstrip("/") if root and name.startswith(root) else public.rsplit("/", 1)[-1]
        )
        source = (
            public_name(f"https://h/{source}").removeprefix("https://h/") if url.startswith(WEB) else source
        )
        parts = source.split("/")
        if info.get("type") == "file" and (len(files) == 1 or not any(_is_ignored(part) for part in parts)):
            found.append(InputFile(system.unstrip_protocol(name), source, int(info.get("size") or 0)))
    return _without_outputs(found)


def _exists(system: Any, path: str) -> bool:
    try:
        return bool(system.exists(path))
    except OSError:
        return False


def _list_remote(system: Any, path: str) -> tuple[dict[str, dict[str, Any]], str]:
    if glob.has_magic(path):
        root = _glob_root(path)
        matches = cast("dict[str, dict[str, Any]]", system.glob(path, detail=True))
        files = {name: info for name, info in matches.items() if info.get("type") == "file"}
        if "**" not in path:
            for name, info in matches.items():
                if info.get("type") == "directory":
                    files.update(system.find(name, detail=True))
        return files, root
    info = system.info(path)
    if info.get("type") == "file":
        return {path: info}, ""
    return cast("dict[str, dict[str, Any]]", system.find(path, detail=True)), path.rstrip("/")


def _without_outputs(files: list[InputFile]) -> list[InputFile]:
    """Leave out what lies in the output folder of an earlier run, known by its manifest."""
    sources = [file.source for file in files]
    outputs = {
        source[: -len("manifest.json")]
        for source in sources
        if source.endswith("/manifest.json")
        and any(other.startswith(source[: -len("manifest.json")] + "kept/") for other in sources)
    }
    return [file for file in files if not any(file.source.startswith(output) for output in outputs)]


def _distinct_sources(sources: dict[str, str]) -> dict[str, str]:
    """Lengthen names that several files share by the folders they lie in until each is its own."""
    sources = {path: readable(source.replace(os.sep, "/")) for path, source in sources.items()}
    names = {path: public_name(path).replace(os.sep, "/") for path in sources}
    while True:
        by_source: dict[str, list[str]] = {}
        for path, source in sources.items():
            by_source.setdefault(source, []).append(path)
        shared = [path for paths in by_source.values() if len(paths) > 1 for path in paths]
        if not shared:
            return sources
        for path in shared:
            n_parts = sources[path].count("/") + 2
            longer = "/".join(names[path].split("/")[-n_parts:])
            # Two addresses that differ in their signatures alone.
            tail = f"~{xxhash.xxh3_64_hexdigest(path.encode('utf-8', 'surrogateescape'))[:8]}"
            sources[path] = longer if longer != sources[path] else longer + tail


def open_file(file: InputFile) -> BinaryIO:
    """Open `file` for reading bytes; a remote one is read ahead in blocks of 8 MiB.

    Raises:
        OSError: it cannot be opened, or is no plain file: to open a pipe would wait for who writes to it.
    """
    if not is_url(file.path):
        return open(file.path, "rb", buffering=0, opener=_open_plain)
    system, path = open_filesystem(file.path)
    return cast("BinaryIO", system.open(path, "rb", block_size=REMOTE_BLOCK_BYTES))


def open_needed(file: InputFile) -> BinaryIO:
    """Open a file that a job cannot do without.

    Raises:
        RunError: it cannot be opened.
    """
    try:
        return open_file(file)
    except OSError as error:
        raise RunError(
            f"{file.path} cannot be read: {error.strerror or error}. Replace or remove it."
        ) from error


def _open_plain(path: str, flags: int) -> int:
    opened = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(errno.EINVAL, "a pipe, a socket or a device", path)
    return opened


def hash_file(file: InputFile) -> str:
    """Hash the contents of `file` to 32 hex digits; remotely the store's own checksum, written as 'etag:...'.

    What was found to be no file is not opened: its hash says what it is. A file that cannot be read gives the empty string.
    """
    if file.problem:
        return f"problem:{file.problem[0]}"
    try:
        if is_url(file.path):
            system, path = open_filesystem(file.path)
            info = system.info(path)
            for name in ("ETag", "etag", "sha256", "md5Hash", "contentHash"):
                if info.get(name):
                    return f"etag:{str(info[name]).strip(chr(34))}"
        digest = xxhash.xxh3_128()
        with open_file(file) as opened:
            while data := opened.read(1 << 20):
                digest.update(data)
        return digest.hexdigest()
    except OSError:
        return ""
