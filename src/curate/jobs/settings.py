"""Every setting of `curate dedup` and `curate score`, with its meaning, default and bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from curate.config import SCRATCH, check, check_input, check_output, parse_memory, setting
from curate.errors import SettingError
from curate.work.engine import EngineSettings

if TYPE_CHECKING:
    from curate.dedup import DedupPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupSettings(EngineSettings):
    """The settings of `dedup_files` and `curate dedup`; wrong ones are refused when this is built."""

    input: tuple[str, ...] = setting(
        (), "Files, folders or globs; local or any fsspec URL (s3://...).", section="files"
    )
    output: str = setting(
        "deduplicated",
        "Folder for kept/, dropped/ and manifest.json; local or any fsspec URL.",
        section="files",
        in_hash=False,
    )
    scratch: str | None = setting(None, SCRATCH, section="files", in_hash=False)
    against: tuple[str, ...] = setting(
        (), "Indexes of earlier crawls, whose documents are removed too.", section="files"
    )
    text_column: str | None = setting(None, "Column with the text; found by its usual names.", section="read")
    id_column: str | None = setting(None, "Column with the document's id.", section="read")
    url_column: str | None = setting(None, "Column with the page's URL.", section="read")
    score_column: str | None = setting(
        None, "Number by which the best of several duplicates stays; else the longest.", section="read"
    )
    jaccard: float = setting(
        0.8, "Word-5-gram Jaccard similarity of near-duplicates.", section="dedup", above=0, high=1
    )
    recall: float = setting(
        0.999, "Chance that a pair at that similarity is found.", section="dedup", above=0, high=1
    )
    exact: bool = setting(
        default=False, doc="Only documents with the same words; no near-duplicates.", section="dedup"
    )
    url: bool = setting(default=False, doc="Also leave one document of each address.", section="dedup")
    warn_share: float = setting(
        0.5,
        "Warn where a source loses more than this share of its documents.",
        section="run",
        in_hash=False,
        above=0,
        high=1,
    )
    memory: str = setting("4GB", "Memory that keys and texts may use.", section="run", in_hash=False)

    def __post_init__(self) -> None:
        check(self)
        check_input(self.input)
        if self.output:
            check_output(self.output)
        parse_memory(self.memory)

    @property
    def plan(self) -> DedupPlan:
        """The bands that follow from the threshold and the recall."""
        from curate.dedup import DedupPlan  # compiles kernels; every command line reads these settings

        return DedupPlan(jaccard=self.jaccard, recall=self.recall)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSettings(EngineSettings):
    """The settings of `score_files` and `curate score`; wrong ones are refused when this is built."""

    input: tuple[str, ...] = setting(
        (),
        "Parquet and JSONL files, folders or globs; local or any fsspec URL.",
        section="files",
        in_hash=False,
    )
    output: str = setting(
        "scored",
        "Folder for scored/ and manifest.json; local or any fsspec URL.",
        section="files",
        in_hash=False,
    )
    scratch: str | None = setting(None, SCRATCH, section="files", in_hash=False)
    text_column: str | None = setting(None, "Column with the text; found by its usual names.", section="read")
    scorer: tuple[str, ...] | str = setting(
        "edu",
        "Bundled classifier or folder of your own; several give their columns each; 'none' with label alone.",
        section="score",
    )
    label: tuple[str, ...] = setting(
        (),
        "Classifier into classes, whose likeliest class becomes a column of its name: topic, format, or a folder.",
        section="score",
    )

    def __post_init__(self) -> None:
        check(self)
        check_input(self.input)
        check_output(self.output)
        names = (self.scorer,) if isinstance(self.scorer, str) else self.scorer
        if names == ("none",) and self.label:
            names = ()
        elif not names or "none" in names:
            raise SettingError("scorer is empty. Name one, such as 'edu'; or 'none' with --label topic.")
        object.__setattr__(self, "scorer", names[0] if len(names) == 1 else names)
