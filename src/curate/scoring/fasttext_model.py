"""fastText's supervised models as scorers: `load_scorer("model.bin#hq")`, the probability of the label `__label__hq`.

A model of fastText's own `supervised` command (.bin, or quantised .ftz) is numbers and words: nothing in it is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import SettingError, UnknownNameError, one_line
from curate.scoring.storage import fingerprint_files
from curate.text.gate import as_texts

PREFIX = "__label__"


class FastTextScorer:
    """One label of a supervised fastText model.

    Attributes:
        name: of the file, and the label.
        fingerprint: SHA-256 of the file.
    """

    def __init__(self, path: Path, model: Any, label: str, fingerprint: str) -> None:
        self.name = f"{path.stem}:{label.removeprefix(PREFIX)}"
        self.fingerprint = fingerprint
        self._path = path
        self._model = model
        self._label = label

    def __reduce__(self) -> tuple[Any, tuple[Path, str]]:
        """A copy in another process reads the file again: fastText's own object cannot be carried."""
        return load_fasttext, (self._path, self._label)

    def score(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.float32]:
        """The label's probability, float32 (N,): every document is read as one line; 0 where it has no word."""
        scores = np.zeros(len(texts), np.float32)
        for row, text in enumerate(as_texts(texts).to_pylist()):
            # fastText reads a line at a time, and stops at a zero byte.
            line = " ".join((text or "").replace("\0", " ").split())
            found = self._model.f.predict(line + "\n", -1, 0.0, "strict")
            scores[row] = next((probability for probability, label in found if label == self._label), 0.0)
        return np.clip(scores, 0.0, 1.0)  # its sums of float32 reach 1.00001


def load_fasttext(path: Path, label: str) -> FastTextScorer:
    """Load a model file.

    Args:
        path: of the model.
        label: with or without fastText's `__label__`; "" is refused with the labels there are.

    Raises:
        SettingError: The file is no supervised model.
        UnknownNameError: The model has no such label.
    """
    import fasttext

    if not path.is_file():
        raise SettingError(f"There is no fastText model '{path}'. Give the path of a .bin or .ftz file.")
    try:
        model = fasttext.load_model(str(path))
    except (ValueError, RuntimeError, MemoryError) as error:
        raise SettingError(f"'{path}' is no fastText model ({one_line(error)}).") from error
    if not str(model.f.getArgs().model).endswith("supervised"):
        raise SettingError(
            f"'{path}' holds word vectors, not a classifier: fit one with fastText's `supervised`."
        )
    labels = {each.removeprefix(PREFIX): each for each in model.get_labels()}
    wanted = label.removeprefix(PREFIX)
    if not wanted:
        raise SettingError(
            f"'{path}' tells {len(labels)} labels apart ({', '.join(sorted(labels)[:8])}): say whose probability is the "
            f"score, as in {path}#{min(labels)}."
        )
    if wanted not in labels:
        raise UnknownNameError(f"label of '{path}'", wanted, labels)
    return FastTextScorer(path.absolute(), model, str(labels[wanted]), fingerprint_files(path))
