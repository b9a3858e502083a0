"""Rules as data: what a rule, a rule set and a set of line rules are, and how they are written as TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from curate.errors import SettingError, UnknownNameError, one_line
from curate.signals import KINDS, parse_signal

MAX_SUBSTRINGS = 62
"""Substrings that one set of line rules can look for at once."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A document stays while `low <= signal <= high`; NaN never passes; None is no limit.

    Args:
        reason: the `drop_reason` of a document that does not pass.
        signal: a name that `compute_signals` knows, with its reading where that is not the default.
        low: the smallest value that stays.
        high: the largest value that stays.
        where: a signal that says which documents the rule judges: those with `where_low <= where <= where_high`, and those
            where it is NaN. Every other passes.
        where_low: the smallest value of `where` that is judged.
        where_high: the largest.
        languages: codes of the languages that the rule judges; empty for all. Text in no language is judged.
        except_languages: codes of languages that it does not judge.
        by_language: (code, low, high) for languages with limits of their own, in place of `low` and `high`.
        hard: True where the text is unusable whatever it says; the score may spare a document that fails only rules
            that are not.
    """

    reason: str
    signal: str
    low: float | None = None
    high: float | None = None
    hard: bool = False
    where: str | None = None
    where_low: float | None = None
    where_high: float | None = None
    languages: tuple[str, ...] = ()
    except_languages: tuple[str, ...] = ()
    by_language: tuple[tuple[str, float | None, float | None], ...] = ()

    def __post_init__(self) -> None:
        parse_signal(self.signal)
        if not isinstance(cast("object", self.hard), bool):
            raise SettingError(f"Rule '{self.reason}': hard is true or false, not {self.hard!r}.")
        if self.where is not None:
            parse_signal(self.where)
        own = [code for code, _, _ in self.by_language]
        _check_codes(f"Rule '{self.reason}'", (*self.languages, *self.except_languages, *own))
        if (self.where is None) != (self.where_low is None and self.where_high is None):
            raise SettingError(
                f"Rule '{self.reason}': where names a signal, and where_low, where_high or both its limits."
            )
        for limit in (self.where_low, self.where_high):
            if not _is_limit(limit):
                raise SettingError(f"Rule '{self.reason}': the limit {limit!r} is not a number.")
        limits = [(low, high) for _, low, high in self.by_language]
        limits += [(self.low, self.high)] if not limits or (self.low, self.high) != (None, None) else []
        for low, high in limits:
            self._check_limits(low, high)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rule:
        """Read a rule back from a manifest, where `RuleSet.to_json` put it."""
        values: dict[str, Any] = {key: data[key] for key in _RULE_KEYS if key in data}
        values |= {key: tuple(data.get(key, ())) for key in _RULE_LISTS}
        limits = data.get("by_language", {}).items()
        return cls(**values, by_language=tuple((code, each["low"], each["high"]) for code, each in limits))

    def judges(self, language: str | None) -> bool:
        """Whether the rule judges a page in a language; a page in none is judged."""
        if language is None:
            return True
        return language not in self.except_languages and (not self.languages or language in self.languages)

    def limits_in(self, language: str | None) -> tuple[float | None, float | None]:
        """Low and high for a page in a language; those of English for a page in none."""
        for code, low, high in self.by_language:
            if code == (language or "en"):
                return low, high
        return self.low, self.high

    def _check_limits(self, low: float | None, high: float | None) -> None:
        for limit in (low, high):
            if not _is_limit(limit):
                raise SettingError(f"Rule '{self.reason}': the limit {limit!r} is not a number.")
        if low is None and high is None:
            raise SettingError(f"Rule '{self.reason}' has no limit. Give it low, high or both.")
        if low is not None and high is not None and low > high:
            raise SettingError(f"Rule '{self.reason}' lets nothing pass: low {low} is above high {high}.")

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that the rule reads."""
        return (self.signal,) if self.where is None else (self.signal, self.where)


