"""Which pages to annotate: never two near-duplicates, and each with the chance that it had of being chosen.

random       every page alike
stratified   score in tenths, and topics where pages have one: the same number from every stratum
uncertain    nearer to the scorer's cut, more likely; a tenth of the pages from anywhere
disagreement further apart by the scorer's members, more likely; a tenth of the pages from anywhere
diverse      groups of pages with similar words: the same number from every group

The chances (`propensity`) let a fit weight the pages back to how they come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from curate.annotate.settings import STRATEGIES
from curate.batch import whole
from curate.dedup import find_duplicates
from curate.errors import SettingError, UnknownNameError
from curate.protocols import CommitteeScorer, Scorer

N_SCORE_STRATA = 10
UNCERTAIN_WIDTH = 0.1
CHOSEN_ELSEWHERE = 0.1
PAGES_PER_GROUP = 4
_HASHED_COLUMNS = 2**15
_GROUP_DIMENSIONS = 48

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Chosen pages.

    Attributes:
        rows: int64 (n,), rows of the pool, ascending.
        propensity: float64 (n,), the chance that each had.
        strata: (n,), the stratum or group of each; "" where there are none.
        scores: float32 (n,), by which pages were chosen: of `disagreement`, the standard deviation over members; None
            where no scorer was needed.
        n_duplicates: pages of the pool left out as near-duplicates of others or of excluded pages.
        n_excluded: pages of the pool left out by their id.
    """

    rows: NDArray[np.int64]
    propensity: Vector
    strata: tuple[str, ...]
    scores: NDArray[np.float32] | None = None
    n_duplicates: int = 0
    n_excluded: int = 0


@dataclass(slots=True, eq=False)
class _Choice:
    """What a strategy works on, and what it finds beside the chances.

    Attributes:
        pages: the candidates, in random order.
        scores: of the candidates, where the strategy needs them.
        strata: names of the groups that they are in.
        walk: numbers by which the drawing walks over the pages: neighbours there are not chosen together.
    """

    pages: pa.Table
    n: int
    seed: int
    cut: float
    load_scorer: Callable[[], Scorer]
    scores: NDArray[np.float32] | None = None
    strata: list[str] = field(default_factory=list[str])
    walk: NDArray[Any] | None = None

    @property
    def texts(self) -> pa.Array:
        return self.pages["text"].combine_chunks()

    def score(self) -> NDArray[np.float32]:
        from curate.scoring import ask

        self.scores = ask(self.load_scorer(), self.texts).scores
        return self.scores


def select_pages(
    pages: pa.Table,
    n_pages: int | None = None,
    *,
    strategy: str = "random",
    scorer: Scorer | str = "edu",
    cut: float = 0.5,
    seed: int = 0,
    exclude: Sequence[dict[str, object]] = (),
) -> Selection:
    """Choose pages to annotate.

    The choice depends on ids, texts, scores and the seed, not on the order of the pages.

    Args:
        pages: table with `id` and `text`, and `topic` where known.
        n_pages: how many; all that are no near-duplicates if None, or if there are fewer.
        strategy: see the head of this module.
        scorer: for stratified, uncertain and disagreement, which asks for a `CommitteeScorer`.
        cut: score around which uncertain chooses.
        seed: of the choice.
        exclude: rows of label files: pages with their ids, or near their texts, are not chosen.

    Raises:
        SettingError: The strategy or the scorer is unknown, the scorer has no members that could disagree, or nothing
            is left to choose from.
    """
    if strategy not in STRATEGIES:
        raise UnknownNameError("strategy", strategy, STRATEGIES)
    candidates, n_duplicates, n_excluded = _candidates(pages, exclude)
    if not len(candidates):
        raise SettingError(f"All {len(pages)} pages are excluded or near-duplicates: give other input.")
    chosen = draw_pages(
        pages.take(pa.array(candidates)), n_pages, strategy=strategy, scorer=scorer, cut=cut, seed=seed
    )
    return replace(chosen, rows=candidates[chosen.rows], n_duplicates=n_duplicates, n_excluded=n_excluded)


