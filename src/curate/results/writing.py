# ruff: noqa: S608  (names of columns are quoted, and the database reaches nothing else)
"""What a report says of a run of `curate craft`: cost by recipe, topics, how the writer runs dry, passages beside their seeds.

Such a run is known by the columns that its rows have; any other has no such panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from curate.results.open import FinishedRun, quoted
from curate.results.page import Plot, row, table, text
from curate.text.hashing import hash_runs
from curate.text.words import hash_words

if TYPE_CHECKING:
    import duckdb

_NEEDED = {
    "recipe": "VARCHAR", "cost_usd": "DOUBLE", "n_output_tokens": "BIGINT", "seed_id": "VARCHAR", "seed_score": "DOUBLE",
    "seed_excerpt": "VARCHAR", "topic": "VARCHAR",
}  # fmt: skip
_N_TOPICS, _N_POINTS, _N_PAIRS = 30, 12, 6
_MOST_TEXTS = 20_000
_NGRAM_WORDS = 3
_NEAR = "drop_stage = 'dedup' OR drop_reason IN ('craft_near_seed', 'craft_near_index')"
# What reached the search for duplicates: other reasons come before it.
_COMPARED = f"(drop_reason IS NULL OR drop_stage = 'score' OR {_NEAR})"


@dataclass(frozen=True, slots=True)
class RecipeFacts:
    """One recipe. Tokens are those of the replies, money is US dollars; scores are means, of kept passages and their seeds."""

    recipe: str
    n_read: int
    n_kept: int
    n_kept_tokens: int
    cost_usd: float
    seed_score: float | None
    score: float | None


@dataclass(frozen=True, slots=True)
class Growth:
    """A stretch of passages in the order of their prompts.

    Attributes:
        n_before: passages up to its end.
        frac_new: share of its runs of three words that no passage before it holds; NaN where it has none.
        frac_near: share of its passages that are near-duplicates of something.
    """

    n_before: int
    frac_new: float
    frac_near: float


@dataclass(frozen=True, slots=True)
class Writing:
    """What was written.

    Attributes:
        recipes: by label.
        topics: (topic, prompts, kept, share of the kept tokens), the most asked for first.
        growth: stretches of about equal size.
        pairs: (seed id, beginning of the seed, beginning of the passage, its score or None).
    """

    recipes: list[RecipeFacts]
    topics: list[tuple[str, int, int, float]]
    growth: list[Growth]
    pairs: list[tuple[str, str, str, float | None]]


def read_writing(
    run: FinishedRun, database: duckdb.DuckDBPyConnection, score_column: str | None
) -> Writing | None:
    """Read what a run of `curate craft` wrote; None for any other run."""
    names = {*run.schemas["kept"].names, *run.schemas["dropped"].names}
    if not names.issuperset(_NEEDED):
        return None
    score = quoted(score_column) if score_column and score_column in names else "NULL::DOUBLE"
    # Whoever made the folder may have columns of these names with anything in them.
    columns = ", ".join(f"TRY_CAST({quoted(name)} AS {kind}) AS {name}" for name, kind in _NEEDED.items())
    rows = (
        f"(SELECT {columns}, id, text, position, source, drop_stage, drop_reason, {score} AS _score "
        "FROM (SELECT * FROM dropped UNION ALL BY NAME SELECT * FROM kept))"
    )
    kept = "FILTER (drop_reason IS NULL)"

    def ask(query: str) -> list[tuple[Any, ...]]:
        return database.execute(query).fetchall()

    recipes = ask(
        f"SELECT coalesce(recipe, ''), count(*), count(*) {kept}, coalesce(sum(n_output_tokens) {kept}, 0)::BIGINT, "
        f"coalesce(sum(cost_usd), 0), avg(seed_score) {kept}, avg(_score) {kept} FROM {rows} GROUP BY 1 ORDER BY 1"
    )
    n_tokens = sum(each[3] for each in recipes) or 1
    topics = ask(
        f"SELECT topic, count(*), count(*) {kept}, coalesce(sum(n_output_tokens) {kept}, 0) / {n_tokens} FROM {rows} "
        f"WHERE topic IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_N_TOPICS}"
    )
    written = ask(
        f"SELECT text, coalesce({_NEAR}, false) FROM {rows} WHERE text IS NOT NULL AND {_COMPARED} "
        f"ORDER BY source, position LIMIT {_MOST_TEXTS}"
    )
    pairs = ask(
        f"SELECT coalesce(seed_id, ''), seed_excerpt, text[:600], _score FROM {rows} WHERE drop_reason IS NULL "
        f"AND seed_excerpt IS NOT NULL ORDER BY md5(id) LIMIT {_N_PAIRS}"
    )
    texts = pa.array([each[0] for each in written], pa.large_string())
    growth = measure_growth(texts, np.array([each[1] for each in written], bool))
    return Writing([RecipeFacts(*each) for each in recipes], topics, growth, pairs)


def measure_growth(texts: pa.Array, is_near: np.ndarray[Any, Any]) -> list[Growth]:
    """How new passages are as their number grows; runs of words are compared by hash.

    >>> texts = pa.array(["one two three four", "one two three four"], pa.large_string())
    >>> [each.frac_new for each in measure_growth(texts, np.array([False, True]))]
    [1.0, 0.0]
    """
    words = hash_words(texts)
    seen = np.empty(0, np.uint64)
    found: list[Growth] = []
    for part in np.array_split(np.arange(len(texts)), min(_N_POINTS, len(texts)) or 1):
        if not len(part):
            continue
        runs = np.concatenate(
            [_runs(words.hashes[words.offsets[at] : words.offsets[at + 1]]) for at in part.tolist()]
        )
        n_old = int(np.isin(runs, seen).sum())
        frac_new = 1 - n_old / len(runs) if len(runs) else float("nan")
        found.append(Growth(int(part[-1]) + 1, frac_new, float(is_near[part].mean())))
        seen = np.union1d(seen, runs)
    return found


def _runs(hashes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The different runs of words of one passage, as hashes."""
    return np.unique(hash_runs(hashes, _NGRAM_WORDS))


