"""The reference of what a run writes, as Markdown: `python -m curate.results.reference > docs/reference.md`.

It is made from the ledgers that the run itself uses, and tests compare it with the page and with a real run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curate.batch import DOCUMENT_COLUMNS, DROP_COLUMNS, SPARED_COLUMNS, Column
from curate.reasons import REASONS
from curate.rules import load_rules
from curate.rules.model import Rule
from curate.run.manifest import MANIFEST_FIELDS
from curate.run.settings import FilterSettings

_INTRODUCTION = """\
# Reference: what a run writes

Made by `python -m curate.results.reference > docs/reference.md`. Settings and flags stand in the
[command line](cli.md), signals in [signals](signals.md), what is read and what cannot be in [input](input.md)."""

_COLUMNS = """\
`kept/*.parquet` and `dropped/*.parquet` have these columns, in this order: what follows here, then a count for each
kind of line that the rules took out of the page, every [signal](signals.md), the scores, and your own columns. A column
is null where the document did not reach the stage. Each file's footer holds the settings and the version, under the
key `curate`."""

_SCORES = """\
Scores, for each scorer (here `edu`): `edu_level`, float, the expected level on the annotators' scale; `edu_score`,
float, 0 to 1, the calibrated probability that decides; `edu_n_bytes_read`, int64, how much of the text the scorer
looked at. A scorer without levels has no column of them. A scorer that is a folder is named after the `name` in its
`config.json`.

Your own columns have their names and types ([which](input.md#columns-of-json-lines-and-parquet)), with `input_` before
a name that is taken. `curate dedup` writes its input's columns, and `drop_reason`, `duplicate_of` and `jaccard` in
dropped/."""

_REASONS = """\
`drop_reason`, in the order in which a document meets them; the rules of the default sets follow. A document has the
first reason that holds. `drop_value` and `drop_limit` say which number was beyond which limit."""

_RULES = """\
With several scorers that have limits, `NAME_below_threshold` says which one; a floor always says so, as
`NAME_below_floor`. Rules, of pages and texts, and of programs; other sets by `curate rules show NAME`:"""


def reference() -> str:
    """Write the page."""
    defaults = FilterSettings(input=("-",))
    rules = [
        rule for rule_set in load_rules((*defaults.rules, *defaults.code_rules)) for rule in rule_set.rules
    ]
    return (
        "\n\n".join(
            [
                _INTRODUCTION,
                "## Columns",
                _COLUMNS,
                _table(("column", "type", "stage", ""), _columns(DOCUMENT_COLUMNS)),
                "In kept/ alone:",
                _table(("column", "type", "stage", ""), _columns(SPARED_COLUMNS)),
                "In dropped/ alone:",
                _table(("column", "type", "stage", ""), _columns(DROP_COLUMNS)),
                _SCORES,
                "## Reasons",
                _REASONS,
                _table(
                    ("reason", "stage", "the document"), ([f"`{r.name}`", r.stage, r.doc] for r in REASONS)
                ),
                _RULES,
                _table(("reason", "stays if", ""), map(_rule, rules)),
                "## manifest.json",
                "Written last: a folder with a manifest is a finished run.",
                _table(("field", ""), ([f"`{name}`", doc] for name, doc in MANIFEST_FIELDS.items())),
            ]
        )
        + "\n"
    )


def _columns(columns: Sequence[Column]) -> Iterator[list[str]]:
    return ([f"`{column.name}`", str(column.type), column.stage, column.doc] for column in columns)


def _rule(rule: Rule) -> list[str]:
    judged = [f"judged where {_limits(rule.where, rule.where_low, rule.where_high)}"] if rule.where else []
    judged += [f"judges {', '.join(rule.languages)}"] if rule.languages else []
    judged += [f"not {', '.join(rule.except_languages)}"] if rule.except_languages else []
    judged += [f"other limits in {len(rule.by_language)} languages"] if rule.by_language else []
    stays = _limits(rule.signal, rule.low, rule.high)
    return [
        f"`{rule.reason}`",
        stays,
        "; ".join(["hard" if rule.hard else "a high score overrules it", *judged]),
    ]


def _limits(signal: str, low: float | None, high: float | None) -> str:
    least = [f"{signal} >= {low:g}"] if low is not None else []
    return " and ".join([*least, *([f"{signal} <= {high:g}"] if high is not None else [])])


def _table(head: Sequence[str], rows: Iterator[list[str]] | Sequence[list[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join(
        lines + [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    )


if __name__ == "__main__":
    print(reference(), end="")
