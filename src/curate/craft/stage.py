"""From replies to rows: each reply judged, with where it is from, as Parquet that the main job reads.

What the gate of `craft` finds stands in three columns of the staged file; `state_reasons`, a stage of the main job,
takes them over as the rows' reasons.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.batch import drop_rows
from curate.craft.checks import Judged, find_missing, judge
from curate.craft.copied import measure_copied
from curate.craft.plan import CraftPlan, Prompt
from curate.craft.recipe import Recipe
from curate.dedup import DedupPlan, compute_keys, resolve_duplicates
from curate.dedup.index import Index
from curate.dedup.shards import TextShard
from curate.llm.prices import to_usd
from curate.llm.settings import request_parameters
from curate.llm.store import Store, StoredReply
from curate.text.words import hash_words
from curate.work.files import write_parquet

_BATCH_ROWS = 1024
_STATED = ("craft_reason", "craft_value", "craft_limit", "craft_detail")
_WORDS_MISSING = "craft_words_missing"
_MEMORY_BYTES = 2 << 30
_EXCERPT_CHARS = 600  # enough to see what a passage was made of

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.large_string()),
        ("recipe", pa.string()),
        ("model", pa.string()),
        ("parameters", pa.string()),
        ("seed_id", pa.string()),
        ("seed_url", pa.string()),
        ("seed_score", pa.float64()),
        ("seed_excerpt", pa.string()),
        ("seed_license", pa.string()),
        ("topic", pa.string()),
        ("audience", pa.string()),
        ("style", pa.string()),
        ("format", pa.string()),
        ("n_words_asked", pa.int64()),
        ("required_words", pa.string()),
        ("draw", pa.int64()),
        ("n_input_tokens", pa.int64()),
        ("n_output_tokens", pa.int64()),
        ("cost_usd", pa.float64()),
        ("written_at", pa.string()),
        ("frac_copied", pa.float64()),
        ("longest_copied_words", pa.int64()),
        ("craft_reason", pa.string()),
        ("craft_value", pa.float64()),
        ("craft_limit", pa.float64()),
        ("craft_detail", pa.string()),
    ]
)
"""Provenance and verdict of each reply; the parts that a recipe names stand beside them, each a column of its own."""


def schema_of(recipe: Recipe) -> pa.Schema:
    """The columns of a recipe's replies."""
    return pa.schema([*SCHEMA, *(pa.field(tag, pa.string()) for tag in recipe.reply.tags)])


@dataclass(frozen=True, slots=True)
class Staged:
    """A reply with what the checks made of it."""

    prompt: Prompt
    reply: StoredReply
    judged: Judged


def write_staged(plan: CraftPlan, store: Store, indexes: Sequence[Index], path: Path) -> int:
    """Judge every reply of the plan and commit them as Parquet, in the order of the prompts; return how many."""
    tables: list[pa.Table] = []
    for begin in range(0, len(plan.prompts), _BATCH_ROWS):
        prompts = plan.prompts[begin : begin + _BATCH_ROWS]
        replies = store.last_replies([prompt.request.key for prompt in prompts])
        answered = [
            (prompt, replies[prompt.request.key]) for prompt in prompts if prompt.request.key in replies
        ]
        if answered:
            tables.append(_table(plan, [_judged(plan, *each) for each in answered]))
    table = pa.concat_tables(tables) if tables else schema_of(plan.recipe).empty_table()
    return write_parquet(path, [_mark_near(table, plan, indexes)], table.schema)


def state_reasons(documents: pa.Table) -> pa.Table:
    """A stage of the main job: take over the reasons that the staged file states, out of the users' columns."""
    rows: list[int] = []
    found: list[tuple[Any, ...]] = []
    extras: list[str | None] = []
    reasons_before = documents["drop_reason"].to_pylist()
    for row, text in enumerate(documents["extra"].to_pylist()):
        extra = orjson.loads(text) if text else {}
        stated = tuple(extra.pop(name, None) for name in _STATED)
        extras.append(orjson.dumps(extra).decode() if text else None)
        # A text in another language lacks the words that were required, but that is not what is wrong with it.
        is_told = stated[0] == _WORDS_MISSING and reasons_before[row] is not None
        if stated[0] is not None and not is_told:
            rows.append(row)
            found.append(stated)
    documents = documents.set_column(
        documents.column_names.index("extra"), "extra", pa.array(extras, documents["extra"].type)
    )
    reasons, values, limits, details = zip(*found, strict=True) if found else ((), (), (), ())
    at = np.array(rows, np.int64)
    numbers = (pa.array(values, pa.float64()), pa.array(limits, pa.float64()))
    documents = drop_rows(documents, at, "craft", pa.array(reasons, pa.string()), numbers)
    return _set_details(documents, at, details)


def _set_details(documents: pa.Table, at: NDArray[np.int64], details: Sequence[str | None]) -> pa.Table:
    column = documents["drop_detail"].to_pylist()
    for row, detail in zip(at.tolist(), details, strict=True):
        column[row] = detail
    place = documents.column_names.index("drop_detail")
    return documents.set_column(place, "drop_detail", pa.array(column, documents["drop_detail"].type))


def _utf8(text: str) -> str:
    """A text without the lone surrogates that JSON may hold and Arrow may not."""
    return text.encode("utf-8", "replace").decode()


def _judged(plan: CraftPlan, prompt: Prompt, reply: StoredReply) -> Staged:
    return Staged(prompt, reply, judge(reply.content or "", reply.outcome, plan.recipe))


