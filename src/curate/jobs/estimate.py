"""What a run of `curate dedup` will take, from a sample of its input."""

from __future__ import annotations

import time
from dataclasses import dataclass

from curate.config import hashed_settings
from curate.crawl import ReadOptions, check_columns, find_files, plan_splits, read_chunks
from curate.dedup import DedupPlan, compute_keys
from curate.jobs.pieces import plan_pieces, split_by_format, stage_texts
from curate.jobs.settings import DedupSettings

_SAMPLED_PIECES = 8
_BYTES_PER_DOCUMENT = 48  # what the barrier holds of every document
_BASE_BYTES = 350 << 20  # interpreter, libraries and buffers
# Measured on generated text of 1.7 KB a document: the whole run over reading and keys alone.
_RUN_OVER_KEYS = 2.2


@dataclass(frozen=True, slots=True)
class DedupEstimate:
    """Expected size and cost of a run.

    Attributes:
        n_documents: known for Parquet, else from the sample.
        text_bytes: of all documents, from the sample.
        cpu_s: on this machine, of all workers together.
        peak_bytes: memory of the main process, at most.
        scratch_bytes: disk for keys and partitions while the run lasts.
    """

    plan: DedupPlan
    n_documents: int
    text_bytes: int
    cpu_s: float
    peak_bytes: int
    scratch_bytes: int


def estimate_dedup(settings: DedupSettings, memory_bytes: int) -> DedupEstimate:
    """Read a sample of the input and scale it up; nothing is written."""
    files = find_files(settings.input)
    options = ReadOptions.of(hashed_settings(settings))
    check_columns(files, options)
    direct, staged = split_by_format(files, options, settings.score_column)
    plan = settings.plan
    pieces = plan_pieces(direct)
    n_documents = n_sampled = n_text_bytes = 0
    cpu_s = 0.0
    for piece in pieces[:: max(1, len(pieces) // _SAMPLED_PIECES)]:
        batch, parts = next(piece.read_documents())
        compute_keys(parts["text"].slice(0, 1), plan)  # the kernels are compiled or loaded outside the clock
        began_s = time.process_time()
        batch, parts = next(piece.read_documents())
        keys = compute_keys(parts["text"], plan)
        cpu_s += time.process_time() - began_s
        n_sampled += len(batch)
        n_text_bytes += sum(keys["n_bytes"].to_pylist())
    n_documents += sum(piece.n_rows for piece in pieces)
    if staged:
        chunk = next(read_chunks(plan_splits(staged)[0], options))
        table, _ = stage_texts(chunk)
        began_s = time.process_time()
        keys = compute_keys(table["text"], plan)
        cpu_s += time.process_time() - began_s
        n_sampled += len(table)
        n_text_bytes += sum(keys["n_bytes"].to_pylist())
        per_byte = len(table) / max(1, chunk.n_input_bytes)
        n_documents += round(per_byte * sum(file.size_bytes for file in staged))
    n_keys_bytes = n_documents * plan.n_bands * 10
    n_sampled = max(1, n_sampled)
    text_bytes = round(n_documents * n_text_bytes / n_sampled)
    # Shingles take 8 bytes a word, of the candidates: a third of a crawl is a cautious guess.
    unbounded_bytes = _BASE_BYTES + n_documents * _BYTES_PER_DOCUMENT + n_keys_bytes + text_bytes // 2
    return DedupEstimate(
        plan=plan,
        n_documents=n_documents,
        text_bytes=text_bytes,
        cpu_s=_RUN_OVER_KEYS * n_documents * cpu_s / n_sampled,
        peak_bytes=max(_BASE_BYTES, min(memory_bytes, unbounded_bytes)),
        scratch_bytes=n_documents * (8 * plan.n_bands + 80) + n_keys_bytes,
    )


def describe_estimate(estimate: DedupEstimate) -> list[str]:
    """Put the estimate and the S-curve into lines for people."""
    plan = estimate.plan
    chance = plan.chance_to_meet(plan.jaccard)
    peak_gb, scratch_gb = estimate.peak_bytes / 1e9, estimate.scratch_bytes / 1e9
    lines = [
        f"Near-duplicates: Jaccard >= {plan.jaccard:g} of word {plan.shingle_words}-grams, verified exactly",
        f"Bands: {plan.n_bands} of {plan.n_rows} rows; at the limit a pair meets in {chance:.2%} of cases",
        f"Documents: about {estimate.n_documents:,}, {estimate.text_bytes / 1e6:,.0f} MB of text",
        f"Expected: {estimate.cpu_s:,.0f} CPU s, up to {peak_gb:.1f} GB memory, {scratch_gb:.1f} GB on disk",
        "Chance that a pair becomes a candidate, by its similarity:",
    ]
    for jaccard, chance in plan.s_curve()[::2]:
        lines.append(f"  {jaccard:.1f}  {chance:6.4f}  {'#' * round(40 * chance)}")
    return lines
