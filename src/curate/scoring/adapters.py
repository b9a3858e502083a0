"""The scorer inside other tools: a `datasets.map` function, a scikit-learn transformer, a datatrove filter.

    dataset = dataset.map(map_function("edu"), batched=True)
    make_pipeline(ScorerTransformer("edu"), LogisticRegression())
    pipeline = [reader, datatrove_filter("edu", threshold=0.5), writer]

None of those packages is imported before the adapter for it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.protocols import Scorer
from curate.scoring.ask import ask, states_levels
from curate.scoring.load import load_scorer
from curate.text.gate import as_texts


def map_function(
    scorer: str | Path | Scorer = "edu", *, text_column: str = "text", prefix: str = ""
) -> Callable[[Mapping[str, Any]], dict[str, list[float]]]:
    """Make the function for `datasets.Dataset.map(..., batched=True)`.

    Args:
        scorer: as for `load_scorer`.
        text_column: column of the texts.
        prefix: in front of the names of the new columns.

    Returns:
        A function that adds the columns `score` and, where the scorer states levels, `level`.

    >>> function = map_function("edu")
    >>> sorted(function({"text": ["Water boils at 100 degrees at sea level."]}))
    ['level', 'score']
    """
    loaded = load_scorer(scorer)

    def add_scores(batch: Mapping[str, Any]) -> dict[str, list[float]]:
        scored = ask(loaded, as_texts(batch[text_column]))
        columns = {f"{prefix}score": scored.scores.tolist()}
        if scored.levels is not None:
            columns[f"{prefix}level"] = scored.levels.tolist()
        return columns

    return add_scores


class ScorerTransformer:
    """A scikit-learn transformer: documents (N,) to scores and, if there are any, levels (N, 1 or 2).

    It keeps to scikit-learn's protocol by duck typing; there is nothing to fit.
    """

    def __init__(self, scorer: str | Path | Scorer = "edu") -> None:
        self.scorer = scorer

    def fit(self, X: Sequence[str] | pa.Array, y: Any = None) -> ScorerTransformer:  # noqa: N803
        """Load the scorer."""
        del X, y
        self.scorer_ = load_scorer(self.scorer)
        return self

    def transform(self, X: Sequence[str] | pa.Array) -> NDArray[np.float32]:  # noqa: N803
        """Score documents, float32 (N, 1), or (N, 2) with levels."""
        scorer = self.scorer_ if hasattr(self, "scorer_") else load_scorer(self.scorer)
        scored = ask(scorer, as_texts(X))
        return np.column_stack([column for column in scored[:2] if column is not None])

    def fit_transform(self, X: Sequence[str] | pa.Array, y: Any = None) -> NDArray[np.float32]:  # noqa: N803
        """Load the scorer and score."""
        return self.fit(X, y).transform(X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Name the columns."""
        del input_features
        scorer = load_scorer(self.scorer)
        names = [f"{scorer.name}_score"]
        return np.array([*names, f"{scorer.name}_level"] if states_levels(scorer) else names, object)

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002
        """Give the settings."""
        del deep
        return {"scorer": self.scorer}

    def set_params(self, **settings: Any) -> ScorerTransformer:
        """Change the settings."""
        for name, value in settings.items():
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return True


def datatrove_filter(
    scorer: str | Path | Scorer = "edu", *, threshold: float = 0.5, batch_size: int = 256, **settings: Any
) -> Any:
    """Make a datatrove filter that keeps documents of a score of `threshold` or more.

    Scores and levels go to the documents' metadata as `<name>_score` and `<name>_level`.

    Args:
        scorer: as for `load_scorer`. A name or folder is loaded anew in every worker.
        threshold: least score to keep.
        batch_size: documents scored at a time.
        **settings: of datatrove's BaseFilter, such as `exclusion_writer`.

    Raises:
        SettingError: datatrove is not installed.
    """
    try:
        from datatrove.pipeline.filters.base_filter import BaseFilter  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        msg = "The datatrove filter needs datatrove: pip install datatrove."
        raise SettingError(msg) from error

    class CurateFilter(BaseFilter):  # pyright: ignore[reportUntypedBaseClass]
        name = "curate scorer"

        def __init__(self) -> None:
            super().__init__(batch_size=batch_size, **settings)
            self.scorer = scorer
            self.threshold = threshold
            self._loaded: Scorer | None = None

        def filter_batch(self, batch: Iterable[Any]) -> list[bool | tuple[bool, str]]:
            if self._loaded is None:
                self._loaded = load_scorer(self.scorer)
            return score_documents(list(batch), self._loaded, self.threshold)

        def filter(self, doc: Any) -> bool | tuple[bool, str]:
            return self.filter_batch([doc])[0]

    return CurateFilter()


def score_documents(
    documents: Sequence[Any], scorer: Scorer, threshold: float
) -> list[bool | tuple[bool, str]]:
    """Score objects with `text` and `metadata`, as datatrove's documents, and say which to keep."""
    texts = as_texts([document.text for document in documents])
    scores, levels, _ = ask(scorer, texts)
    if levels is not None:
        for document, level in zip(documents, levels.tolist(), strict=True):
            document.metadata[f"{scorer.name}_level"] = level
    for document, score in zip(documents, scores.tolist(), strict=True):
        document.metadata[f"{scorer.name}_score"] = score
    reason = f"{scorer.name}_score"
    return [True if keep else (False, reason) for keep in (scores >= threshold).tolist()]
