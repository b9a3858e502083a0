# ruff: noqa: FBT003  (a default is the first value of `setting`)
"""Every setting of the main job, with its meaning, default and bounds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from curate.config import check, check_value, parse_bytes, setting
from curate.errors import SettingError
from curate.work.engine import ENGINE_NAMES

MIB = 1 << 20
EXTRACTORS = ("curate", "resiliparse", "trafilatura")
TEXT_FORMATS = ("plain", "markdown")
FOCUSES = ("balanced", "precision", "recall")
DEDUP_LEVELS = ("near", "exact", "none")
DEFAULT_THRESHOLD = 0.5
_BYTES_WORTH_A_WORKER = 4 * MIB  # starting one costs as much as reading about this much


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSettings:
    """The settings of `filter_crawl` and `curate filter`; wrong ones are refused when this is built."""

    input: tuple[str, ...] = setting(
        (), "Files, folders or globs; local or any fsspec URL (s3://...).", section="files", in_hash=False
    )
    output: str = setting(
        "curated", "Folder for kept/, dropped/ and manifest.json.", section="files", in_hash=False
    )

    text_column: str | None = setting(
        None, "Column that holds the text; found by its usual names if left out.", section="read"
    )
    html_column: str | None = setting(None, "Column that holds HTML instead of text.", section="read")
    id_column: str | None = setting(None, "Column that holds the document's id.", section="read")
    url_column: str | None = setting(None, "Column that holds the page's URL.", section="read")
    date_column: str | None = setting(None, "Column that holds the page's date.", section="read")
    max_page_bytes: int = setting(
        16 * MIB, "Larger pages are dropped as 'page_too_large', unread.", section="read", low=1
    )
    chunk_bytes: int = setting(
        32 * MIB, "Input bytes of a chunk, the unit of work and of resuming.", section="read", low=1
    )

    extractor: str = setting(
        "curate",
        "HTML to main text: curate, resiliparse or trafilatura.",
        section="extract",
        known=EXTRACTORS,
    )
    extract_focus: str = setting(
        "balanced",
        "balanced, precision or recall; for the extractor curate.",
        section="extract",
        known=FOCUSES,
    )
    text_format: str = setting(
        "plain",
        "plain, or markdown: text with headings, lists, tables, code and quotes marked, which rules and scores do not see; "
        "for the extractor curate.",
        section="extract",
        known=TEXT_FORMATS,
        formerly={"markdown": {True: "markdown", False: "plain"}},
    )
    keep_links: bool = setting(
        False, "Keep links, as [text](address); for the extractor curate.", section="extract"
    )

    language: tuple[str, ...] = setting(
        ("en",), "ISO code of a language to keep; 'any' keeps all.", section="language"
    )
    min_language_confidence: float = setting(
        0.65, "Least probability of the language, 0 to 1 (FineWeb: 0.65).", section="language", low=0, high=1
    )

    rules: tuple[str, ...] = setting(
        ("gopher", "c4", "fineweb"),
        "Rule sets by name, or TOML files with rules; an empty list, or --rules none, for none.",
        section="rules",
    )

    url_blocklist: tuple[str, ...] = setting(
        (), "Files of hosts, domains and URL substrings to drop.", section="rules"
    )
    bad_words: tuple[str, ...] = setting(
        (), "Files of words; pages that hold one are dropped.", section="rules"
    )
    redact_pii: bool = setting(
        False, "Replace e-mail and public IP addresses by placeholders.", section="rules"
    )
    decontaminate: tuple[str, ...] = setting(
        (), "Benchmark files; pages that share a 13-gram are dropped.", section="rules"
    )
    flag_contaminated: bool = setting(False, "Keep such pages, and only name the benchmark.", section="rules")

    dedup: str = setting(
        "near", "near (exact and near-duplicates), exact, or none.", section="dedup", known=DEDUP_LEVELS
    )
    jaccard: float = setting(
        0.8,
        "Word-5-gram Jaccard similarity from which two texts are near-duplicates.",
        section="dedup",
        above=0,
        high=1,
    )
    recall: float = setting(
        0.999,
        "Chance that a pair at that similarity is found; decides bands and rows.",
        section="dedup",
        above=0,
        high=1,
    )

    scorer: str = setting(
        "edu", "Bundled classifier, folder of your own, or 'none' to keep all that is left.", section="score"
    )
    threshold: float | None = setting(
        None,
        "Least score to keep, 0 to 1; 0.5 if neither cut is named. For the scorer 'edu' a score is the probability "
        "that an LLM annotator gives the page an educational level of 3 or more of 5.",
        section="score",
        low=0,
        high=1,
    )
    keep_fraction: float | None = setting(
        None,
        "Instead of a threshold: the share of scored documents to keep, best first.",
        section="score",
        above=0,
        high=1,
    )

    workers: int | None = setting(
        None,
        "Worker processes; all cores if left out. Does not change the result.",
        section="run",
        in_hash=False,
        low=1,
    )
    engine: str = setting(
        "local", "local (processes on this machine) or ray.", section="run", in_hash=False, known=ENGINE_NAMES
    )
    memory: str = setting("4GB", "Memory that deduplication may use.", section="run", in_hash=False)

    def __post_init__(self) -> None:
        if self.threshold is None and self.keep_fraction is None:
            object.__setattr__(self, "threshold", DEFAULT_THRESHOLD)
        check(self)
        self._check_files()
        check_cut(self.threshold, self.keep_fraction)
        if not self.language:
            raise SettingError('language is empty. Name at least one, or "any".')
        parse_bytes(self.memory)

    def n_workers(self, n_input_bytes: int) -> int:
        """Worker processes to start; where the user names no number, small inputs are not worth many."""
        return self.workers or min(available_cores(), 1 + n_input_bytes // _BYTES_WORTH_A_WORKER)

    def _check_files(self) -> None:
        if not self.input:
            raise SettingError("No input. Give --input with a file, a folder or a glob.")
        if not self.output:
            raise SettingError("No output folder. Give --output with a folder for the result.")
        if "://" in self.output:
            raise SettingError(f"The output must be a local folder, not {self.output}.")
        if Path(self.output).exists() and not Path(self.output).is_dir():
            raise SettingError(f"The output {self.output} is a file. Give --output with a folder.")


def available_cores() -> int:
    """Cores that this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_cut(threshold: float | None, keep_fraction: float | None) -> None:
    """Refuse a cut that is out of range, or two at once."""
    check_value(FilterSettings, "threshold", threshold)
    check_value(FilterSettings, "keep_fraction", keep_fraction)
    if threshold is not None and keep_fraction is not None:
        raise SettingError("Give either threshold or keep_fraction, not both.")
