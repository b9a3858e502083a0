"""Curate web text for language models: one command from crawl files to scored Parquet.

curate.filter_crawl("crawl/", "curated", threshold=0.8)
curate.load_scorer("edu").score(["some text"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate._lazy import lazy

if TYPE_CHECKING:
    from curate.dedup import find_duplicates
    from curate.errors import CurateError, RunError, SettingError
    from curate.extract import extract_text
    from curate.jobs.score import score_files
    from curate.jobs.tables import score_table
    from curate.pipeline import filter_crawl
    from curate.protocols import LevelScorer, Scorer
    from curate.results.explain import Story, explain
    from curate.results.html import write_report
    from curate.results.rethreshold import rethreshold
    from curate.run.funnel import Funnel
    from curate.scoring import load_scorer
    from curate.warming import warm

from curate._version import __version__ as __version__
from curate.work.preloaded import PRELOADED as _PRELOADED

_PRELOADED.append("curate.warmed")  # the main job, run once by the process that workers are forked from

# Names are imported when they are first asked for, so that `import curate` takes no time.
_HOME = {
    "CurateError": "curate.errors",
    "Funnel": "curate.run.funnel",
    "LevelScorer": "curate.protocols",
    "RunError": "curate.errors",
    "Scorer": "curate.protocols",
    "SettingError": "curate.errors",
    "Story": "curate.results.explain",
    "explain": "curate.results.explain",
    "extract_text": "curate.extract",
    "filter_crawl": "curate.pipeline",
    "find_duplicates": "curate.dedup",
    "load_scorer": "curate.scoring",
    "rethreshold": "curate.results.rethreshold",
    "score_files": "curate.jobs.score",
    "score_table": "curate.jobs.tables",
    "warm": "curate.warming",
    "write_report": "curate.results.html",
}

__all__ = [
    "CurateError",
    "Funnel",
    "LevelScorer",
    "RunError",
    "Scorer",
    "SettingError",
    "Story",
    "explain",
    "extract_text",
    "filter_crawl",
    "find_duplicates",
    "load_scorer",
    "rethreshold",
    "score_files",
    "score_table",
    "warm",
    "write_report",
]


# Hidden from type checkers, for which every mistyped name would be there.
if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, _HOME)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