def _table(plan: CraftPlan, rows: Sequence[Staged]) -> pa.Table:
    """The rows of some replies, with the checks that need all of the words: length, and what was copied."""
    texts = pa.array([_utf8(row.judged.text) for row in rows], pa.large_string())
    n_chars = plan.settings.seed_chars
    seeds = pa.array([_utf8(row.prompt.seed.text[:n_chars]) for row in rows], pa.large_string())
    n_words = np.diff(hash_words(texts).offsets)
    frac_copied, longest = measure_copied(texts, seeds)
    judged = [
        _judge_words(row, int(n_words[place]), float(frac_copied[place]), plan)
        for place, row in enumerate(rows)
    ]
    seeds_of, drawn = [row.prompt.seed for row in rows], [row.prompt.drawn for row in rows]
    same = {
        "recipe": plan.recipe.label,
        "model": plan.settings.model,
        "parameters": json.dumps(request_parameters(plan.settings), sort_keys=True),
    }
    columns: dict[str, Any] = {name: [value] * len(rows) for name, value in same.items()}
    columns |= {
        "id": [f"craft-{row.prompt.request.key}" for row in rows],
        "text": pc.if_else([bool(row.judged.text.strip()) for row in rows], texts, None),
        "seed_id": [seed.id for seed in seeds_of],
        "seed_url": [seed.url for seed in seeds_of],
        "seed_score": [seed.score for seed in seeds_of],
        "seed_excerpt": [_utf8(seed.text[:_EXCERPT_CHARS]) or None for seed in seeds_of],
        "seed_license": [seed.license for seed in seeds_of],
        "topic": [seed.topic for seed in seeds_of],
        "audience": [each.audience for each in drawn],
        "style": [each.style for each in drawn],
        "format": [each.format for each in drawn],
        "n_words_asked": [each.length for each in drawn],
        "required_words": [", ".join(each.words) if plan.wants_words else None for each in drawn],
        "draw": [row.prompt.number for row in rows],
        "n_input_tokens": [row.reply.input_tokens for row in rows],
        "n_output_tokens": [row.reply.output_tokens for row in rows],
        "cost_usd": [to_usd(row.reply.pico_usd) for row in rows],
        "written_at": [None if row.reply.outcome == "rejected" else row.reply.reason for row in rows],
        "frac_copied": np.round(frac_copied, 6),
        "longest_copied_words": longest,
        "craft_reason": [each.reason for each in judged],
        "craft_value": [each.value for each in judged],
        "craft_limit": [each.limit for each in judged],
        "craft_detail": [each.detail for each in judged],
    }
    columns |= {tag: [each.parts.get(tag) for each in judged] for tag in plan.recipe.reply.tags}
    schema = schema_of(plan.recipe)
    return pa.table([pa.array(columns[name], schema.field(name).type) for name in schema.names], schema)


def _judge_words(row: Staged, n_words: int, frac_copied: float, plan: CraftPlan) -> Judged:
    """Add the reasons that rest on counts, where there is none yet."""
    judged, checks = row.judged, plan.recipe.checks
    if judged.reason is not None:
        return judged
    low = round(checks.min_share_of_length * row.prompt.drawn.length)
    high = round(checks.max_share_of_length * row.prompt.drawn.length)
    why: tuple[str, float, float, str | None] | None = None
    if n_words < low:
        why = ("craft_too_short", n_words, low, None)
    elif n_words > high:
        why = ("craft_too_long", n_words, high, None)
    elif frac_copied > checks.max_copied:
        why = ("craft_copied", round(frac_copied, 6), checks.max_copied, None)
    elif plan.wants_words and (missing := find_missing(judged.text, row.prompt.drawn)):
        n_required = len(row.prompt.drawn.words)
        why = (_WORDS_MISSING, n_required - len(missing), n_required, ", ".join(missing))
    return Judged(judged.text, judged.parts, *why) if why else judged


def _mark_near(table: pa.Table, plan: CraftPlan, indexes: Sequence[Index]) -> pa.Table:
    """Name the rows that are near-duplicates of a page of the seeds' pool, or of a document of an index."""
    rows = np.flatnonzero(table["craft_reason"].is_null().to_numpy())
    earlier: list[Any] = []
    settings = plan.settings
    dedup = DedupPlan(jaccard=settings.jaccard)
    if plan.pool.texts:
        texts = pa.array([_utf8(text) for text in plan.pool.texts], pa.large_string())
        ids = pa.array([f"seed-{n}" for n in range(len(texts))], pa.string())
        earlier.append(TextShard(texts, compute_keys(texts, dedup, signatures=True), ids=ids, name="\0seeds"))
    n_seed_shards = len(earlier)
    earlier += [shard for index in indexes for shard in index.shards()]
    if not len(rows) or not earlier:
        return table
    texts = table["text"].take(pa.array(rows)).combine_chunks()
    ours = TextShard(texts, compute_keys(texts, dedup), ids=table["id"].take(pa.array(rows)), name="crafted")
    with tempfile.TemporaryDirectory(prefix="curate-craft-") as scratch:
        found = resolve_duplicates(
            [ours], dedup, Path(scratch, "keys"), memory_bytes=_MEMORY_BYTES, earlier=earlier
        )
    columns = {name: table[name].to_pylist() for name in ("craft_reason", "craft_value", "craft_limit")}
    for row, shard, jaccard in zip(
        found["row"].to_pylist(), found["kept_shard"].to_pylist(), found["jaccard"].to_pylist(), strict=True
    ):
        if shard == 0:
            continue  # among the crafted: the main job names the one that stays
        at = int(rows[row])
        columns["craft_reason"][at] = "craft_near_seed" if shard <= n_seed_shards else "craft_near_index"
        columns["craft_value"][at], columns["craft_limit"][at] = jaccard, settings.jaccard
    for name, values in columns.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(values, SCHEMA.field(name).type))
    return table
