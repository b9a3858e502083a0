"""`curate rules`: what rule sets say, and where they disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli import exit_code
from curate.cli.say import say
from curate.cli.signals import Extractor, Input, TextColumn
from curate.text.printable import printable

if TYPE_CHECKING:
    from curate.jobs.rule_study import RuleStudy
    from curate.jobs.rules import Disagreement
    from curate.rules import Rule, RuleSet

rules_app = typer.Typer(
    name="rules",
    no_args_is_help=True,
    help="Show rule sets, compare them on documents, and study what they remove.",
)


@rules_app.command("list")
def list_command() -> None:
    """List the rule sets that come with curate."""
    from curate.rules import DEFAULT_VERSIONS, RULE_SETS

    for name, rule_set in RULE_SETS.items():
        default = f"  (= {rule_set.name})" if DEFAULT_VERSIONS.get(rule_set.name) == rule_set.version else ""
        lines = " + lines" if rule_set.line_rules is not None else ""
        say(f"{name:<40} {len(rule_set.rules):>3} rules{lines:<8}  {rule_set.source}{default}")


@rules_app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="A rule set, such as gopher, c4@code or my-rules.toml.")],
    *,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print as TOML, to be changed and used as a file.")
    ] = False,
) -> None:
    """Print a rule set with its source and, for every rule, the signal it reads and what that is."""
    from curate.rules import load_rules

    (rule_set,) = load_rules([name])
    print(rule_set.to_toml() if toml else "\n".join(_describe(rule_set)))


@rules_app.command("compare")
def compare_command(
    names: Annotated[list[str], typer.Argument(help="Two or more rule sets.")],
    *,
    input: Input = None,  # noqa: A002
    examples: Annotated[int, typer.Option(help="Pages to show for each way of disagreeing.", min=0)] = 3,
    extractor: Extractor = "curate",
    text_column: TextColumn = None,
) -> int:
    """Judge the same documents by several rule sets and print where they disagree, with example pages.

    Example: curate rules compare --input pages.parquet gopher@paper gopher@dolma
    """
    from curate.crawl import ReadOptions
    from curate.jobs.rules import compare_rules
    from curate.work.progress import ProgressDisplay, nothing_counted

    with ProgressDisplay().step("Comparing", 0, nothing_counted):
        found = compare_rules(
            input or [],
            names,
            n_examples=examples,
            extractor=extractor,
            options=ReadOptions(text_column=text_column),
        )
    say(f"{found.n_documents:,} documents")
    for name, n in found.n_kept.items():
        say(f"  {name:<40} keeps {n:,}{_share(n, found.n_documents)}")
    for pair in found.disagreements:
        say(*_describe_pair(pair, found.n_documents))
    for problem in found.problems:
        say(f"Could not be read: {problem}")
    return exit_code(found.n_documents, found.problems)


@rules_app.command("study")
def study_command(
    *,
    annotations: Annotated[
        list[str] | None,
        typer.Option(
            "--annotations", help="Files of annotated pages (JSONL or Parquet), as curate fit takes them."
        ),
    ] = None,
    rules: Annotated[list[str] | None, typer.Option("--rules", help="Rule sets; curate if left out.")] = None,
    scorer: Annotated[str, typer.Option(help="Classifier to compare the rules with, or none.")] = "edu",
    text_field: Annotated[str, typer.Option(help="Field of the text.")] = "text",
    level_field: Annotated[
        str | None, typer.Option(help="Field of the level; found by its usual names.")
    ] = None,
    examples: Annotated[int, typer.Option(help="Pages to show for each rule.", min=0)] = 3,
    html: Annotated[str | None, typer.Option(help="Write the study to this HTML file as well.")] = None,
) -> int:
    """Print what each rule removes of pages whose level is known, and whether it knows more than the score.

    Example: curate rules study --annotations labels.jsonl --rules curate --rules gopher
    """
    from dataclasses import asdict

    from curate.errors import SettingError
    from curate.jobs.rule_study import study_rules
    from curate.results.study import write_study

    if not annotations:
        raise SettingError("No annotations. Give --annotations with a file of pages and their levels.")
    study = study_rules(
        annotations,
        rules or ["curate"],
        scorer=None if scorer == "none" else scorer,
        text_field=text_field,
        level_field=level_field,
        n_examples=examples,
    )
    print("\n".join(_describe_study(study)))
    if html:
        print(f"Wrote {write_study(asdict(study), html)}")
    return 0


def _describe_study(study: RuleStudy) -> list[str]:
    pages = ", ".join(f"{n:,} at level {level}" for level, n in study.n_pages.items())
    lines = [f"{', '.join(study.rule_sets)} on {sum(study.n_pages.values()):,} pages ({pages})"]
    for finding in study.findings:
        lines.append(f"{finding.reason}  {finding.limits}".rstrip())
        lines.append(f"  fail {finding.n_failing:,}, {finding.n_alone:,} of them no other rule")
        shares = (
            f"{level}: {100 * s:.1f} [{100 * a:.1f}, {100 * b:.1f}]"
            for level, (s, a, b) in finding.removed.items()
        )
        lines.append(f"  removed, % of level {'; '.join(shares)}")
        if finding.beyond_score is not None:
            mean, low, high = finding.beyond_score
            lines.append(f"  level beyond what {study.scorer} says: {mean:+.2f} [{low:+.2f}, {high:+.2f}]")
        if finding.overlap:
            too = (f"{name} {share:.0%}" for name, share in list(finding.overlap.items())[:3])
            lines.append(f"  fail as well: {', '.join(too)}")
        for page in finding.examples if finding.limits else ():
            score = "" if page["score"] is None else f", score {page['score']:.3f}"
            lines.append(
                f"  e.g. level {page['level']:g}{score}, value {page['value']:.3g}: {printable(page['text'])}"
            )
    return lines


def _share(n: int, n_documents: int) -> str:
    return f" ({n / n_documents:.2%})" if n_documents else ""


def _describe(rule_set: RuleSet) -> list[str]:
    lines = [f"{rule_set.full_name}: {rule_set.source}"]
    if rule_set.notes:
        lines.append(f"  {rule_set.notes}")
    if rule_set.line_rules is not None:
        own = rule_set.line_rules
        lines.append("Lines are removed first:")
        if own.remove_citations:
            where = "every line that is not indented" if own.keep_layout else "every line"
            lines.append(f"  citations such as [1] are taken out of {where}")
        if own.max_word_chars is not None:
            lines.append(f"  {own.prefix}_line_long_word: a word of over {own.max_word_chars:,} characters")
        if own.end_marks is not None:
            lines.append(
                f"  {own.prefix}_line_no_end_mark: ends in none of {' '.join(own.end_marks)}, or in ..."
            )
        if own.min_words is not None:
            lines.append(f"  {own.prefix}_line_few_words: under {own.min_words} words")
        for check, substrings in own.substrings:
            name = f"{own.prefix}_line_{check}" if check else "(stays, for a rule below)"
            lines.append(f"  {name}: holds {', '.join(substrings)}")
        if own.kinds:
            lines.append(
                f"  only lines that are {' or '.join(own.kinds)} by their kind; all else stays as it is"
            )
        layout = (
            "keep their indentation and the blank lines between them" if own.keep_layout else "are stripped"
        )
        if not own.kinds:
            lines.append(f"  lines that stay {layout}")
    lines.append("A document stays while:")
    return lines + [_describe_rule(rule) for rule in rule_set.rules]


def _describe_rule(rule: Rule) -> str:
    from curate.signals import parse_signal

    low = f"{rule.low:g} <= " if rule.low is not None else ""
    high = f" <= {rule.high:g}" if rule.high is not None else ""
    limits = f"{low}{rule.signal}{high}"
    if rule.by_language:
        limits += f", by language ({len(rule.by_language)})"
    where = ""
    if rule.where is not None:
        least = f"{rule.where_low:g} <= " if rule.where_low is not None else ""
        most = f" <= {rule.where_high:g}" if rule.where_high is not None else ""
        where = f" (judged where {least}{rule.where}{most})"
    hard = "hard, " if rule.hard else ""
    return f"  {rule.reason:<32} {limits:<60} {hard}{parse_signal(rule.signal).signal.doc}{where}"


def _describe_pair(pair: Disagreement, n_documents: int) -> list[str]:
    n = f"{pair.n_documents:,}{_share(pair.n_documents, n_documents)}"
    lines = [f"Kept by {pair.kept_by}, dropped by {pair.dropped_by}: {n}"]
    lines += [f"  {reason:<32} {n:,}" for reason, n in pair.by_reason.most_common()]
    for page in pair.examples:
        lines.append(printable(f"  e.g. {page['id']}  {page['url'] or '-'}"))
        limit = f" (limit {page['drop_limit']:g})" if page["drop_limit"] is not None else ""
        lines.append(
            f"       {page['drop_reason']} = {page['drop_value']:g}{limit}: {printable(page['text'])}"
        )
    return lines
