"""The rule sets that come with `curate`, as data, each with its source.

`gopher`, `c4` and `fineweb` alone mean the versions in `DEFAULT_VERSIONS`.
"""

from __future__ import annotations

from curate.rules.model import LineRules, Rule, RuleSet

DEFAULT_VERSIONS = {
    "gopher": "paper",
    "gopher-quality": "paper",
    "gopher-repetition": "paper",
    "c4": "fineweb",
    "fineweb": "paper",
}

GOPHER_PAPER = "Rae et al. 2021, arXiv 2112.11446, appendix A.1.1 and table A1"
C4_PAPER = "Raffel et al. 2020, arXiv 1910.10683, section 2.2"
C4_CODE = "tensorflow_datasets, text/c4_utils.py"
FINEWEB_PAPER = "Penedo et al. 2024, arXiv 2406.17557, section 3.6"
DATATROVE = "datatrove 0.10"
DOLMA = "dolma 1.2, taggers gopher_v1"
DCLM = "DCLM, baselines/mappers/filters/content_filters.py and dclm_baseline_refinedweb.yaml"

TOP_LIMITS = {2: 0.20, 3: 0.18, 4: 0.16}
DUP_LIMITS = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}

POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
# The order of the reference code: a line with `lorem ipsum` or, unless it is about javascript, with `{` is
# left for the page-level rules.
C4_SUBSTRINGS = (
    ("", ("lorem ipsum",)),
    ("javascript", ("javascript",)),
    ("", ("{",)),
    ("policy", POLICY),
)
C4_PAGE_RULES = (
    Rule("c4_lorem_ipsum", "n_lorem_ipsum", high=0),
    Rule("c4_curly_bracket", "n_curly_brackets", high=0),
)


def _with(signal: str, reading: str) -> str:
    return f"{signal}[{reading}]" if reading else signal


def _repetition(
    *,
    lines: str = "",
    line_chars: str = "",
    paragraphs: str | None = "",
    paragraph_chars: str = "",
    top: str = "",
    dup: str = "",
) -> tuple[Rule, ...]:
    """Gopher's repetition rules under one reading of each signal; no paragraph rules where that is None."""
    by_number = [Rule("gopher_dup_line_frac", _with("frac_dup_lines", lines), high=0.30)]
    by_chars = [Rule("gopher_dup_line_char_frac", _with("frac_dup_line_chars", line_chars), high=0.20)]
    if paragraphs is not None:
        signal = _with("frac_dup_paragraphs", paragraphs)
        by_number.append(Rule("gopher_dup_paragraph_frac", signal, high=0.30))
        signal = _with("frac_dup_paragraph_chars", paragraph_chars)
        by_chars.append(Rule("gopher_dup_paragraph_char_frac", signal, high=0.20))
    tops = [
        Rule(f"gopher_top_{n}gram", _with(f"frac_top_{n}gram_chars", top), high=limit)
        for n, limit in TOP_LIMITS.items()
    ]
    dups = [
        Rule(f"gopher_dup_{n}gram", _with(f"frac_dup_{n}gram_chars", dup), high=limit)
        for n, limit in DUP_LIMITS.items()
    ]
    return (*by_number, *by_chars, *tops, *dups)


GOPHER_QUALITY_PAPER = (
    Rule("gopher_n_words", "n_words", low=50, high=100_000),
    Rule("gopher_mean_word_chars", "mean_word_chars", low=3, high=10),
    Rule("gopher_hashes", "hashes_per_word", high=0.1),
    Rule("gopher_ellipses", "ellipses_per_word", high=0.1),
    Rule("gopher_bullet_lines", "frac_bullet_lines", high=0.9),
    Rule("gopher_ellipsis_lines", "frac_ellipsis_lines", high=0.3),
    Rule("gopher_alpha_words", "frac_alpha_words", low=0.8),
    Rule("gopher_stop_words", "n_distinct_stop_words", low=2),
)


GOPHER_REPETITION_PAPER = _repetition()


def _gopher(
    version: str, source: str, quality: tuple[Rule, ...], repetition: tuple[Rule, ...]
) -> tuple[RuleSet, ...]:
    """The two halves of Gopher's rules, and both: quality first."""
    return (
        RuleSet("gopher", version, source, quality + repetition),
        RuleSet("gopher-quality", version, source, quality),
        RuleSet("gopher-repetition", version, source, repetition),
    )


def _n_sentences(low: int) -> Rule:
    return Rule("c4_n_sentences", "n_sentences", low=low)


C4_SETS = (
    RuleSet(
        "c4",
        "code",
        C4_CODE,
        (*C4_PAGE_RULES, _n_sentences(3), Rule("c4_n_chars", "n_chars", high=190_000)),
        LineRules(
            "c4",
            remove_citations=True,
            max_word_chars=1000,
            end_marks='.?!"',
            min_words=5,
            substrings=C4_SUBSTRINGS,
        ),
        notes="The reference code's numbers: lines of 5 words, pages of 3 sentences.",
    ),
    RuleSet(
        "c4",
        "paper",
        C4_PAPER,
        (*C4_PAGE_RULES, _n_sentences(5)),
        LineRules("c4", remove_citations=True, end_marks='.?!"', min_words=3, substrings=C4_SUBSTRINGS),
        notes="The paper's numbers: lines of 3 words, pages of 5 sentences; swapped against the code.",
    ),
    RuleSet(
        "c4",
        "fineweb",
        "Penedo et al. 2024, arXiv 2406.17557: C4's rules but for the terminal mark",
        (*C4_PAGE_RULES, _n_sentences(5)),
        LineRules("c4", remove_citations=True, max_word_chars=1000, min_words=3, substrings=C4_SUBSTRINGS),
        notes="As FineWeb uses C4: a line need not end in a terminal mark.",
    ),
)

FINEWEB_SETS = (
    RuleSet(
        "fineweb",
        "paper",
        FINEWEB_PAPER,
        (
            Rule("fineweb_line_punct", "frac_terminal_lines", low=0.12),
            Rule("fineweb_dup_line_chars", "frac_dup_line_chars", high=0.1),
            Rule("fineweb_short_lines", "frac_short_lines", high=0.67),
        ),
        notes="Limits are closed: a page that lies on one stays, as in the published code.",
    ),
)

_ALL = (
    *_gopher("paper", GOPHER_PAPER, GOPHER_QUALITY_PAPER, GOPHER_REPETITION_PAPER),
    *C4_SETS,
    *FINEWEB_SETS,
)

RULE_SETS: dict[str, RuleSet] = {rule_set.full_name: rule_set for rule_set in _ALL}
"""Every rule set by its full name."""
