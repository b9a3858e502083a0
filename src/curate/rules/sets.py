"""The rule sets that come with `curate`, as data, each with its source.

`gopher`, `c4` and `fineweb` alone mean the versions in `DEFAULT_VERSIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from curate.rules.code_sets import CODE_SETS, CODE_VERSIONS
from curate.rules.model import LineRules, Rule, RuleSet
from curate.text.languages import Language, load_languages

DEFAULT_VERSIONS = {
    "curate": "1",
    "craft": "1",
    "gopher": "paper",
    "gopher-quality": "paper",
    "gopher-repetition": "paper",
    "c4": "fineweb-layout",
    "fineweb": "paper",
    "fineweb2": "configs-d0defb2",
    **CODE_VERSIONS,
}

CURATE = "a study on labelled pages, docs/rules.md"
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
C4_SUBSTRINGS = (("", ("lorem ipsum",)), ("javascript", ("javascript",)), ("", ("{",)), ("policy", POLICY))
C4_PAGE_RULES = (
    Rule("c4_lorem_ipsum", "n_lorem_ipsum", high=0, hard=True),
    Rule("c4_curly_bracket", "n_curly_brackets", high=0),
)


# What menus, notices and forms say of themselves. A line that holds one of these goes only where its kind is furniture.
FURNITURE = (
    ("cookies", ("use cookies", "cookie policy")),
    ("notice", ("privacy policy", "all rights reserved", "terms of use")),
    ("script", ("enable javascript",)),
    ("account", ("log in", "sign up", "your cart")),
    ("comment", ("leave a comment", "fields are marked", "powered by")),
    ("share", ("share this", "follow us")),
    ("navigation", ("skip to ", "next page")),
)
# Where words have many endings a good page repeats fewer of them: 65 words of a manual reach .85 in English at the 99th
# percentile, .87 to .91 in the languages of the first line, .91 to .94 in the second, .94 to .97 in the third. Measured
# (`python -m benchmarks languages`): ca da el es fr gl id nl pt sv, de hr hu sr, cs fi ko lv pl ru uk; the others by their kin.
UNIQUE_WORDS = {
    0.90: "ca da el es fr gl id nl pt sv af an ast bg fa fo fy hi it lb mk ms nn no oc pa ro tl ur vi",
    0.94: "de hr hu sr ar az bs he hy is ka kk kn ky la ml mr ne sh ta te tr uz",
    0.96: "cs fi ko lv pl ru uk be et eu lt sk sl",
}
CURATE_SETS = (
    RuleSet(
        "curate",
        "1",
        CURATE,
        (
            Rule("curate_n_words", "n_words", low=60, hard=True),
            Rule("curate_n_chars_han", "n_chars", low=100, hard=True, languages=("zh", "yue", "wuu", "ja")),
            Rule(
                "curate_n_chars_unspaced",
                "n_chars",
                low=240,
                hard=True,
                languages=("th", "lo", "km", "my", "bo"),
            ),
            Rule(
                "curate_sentence_ends",
                "sentence_ends_per_letter",
                low=0.002,
                hard=True,
                where="frac_notation_lines",
                where_high=0.3,
                languages=("zh", "yue", "wuu", "ja"),
            ),
            Rule(
                "curate_letter_repetition",
                "dup_10letter_chars_beyond_length",
                high=0.75,
                hard=True,
                languages=("zh", "yue", "wuu", "ja", "th", "lo", "km", "my", "bo"),
                by_language=tuple(
                    (code, None, 0.9) for code in ("th", "lo", "km", "my", "bo")
                ),  # whose words have more letters
            ),
            Rule("curate_lorem_ipsum", "frac_lorem_ipsum_words", high=0.01, hard=True),
            Rule("curate_repetition", "dup_5gram_chars_beyond_length", high=0.65, hard=True),
            Rule("curate_title_words", "frac_title_words", high=0.5, hard=True),
            Rule(
                "curate_unique_words",
                "frac_unique_words",
                high=0.85,
                hard=True,
                by_language=tuple(
                    (code, None, limit) for limit, codes in UNIQUE_WORDS.items() for code in codes.split()
                ),
            ),
            Rule(
                "curate_stop_words",
                "frac_stop_words",
                low=0.03,
                hard=True,
                where="frac_notation_lines",
                where_high=0.3,
            ),
            Rule("curate_word_entropy", "word_entropy", low=5.3, hard=True),
        ),
        LineRules("curate", substrings=FURNITURE, kinds=("furniture",)),
        notes="Pages that hardly hold text. What is worth keeping above that is the score's business.",
    ),
    RuleSet(
        "craft",
        "1",
        GOPHER_PAPER,
        (
            Rule("craft_loop_lines", "frac_dup_lines", high=0.30, hard=True),
            Rule("craft_loop", "frac_dup_10gram_chars", high=0.10, hard=True),
        ),
        notes="Written text that goes in circles: the paper's limits of duplicate lines and 10-grams.",
    ),
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
    max_line_char_frac: float = 0.20,
) -> tuple[Rule, ...]:
    """Gopher's repetition rules under one reading of each signal; no paragraph rules where that is None."""
    by_number = [Rule("gopher_dup_line_frac", _with("frac_dup_lines", lines), high=0.30)]
    by_chars = [
        Rule("gopher_dup_line_char_frac", _with("frac_dup_line_chars", line_chars), high=max_line_char_frac)
    ]
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
    Rule("gopher_n_words", "n_words", low=50, high=100_000, hard=True),
    Rule("gopher_mean_word_chars", "mean_word_chars", low=3, high=10),
    Rule("gopher_hashes", "hashes_per_word", high=0.1),
    Rule("gopher_ellipses", "ellipses_per_word", high=0.1),
    Rule("gopher_bullet_lines", "frac_bullet_lines", high=0.9),
    Rule("gopher_ellipsis_lines", "frac_ellipsis_lines", high=0.3),
    Rule("gopher_alpha_words", "frac_alpha_words", low=0.8),
    Rule("gopher_stop_words", "n_distinct_stop_words", low=2),
)