def render_writing(found: Writing | None) -> str:
    """The panel, "" where there is nothing to say."""
    if found is None:
        return ""
    costs = table(
        "By recipe: money for all replies, over the tokens of those kept",
        [
            "recipe",
            "replies",
            "kept",
            "kept tokens",
            "US dollars",
            "a kept 1,000 tokens",
            "score of seeds",
            "of passages",
        ],
        (row(text(each.recipe), _recipe_cells(each)) for each in found.recipes),
    )
    topics = table(
        "Topics, the most asked for first",
        ["topic", "prompts", "kept", "of prompts", "of kept tokens"],
        (
            row(text(topic), [f"{n:,}", f"{n_kept:,}", f"{n_kept / n:.0%}", f"{share:.1%}"])
            for topic, n, n_kept, share in found.topics
        ),
    )
    return costs + _growth(found.growth) + (topics if found.topics else "") + "".join(map(_pair, found.pairs))


def _recipe_cells(facts: RecipeFacts) -> list[str]:
    price = f"{facts.cost_usd / facts.n_kept_tokens * 1000:.6f}" if facts.n_kept_tokens else "none kept"
    scores = [f"{value:.3f}" if value is not None else "" for value in (facts.seed_score, facts.score)]
    counts = [f"{n:,}" for n in (facts.n_read, facts.n_kept, facts.n_kept_tokens)]
    return [*counts, f"{facts.cost_usd:.4f}", price, *scores]


def _growth(growth: Sequence[Growth]) -> str:
    if len(growth) < 2:
        return ""
    plot = Plot("As the number grows", "passages", "share", (0, growth[-1].n_before), (0, 1), percent=True)
    plot.curve("curve", [(each.n_before, each.frac_new) for each in growth if each.frac_new == each.frac_new])
    plot.curve("other", [(each.n_before, each.frac_near) for each in growth])
    told = table(
        "As the number grows: runs of three words that no passage before holds, and near-duplicates",
        ["passages", "new runs", "near-duplicates"],
        (row(f"{e.n_before:,}", [f"{e.frac_new:.1%}", f"{e.frac_near:.1%}"]) for e in growth),
    )
    caption = "New runs of words (line) and near-duplicates (dashes): where the first fall or the second rise, a recipe runs dry."
    return f"<figure>{plot.svg()}<figcaption>{caption}</figcaption></figure>{told}"


def _pair(pair: tuple[str, str, str, float | None]) -> str:
    seed_id, seed, passage, score = pair
    scored = "" if score is None else f", score {score:.3f}"
    return (
        f"<details><summary>{text(seed_id)}{scored}</summary><div class='two'>"
        f'<div><h3>Seed</h3><p class="foreign" dir="auto">{text(seed)}</p></div>'
        f'<div><h3>Passage</h3><p class="foreign" dir="auto">{text(passage)}</p></div></div></details>'
    )
