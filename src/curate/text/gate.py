"""The one gate for texts that a caller hands over: whatever holds texts, in its order, as one Arrow string array.

Score, duplicates and the adapters of other tools all take what `as_texts` takes, and refuse the rest in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import TextsError

_MOST_BYTES_OF_STRINGS = (1 << 31) - 1
# pandas' own marks of a missing value; neither can be compared with itself.
_MISSING = frozenset({"NAType", "NaTType"})


def as_texts(texts: Any) -> pa.Array:
    """Bring texts into one Arrow array of strings; an array of strings is passed on without a copy.

    A missing text (None, NaN, pandas' NA) is null. Bytes are read as UTF-8. Half a surrogate pair, which a Python
    string can hold and UTF-8 cannot, becomes a question mark, and bytes that are no UTF-8 become U+FFFD.

    Args:
        texts: an Arrow array, in chunks or not; a column of pandas, polars or NumPy; or any iterable of str, which is
            read once.

    Raises:
        TextsError: one text alone, a table, a mapping or a set; or a value that is no text.

    >>> as_texts(["one", None, float("nan"), b"two"]).to_pylist()
    ['one', None, None, 'two']
    >>> as_texts("one")
    Traceback (most recent call last):
    ...
    curate.errors.TextsError: Texts must come as a list or a column of texts, not one str: put it in a list.
    """
    if isinstance(texts, (pa.Array, pa.ChunkedArray)):
        return _from_arrow(texts)
    _refuse_others(texts)
    if isinstance(texts, np.ndarray):
        return _from_numpy(texts)
    if hasattr(texts, "__arrow_c_array__") or hasattr(texts, "__arrow_c_stream__"):
        column = _from_capsule(texts)
        if column is not None:
            return _from_arrow(column)
    return _from_values(_listed(texts))


def _listed(texts: Any) -> list[Any]:
    """The values of an iterable; what only looks like one, as a class, is refused in the words of the gate."""
    try:
        values = iter(texts)
    except TypeError:
        raise TextsError(
            f"Texts must come as a list or a column of texts, not {type(texts).__name__}."
        ) from None
    return list(values)


def _refuse_others(texts: Any) -> None:
    """Refuse what would be taken for texts, value by value, and holds none: letters, names of columns."""
    kind = type(texts).__name__
    if isinstance(texts, str | bytes | bytearray | memoryview):
        raise TextsError(f"Texts must come as a list or a column of texts, not one {kind}: put it in a list.")
    if isinstance(texts, Mapping) or is_table(texts):
        raise TextsError(
            f"Texts must come as a list or a column of texts, not a {kind} of columns: pass one of them, as "
            "table['text']."
        )
    if isinstance(texts, AbstractSet):
        raise TextsError(f"Texts must come in an order, which a {kind} does not have: make it a list.")
    if not isinstance(texts, Iterable) and not hasattr(texts, "__getitem__"):
        raise TextsError(f"Texts must come as a list or a column of texts, not {kind}.")


def is_table(value: Any) -> bool:
    """Whether a value is a table of columns, of whatever library: of Arrow, pandas, polars, DuckDB."""
    if isinstance(value, (pa.Table, pa.RecordBatch)):
        return True
    # Asked of the type: a lazy table may have to look at its files to answer.
    return hasattr(type(value), "columns") or hasattr(type(value), "column_names")


def _from_arrow(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    kind = texts.type
    if isinstance(texts, pa.ChunkedArray):
        texts = _join(texts)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return texts
    if isinstance(texts, pa.ExtensionArray):
        return _from_arrow(texts.storage)
    # A column of floats is what is left of a block of texts that are all missing.
    is_missing = pa.types.is_floating(kind) and pc.all(pc.is_null(texts, nan_is_null=True)).as_py()
    if pa.types.is_null(kind) or len(texts) == 0 or is_missing:
        return pa.nulls(len(texts), pa.large_string())
    if pa.types.is_dictionary(kind):
        words = _from_arrow(texts.dictionary).cast(pa.large_string())
        texts = pa.DictionaryArray.from_arrays(texts.indices, words)
    if pa.types.is_dictionary(kind) or kind == pa.string_view():
        return texts.cast(pa.large_string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or kind == pa.binary_view():
        return _from_bytes(texts)
    raise TextsError(
        f"Texts must be strings, not an Arrow array of {kind}: cast it where its values are meant."
    )


def _join(texts: pa.ChunkedArray) -> pa.Array:
    """One array of all chunks; strings that together pass 2 GiB have wide offsets then."""
    if texts.num_chunks == 1:
        return texts.chunk(0)
    if not texts.num_chunks:
        return pa.array([], texts.type)
    narrow = pa.types.is_string(texts.type) or pa.types.is_binary(texts.type)
    if narrow and texts.nbytes > _MOST_BYTES_OF_STRINGS:
        texts = texts.cast(pa.large_string() if pa.types.is_string(texts.type) else pa.large_binary())
    if pa.types.is_dictionary(texts.type):
        texts = texts.unify_dictionaries()
    return pa.concat_arrays(texts.chunks)


def _from_bytes(texts: pa.Array) -> pa.Array:
    try:
        return texts.cast(pa.large_binary()).cast(pa.large_string())
    except pa.ArrowInvalid:
        return _from_values(texts.to_pylist())


def _from_numpy(texts: np.ndarray[Any, Any]) -> pa.Array:
    if texts.ndim != 1:
        raise TextsError(
            f"Texts must come as one column, not a NumPy array of shape {texts.shape}: pass one column, as texts[:, 0]."
        )
    if texts.dtype.kind in "iubcmMV" and texts.size:
        raise TextsError(f"Texts must be strings, not a NumPy array of {texts.dtype}.")
    return _from_values(texts.tolist())


def _from_capsule(texts: Any) -> pa.Array | pa.ChunkedArray | None:
    """A column of another library by Arrow's own protocol; None where its values do not fit one Arrow type."""
    try:
        return pa.array(texts) if hasattr(texts, "__arrow_c_array__") else pa.chunked_array(texts)
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError):
        return None


def _from_values(values: list[Any]) -> pa.Array:
    try:
        if all(type(value) is str for value in values):
            return _from_strings(values)
        return pa.array(values, pa.large_string())
    except (UnicodeEncodeError, pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return pa.array([_clean(value, place) for place, value in enumerate(values)], pa.large_string())


def _from_strings(values: list[str]) -> pa.Array:
    """Lay strings out for Arrow here: asked to do so, it imports pandas first, which takes a quarter of a second."""
    encoded = [value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=offsets[1:])
    return pa.LargeStringArray.from_buffers(
        len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))
    )


def _clean(value: Any, place: int) -> str | None:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    is_nan = isinstance(value, float | np.floating) and value != value  # noqa: PLR0124 - NaN alone differs from itself
    if value is None or is_nan or type(value).__name__ in _MISSING:
        return None
    if isinstance(value, pa.Scalar):
        return _clean(value.as_py(), place)
    raise TextsError(f"Texts must be strings; number {place} is of type {type(value).__name__}.")