def _gopher_quality_datatrove(words: str) -> tuple[Rule, ...]:
    return (
        Rule("gopher_n_words", f"n_words[words={words},marks=skip]", low=50, high=100_000, hard=True),
        Rule("gopher_mean_word_chars", f"mean_word_chars[words={words},marks=skip]", low=3, high=10),
        Rule("gopher_hashes", f"hashes_per_word[words={words}]", high=0.1),
        Rule("gopher_ellipses", f"ellipses_per_word[words={words}]", high=0.1),
        Rule("gopher_bullet_lines", "frac_bullet_lines[lines=breaks,bullets=datatrove]", high=0.9),
        Rule("gopher_ellipsis_lines", "frac_ellipsis_lines[lines=breaks]", high=0.3),
        Rule("gopher_alpha_words", f"frac_alpha_words[words={words}]", low=0.8),
        Rule("gopher_stop_words", f"n_distinct_stop_words[words={words},case=lower]", low=2),
    )


GOPHER_QUALITY_DOLMA = (
    Rule("gopher_n_words", "n_words", low=50, high=100_000, hard=True),
    Rule("gopher_median_word_chars", "median_word_chars", low=3, high=10),
    Rule("gopher_symbol_words", "frac_symbol_words", high=0.1),
    Rule("gopher_bullet_lines", "frac_bullet_lines[lines=feed,bullets=dolma]", high=0.9),
    Rule("gopher_ellipsis_lines", "frac_ellipsis_lines[lines=feed,ellipses=character]", high=0.3),
    Rule("gopher_alpha_words", "frac_alpha_words", low=0.8),
    Rule("gopher_stop_words", "n_stop_words[case=lower]", low=2),
)

GOPHER_QUALITY_DCLM = (
    Rule("gopher_n_words", "n_words[words=fasttext]", low=50, high=100_000, hard=True),
    Rule("gopher_mean_word_chars", "mean_word_chars", low=3, high=10),
    Rule("gopher_symbols", "symbols_per_word", high=0.1),
    Rule("gopher_bullet_lines", "frac_bullet_lines[bullets=dclm]", high=0.9),
    Rule("gopher_ellipsis_lines", "frac_ellipsis_lines[ellipses=spaced]", high=0.3),
    Rule("gopher_alpha_words", "frac_alpha_words", low=0.8),
    Rule("gopher_stop_words", "n_stop_words", low=2),
)

GOPHER_REPETITION_PAPER = _repetition()


def _gopher_repetition_datatrove(words: str) -> tuple[Rule, ...]:
    return _repetition(
        lines="lines=feeds",
        line_chars="lines=feeds,over=text",
        paragraphs="paragraphs=feeds",
        paragraph_chars="paragraphs=feeds,over=text",
        top=f"words={words},spaces=count,over=text",
        dup=f"words={words},chars=walked,over=text",
    )


GOPHER_REPETITION_DOLMA = _repetition(
    lines="lines=feed,copies=all",
    line_chars="lines=feed,copies=all,over=words",
    paragraphs=None,
    dup="chars=repeated,over=ngrams",
    max_line_char_frac=0.30,  # as Dolma's published mixing configurations have it
)
GOPHER_REPETITION_DCLM = _repetition(
    lines="copies=all",
    line_chars="copies=all",
    paragraphs="paragraphs=two_feeds,copies=all",
    paragraph_chars="paragraphs=two_feeds,copies=all",
    top="words=uniseg,ties=longest,single=ignore",
    dup="words=uniseg",
)


