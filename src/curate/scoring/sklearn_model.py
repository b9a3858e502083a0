"""Pipelines of scikit-learn as scorers: `load_scorer("pipeline.skops#good")`, the probability of the class "good".

They are stored by skops, which names the types in a file before it makes anything of them: a file that asks for others than
those of scikit-learn, numpy and scipy that skops knows to be safe is refused, and so is every pickle.

    skops.io.dump(pipeline, "pipeline.skops")     # any pipeline from texts to predict_proba
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import MissingPackageError, SettingError, UnknownNameError, one_line
from curate.scoring.storage import fingerprint_files
from curate.text.gate import as_texts

_POSITIVE = ({"0", "1"}, {"False", "True"})


class PipelineScorer:
    """One class of a fitted pipeline.

    Attributes:
        name: of the file, and the class.
        fingerprint: SHA-256 of the file.
    """

    def __init__(self, name: str, pipeline: Any, column: int, fingerprint: str) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self._pipeline = pipeline
        self._column = column

    def score(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.float32]:
        """The probability of the class, float32 (N,)."""
        documents = [text or "" for text in as_texts(texts).to_pylist()]
        if not documents:
            return np.zeros(0, np.float32)
        probabilities = np.asarray(self._pipeline.predict_proba(documents))[:, self._column]
        return np.clip(probabilities, 0.0, 1.0).astype(np.float32)


def load_pipeline(path: Path, label: str) -> PipelineScorer:
    """Load a pipeline that skops stored.

    Args:
        path: of the .skops file.
        label: the class whose probability is the score; "" for the 1 of 0 and 1, or True.

    Raises:
        SettingError: skops is not installed, or the file is none that can be loaded safely.
        UnknownNameError: The pipeline has no such class.
    """
    try:
        import skops.io
        from skops.io.exceptions import UntrustedTypesFoundException
    except ImportError as error:
        raise MissingPackageError(f"The scorer '{path}'", "skops", "skops") from error
    if not path.is_file():
        raise SettingError(
            f"There is no pipeline '{path}'. Store one with skops.io.dump(pipeline, '{path}')."
        )
    try:
        if unknown := skops.io.get_untrusted_types(file=path):
            raise SettingError(
                f"'{path}' asks for types that are not known to be safe ({', '.join(sorted(unknown)[:5])}): use a pipeline "
                "of scikit-learn's own parts."
            )
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            pipeline = skops.io.load(path, trusted=[])
    except (
        UntrustedTypesFoundException,
        zipfile.BadZipFile,
        OSError,
        ValueError,
        KeyError,
        TypeError,
    ) as error:
        raise SettingError(f"'{path}' cannot be loaded as skops stores it ({one_line(error)}).") from error
    if other := next((w for w in said if "version" in str(w.message)), None):
        raise SettingError(
            f"'{path}' was stored by another scikit-learn ({str(other.message).splitlines()[0][:120]}): fit it again."
        )
    if not hasattr(pipeline, "predict_proba"):
        raise SettingError(
            f"'{path}' gives no probabilities: end the pipeline in a classifier with predict_proba, such as "
            "LogisticRegression or CalibratedClassifierCV."
        )
    classes = [str(each) for each in pipeline.classes_]
    if not label and set(classes) in _POSITIVE:
        label = max(classes)
    if not label:
        raise SettingError(
            f"'{path}' tells {', '.join(classes[:8])} apart: say whose probability is the score, as in {path}#{classes[0]}."
        )
    if label not in classes:
        raise UnknownNameError(f"class of '{path}'", label, classes)
    _try_out(path, pipeline)
    return PipelineScorer(f"{path.stem}:{label}", pipeline, classes.index(label), fingerprint_files(path))


def _try_out(path: Path, pipeline: Any) -> None:
    """Refuse a pipeline that starts from something other than texts."""
    try:
        pipeline.predict_proba(["A text.", ""])
    except (ValueError, TypeError, AttributeError) as error:
        raise SettingError(
            f"'{path}' does not take texts ({one_line(error)}): begin it with a TfidfVectorizer or the like."
        ) from error
