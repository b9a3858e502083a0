"""The scorer as a scikit-learn transformer; scikit-learn is imported with this module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from curate.errors import TextsError
from curate.protocols import Scorer
from curate.scoring.ask import ask, states_levels
from curate.scoring.load import load_scorer
from curate.text.gate import as_texts, is_table


class ScorerTransformer(TransformerMixin, BaseEstimator):
    """A scikit-learn transformer: documents (N,) to scores and, if there are any, levels (N, 1 or 2).

    There is nothing to fit. Documents are what `curate.text.gate.as_texts` takes, or a table or array of one column, as
    a `ColumnTransformer` hands it over.
    """

    def __init__(self, scorer: str | Path | Scorer = "edu") -> None:
        self.scorer = scorer

    def fit(self, X: Any, y: Any = None) -> ScorerTransformer:  # noqa: N803
        """Load the scorer."""
        del X, y
        self._load()
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """Score documents, float32 (N, 1), or (N, 2) with levels."""
        scored = ask(self._load(), as_texts(_one_column(X)))
        return np.column_stack([column for column in scored[:2] if column is not None])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Name the columns."""
        del input_features
        scorer = self._load()
        names = [f"{scorer.name}_score"]
        return np.array([*names, f"{scorer.name}_level"] if states_levels(scorer) else names, object)

    def _load(self) -> Scorer:
        """The scorer that the setting names now: `set_params` may have changed it."""
        if getattr(self, "_loaded_from", None) is not self.scorer:
            self.scorer_ = load_scorer(self.scorer)
            self._loaded_from = self.scorer
        return self.scorer_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.requires_fit = False
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _one_column(texts: Any) -> Any:
    """The only column of a table or of an array of two dimensions; anything else as it is."""
    if isinstance(texts, np.ndarray) and texts.ndim == 2 and texts.shape[1] == 1:
        return texts[:, 0]
    if not is_table(texts):
        return texts
    table = texts if isinstance(texts, (pa.Table, pa.RecordBatch)) else pa.table(texts)
    names = table.schema.names
    if len(names) != 1:
        raise TextsError(
            f"Texts must come as one column, not {len(names)} ({', '.join(map(str, names))}): pass one."
        )
    return table.column(0)
