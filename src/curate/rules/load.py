"""Names and files -> rule sets."""

from __future__ import annotations

from collections.abc import Sequence

from curate.config import plain_file
from curate.errors import SettingError, UnknownNameError
from curate.rules.model import LineRules, RuleSet
from curate.rules.sets import DEFAULT_VERSIONS, RULE_SETS


def load_rules(names: Sequence[str]) -> list[RuleSet]:
    """Look up rule sets by name (`gopher`), by name and version (`c4@code`) or read them from `.toml` files.

    >>> [rule_set.full_name for rule_set in load_rules(["gopher", "c4"])]
    ['gopher@paper', 'c4@fineweb-layout']

    Raises:
        UnknownNameError: no set has that name or version, or a rule names an unknown signal.
        SettingError: a file cannot be read, or two sets give the same reason.
    """
    rule_sets = [_load_one(name) for name in names]
    owner: dict[str, str] = {}
    for rule_set in rule_sets:
        for reason in reasons_of(rule_set):
            if reason in owner:
                raise SettingError(
                    f"Rule sets '{owner[reason]}' and '{rule_set.full_name}' both give the reason '{reason}'."
                )
            owner[reason] = rule_set.full_name
    return rule_sets


def reasons_of(rule_set: RuleSet) -> list[str]:
    """Every reason a set can give, those of lines first."""
    lines = list(rule_set.line_rules.reasons) if rule_set.line_rules is not None else []
    return lines + [rule.reason for rule in rule_set.rules]


def required_signals(rule_sets: Sequence[RuleSet]) -> list[str]:
    """The signals that the rules read, each once, in the order of the rules."""
    return list(
        dict.fromkeys(name for rule_set in rule_sets for rule in rule_set.rules for name in rule.signals)
    )


def line_rules_of(rule_sets: Sequence[RuleSet]) -> list[LineRules]:
    """The line rules of the sets that have some, in order."""
    return [rule_set.line_rules for rule_set in rule_sets if rule_set.line_rules is not None]


def _load_one(name: str) -> RuleSet:
    if name.endswith(".toml"):
        try:
            text = plain_file(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"Rule file '{name}' cannot be read: {error}.") from None
        return RuleSet.from_toml(text, where=name)
    full_name = name if "@" in name else f"{name}@{DEFAULT_VERSIONS.get(name, '')}"
    if full_name not in RULE_SETS:
        raise UnknownNameError("rule set", name, [*DEFAULT_VERSIONS, *RULE_SETS])
    return RULE_SETS[full_name]
