"""Named rule sets with their sources, and what applies them to lines, signals and addresses.

Decisions made from numbers or words, as data, belong here; the numbers themselves are in `curate.signals`.
"""

from typing import TYPE_CHECKING

from curate._lazy import lazy
from curate.rules.apply import (
    apply_rules,
    count_by_language,
    count_failing,
    fails_rule,
    rule_warnings,
    warn_by_language,
)
from curate.rules.decontaminate import Decontaminator
from curate.rules.lines import clean_lines
from curate.rules.load import line_rules_of, load_rules, reasons_of, required_signals
from curate.rules.model import LineRules, Rule, RuleSet
from curate.rules.sets import DEFAULT_VERSIONS, RULE_SETS
from curate.rules.urls import UrlRules
from curate.rules.words import BadWords

if TYPE_CHECKING:
    from curate.rules.pii import redact_pii
    from curate.rules.secrets import redact_secrets
else:  # their patterns take .02 s to compile, which a run without redaction does not wait for
    __getattr__ = lazy(__name__, {"redact_pii": "curate.rules.pii", "redact_secrets": "curate.rules.secrets"})

__all__ = [
    "DEFAULT_VERSIONS",
    "RULE_SETS",
    "BadWords",
    "Decontaminator",
    "LineRules",
    "Rule",
    "RuleSet",
    "UrlRules",
    "apply_rules",
    "clean_lines",
    "count_by_language",
    "count_failing",
    "fails_rule",
    "line_rules_of",
    "load_rules",
    "reasons_of",
    "redact_pii",
    "redact_secrets",
    "required_signals",
    "rule_warnings",
    "warn_by_language",
]
