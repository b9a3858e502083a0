"""Why the classifier of program files gives a file its level, in plain words.

A fitted scorer on program features is asked again with a group of its numbers put to the mean of the files that it was
fitted on: what the level loses by that is what the group adds. So are words left out of the counts, one at a time. The
parts need not add up to the level: groups act together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.scoring.features import Pages, ProgramBlock
from curate.scoring.model import FittedScorer, Member
from curate.scoring.program import PROGRAM_NAMES
from curate.text.words import hash_words

# (features, what more of them than usual means, what less of them means)
_GROUPS: tuple[tuple[str, str, str], ...] = (
    (
        (
            "frac_comment frac_doc frac_prose frac_comment_lines frac_trailing_comments log_prose_words log_comments mean_comment"
            " log_longest_comment documented_functions prose_lines_before_code"
        ),
        "explained by comments and documentation",
        "little explanation in comments or documentation",
    ),
    (
        "frac_teaching frac_common sentences mean_prose_word frac_capitals distinct_prose questions",
        "comments in whole sentences, with words that explain",
        "comments without words that explain",
    ),
    (
        "complexity prompts prose_digits prose_code_marks",
        "worked examples or costs in the comments",
        "no worked examples in the comments",
    ),
    (
        "generated frac_plumbing prose_params prose_links rulers",
        "no marks of tools",
        "marks of generated text, tool directives or parameter lists",
    ),
    (
        (
            "loops branches functions returns log_functions lines_a_function code_lines own_calls frac_calls"
            " indent_steps mean_indent max_indent sd_indent frac_indented log_names log_lines log_bytes is_cut"
        ),
        "functions with loops and branches: something is computed",
        "hardly any functions, loops or branches",
    ),
    (
        "imports inner_imports config self modifiers types log_classes errors",
        "stands by itself: few imports and little of its project's own plumbing",
        "leans on what other files of its project define",
    ),
    (
        (
            "frac_string log_strings mean_string log_numbers frac_numbers mean_number_chars frac_digits frac_data_lines"
            " frac_literal_lines frac_word_lines quotes commas ends_comma frac_same_start frac_constants"
        ),
        "logic rather than data",
        "mostly literals: data, tables or lists of names",
    ),
    (
        "mean_name frac_single_names frac_upper_names frac_private_names frac_distinct_names frac_snake frac_camel underscores",
        "readable names",
        "names that say little, or of internals",
    ),
    ("tests prints", "shows how a thing is used", "checks and messages without an example"),
    ("frac_header", "no long header", "much of the excerpt is a licence header"),
)
_BLOCKS = {
    "program_words": (
        "names and comments of a subject that is taught",
        "names and comments of no subject that is taught",
    ),
    "classes": ("reads like a tutorial or a reference", "does not read like a tutorial"),
}
_REST = ("layout and marks as in lessons", "layout and marks as in library internals")
_N_WORDS = 5
_LEAST = 0.03  # of a level


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that raised or lowered the level: in plain words, and by how much."""

    phrase: str
    effect: float


def explain_program(scorer: FittedScorer, text: str) -> list[Reason]:
    """What raised and lowered the level of a program file, the largest effect first.

    Args:
        scorer: one with the feature "program", such as the bundled `code`; of others nothing is known.
        text: the file.

    Returns:
        Effects in levels, each of 0.03 or more; empty where the scorer has no such feature.
    """
    names = [name for name, block in scorer.blocks.items() if isinstance(block, ProgramBlock)]
    if not names:
        return []
    texts = pa.array([text], pa.large_string())
    whole = float(scorer.predict_raw(Pages(texts, scorer.window_bytes))[0])
    reasons: list[Reason] = []
    named: set[int] = set()
    groups = [(columns.split(), more, less) for columns, more, less in _GROUPS]
    for columns, _, _ in groups:
        named |= {PROGRAM_NAMES.index(name) for name in columns}
    rest = [name for index, name in enumerate(PROGRAM_NAMES) if index not in named]
    for columns, more, less in [*groups, (rest, *_REST)]:
        picked = [PROGRAM_NAMES.index(name) for name in columns]
        effect = whole - _level_without(scorer, texts, names[0], picked)
        reasons.append(Reason(more if effect > 0 else less, effect))
    for name, (more, less) in _BLOCKS.items():
        if name in scorer.blocks:
            effect = whole - _level_without(scorer, texts, name, list(range(scorer.blocks[name].n_features)))
            reasons.append(Reason(more if effect > 0 else less, effect))
    reasons += _word_reasons(scorer, text, whole)
    return sorted(
        (reason for reason in reasons if abs(reason.effect) >= _LEAST), key=lambda r: -abs(r.effect)
    )


def _level_without(scorer: FittedScorer, texts: pa.Array, block: str, columns: list[int]) -> float:
    """The level where some of the program's numbers are those of a middling file."""
    pages = Pages(texts, scorer.window_bytes)
    shapes = pages.compute(scorer.blocks[block]).copy()
    for member in scorer.members:
        start = _start_of(scorer, member, block)
        if start is not None:
            shapes[:, columns] = member.centre[[start + column for column in columns]]
    pages.put(scorer.blocks[block], shapes)
    return float(scorer.predict_raw(pages)[0])


def _start_of(scorer: FittedScorer, member: Member, block: str) -> int | None:
    """Where the block's columns begin among a member's, null where it has none of them."""
    start = 0
    for name in member.blocks:
        if name == block:
            return start
        start += scorer.blocks[name].n_features
    return None


def _word_reasons(scorer: FittedScorer, text: str, whole: float) -> list[Reason]:
    """The words of the file that raise the level most and lower it most when they are there."""
    window = Pages(pa.array([text], pa.large_string()), scorer.window_bytes).texts[0].as_py()
    distinct = _words_of(window)
    if not distinct:
        return []
    hashes = hash_words(pa.array(distinct, pa.large_string())).hashes
    pages = Pages(pa.array([window], pa.large_string()), scorer.window_bytes)
    effects: NDArray[np.float64] = np.zeros(len(distinct))
    for row, value in enumerate(hashes):
        without = Pages(pages.texts, scorer.window_bytes)
        for block in scorer.blocks.values():
            without.put(block, pages.compute(block))
        keep = pages.words.hashes != value
        without.words = type(pages.words)(pages.words.hashes[keep], np.array([0, int(keep.sum())]))
        effects[row] = whole - float(scorer.predict_raw(without)[0])
    found: list[Reason] = []
    for sign in (1, -1):
        best = [row for row in np.argsort(-sign * effects)[:_N_WORDS] if sign * effects[row] > 0.005]
        if best:
            listed = ", ".join(distinct[row] for row in best)
            found.append(Reason(f"its words: {listed}", float(effects[best].sum())))
    return found


def _words_of(text: str) -> list[str]:
    """The distinct words of a text, as they are hashed: runs of letters and digits, in lower case."""
    words = ("".join(c if c.isalnum() else " " for c in text)).lower().split()
    return [word for word in dict.fromkeys(words) if len(hash_words(pa.array([word])).hashes) == 1]
