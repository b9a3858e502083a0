# ruff: noqa: FBT003  (a default is the first value of `setting`)
"""Every setting of the main job, with its meaning, default and bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curate.bundled import bundled_names
from curate.config import (
    SCRATCH,
    check,
    check_input,
    check_output,
    check_value,
    parse_bytes,
    parse_memory,
    parse_named_numbers,
    parse_tokens,
    setting,
)
from curate.errors import SettingError
from curate.work.cores import available_cores
from curate.work.engine import EngineSettings
from curate.work.urls import is_url, public_name

MIB = 1 << 20
EXTRACTORS = ("curate", "resiliparse", "trafilatura")
TEXT_FORMATS = ("plain", "markdown")
FOCUSES = ("balanced", "precision", "recall")
DEDUP_LEVELS = ("near", "exact", "none")
DEFAULT_THRESHOLD = 0.5
DEFAULT_SPARE_ABOVE = 0.05
DEFAULT_CODE_SCORER = "code" if "code" in bundled_names() else "none"
DEFAULT_BYTES_PER_TOKEN = 4.5  # of English text, as a rule of thumb; the tokenizer decides
DEFAULT_SHARD_SIZE = "512MiB"
NONE = "none"
UNSCORED = ("drop", "keep", "score")
MIXED_LANGUAGES = ("page", "share", "lines")
_LEAST_SUBSTRING = 50
_BYTES_WORTH_A_WORKER = 4 * MIB  # starting one costs as much as reading about this much


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSettings(EngineSettings):
    """The settings of `filter_crawl` and `curate filter`; wrong ones are refused when this is built."""

    input: tuple[str, ...] = setting(
        (), "Files, folders or globs; local or any fsspec URL (s3://...).", section="files", in_hash=False
    )
    output: str = setting(
        "curated",
        "Folder for kept/, dropped/ and manifest.json; local or any fsspec URL (s3://...).",
        section="files",
        in_hash=False,
    )
    shard_size: str = setting(
        DEFAULT_SHARD_SIZE,
        "Text in one output file, which is about half as large, packed; a file ends with the row group that reaches it.",
        section="files",
    )
    scratch: str | None = setting(None, SCRATCH, section="files", in_hash=False)

    text_column: str | None = setting(
        None, "Column that holds the text; found by its usual names if left out.", section="read"
    )
    html_column: str | None = setting(None, "Column that holds HTML instead of text.", section="read")
    id_column: str | None = setting(None, "Column that holds the document's id.", section="read")
    url_column: str | None = setting(None, "Column that holds the page's URL.", section="read")
    date_column: str | None = setting(None, "Column that holds the page's date.", section="read")
    license: str | None = setting(
        None,
        "'permissive' keeps only program files whose data or header states such a licence; pages are not asked.",
        section="read",
        known=("permissive",),
    )
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
        0.0,
        "Least probability of the language, 0 to 1; at 0 it is enough that no other one is likelier (FineWeb: 0.65).",
        section="language",
        low=0,
        high=1,
    )

    mixed_languages: str = setting(
        MIXED_LANGUAGES[0],
        "How a page in several languages is taken: by the one likeliest language of the page; by share, where lines in the "
        "languages to keep must hold half of its characters; or by lines, of which those in other languages are taken out.",
        section="language",
        known=MIXED_LANGUAGES,
    )

    rules: tuple[str, ...] = setting(
        ("curate",),
        "Rule sets by name, or TOML files with rules; an empty list, or --rules none, for none.",
        section="rules",
    )

    code_rules: tuple[str, ...] = setting(
        ("code",), "Rule sets for program files, in place of those of pages.", section="rules"
    )

    url_blocklist: tuple[str, ...] = setting(
        (),
        "Files of hosts, domains and URL substrings to drop, or folders in the layout of the UT1 lists (adult/domains).",
        section="rules",
    )
    allow_adult: bool = setting(
        False,
        "Keep pages made for sexual arousal, which are dropped as 'adult' by host, title, terms and topic.",
        section="rules",
    )
    bad_words: tuple[str, ...] = setting(
        (), "Files of words; pages that hold one are dropped.", section="rules"
    )
    screen: tuple[str, ...] = setting(
        (),
        "Function of your own that names documents to drop: file.py:FUNCTION, MODULE:FUNCTION, or an entry point of the "
        "group curate.screens. It is run: name none that you have not read.",
        section="rules",
    )
    redact_pii: bool = setting(
        False, "Replace e-mail and public IP addresses by placeholders.", section="rules"
    )
    redact_secrets: bool = setting(
        False,
        "Replace keys, tokens and passwords by <KEY> and <PASSWORD>, in programs and pages.",
        section="rules",
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
    dedup_comments: bool = setting(
        True,
        "Comments and documentation count where programs are compared; off, copies with other ones are exact duplicates.",
        section="dedup",
    )
    recall: float = setting(
        0.999,
        "Chance that a pair at that similarity is found; decides bands and rows.",
        section="dedup",
        above=0,
        high=1,
    )

    dedup_lines: bool = setting(
        False,
        "Take out lines that recur across a site or across sites, as cookie notices, forms and licences do, before rules and "
        "scores see a page.",
        section="dedup",
    )
    line_documents: int = setting(
        10,
        "For dedup_lines: different documents of one site that have a line which goes from that site.",
        section="dedup",
        low=2,
    )
    line_sites: int = setting(
        20, "For dedup_lines: sites that have a line which goes everywhere.", section="dedup", low=2
    )
    dedup_substrings: int = setting(
        0,
        "Take out passages of so many bytes or more that an earlier document has word for word, before rules and scores see "
        "a page; 0 for none. Lee et al. 2021 take 50 tokens, some 200 bytes.",
        section="dedup",
        low=0,
    )

    scorer: tuple[str, ...] | str = setting(
        "edu",
        "Bundled classifier, folder of your own, or 'none' to keep all that is left; several give a score each.",
        section="score",
    )
    threshold: tuple[str, ...] | str | float | None = setting(
        None,
        "Least score to keep, 0 to 1, or NAME=NUMBER for the scorer of that name; 0.5 if neither cut is named. A page "
        "must reach all that are named. For the scorer 'edu' a score is the probability that an LLM annotator gives "
        "the page an educational level of 3 or more of 5.",
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
    target_tokens: str | None = setting(
        None,
        "Instead of a threshold: tokens to keep, best documents first, as 2B or 350M; of pages and program files alike the "
        "same share of tokens stays.",
        section="score",
    )
    bytes_per_token: float = setting(
        DEFAULT_BYTES_PER_TOKEN,
        "For target_tokens without a tokenizer: bytes of text that count as a token.",
        section="score",
        above=0,
    )
    tokenizer: str | None = setting(
        None,
        "tokenizer.json that counts the tokens of scored documents, for target_tokens and the column n_tokens.",
        section="score",
    )
    weights: tuple[str, ...] = setting(
        (),
        "For keep_fraction and target_tokens with several scorers: NAME=NUMBER, the weight of each score in the mean that "
        "ranks pages. "
        "The first scorer ranks alone if left out.",
        section="score",
    )
    spare_above: str | float = setting(
        DEFAULT_SPARE_ABOVE,
        "A page that fails only rules that are not hard stays if its score reaches this, and the threshold; 'none' "
        "lets no score overrule a rule.",
        section="score",
        low=0,
        high=1,
    )
    floor: tuple[str, ...] = setting(
        (),
        "NAME=NUMBER, as quality=0.03: a page to which the scorer of that name gives less is never kept, whatever else "
        "decides.",
        section="score",
    )
    unscored: str = setting(
        UNSCORED[0],
        "Pages in a language that the scorer was not made for: drop them (with the reason 'score_other_language'), keep "
        "them without a score, or score them all the same.",
        section="score",
        known=UNSCORED,
    )
    code_scorer: str = setting(
        DEFAULT_CODE_SCORER,
        "Scorer of program files; 'none' leaves them out (with the reason 'code_left_out'). With the scorer 'none' "
        "nothing is scored, and program files stay too.",
        section="score",
    )
    label: tuple[str, ...] = setting(
        (),
        "Classifier into classes, whose likeliest class becomes a column of its name: topic, format, or a folder.",
        section="score",
    )
    shard: str | None = setting(
        None,
        "Read a share of the input only, as one job of a batch system: 0/100 to 99/100, each with an --output of its own. "
        "'curate join' makes one run of them.",
        section="run",
        in_hash=False,
    )
    memory: str = setting("4GB", "Memory that deduplication may use.", section="run", in_hash=False)

    def __post_init__(self) -> None:
        if self.threshold is None and self.keep_fraction is None and self.target_tokens is None:
            object.__setattr__(self, "threshold", DEFAULT_THRESHOLD)
        check(self)
        self._check_files()
        self._check_scores()
        if self.shard is not None:
            from curate.run.shards import Shard  # which loads the reader

            Shard.parse(self.shard)
            for name in ("dedup_lines", "dedup_substrings"):
                if getattr(self, name):
                    raise SettingError(
                        f"{name} looks at all input, which a shard does not see. Leave one out."
                    )
            if is_url(self.output):
                raise SettingError(
                    f"A shard is joined from local folders: give --output a local one, not '{public_name(self.output)}'."
                )
        if 0 < self.dedup_substrings < _LEAST_SUBSTRING:
            raise SettingError(
                f"dedup_substrings must be 0, or {_LEAST_SUBSTRING} bytes or more: shorter passages are what a language "
                f"is made of. Say 200, not {self.dedup_substrings}."
            )
        if self.dedup_substrings and self.text_format == "markdown":
            raise SettingError(
                "dedup_substrings takes out parts of lines, which Markdown cannot follow. Leave one out."
            )
        if not self.language:
            raise SettingError('language is empty. Name at least one, or "any".')
        parse_memory(self.memory)
        parse_bytes(self.shard_size)

    @property
    def scorers(self) -> tuple[str, ...]:
        """Every scorer of pages by name or folder; none where nothing is scored."""
        names = (self.scorer,) if isinstance(self.scorer, str) else self.scorer
        return () if names == (NONE,) else names

    @property
    def cut(self) -> Cut:
        """What decides over scored documents."""
        return Cut.of(self.threshold, self.keep_fraction, self.weights, self.target_tokens)

    @property
    def floors(self) -> dict[str, float]:
        """The least scores with which a page may be kept at all, by name of the scorer."""
        numbers = parse_named_numbers(type(self), "floor", _items(self.floor))
        for name, least in numbers.items():
            if name is None:
                raise SettingError(f"floor '{least:g}' needs the name of a scorer: floor edu={least:g}.")
            if not 0 <= least <= 1:
                raise SettingError(f"floor must be between 0 and 1, not {least:g}.")
        return {name: least for name, least in numbers.items() if name is not None}

    @property
    def spares_from(self) -> float | None:
        """The least score with which a page may fail rules that are not hard; None where no score may."""
        return None if isinstance(self.spare_above, str) else self.spare_above

    def count_workers(self, n_input_bytes: int) -> int:
        """Worker processes to start; where the user names no number, small inputs are not worth many."""
        return self.workers or min(available_cores(), 1 + n_input_bytes // _BYTES_WORTH_A_WORKER)

    def _check_scores(self) -> None:
        """Settle scorer, threshold and spare_above in the one form in which they are compared and hashed."""
        if isinstance(self.scorer, tuple):
            if not self.scorer:
                raise SettingError("scorer is empty. Name one, such as 'edu', or 'none'.")
            if len(self.scorer) > 1 and NONE in self.scorer:
                raise SettingError("scorer 'none' stands alone: name it, or the scorers.")
            if len(set(self.scorer)) < len(self.scorer):
                raise SettingError("A scorer is named twice. Name each once.")
            object.__setattr__(self, "scorer", self.scorer[0] if len(self.scorer) == 1 else self.scorer)
        if isinstance(self.spare_above, str) and self.spare_above != NONE:
            try:
                number = float(self.spare_above)
            except ValueError:
                raise SettingError(
                    f"spare_above must be a number from 0 to 1, or 'none', not '{self.spare_above}'."
                ) from None
            object.__setattr__(self, "spare_above", check_value(type(self), "spare_above", number))
        cut = self.cut
        object.__setattr__(self, "threshold", cut.threshold_setting())
        object.__setattr__(self, "weights", cut.weights_setting())
        floors = sorted(self.floors.items())
        object.__setattr__(self, "floor", tuple(f"{name}={number!r}" for name, number in floors))
        target = cut.target_tokens
        object.__setattr__(self, "target_tokens", None if target is None else str(target))
        if self.tokenizer is not None and not self.scorers:
            raise SettingError(
                "tokenizer counts the tokens of scored documents, and scorer is 'none'. Name a scorer."
            )
        if self.target_tokens is not None and not self.scorers:
            raise SettingError("target_tokens keeps the best by score, and scorer is 'none'. Name a scorer.")

    def _check_files(self) -> None:
        check_input(self.input)
        check_output(self.output)


@dataclass(frozen=True, slots=True)
class Cut:
    """What decides over scored documents: thresholds, or the share to keep of the best.

    Attributes:
        thresholds: by name of a scorer; the key None is the number that belongs to the first one.
        keep_fraction: the share, where no threshold is given.
        target_tokens: or the tokens to keep.
        weights: of each score in the mean that ranks documents, by name; empty where the first score ranks alone.
    """

    thresholds: dict[str | None, float]
    keep_fraction: float | None
    weights: dict[str, float]
    target_tokens: int | None = None

    @classmethod
    def of(
        cls,
        threshold: str | float | Sequence[str] | Mapping[str, float] | None,
        keep_fraction: float | None,
        weights: Sequence[str] | Mapping[str, float] = (),
        target_tokens: str | int | None = None,
    ) -> Cut:
        """Read a cut as settings state it.

        Raises:
            SettingError: a number is out of range, or two cuts are given, or none.
        """
        check_value(FilterSettings, "keep_fraction", keep_fraction)
        thresholds = parse_named_numbers(FilterSettings, "threshold", _items(threshold))
        if thresholds and keep_fraction is not None:
            raise SettingError("Give either threshold or keep_fraction, not both.")
        target = None if target_tokens is None else parse_tokens(target_tokens)
        if target is not None and (thresholds or keep_fraction is not None):
            raise SettingError("Give target_tokens, threshold or keep_fraction, one of them.")
        if not thresholds and keep_fraction is None and target is None:
            raise SettingError("Give either threshold, keep_fraction or target_tokens.")
        shares = parse_named_numbers(FilterSettings, "weights", _items(weights))
        if shares and thresholds:
            raise SettingError("weights rank documents for keep_fraction: give that in place of threshold.")
        named = {name: share for name, share in shares.items() if name is not None}
        for name, share in named.items():
            if not 0 < share < math.inf:
                raise SettingError(
                    f"The weight of '{name}' must be above 0, not {share:g}. Leave it out for none."
                )
        if len(named) < len(shares):
            raise SettingError("A weight needs the name of a scorer: weights edu=0.7, quality=0.3.")
        return cls(thresholds, keep_fraction, named, target)

    def threshold_setting(self) -> tuple[str, ...] | float | None:
        """The thresholds as the setting holds them: a bare number alone stays one."""
        if set(self.thresholds) == {None}:
            return self.thresholds[None]
        pairs = [(name or "", number) for name, number in self.thresholds.items()]
        return tuple(f"{name}={number!r}" if name else repr(number) for name, number in sorted(pairs)) or None

    def weights_setting(self) -> tuple[str, ...]:
        """The weights as the setting holds them."""
        return tuple(f"{name}={share!r}" for name, share in sorted(self.weights.items()))


def _items(value: str | float | Sequence[str] | Mapping[str, float] | None) -> list[str]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [f"{name}={number!r}" for name, number in value.items()]
    if isinstance(value, int | float):
        return [repr(float(value))]
    found: list[str] = []
    for item in [value] if isinstance(value, str) else value:
        waiting = ""
        for part in item.split(","):  # a comma may stand between pairs, and within the name of a class
            waiting += part
            if "=" in part:
                found.append(waiting.strip())
            waiting = "" if "=" in part else f"{waiting},"
        if waiting:
            found.append(waiting[:-1].strip())
    return found