def _gopher(
    version: str, source: str, quality: tuple[Rule, ...], repetition: tuple[Rule, ...], notes: str = ""
) -> tuple[RuleSet, ...]:
    """The two halves of Gopher's rules, and both: quality first."""
    return (
        RuleSet("gopher", version, source, quality + repetition, notes=notes),
        RuleSet("gopher-quality", version, source, quality, notes=notes),
        RuleSet("gopher-repetition", version, source, repetition, notes=notes),
    )


def _n_sentences(low: int, split: str = "") -> Rule:
    return Rule("c4_n_sentences", _with("n_sentences", split), low=low)


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
    RuleSet(
        "c4",
        "fineweb-layout",
        "Penedo et al. 2024, arXiv 2406.17557: C4's rules but for the terminal mark",
        (*C4_PAGE_RULES, _n_sentences(5)),
        LineRules(
            "c4",
            remove_citations=True,
            keep_layout=True,
            max_word_chars=1000,
            min_words=3,
            substrings=C4_SUBSTRINGS,
        ),
        notes="As c4@fineweb, but lines that stay keep their indentation and the blank lines between them.",
    ),
    RuleSet(
        "c4",
        "datatrove-0.10",
        DATATROVE,
        (*C4_PAGE_RULES, _n_sentences(5, "split=spacy")),
        LineRules(
            "c4",
            remove_citations=True,
            max_word_chars=1000,
            end_marks=".?!\"'",
            min_words=3,
            substrings=C4_SUBSTRINGS,
        ),
        notes="Sentences are spaCy's: pip install '.[peers]'.",
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
    RuleSet(
        "fineweb",
        "datatrove-0.10",
        DATATROVE,
        (
            Rule("fineweb_line_punct", "frac_terminal_lines[lines=unstripped]", low=0.12),
            Rule("fineweb_short_lines", "frac_short_lines[lines=unstripped]", high=0.67),
            Rule(
                "fineweb_dup_line_chars",
                "frac_dup_line_chars[lines=unstripped,over=text_without_feeds]",
                high=0.01,
            ),
            Rule("fineweb_newlines", "newlines_per_word[words=spacy]", high=0.3),
        ),
        notes="Words are spaCy's: pip install '.[peers]'. The limit of duplicates is a tenth of the paper's.",
    ),
)

UNSPACED_LANGUAGES = ("zh", "yue", "wuu", "ja", "th", "lo", "km", "my", "bo")
"""Languages whose words no white space divides: what counts words between spaces says nothing of them."""
WITHOUT_STOPS = ("th", "lo")
"""Languages that have no mark at the end of a sentence (no Sentence_Terminal of Unicode in their scripts)."""
_WORDS_OF_ENGLISH = ("n_stop_words", "n_distinct_stop_words", "frac_stop_words")
_SENTENCES = ("frac_terminal_lines", "n_sentences")
_LETTERS_OF_WORDS = ("mean_word_chars", "median_word_chars")
_ON_WORDS = re.compile(r"word|gram|hashes_per|ellipses_per|symbols_per")


def by_language(rule_set: RuleSet) -> RuleSet:
    """Say of each rule of a set made for English which languages it does not judge."""
    return replace(rule_set, rules=tuple(map(_by_language, rule_set.rules)))


def _by_language(rule: Rule) -> Rule:
    if rule.languages:
        return rule
    signal = rule.signal.partition("[")[0]
    if signal in _WORDS_OF_ENGLISH:
        return replace(rule, languages=("en",))
    if signal in _SENTENCES:
        return replace(rule, except_languages=WITHOUT_STOPS)
    if signal in _LETTERS_OF_WORDS:  # a Korean word is an English phrase in two or three letters
        return replace(rule, except_languages=(*UNSPACED_LANGUAGES, "ko"))
    return replace(rule, except_languages=UNSPACED_LANGUAGES) if _ON_WORDS.search(signal) else rule


