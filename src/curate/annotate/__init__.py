"""Annotation of pages by an LLM: chosen, asked about within a budget, resumable, checked by people.

What chooses pages, asks for levels and keeps labels belongs here; calls and money are in `curate.llm`, fitting on
labels in `curate.fit`.

annotate_pages("crawl/", "labels.jsonl", model="gpt-4o-mini", budget_usd=20.0)    # `curate fit` reads labels.jsonl

settings = AnnotateSettings(input=("crawl/",), output="labels.jsonl", model="gpt-4o-mini", budget_usd=20.0)
estimate(settings)          # pages, tokens, cost; asks nobody
run_annotation(settings)    # the same job
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate._lazy import lazy
from curate.annotate.settings import AnnotateSettings

if TYPE_CHECKING:
    from curate.annotate.labels import read_labels
    from curate.annotate.prompt import Prompt, bundled_prompts, load_prompt
    from curate.annotate.run import AnnotationResult, Estimate, annotate_pages, estimate, run_annotation
    from curate.annotate.selection import Selection, select_pages

# The command line reads the settings of every command; what does the work is imported when it is asked for.
_HOME = {
    "AnnotationResult": "curate.annotate.run",
    "Estimate": "curate.annotate.run",
    "Prompt": "curate.annotate.prompt",
    "Selection": "curate.annotate.selection",
    "annotate_pages": "curate.annotate.run",
    "bundled_prompts": "curate.annotate.prompt",
    "estimate": "curate.annotate.run",
    "load_prompt": "curate.annotate.prompt",
    "run_annotation": "curate.annotate.run",
    "read_labels": "curate.annotate.labels",
    "select_pages": "curate.annotate.selection",
}

__all__ = [
    "AnnotateSettings",
    "AnnotationResult",
    "Estimate",
    "Prompt",
    "Selection",
    "annotate_pages",
    "bundled_prompts",
    "estimate",
    "load_prompt",
    "read_labels",
    "run_annotation",
    "select_pages",
]


# Hidden from type checkers, for which every mistyped name would be there.
if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, _HOME)