def draw_pages(
    pages: pa.Table, n_pages: int | None, *, strategy: str, scorer: Scorer | str, cut: float, seed: int
) -> Selection:
    """Choose among pages that are known to be no near-duplicates; see `select_pages`."""
    # In random order, the same for any order of the input: strategies and sums see pages as they stand here.
    order = np.argsort(_draws(pages["id"], seed), kind="stable")
    n = min(n_pages or len(pages), len(pages))

    def load() -> Scorer:
        from curate.scoring import load_scorer

        return load_scorer(scorer)

    choice = _Choice(pages.take(pa.array(order)), n, seed, cut, load)
    propensity = _STRATEGIES[strategy](choice)
    walk = np.arange(len(order)) if choice.walk is None else np.argsort(choice.walk, kind="stable")
    at = _draw_systematically(propensity, walk, n, start=float(np.random.default_rng([seed, n]).random()))
    at = at[np.argsort(order[at])]
    return Selection(
        rows=order[at],
        propensity=propensity[at],
        strata=tuple(choice.strata[row] for row in at) if choice.strata else ("",) * len(at),
        scores=None if choice.scores is None else choice.scores[at],
    )


def _candidates(pages: pa.Table, exclude: Sequence[dict[str, object]]) -> tuple[NDArray[np.int64], int, int]:
    """Rows of the pages that may be chosen, and how many were duplicates or excluded."""
    known_ids = {str(row.get("id")) for row in exclude}
    is_known = np.array([value in known_ids for value in pages["id"].to_pylist()], bool)
    texts = pa.array([row["text"] for row in exclude if isinstance(row.get("text"), str)], pa.large_string())
    order = np.flatnonzero(~is_known)
    # By hash of the text: which of two duplicates stays depends neither on the order nor on where they lie.
    hashes = [
        xxhash.xxh3_128_hexdigest(text.as_py().encode("utf-8", "replace"))
        for text in pages["text"].take(pa.array(order))
    ]
    ids = pages["id"].take(pa.array(order)).to_pylist()
    order = order[sorted(range(len(order)), key=lambda row: (hashes[row], ids[row]))]
    mine = pc.cast(pages["text"].take(pa.array(order)), pa.large_string()).combine_chunks()
    both = pa.chunked_array([texts, mine], pa.large_string()).combine_chunks()
    removed = np.array(find_duplicates(both)["removed_id"].to_pylist(), np.int64)
    removed = removed[removed >= len(texts)] - len(texts)
    near_known = _near_known(both, len(texts))
    gone = np.union1d(removed, near_known)
    return np.sort(np.delete(order, gone)), len(gone), int(is_known.sum())


def _near_known(texts: pa.Array, n_known: int) -> NDArray[np.int64]:
    """Rows after the first `n_known` that are in a pair with one of them, whichever of the two stays."""
    if not n_known:
        return np.empty(0, np.int64)
    ledger = find_duplicates(texts).to_pydict()
    pairs = zip(ledger["removed_id"], ledger["kept_id"], strict=True)
    ends = [kept for removed, kept in pairs if removed < n_known <= kept]
    return np.unique(np.array(ends, np.int64)) - n_known


def _draws(ids: pa.ChunkedArray, seed: int) -> Vector:
    hashes = [
        xxhash.xxh3_64_intdigest(str(value).encode("utf-8", "replace"), seed=seed + 1)
        for value in ids.to_pylist()
    ]
    return np.array(hashes, np.float64) / 2.0**64


def _draw_systematically(
    propensity: Vector, walk: NDArray[np.int64], n: int, *, start: float
) -> NDArray[np.int64]:
    """Choose n rows with exactly these chances: one walk over all rows, choosing at every step of 1.

    Stretches of the walk get as many rows as their chances sum to, up to one. `propensity` sums to n, up to
    rounding; `start` is drawn evenly from [0, 1). Rows are ascending.
    """
    is_sure = propensity >= 1 - 1e-9  # a step of 1 holds one choice, whatever rounding says
    walk = walk[~is_sure[walk]]
    n_open = n - int(is_sure.sum())
    if n_open <= 0:
        return np.flatnonzero(is_sure)
    ends = np.cumsum(propensity[walk])
    ends *= n_open / ends[-1]
    number = np.arange(n_open)
    at = np.searchsorted(ends, number + 1 - start)
    at = np.maximum.accumulate(at - number) + number  # no row twice
    at = np.minimum(at, len(walk) - n_open + number)
    return np.sort(np.append(np.flatnonzero(is_sure), walk[at]))


def _spread(weights: Vector, n: int) -> Vector:
    """Chances in proportion to `weights`, none above 1, that sum to n."""
    chances = np.zeros(len(weights))
    is_sure = np.zeros(len(weights), bool)
    while True:
        rest = n - is_sure.sum()
        chances[~is_sure] = rest * weights[~is_sure] / weights[~is_sure].sum() if rest > 0 else 0.0
        chances[is_sure] = 1.0
        over = (chances > 1.0) & ~is_sure
        if not over.any():
            return chances
        is_sure |= over


