"""A run's folder in a store (s3://, gs://, hf:// and others by fsspec): files that are put there whole, and read back.

A store renames nothing and locks nothing. So a file is one that was put there by one call and whose size is the one
that was sent; a run is finished when its manifest is there, which comes last. Every request is tried again, with longer
pauses, before the run is stopped; each can be repeated, since what it puts is always the same. Nothing is listed
twice: one listing says all that lies under the folder.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from curate.config import stable_hash
from curate.errors import RunError, SettingError
from curate.work.files import committed
from curate.work.json_files import parse_json, to_json
from curate.work.urls import open_filesystem, public_name, public_text

T = TypeVar("T")
Item = TypeVar("Item")
PAUSES_S = (0.5, 2.0, 8.0, 30.0)
"""Pauses before a request is made again; the store's own client has tried some times by then."""
_N_AT_ONCE = 8
# What is forbidden or not there stays so.
_FINAL = (PermissionError, FileNotFoundError, NotImplementedError)
_FINAL_NAMES = ("NoCredentialsError", "PartialCredentialsError", "ParamValidationError")


@dataclass(frozen=True, slots=True)
class Store:
    """A folder in a store; small enough to be sent to workers, each of which opens it for itself."""

    url: str

    @classmethod
    def of(cls, url: str) -> Store:
        """The folder at `url`.

        Raises:
            SettingError: the package of the store is missing, or the address names no folder.
        """
        store = cls(url.rstrip("/"))
        if not store.url.partition("://")[2].strip("/"):
            raise SettingError(f"{public_name(url)} names no folder. Write for example s3://bucket/run.")
        store.open()
        return store

    def __str__(self) -> str:
        return public_name(self.url)

    def open(self) -> tuple[Any, str]:
        """The file system, and the folder's path in it."""
        return open_filesystem(self.url, "Using")

    def list(self) -> dict[str, int]:
        """Sizes of all files under the folder, by their names within it; a name with `..` in it is nothing that we put there."""

        def ask() -> dict[str, int]:
            system, root = self.open()
            system.invalidate_cache()
            try:
                found = system.find(root, detail=True)
            except FileNotFoundError:
                return {}
            return {
                name[len(root) + 1 :]: int(info.get("size") or 0)
                for name, info in sorted(found.items())
                if name.startswith(f"{root}/") and not name.endswith("/") and ".." not in name.split("/")
            }

        return self._ask("list", ask)

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON object; an empty one where there is no file.

        Raises:
            SettingError: the file holds something else.
        """

        def ask() -> bytes | None:
            system, root = self.open()
            try:
                return system.cat_file(f"{root}/{name}")
            except FileNotFoundError:
                return None

        data = self._ask(f"read {name}", ask)
        return {} if data is None else parse_json(data, f"{self}/{name}")

    def write_json(self, name: str, value: Any) -> None:
        """Put `value` there as indented JSON."""
        self.write(name, to_json(value))

    def write(self, name: str, data: bytes) -> None:
        """Put `data` there."""
        self._put(name, len(data), lambda system, path: system.pipe_file(path, data))

    def put(self, local: Path, name: str) -> None:
        """Put a local file there, and see that all of it arrived."""
        self._put(name, local.stat().st_size, lambda system, path: system.put_file(str(local), path))

    def put_all(
        self, files: Sequence[tuple[Path, str]], done: Callable[[Path], None] = lambda _: None
    ) -> None:
        """Put local files there, several at once; `done` is called with each that is there."""

        def put(pair: tuple[Path, str]) -> None:
            self.put(*pair)
            done(pair[0])

        at_once(put, files)

    def get_all(self, files: Sequence[tuple[str, Path, int]]) -> None:
        """Get files of known sizes from there, several at once; a local file is there whole or not at all."""

        def get(wanted: tuple[str, Path, int]) -> None:
            name, local, n_bytes = wanted

            def ask() -> None:
                system, root = self.open()
                with committed(local) as temporary:
                    system.get_file(f"{root}/{name}", str(temporary))
                    if (found := temporary.stat().st_size) != n_bytes:
                        raise OSError(f"{found} of {n_bytes} bytes arrived")

            self._ask(f"read {name}", ask)

        at_once(get, files)

    def state(self, name: str) -> tuple[object, ...] | None:
        """What changes when a file is put there anew; null where there is none."""

        def ask() -> tuple[object, ...] | None:
            system, root = self.open()
            system.invalidate_cache(f"{root}/{name}")
            try:
                info = system.info(f"{root}/{name}")
            except FileNotFoundError:
                return None
            return tuple(
                str(info.get(key)) for key in ("size", "ETag", "etag", "LastModified", "mtime", "created")
            )

        return self._ask(f"look at {name}", ask)

    def _put(self, name: str, n_bytes: int, send: Callable[[Any, str], object]) -> None:
        def ask() -> None:
            system, root = self.open()
            path = f"{root}/{name}"
            send(system, path)
            system.invalidate_cache(path)
            try:
                found = system.info(path)["size"]
            except FileNotFoundError as error:
                raise OSError("it was written and is not there") from error
            if found != n_bytes:
                raise OSError(f"{found} of {n_bytes} bytes arrived")

        self._ask(f"write {name}", ask)

    def copy(self, name: str, to: str) -> None:
        """Copy a file within the folder, in the store."""

        def ask() -> None:
            system, root = self.open()
            system.cp_file(f"{root}/{name}", f"{root}/{to}")

        self._ask(f"write {to}", ask)

    def delete(self, names: Iterable[str]) -> None:
        """Delete files one after the other; those that are not there are passed over."""
        for name in names:

            def ask(name: str = name) -> None:
                system, root = self.open()
                with suppress(FileNotFoundError):
                    system.rm_file(f"{root}/{name}")

            self._ask(f"delete {name}", ask)

    def _ask(self, what: str, ask: Callable[[], T]) -> T:
        for pause_s in (*PAUSES_S, None):
            try:
                return ask()
            except Exception as error:  # every store has errors of its own
                if pause_s is None or isinstance(error, _FINAL) or type(error).__name__ in _FINAL_NAMES:
                    said = public_text(error, self.url)[:300]
                    raise RunError(
                        f"The store could not {what} in {self}: {said or type(error).__name__}. What is done is kept "
                        "on this machine: run the same command again to go on."
                    ) from error
                time.sleep(pause_s)
        raise AssertionError


def at_once(do: Callable[[Item], T], items: Iterable[Item]) -> list[T]:
    """What `do` gives for each item, several of them at a time; where one fails, those that wait are not begun."""
    with ThreadPoolExecutor(_N_AT_ONCE) as pool:
        try:
            return list(pool.map(do, items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def scratch_folder(output: str, scratch: str | None) -> Path:
    """The local folder for the work files of a run whose output is in a store: the same for the same output.

    It lies in `scratch`, else in `~/.cache/curate/runs`, and is named by the output's last part and a hash of its address.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    name = public_name(output.rstrip("/"))
    root = Path(scratch).expanduser() if scratch else Path(cache) / "curate" / "runs"
    return root.absolute() / f"{name.rpartition('/')[2]}-{stable_hash(name)}"