@dataclass(frozen=True, slots=True)
class LineRules:
    """What removes single lines from a text before anything is measured.

    A line is what `str.splitlines` gives, stripped. The checks are made in the order of the fields; the
    first that fails removes the line and is its reason, `<prefix>_line_<check>`. Lines come out with one line
    feed between them. Cleaning a cleaned text changes nothing.

    Args:
        prefix: the first word of the reasons.
        remove_citations: take `[1]`, `[]`, `[edit]` and `[citation needed]` out of every line.
        keep_layout: a line that stays keeps its indentation and other white space, blank lines between lines
            that stay are left, and indented lines keep their citations, which may be program text. Otherwise
            lines are stripped, as C4's reference code does, and blank lines go where `min_words` is set.
        max_word_chars: a line with a longer word goes (`long_word`).
        end_marks: a line that ends in none of these characters, or in `...`, goes (`no_end_mark`).
        min_words: a line with fewer words goes (`few_words`).
        substrings: pairs of a check's name and lower-case substrings, looked for in any ASCII case, in order:
            the first pair with a match removes the line. The empty name means that the line stays, for a
            page-level rule to see.
        kinds: only lines of these kinds (`curate.signals.KINDS`) may go, and only for their substrings; everything else of the
            text stays as it is, byte for byte. Empty for lines of any kind.
        languages: codes of the languages whose texts lose lines; empty for all.

    A word is a run without white space; in scripts written without spaces it is a code point, and `max_word_chars` does not
    count these. Marks that end a sentence in other scripts count as `end_marks`, and Thai and Lao lines, which have none,
    need none.
    """

    prefix: str
    remove_citations: bool = False
    keep_layout: bool = False
    max_word_chars: int | None = None
    end_marks: str | None = None
    min_words: int | None = None
    substrings: tuple[tuple[str, tuple[str, ...]], ...] = ()
    kinds: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for check, substrings in self.substrings:
            for substring in substrings:
                if not substring or len(substring.encode()) > 64 or substring != substring.lower():
                    raise SettingError(
                        f"Line rule '{check}': '{substring}' is not a lower-case text of 1 to 64 bytes."
                    )
        if sum(len(substrings) for _, substrings in self.substrings) > MAX_SUBSTRINGS:
            raise SettingError(
                f"Line rules: at most {MAX_SUBSTRINGS} substrings. Split them over two rule sets."
            )
        if self.end_marks is not None and not self.end_marks:
            raise SettingError("Line rules: end_marks takes one or more characters. Leave it out for none.")
        _check_codes("Line rules", self.languages)
        for kind in self.kinds:
            if kind not in KINDS:
                raise UnknownNameError("kind of line", kind, KINDS)
        others = (self.max_word_chars, self.end_marks, self.min_words)
        if self.kinds and (any(other is not None for other in others) or self.remove_citations):
            raise SettingError(
                "Line rules: with kinds, lines go for their substrings alone. Leave the other checks out."
            )

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons for which a line can go, in the order of the checks."""
        checks = ["long_word"] if self.max_word_chars is not None else []
        checks += ["no_end_mark"] if self.end_marks is not None else []
        checks += ["few_words"] if self.min_words is not None else []
        checks += [check for check, _ in self.substrings if check]
        return tuple(f"{self.prefix}_line_{check}" for check in checks)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A named and versioned list of rules with its source; `line_rules` act before anything is measured."""

    name: str
    version: str
    source: str
    rules: tuple[Rule, ...]
    line_rules: LineRules | None = None
    notes: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for rule in self.rules:
            if rule.reason in seen:
                raise SettingError(f"Rule set '{self.full_name}' has two rules '{rule.reason}'.")
            seen.add(rule.reason)

    @property
    def full_name(self) -> str:
        """Name and version, `gopher@paper`."""
        return f"{self.name}@{self.version}" if self.version else self.name

    def to_json(self) -> dict[str, Any]:
        """The set as a manifest holds it: `by_language` of a rule is an object of limits by code."""
        found = asdict(self)
        for rule in found["rules"]:
            rule["by_language"] = {
                code: {"low": low, "high": high} for code, low, high in rule["by_language"]
            }
        return found

    def to_toml(self) -> str:
        """Write the set as TOML that `from_toml` reads back equal."""
        lines = [*_items({"name": self.name, "version": self.version, "source": self.source})]
        if self.notes:
            lines += _items({"notes": self.notes})
        if self.line_rules is not None:
            own = self.line_rules
            settings = {key: getattr(own, key) for key in _LINE_KEYS}
            settings |= {key: list(getattr(own, key)) or None for key in ("kinds", "languages")}
            lines += ["", "[line_rules]", *_items(settings)]
            for check, substrings in own.substrings:
                lines += [
                    "",
                    "[[line_rules.substrings]]",
                    *_items({"check": check, "any_of": list(substrings)}),
                ]
        for rule in self.rules:
            lines += [
                "",
                "[[rules]]",
                *_items({key: getattr(rule, key) for key in _RULE_KEYS}),
                *_items({key: list(getattr(rule, key)) or None for key in _RULE_LISTS}),
                *(["[rules.by_language]"] if rule.by_language else []),
                *(
                    f"{code} = {{ {', '.join(_items({'low': low, 'high': high}))} }}"
                    for code, low, high in rule.by_language
                ),
            ]
        return "\n".join(lines) + "\n"

    @classmethod
    def from_toml(cls, text: str, where: str = "rule set") -> RuleSet:
        """Read a set from TOML. `languages` at the top stand for every rule that names none.

        Raises:
            SettingError: the text is not TOML, or holds a key or a value that is not one of a rule set's.
        """
        try:
            table = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise SettingError(f"{where}: not valid TOML: {one_line(error)}.") from None
        _check_keys(table, ("name", "version", "source", "notes", "languages", "rules", "line_rules"), where)
        try:
            languages = _codes_of(table, "languages", where)
            rules = tuple(_read_rule(rule, languages, where) for rule in table.get("rules", ()))
            line_rules = (
                _read_line_rules(table["line_rules"], languages, where) if "line_rules" in table else None
            )
            read = cls(
                name=table["name"],
                version=table.get("version", ""),
                source=table.get("source", ""),
                rules=rules,
                line_rules=line_rules,
                notes=table.get("notes", ""),
            )
        except KeyError as error:
            raise SettingError(f"{where}: the key {error} is missing.") from None
        except TypeError as error:
            raise SettingError(f"{where}: {error}.") from None
        if rules and not any("hard" in rule for rule in table["rules"]):
            raise SettingError(
                f"{where}: no rule says whether it is hard. Write hard = true under each rule that no score may overrule, "
                "and hard = false under the others."
            )
        return read


