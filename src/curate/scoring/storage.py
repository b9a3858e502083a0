"""Folders of a fitted part: `config.json` and `weights.safetensors`, never a pickle."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from curate.config import plain_file
from curate.errors import SettingError, one_line
from curate.work.json_files import check_shape
from curate.work.lock import locked

CONFIG = "config.json"
WEIGHTS = "weights.safetensors"
FORMAT_VERSION = 1
MOST_BYTES = 16 << 30
"""Of weights."""

Arrays = dict[str, NDArray[Any]]


def read_config(folder: Path) -> dict[str, Any]:
    """Read the configuration of a fitted part and check the version of its format."""
    path = folder / CONFIG
    if not path.is_file():
        raise SettingError(
            f"'{folder}' is no classifier folder: it holds no {CONFIG}. Fit one with `curate fit`."
        )
    try:
        config = json.loads(plain_file(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingError(
            f"'{path}' is not JSON ({one_line(error)}). Fit the classifier again with `curate fit`."
        ) from error
    if not isinstance(config, dict) or config.get("format") != FORMAT_VERSION:
        found = config.get("format") if isinstance(config, dict) else None
        raise SettingError(
            f"'{path}' has format {found!r}; this version of curate reads {FORMAT_VERSION}. Fit it again."
        )
    return config


def check_kernels(folder: Path, config: dict[str, Any], versions: dict[str, int]) -> None:
    """Refuse a part that was fitted on other definitions of words or features than these."""
    check_shape(config, {"kernels?": {"*": int}}, folder / CONFIG)
    for name, fitted in config.get("kernels", {}).items():
        if versions.get(name) != fitted:
            raise SettingError(
                f"'{folder}' was fitted with version {fitted} of the {name} kernel; this is version "
                f"{versions.get(name)}, and its scores would be wrong. Fit it again with `curate fit`."
            )


def read_weights(folder: Path, config: dict[str, Any]) -> Arrays:
    """Read the arrays of a fitted part and check that they are the ones its configuration names."""
    path = folder / WEIGHTS
    if not path.is_file():
        raise SettingError(f"'{folder}' lacks {WEIGHTS}. Fit the classifier again with `curate fit`.")
    content = plain_file(path, MOST_BYTES).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != config.get("weights_sha256"):
        raise SettingError(
            f"'{path}' is not the file that {CONFIG} was written with (SHA-256 {digest[:12]}…): copy both."
        )
    try:
        return load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise SettingError(f"'{path}' is damaged ({str(error)[:200]}). Copy the folder again.") from error


def write_folder(folder: Path, config: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
    """Write a fitted part; the same config and arrays give the same bytes. Returns the config as written."""
    folder.mkdir(parents=True, exist_ok=True)
    content = save({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})
    digest = hashlib.sha256(content).hexdigest()
    config = {"format": FORMAT_VERSION, **config, "weights_sha256": digest}
    _replace(folder / WEIGHTS, content)
    _replace(folder / CONFIG, (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode())
    return config


@contextmanager
def staged_folder(folder: Path) -> Generator[Path]:
    """A folder to write a fitted part into, which is moved to its place when the block ends well.

    A new folder appears whole. In one that is there already files are replaced one by one, `config.json` last,
    and others stay: since the configuration names the digests of the files it belongs to, a folder in which only
    some were replaced is refused when it is loaded. A block that raises leaves nothing; one that was killed leaves
    the hidden folder beside, which the next one removes.
    """
    folder = Path(os.path.abspath(folder))
    staged = folder.parent / f".{folder.name}.partial"
    if staged.is_symlink():
        raise SettingError(f"{staged} is a link, where the fit would write. Remove it.")
    with _held(staged, folder):
        try:
            for path in staged.iterdir():  # of a fit that was killed
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            yield staged
            for path in staged.iterdir():
                _sync(path)
            if folder.is_dir():
                for path in sorted(staged.iterdir(), key=lambda path: (path.name == CONFIG, path.name)):
                    os.replace(path, folder / path.name)
            else:
                os.replace(staged, folder)
        finally:
            shutil.rmtree(staged, ignore_errors=True)


@contextmanager
def _held(staged: Path, folder: Path) -> Generator[None]:
    """Hold the folder that a fit writes into; who fits into the same place at the same time is told so."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(staged))
        except SettingError as error:
            raise SettingError(str(error).replace(str(staged), str(folder))) from None
        yield


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def fingerprint(config: dict[str, Any]) -> str:
    """A digest of a configuration, and so, by their digest in it, of the weights and tables."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:32]


def fingerprint_files(path: Path) -> str:
    """A SHA-256 of a file, or of the names and contents of all files in a folder but for hidden ones."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for each in sorted(path.rglob("*")):
        name = each.relative_to(path)
        if each.is_file() and not any(part.startswith(".") for part in name.parts):
            digest.update(f"{name.as_posix()}\0{fingerprint_files(each)}\0".encode())
    return digest.hexdigest()


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_bytes(content)
    os.replace(partial, path)


def languages_of(config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Read `languages` of a classifier's configuration; None where it names none."""
    named = config.get("languages")
    return tuple(named) if named else None
