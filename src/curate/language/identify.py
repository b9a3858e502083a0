"""Text -> language and confidence, by fastText's 176-language model (lid.176.ftz, bundled).

Joulin et al., "Bag of Tricks for Efficient Text Classification" (arXiv 1607.01759) and "FastText.zip"
(arXiv 1612.03651). The prediction is our own kernel (`curate.language.kernel`), which gives fastText's labels
and probabilities without a Python string; the model's card is classifiers/language/card.md.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.bundled import classifiers_folder
from curate.errors import SettingError, UnknownNameError
from curate.language.codes import suggest_code
from curate.language.kernel import Tables, build_tables, find_dressed, predict
from curate.language.model_file import read_model
from curate.text.cache import remembered
from curate.text.gate import as_texts
from curate.text.kernel import source_stamp
from curate.text.words import view_utf8

LANGUAGE_SCHEMA = pa.schema([("language", pa.string()), ("language_confidence", pa.float32())])

ANY_LANGUAGE = "any"


def identify_languages(texts: Any, *, whole: bool = False) -> pa.RecordBatch:
    """Name the most likely language of every text (ISO 639 code) with its probability in [0, 1].

    Of a text of 1,152 bytes or more 24 windows of some 32 bytes are read, from its beginning to its end;
    where the model gives a language .82 or more there, that is the answer, and the confidence is that of the sample. Other
    texts are read whole, and all texts with `whole`, which gives the numbers of the fasttext package. A text's answer
    depends on the text alone. Texts come as an Arrow array of strings of any kind, a column or a list
    (`curate.text.gate.as_texts`).

    Line ends count as spaces, since the model was trained on single lines. A text without a word (empty, null, white space
    alone) has language null and confidence 0. Where most letters are Latin ones in full width or other dress, the plain
    ones are read in their place.
    """
    tables, codes = _load()
    data, bounds = view_utf8(as_texts(texts))
    labels, probabilities = predict(data, bounds, tables, whole=whole)
    are_dressed = np.zeros(len(labels), np.bool_)
    find_dressed(data, bounds, are_dressed)
    if are_dressed.any():
        rows = np.flatnonzero(are_dressed)
        plain = (
            unicodedata.normalize(
                "NFKC", data[bounds[row] : bounds[row + 1]].tobytes().decode("utf-8", "replace")
            )
            for row in rows
        )
        labels[rows], probabilities[rows] = predict(
            *view_utf8(pa.array(plain, pa.large_string())), tables, whole=whole
        )
    languages = codes.take(pa.array(labels, mask=labels < 0))
    return pa.record_batch([languages, pa.array(probabilities)], schema=LANGUAGE_SCHEMA)


def check_languages(codes: Sequence[str]) -> None:
    """Refuse a code that the model does not know; 'any' keeps every language."""
    known = {*_load()[1].to_pylist(), ANY_LANGUAGE}
    for code in codes:
        if code in known:
            continue
        meant = suggest_code(code, known)
        if meant is None:
            raise UnknownNameError("language", code, known)
        raise SettingError(f"Unknown language '{code}'. Type --language {meant} for it.")


@cache
def _load() -> tuple[Tables, pa.Array]:
    path = classifiers_folder() / "language" / "lid.176.ftz"
    changed = path.stat()
    stamp = f"{changed.st_size} {changed.st_mtime_ns} {source_stamp(Path(__file__))}"
    arrays = remembered("language", stamp, lambda: _build(path))
    labels = arrays.pop("labels")
    n_buckets = int(arrays.pop("n_buckets"))
    return Tables(**arrays, n_buckets=n_buckets), pa.array(labels.tolist(), pa.string())


def _build(path: Path) -> dict[str, NDArray[Any]]:
    model = read_model(path)
    tables = build_tables(model)
    fields = {field.name: np.asarray(getattr(tables, field.name)) for field in dataclasses.fields(tables)}
    return {**fields, "labels": np.array(model.labels)}
