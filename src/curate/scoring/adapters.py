"""The scorer inside other tools: a `datasets.map` function, a scikit-learn transformer, a datatrove filter.

    dataset = dataset.map(map_function("edu"), batched=True)
    make_pipeline(ScorerTransformer("edu"), LogisticRegression())
    pipeline = [reader, datatrove_filter("edu", threshold=0.5), writer]

None of those packages is imported before the adapter for it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.errors import SettingError
from curate.protocols import Scorer
from curate.scoring.ask import ask
from curate.scoring.load import load_scorer
from curate.text.gate import as_texts

if TYPE_CHECKING:
    from curate.scoring.transformer import ScorerTransformer as ScorerTransformer  # noqa: PLC0414 - for who imports it from here


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


def datatrove_filter(
    scorer: str | Path | Scorer = "edu", *, threshold: float = 0.5, batch_size: int = 256, **settings: Any
) -> Any:
    """Make a datatrove filter that keeps documents of a score of `threshold` or more.

    Scores and levels go to the documents' metadata as `<name>_score` and `<name>_level`. The filter can be pickled; a
    scorer given by name or folder is loaded anew in every worker.

    Args:
        scorer: as for `load_scorer`.
        threshold: least score to keep.
        batch_size: documents scored at a time.
        **settings: of datatrove's BaseFilter, such as `exclusion_writer`.

    Raises:
        SettingError: datatrove, or a package that it needs, is not installed; or there is no such scorer.
    """
    load_scorer(scorer)  # here, and not hours later in a worker
    return _make_datatrove_filter(scorer, threshold, batch_size, settings)


def _make_datatrove_filter(
    scorer: str | Path | Scorer, threshold: float, batch_size: int, settings: dict[str, Any]
) -> Any:
    return _datatrove_class()(scorer, threshold, batch_size, settings)


@cache
def _datatrove_class() -> type[Any]:
    """The class, once datatrove is imported; the same one in each process, so that filters can be pickled."""
    try:
        from datatrove.pipeline.filters.base_filter import BaseFilter  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in {"", "datatrove"}:
            raise SettingError(
                f"The datatrove filter needs datatrove: pip install datatrove. ({error})"
            ) from error
        raise SettingError(
            f"datatrove is installed, but needs {missing}: pip install {missing}. ({error})"
        ) from error

    class CurateFilter(BaseFilter):  # pyright: ignore[reportUntypedBaseClass]
        name = "curate scorer"

        def __init__(
            self, scorer: str | Path | Scorer, threshold: float, batch_size: int, settings: dict[str, Any]
        ) -> None:
            super().__init__(batch_size=batch_size, **settings)
            self.scorer = scorer
            self.threshold = threshold
            self._made_of = (scorer, threshold, batch_size, settings)
            self._loaded: Scorer | None = None

        def __reduce__(self) -> tuple[Any, ...]:
            return _make_datatrove_filter, self._made_of, self.__dict__ | {"_loaded": None}

        def filter_batch(self, batch: Iterable[Any]) -> list[bool | tuple[bool, str]]:
            if self._loaded is None:
                self._loaded = load_scorer(self.scorer)
            return score_documents(list(batch), self._loaded, self.threshold)

        def filter(self, doc: Any) -> bool | tuple[bool, str]:
            return self.filter_batch([doc])[0]

    return CurateFilter


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


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name != "ScorerTransformer":
            raise AttributeError(f"module 'curate.scoring.adapters' has no attribute '{name}'")
        from curate.scoring.transformer import ScorerTransformer

        return ScorerTransformer
