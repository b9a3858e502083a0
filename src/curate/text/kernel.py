"""The one decorator of all kernels: compiled by numba, kept on disk for as long as nothing it was made from changes.

numba looks only at a kernel's own file. A kernel holds the code of those that it calls and the constants that its
module took from others, so that one whose callee changed in another file would go on as it was. Here a kernel's stamp
covers its module and, transitively, every module of this package that it imports.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import sys
import threading
from collections.abc import Callable
from functools import cache, partial, update_wrapper
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import config, event
from numba.np import linalg

from curate.text.cache import VARIABLE

if os.environ.get(VARIABLE):
    config.CACHE_DIR = os.environ[VARIABLE]

if "numba.np.arraymath" not in sys.modules:
    # It loads scipy.linalg only to see that it is there: .25 CPU seconds. Who multiplies matrices in a kernel of his own
    # loads it then.
    ensure_blas, linalg.ensure_blas = linalg.ensure_blas, lambda: None
    arraymath = importlib.import_module("numba.np.arraymath")
    linalg.ensure_blas = arraymath.ensure_blas = ensure_blas

_PACKAGE = Path(__file__).resolve().parents[1]
# `from curate.text.utf8 import is_space, read_code` and `import curate.text.utf8`: the module, and the names after it.
_IMPORT = re.compile(
    rb"^ *(?:from +curate((?:\.\w+)*) +import +(\([^)]*\)|[^\n]*)|import +curate((?:\.\w+)+))", re.MULTILINE
)


def kernel(
    function: Callable[..., Any] | None = None,
    /,
    *,
    inline: bool = False,
    embed: bool = False,
    allocates: bool = True,
) -> Any:
    """Compile `function` without the GIL, when it is first called or from disk.

    Args:
        function: a function of numbers and arrays.
        inline: put its code into its callers', before types are known.
        embed: the same by the compiler, of kernels that are called from one place or two. An array is passed as seven
            numbers or nine, so that a call with ten of them moves a hundred.
        allocates: False for kernels that make no array. They do without numba's reference counting: passing an
            array on costs an atomic increment otherwise, which was 70% of the time of a page's scan.
    """
    if function is None:
        return lambda decorated: kernel(decorated, inline=inline, embed=embed, allocates=allocates)
    # `_nrt` is numba's own option, but not in its published signature.
    options: dict[str, Any] = {} if allocates else {"_nrt": False}
    options |= {"inline": "always"} if inline else {}
    options |= {"forceinline": True} if embed else {}
    return Kernel(function, options)


class Kernel:
    """A function that numba's dispatcher is made of when it is first called, or called by a kernel that is compiled.

    Of the 400 kernels a command calls some forty, and what is on disk needs none of those that it calls itself: making all
    of them took .2 CPU seconds of every start.
    """

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self._function, self._options = function, options
        self._dispatcher: Any = None
        update_wrapper(self, function)

    def __call__(self, *args: Any) -> Any:
        """Call the compiled function."""
        return (self._dispatcher or self._make())(*args)

    def __getattr__(self, name: str) -> Any:
        """What numba asks for, `_numba_type_` and `targetoptions` among it, and the plain function (`py_func`)."""
        return getattr(self._dispatcher or self._make(), name)

    def is_kept(self) -> bool:
        """Whether it lies compiled on disk, as its code is now."""
        file = _cache_file(self._dispatcher or self._make())
        return file is not None and bool(file._load_index())  # noqa: SLF001 - numba gives no other way

    def __reduce__(self) -> tuple[Any, ...]:
        """A kernel is carried to other processes by its name."""
        return _named, (self._function.__module__, self._function.__qualname__)

    def _make(self) -> Any:
        with _making:
            if self._dispatcher is None:
                self._dispatcher = _compiled(self._function, self._options)
        return self._dispatcher


_making = threading.RLock()


def _named(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _compiled(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    try:
        compiled: Any = njit(cache=True, nogil=True, **options)(function)
    except (
        RuntimeError
    ):  # neither the package's folder nor a home can be written: compiled anew in each process
        return njit(nogil=True, **options)(function)
    cache: Any = getattr(compiled, "_cache", None)
    if hasattr(cache, "_load_overload") and hasattr(cache, "_guard_against_spurious_io_errors"):
        cache.load_overload = partial(_load, cache)
    file = _cache_file(compiled)
    if file is not None:
        file._source_stamp = (file._source_stamp, source_stamp(Path(function.__code__.co_filename)))  # noqa: SLF001 - numba gives no other way
    return compiled


def _cache_file(dispatcher: Any) -> Any:
    """What a dispatcher keeps its code in; None where it keeps none. numba has no name for it."""
    return getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)


def _load(cache: Any, signature: Any, context: Any) -> Any:
    """`load_overload` of numba's cache, without the registries by which types are inferred: .03 s of a start.

    What is compiled already needs none; the compiler sees to its own.
    """
    context.load_additional_registries()
    with cache._guard_against_spurious_io_errors():  # noqa: SLF001 - numba gives no other way
        return cache._load_overload(signature, context)  # noqa: SLF001


class _TellOnce(event.Listener):
    """Says on stderr that kernels are being compiled, which takes two minutes after an installation."""

    def on_start(self, event: event.Event) -> None:  # noqa: ARG002
        """Say so at the first kernel that is not found on disk."""
        if os.environ.pop(_TELL, None):
            print(
                "curate: compiling for this machine, two minutes or three, once after an installation or update.",
                file=sys.stderr,
                flush=True,
            )

    def on_end(self, event: event.Event) -> None:
        """Nothing."""


_TELL = "CURATE_TELL_COMPILING"
"""Set by the command; a library stays silent."""
if os.environ.get(_TELL):
    event.register("numba:compile", _TellOnce())


@cache
def source_stamp(module: Path) -> str:
    """Digest of a module of this package and of all that it imports from this package, however far."""
    digest = hashlib.sha256()
    for file in sorted(_reached_from(module.resolve())):
        digest.update(_read(file)[0])
    return digest.hexdigest()


def _reached_from(module: Path) -> set[Path]:
    reached: set[Path] = set()
    waiting = [module]
    while waiting:
        file = waiting.pop()
        if file not in reached:
            reached.add(file)
            waiting += _read(file)[1]
    return reached


@cache
def _read(file: Path) -> tuple[bytes, tuple[Path, ...]]:
    """A module's digest, and the files of this package that it imports."""
    source = file.read_bytes()
    imported: list[Path] = []
    for place, names, alone in _IMPORT.findall(source):
        folder = _PACKAGE.joinpath(*(place or alone).decode().strip(".").split("."))
        inner = [folder / name for name in re.findall(r"\w+", names.decode())]
        for path in (folder, *inner):
            candidates = (path.with_suffix(".py"), path / "__init__.py")
            imported += [candidate for candidate in candidates if candidate.is_file()]
    return hashlib.sha256(source).digest(), tuple(imported)