def _fineweb2() -> RuleSet:
    """FineWeb-2's filters with the published limits of each language; those of English are Gopher's and FineWeb's."""
    table = load_languages()

    def of(low: Callable[[Language], float] | None, high: Callable[[Language], float] | None) -> Any:
        return tuple(
            (code, low and low(language), high and high(language)) for code, language in table.items()
        )

    words = UNSPACED_LANGUAGES
    repetition = "spaces=count,over=text"
    tops = [
        Rule(
            f"fineweb2_top_{n}gram",
            f"frac_top_{n}gram_chars[{repetition}]",
            by_language=of(None, lambda language, place=n - 2: language.top_ngrams[place]),
            except_languages=words,
        )
        for n in (2, 3, 4)
    ]
    dups = [
        Rule(
            f"fineweb2_dup_{n}gram",
            f"frac_dup_{n}gram_chars[chars=walked,over=text]",
            by_language=of(None, lambda language, place=n - 5: language.dup_ngrams[place]),
            except_languages=words,
        )
        for n in range(5, 11)
    ]
    return RuleSet(
        "fineweb2",
        "configs-d0defb2",
        "FineWeb-2, arXiv 2506.20920, limits by language from its published configs",
        (
            Rule(
                "fineweb2_dup_lines",
                "frac_dup_lines[lines=feeds]",
                by_language=of(None, lambda language: language.dup_lines),
            ),
            *tops,
            *dups,
            Rule(
                "fineweb2_line_punct",
                "frac_terminal_lines[lines=unstripped]",
                by_language=of(lambda language: language.terminal_lines, None),
            ),
            Rule(
                "fineweb2_dup_line_chars",
                "frac_dup_line_chars[lines=unstripped,over=text_without_feeds]",
                high=0.1,
            ),
            Rule(  # line feeds per word there, of text without blank lines
                "fineweb2_newlines",
                "mean_line_words",
                by_language=of(lambda language: 1 / language.newlines, None),
                except_languages=words,
            ),
            Rule(
                "fineweb2_n_words",
                "n_words[marks=skip]",
                low=50,
                high=100_000,
                hard=True,
                except_languages=words,
            ),
            Rule("fineweb2_n_chars_han", "n_chars", low=100, hard=True, languages=("zh", "yue", "wuu", "ja")),
            Rule(
                "fineweb2_n_chars_unspaced",
                "n_chars",
                low=200,
                hard=True,
                languages=("th", "lo", "km", "my", "bo"),
            ),
            Rule(
                "fineweb2_mean_word_chars",
                "mean_word_chars[marks=skip]",
                by_language=of(
                    lambda language: language.word_chars[0], lambda language: language.word_chars[1]
                ),
                except_languages=words,
            ),
            Rule("fineweb2_hashes", "hashes_per_word", high=0.1, except_languages=words),
            Rule("fineweb2_ellipses", "ellipses_per_word", high=0.1, except_languages=words),
            Rule("fineweb2_bullet_lines", "frac_bullet_lines[lines=breaks,bullets=datatrove]", high=0.9),
            Rule("fineweb2_ellipsis_lines", "frac_ellipsis_lines[lines=breaks]", high=0.3),
            Rule(
                "fineweb2_alpha_words",
                "frac_alpha_words",
                by_language=of(lambda language: language.alpha_words, None),
                except_languages=words,
            ),
            Rule(
                "fineweb2_stop_words",
                "n_language_stop_words",
                by_language=of(lambda _: 2, None),
                except_languages=("ko",),
            ),
        ),
        notes="Words are what lies between white space, not those of a tokenizer for each language. Rules on words do not judge "
        "scripts without spaces, which have a length in characters. Korean stop words are endings of words there.",
    )


_ALL = (
    *CURATE_SETS,
    *_gopher("paper", GOPHER_PAPER, GOPHER_QUALITY_PAPER, GOPHER_REPETITION_PAPER),
    *_gopher(
        "datatrove-0.10", DATATROVE, _gopher_quality_datatrove("spacy"),
        _gopher_repetition_datatrove("spacy"),
        "Words are spaCy's: pip install '.[peers]'.",
    ),
    *_gopher(
        "datatrove-0.10-space", DATATROVE, _gopher_quality_datatrove("space"),
        _gopher_repetition_datatrove("space"),
        "datatrove's definitions on white-space words: fast, and another number wherever words count.",
    ),
    *_gopher("dolma", DOLMA, GOPHER_QUALITY_DOLMA, GOPHER_REPETITION_DOLMA),
    *_gopher(
        "dclm", DCLM, GOPHER_QUALITY_DCLM, GOPHER_REPETITION_DCLM,
        "Words of n-grams are uniseg's: pip install '.[peers]'.",
    ),
    *C4_SETS,
    *FINEWEB_SETS,
    *CODE_SETS,
)  # fmt: skip

_FINEWEB2 = _fineweb2()
RULE_SETS: dict[str, RuleSet] = {rule_set.full_name: by_language(rule_set) for rule_set in _ALL} | {
    _FINEWEB2.full_name: _FINEWEB2
}
"""Every rule set by its full name."""