def _evenly(choice: _Choice) -> Vector:
    """Chances that give every stratum the same share of n, as far as it has pages."""
    choice.walk = np.unique(np.array(choice.strata, object), return_inverse=True)[1]
    sizes = np.bincount(choice.walk)
    return _spread(1.0 / sizes[choice.walk], choice.n)


def _random(choice: _Choice) -> Vector:
    return np.full(len(choice.pages), choice.n / len(choice.pages))


def _stratified(choice: _Choice) -> Vector:
    tenths = np.minimum((choice.score() * N_SCORE_STRATA).astype(int), N_SCORE_STRATA - 1)
    topics: list[str | None] = [None] * len(tenths)
    if "topic" in choice.pages.column_names:
        topics = choice.pages["topic"].to_pylist()
    names = [f"score {tenth / 10:.1f}" for tenth in tenths]
    choice.strata = [f"{name}, {topic}" if topic else name for name, topic in zip(names, topics, strict=True)]
    return _evenly(choice)


def _uncertain(choice: _Choice) -> Vector:
    near = np.exp(-0.5 * ((choice.score().astype(np.float64) - choice.cut) / UNCERTAIN_WIDTH) ** 2) + 1e-12
    choice.walk = choice.scores
    return _mostly(near, choice.n)


def _disagreement(choice: _Choice) -> Vector:
    scorer = choice.load_scorer()
    members = scorer.score_members(choice.texts) if isinstance(scorer, CommitteeScorer) else []
    if len(members) < 2:
        raise SettingError(
            f"The scorer '{scorer.name}' has no members that could disagree. Give one of several (--scorer): 'curate fit' "
            "keeps all that --member names, without --stack; or choose by --select uncertain."
        )
    apart = np.std(np.asarray(members, np.float64), axis=0)
    choice.scores = choice.walk = apart.astype(np.float32)
    return _mostly(apart + 1e-12, choice.n)


def _mostly(weights: Vector, n: int) -> Vector:
    """Chances by weight, but for a share that goes to all alike, so that none has no chance."""
    return _spread((1 - CHOSEN_ELSEWHERE) * weights / weights.sum() + CHOSEN_ELSEWHERE / len(weights), n)


def _diverse(choice: _Choice) -> Vector:
    groups = group_by_words(choice.pages["text"], max(1, -(-choice.n // PAGES_PER_GROUP)), seed=choice.seed)
    choice.strata = [f"group {group}" for group in groups]
    return _evenly(choice)


_STRATEGIES: dict[str, Callable[[_Choice], Vector]] = {
    "random": _random,
    "stratified": _stratified,
    "uncertain": _uncertain,
    "disagreement": _disagreement,
    "diverse": _diverse,
}


def embed_words(texts: pa.ChunkedArray | pa.Array, *, seed: int = 0) -> NDArray[np.float32]:
    """Vectors of length 1 (N, 48) that are near each other where pages share rare words; no model is needed.

    tf-idf of hashed words, projected on the directions of greatest variance.
    """
    from scipy.sparse import csr_matrix
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.preprocessing import normalize

    from curate.text.words import hash_words

    array = whole(texts)
    words = hash_words(array)
    columns = (words.hashes % np.uint64(_HASHED_COLUMNS)).astype(np.int32)
    counts = csr_matrix(
        (np.ones(len(columns), np.float32), columns, words.offsets), (len(array), _HASHED_COLUMNS)
    )
    counts.sum_duplicates()
    rows = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    n_dimensions = min(_GROUP_DIMENSIONS, len(array) - 1)
    if n_dimensions < 2:
        return np.ones((len(array), 1), np.float32)
    reduced = TruncatedSVD(n_dimensions, n_iter=3, random_state=seed).fit_transform(rows)
    return normalize(reduced).astype(np.float32)


def group_by_words(texts: pa.ChunkedArray | pa.Array, n_groups: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Group pages by similar words into at most `n_groups`; returns the group of each, int64 (N,)."""
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    if n_groups >= len(texts):
        return np.arange(len(texts), dtype=np.int64)
    with threadpool_limits(1):
        vectors = embed_words(texts, seed=seed)
        means = MiniBatchKMeans(n_groups, random_state=seed, n_init=3, batch_size=2048)  # pyright: ignore[reportArgumentType]
        return means.fit_predict(vectors).astype(np.int64)