_RULE_KEYS = ("reason", "signal", "low", "high", "hard", "where", "where_low", "where_high")
_RULE_LISTS = ("languages", "except_languages")
_TEXTS = {"name", "version", "source", "notes", "reason", "signal", "where", "prefix", "end_marks"}
_LINE_KEYS = ("prefix", "remove_citations", "keep_layout", "max_word_chars", "end_marks", "min_words")


def _is_limit(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _check_codes(where: str, codes: Iterable[str]) -> None:
    for code in codes:
        if not (code.isascii() and code.isalpha() and code.islower()):
            raise SettingError(f"{where}: '{code}' is no code of a language. Write it as 'fr'.")


def _codes_of(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    codes = table.get(key, [])
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise SettingError(f'{where}: {key} is a list of codes of languages, such as ["fr", "es"].')
    return tuple(codes)


def _read_rule(table: Mapping[str, Any], languages: tuple[str, ...], where: str) -> Rule:
    _check_keys(table, (*_RULE_KEYS, *_RULE_LISTS, "by_language"), where)
    own = {key: _codes_of(table, key, where) for key in _RULE_LISTS}
    if "languages" not in table:
        own["languages"] = languages
    values: dict[str, Any] = {key: value for key, value in table.items() if key not in _RULE_LISTS}
    values |= own
    by_language: Any = values.pop("by_language", {})
    if not isinstance(by_language, dict):
        raise SettingError(f"{where}: by_language is a table: fr = {{ low = 2, high = 11 }}.")
    limits: list[tuple[str, float | None, float | None]] = []
    for code, each in by_language.items():
        if not isinstance(each, dict):
            raise SettingError(f"{where}: by_language.{code} takes limits: {{ low = 2, high = 11 }}.")
        _check_keys(each, ("low", "high"), where)
        limits.append((code, each.get("low"), each.get("high")))
    return Rule(**values, by_language=tuple(limits))


def _read_line_rules(table: Mapping[str, Any], languages: tuple[str, ...], where: str) -> LineRules:
    _check_keys(table, (*_LINE_KEYS, "kinds", "languages", "substrings"), where)
    own = _codes_of(table, "languages", where) or languages
    substrings = tuple((pair["check"], tuple(pair["any_of"])) for pair in table.get("substrings", ()))
    for check, texts in substrings:
        if not all(isinstance(each, str) for each in (check, *texts)):
            raise SettingError(f"{where}: check and any_of of substrings are texts in quotation marks.")
    settings = {key: table[key] for key in _LINE_KEYS if key in table}
    return LineRules(**settings, substrings=substrings, kinds=tuple(table.get("kinds", ())), languages=own)


def _check_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> Mapping[str, Any]:
    for key in table:
        if key not in known:
            raise SettingError(f"{where}: unknown key '{key}'. Known: {', '.join(known)}.")
        if key in _TEXTS and not isinstance(table[key], str):
            raise SettingError(f"{where}: {key} is a text in quotation marks, not {str(table[key])[:80]}.")
    return table


def _items(settings: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_toml(value)}" for key, value in settings.items() if value is not None]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in escaped) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)
