# ruff: noqa: FBT003  (a default is the first value of `setting`)
"""Every setting of a craft run, with its meaning, default and bounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curate.config import MOST_WORKERS, setting
from curate.errors import SettingError
from curate.llm.settings import CallSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class CraftSettings(CallSettings):
    """The settings of `craft_text` and `curate craft`; wrong ones are refused when this is built."""

    input: tuple[str, ...] = setting(
        (), "Seeds: a result folder of curate filter, files, folders or globs.", section="seeds"
    )
    topics: str | None = setting(None, "Seeds instead: a file with one topic a line.", section="seeds")
    min_score: float = setting(0.0, "Least score of a page that is a seed.", section="seeds", low=0, high=1)
    max_score: float = setting(
        1.0, "Greatest score of a page that is a seed.", section="seeds", low=0, high=1
    )
    score_column: str | None = setting(
        None, "Column with the seeds' score; the first that ends in _score if left out.", section="seeds"
    )
    topic_column: str = setting("topic", "Column with the seeds' topic.", section="seeds")
    only_topic: tuple[str, ...] = setting(
        (), "Topic whose pages are seeds; all topics if left out.", section="seeds"
    )
    per_topic: int | None = setting(None, "Most seeds of one topic.", section="seeds", low=1)
    per_domain: int | None = setting(None, "Most seeds of one host.", section="seeds", low=1)
    seed_chars: int = setting(
        4000, "Characters of a page that the writer is shown, from its beginning.", section="seeds", low=1
    )
    max_pool: int = setting(
        100_000, "Pages to choose seeds from; a larger input is sampled by hash.", section="seeds", low=1
    )

    output: str = setting(
        "crafted", "Folder for kept/, dropped/ and manifest.json.", section="files", in_hash=False
    )
    recipe: str = setting("textbook", "Bundled recipe, or a TOML file of your own.", section="write")
    tables: str | None = setting(
        None, "TOML file of audiences, styles, lengths, formats and words to draw from.", section="write"
    )
    n: int = setting(100, "Most prompts to write.", section="write", low=1)
    draws: int = setting(1, "Prompts for each seed.", section="write", low=1)
    seed: int = setting(0, "Seed of the choice of seeds and of what is drawn.", section="write", low=0)

    max_output_tokens: int = setting(2000, "Most tokens of a reply.", section="model", low=1)
    temperature: float | None = setting(0.8, "Sampling temperature; null sends none.", section="model", low=0)
    concurrency: int = setting(16, "Requests in flight at a time.", section="speed", in_hash=False, low=1)
    timeout_s: float = setting(300.0, "Seconds to wait for a reply.", section="speed", in_hash=False, above=0)

    language: tuple[str, ...] = setting(
        ("en",), "ISO code of a language to keep; 'any' keeps all.", section="gate"
    )
    rules: tuple[str, ...] = setting(
        ("craft",),
        "Rule sets for what was written, by name or as TOML files; those on loops if left out.",
        section="gate",
    )
    decontaminate: tuple[str, ...] = setting(
        (), "Benchmark files; passages that share a 13-gram are dropped.", section="gate"
    )
    redact_pii: bool = setting(
        False, "Replace e-mail and public IP addresses by placeholders.", section="gate"
    )
    against: tuple[str, ...] = setting(
        (), "Folders of indexes (curate index); passages like a document in one are dropped.", section="gate"
    )
    jaccard: float = setting(
        0.8, "Similarity from which two passages are near-duplicates.", section="gate", above=0, high=1
    )
    scorer: str = setting("edu", "Classifier to score passages by, or 'none'.", section="gate")
    threshold: float = setting(0.0, "Least score to keep.", section="gate", low=0, high=1)
    workers: int | None = setting(
        None,
        "Worker processes of the gate; all cores if left out.",
        section="gate",
        in_hash=False,
        low=1,
        high=MOST_WORKERS,
    )

    def __post_init__(self) -> None:
        CallSettings.__post_init__(self)  # a class with slots is another than the one that super() knows
        if bool(self.input) == bool(self.topics):
            raise SettingError(
                "Give seeds: --input with a result folder, or --topics with a file; one of the two."
            )
        if not self.output:
            raise SettingError("No output folder. Give --output with a folder for the result.")
        if self.min_score > self.max_score:
            raise SettingError(f"min_score {self.min_score:g} is above max_score {self.max_score:g}.")

    @property
    def work_path(self) -> Path:
        """The folder beside the output for what a run needs to go on: replies and spending."""
        return self.cache_path.parent

    @property
    def cache_path(self) -> Path:
        """The SQLite file of replies and spending."""
        return store_of(self.output)


def store_of(output: str) -> Path:
    """The SQLite file of replies and spending of an output."""
    return Path(f"{output.rstrip('/')}.craft", "replies.sqlite")
