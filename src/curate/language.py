"""Text -> language and confidence, by fastText's 176-language model (lid.176.ftz, bundled).

Joulin et al., "Bag of Tricks for Efficient Text Classification" (arXiv 1607.01759) and "FastText.zip"
(arXiv 1612.03651). The model's card is classifiers/language/card.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.bundled import classifiers_folder
from curate.errors import UnknownNameError

LANGUAGE_SCHEMA = pa.schema([("language", pa.string()), ("language_confidence", pa.float32())])

ANY_LANGUAGE = "any"


def identify_languages(texts: pa.Array) -> pa.RecordBatch:
    """Name the most likely language of every text (ISO 639 code) with its probability in [0, 1].

    A text without a word (empty, or null) has language null and confidence 0. The whole text is read; line
    ends count as spaces, since the model was trained on single lines.
    """
    lines = pc.replace_substring(pc.fill_null(texts, ""), "\n", " ").to_pylist()
    # The model takes the line end as its mark of the end of a text.
    labels, confidences = _load_model().f.multilinePredict([line + "\n" for line in lines], 1, 0.0, "strict")
    has_word = [not line.isspace() and len(found) > 0 for line, found in zip(lines, labels, strict=True)]
    languages = [
        found[0].removeprefix("__label__") if has else None
        for has, found in zip(has_word, labels, strict=True)
    ]
    # The probabilities of quantised models exceed 1 by rounding.
    rounded = [
        min(float(found[0]), 1.0) if has else 0.0 for has, found in zip(has_word, confidences, strict=True)
    ]
    return pa.record_batch(
        [pa.array(languages, pa.string()), pa.array(rounded, pa.float32())], schema=LANGUAGE_SCHEMA
    )


def check_languages(codes: Sequence[str]) -> None:
    """Refuse a code that the model does not know; 'any' keeps every language."""
    known = {label.removeprefix("__label__") for label in _load_model().f.getLabels("strict")[0]}
    for code in codes:
        if code != ANY_LANGUAGE and code not in known:
            raise UnknownNameError("language", code, known | {ANY_LANGUAGE})


@cache
def _load_model() -> Any:
    import fasttext

    return fasttext.load_model(str(classifiers_folder() / "language" / "lid.176.ftz"))
