"""Every setting of an annotation run, with its meaning, default and bounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curate.config import check, check_input, setting
from curate.errors import SettingError
from curate.llm.settings import CallSettings

REPLY_FORMATS = ("schema", "json", "text")
STRATEGIES = ("random", "stratified", "uncertain", "disagreement", "diverse")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateSettings(CallSettings):
    """The settings of `annotate_pages` and `curate annotate`; wrong ones are refused when this is built."""

    input: tuple[str, ...] = setting(
        (), "Files, folders or globs; or a result folder of curate.", section="files"
    )
    output: str = setting("", "JSONL file of labels to write.", section="files", in_hash=False)
    cache: str | None = setting(
        None,
        "SQLite file of replies and spending; <output>.cache.sqlite if left out.",
        section="files",
        in_hash=False,
    )
    text_column: str | None = setting(
        None, "Column that holds the text; found by its usual names.", section="files"
    )
    extractor: str = setting(
        "curate", "HTML to main text: curate, resiliparse or trafilatura.", section="files"
    )

    prompt: str = setting("edu", "Bundled prompt, or a TOML file of your own.", section="model")
    window_chars: int = setting(
        4000, "Characters of a page that are sent, from its beginning.", section="model", low=1
    )
    reply_format: str = setting(
        "schema",
        "schema (JSON schema), json (JSON mode) or text, by what the server can.",
        section="model",
        known=REPLY_FORMATS,
    )
    draws: int = setting(
        1, "How often each page is asked about; above 1 needs a temperature.", section="model", low=1
    )
    reply_tries: int = setting(
        3, "How often a page is asked about when the reply has no level.", section="model", low=1
    )

    select: str = setting(
        "random",
        "random, stratified, uncertain, disagreement or diverse.",
        section="select",
        known=STRATEGIES,
    )
    n_pages: int | None = setting(None, "Pages to choose; all if left out.", section="select", low=1)
    scorer: str = setting("edu", "Scorer for stratified, uncertain and disagreement.", section="select")
    cut: float = setting(0.5, "Score around which 'uncertain' chooses.", section="select", low=0, high=1)
    max_pool: int = setting(
        100_000, "Pages to choose from; a larger input is sampled by hash.", section="select", low=1
    )
    exclude: tuple[str, ...] = setting((), "Label files whose pages are not to be chosen.", section="select")
    seed: int = setting(0, "Seed of the choice.", section="select", low=0)

    def __post_init__(self) -> None:
        check(self)
        check_input(self.input)
        if not self.output or Path(self.output).is_dir():
            raise SettingError(f"No output file. Give --output with a JSONL file, not '{self.output}'.")
        CallSettings.__post_init__(self)  # a class with slots is another than the one that super() knows
        if self.draws > 1 and self.temperature == 0:
            raise SettingError(
                "Several draws at temperature 0 are the same draw. Give --temperature 0.7, or --draws 1."
            )

    @property
    def cache_path(self) -> Path:
        """The SQLite file of replies and spending."""
        return Path(self.cache or f"{self.output}.cache.sqlite")
