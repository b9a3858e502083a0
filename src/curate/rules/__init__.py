"""Named rule sets with their sources, and what applies them: to lines, to signals, to addresses."""

from curate.rules.apply import apply_rules, count_failing, rule_warnings
from curate.rules.lines import clean_lines
from curate.rules.load import line_rules_of, load_rules, reasons_of, required_signals
from curate.rules.model import LineRules, Rule, RuleSet
from curate.rules.sets import DEFAULT_VERSIONS, RULE_SETS

__all__ = [
    "DEFAULT_VERSIONS",
    "RULE_SETS",
    "LineRules",
    "Rule",
    "RuleSet",
    "apply_rules",
    "clean_lines",
    "count_failing",
    "line_rules_of",
    "load_rules",
    "reasons_of",
    "required_signals",
    "rule_warnings",
]
