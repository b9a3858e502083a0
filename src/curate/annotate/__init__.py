"""Annotation of pages by an LLM: chosen, asked about within a budget, resumable, checked by people.

settings = AnnotateSettings(input=("crawl/",), output="labels.jsonl", model="gpt-4o-mini", budget_usd=20.0)
estimate(settings)          # pages, tokens, cost; asks nobody
annotate_pages(settings)    # -> labels.jsonl, which `curate fit` reads
"""

from curate.annotate.labels import read_labels
from curate.annotate.prompt import Prompt, bundled_prompts, load_prompt
from curate.annotate.run import AnnotationResult, Estimate, annotate_pages, estimate
from curate.annotate.selection import Selection, select_pages
from curate.annotate.settings import AnnotateSettings

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
    "select_pages",
]
