"""Rules as data: limits, names, files, and what judging a batch gives."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from curate.errors import SettingError, UnknownNameError
from curate.rules import (
    DEFAULT_VERSIONS,
    RULE_SETS,
    LineRules,
    Rule,
    RuleSet,
    apply_rules,
    clean_lines,
    count_failing,
    line_rules_of,
    load_rules,
    required_signals,
    rule_warnings,
)
from curate.signals import compute_signals

EVERY_RULE = sorted(
    {(rule_set.full_name, rule.reason) for rule_set in RULE_SETS.values() for rule in rule_set.rules}
)


def batch_of(rule_set, language="en", **columns):
    n = len(next(iter(columns.values())))
    passing = {
        rule.signal: np.full(n, float(low if low is not None else high))
        for rule in rule_set.rules
        for low, high in [rule.limits_in(language)]
        if (low, high) != (None, None)
    }
    passing |= {rule.where: np.zeros(n) for rule in rule_set.rules if rule.where is not None}
    return pa.RecordBatch.from_pydict(passing | columns)


@pytest.mark.parametrize(("name", "reason"), EVERY_RULE)
def test_every_rule_keeps_at_its_limits_and_drops_just_past_them(name, reason):
    (rule_set,) = load_rules([name])
    rule = next(rule for rule in rule_set.rules if rule.reason == reason)
    for limit, past in zip(rule.limits_in("en"), (-np.inf, np.inf), strict=True):
        if limit is None:
            continue
        values = np.array([limit, np.nextafter(float(limit), past)])
        language = [*rule.languages, "en"][0]
        batch = batch_of(rule_set, language, **{rule.signal: values})
        verdict = apply_rules(batch, [rule_set], languages=pa.array([language] * len(values)))
        assert verdict.column("drop_reason").to_pylist() == [None, reason]
        assert verdict.column("drop_value").to_pylist() == [None, values[1]]
        assert verdict.column("drop_limit").to_pylist() == [None, float(limit)]


@pytest.mark.parametrize(("name", "reason"), EVERY_RULE)
def test_nan_never_passes(name, reason):
    (rule_set,) = load_rules([name])
    rule = next(rule for rule in rule_set.rules if rule.reason == reason)
    language = [*rule.languages, "en"][0]
    batch = batch_of(rule_set, language, **{rule.signal: np.array([np.nan])})
    verdict = apply_rules(batch, [rule_set], languages=pa.array([language]))
    assert verdict.column("drop_reason").to_pylist() == [reason]
    assert np.isnan(verdict.column("drop_value")[0].as_py())


def test_the_published_limits_are_the_ones_in_force():
    (gopher,) = load_rules(["gopher"])
    limits = {rule.reason: (rule.low, rule.high) for rule in gopher.rules}
    assert limits["gopher_n_words"] == (50, 100_000)
    assert limits["gopher_mean_word_chars"] == (3, 10)
    assert limits["gopher_alpha_words"] == (0.8, None)
    assert limits["gopher_dup_line_frac"] == limits["gopher_dup_paragraph_frac"] == (None, 0.3)
    assert [limits[f"gopher_top_{n}gram"][1] for n in (2, 3, 4)] == [0.2, 0.18, 0.16]
    assert [limits[f"gopher_dup_{n}gram"][1] for n in range(5, 11)] == [0.15, 0.14, 0.13, 0.12, 0.11, 0.1]


def test_the_first_failing_rule_is_the_reason_and_counts_ignore_the_order():
    rule_set = RuleSet("own", "", "", (Rule("a", "n_words", low=5), Rule("b", "n_lines", low=5)))
    signals = pa.RecordBatch.from_pydict({"n_words": [9, 1, 9, 1], "n_lines": [9, 9, 1, 1]})
    assert apply_rules(signals, [rule_set]).column("drop_reason").to_pylist() == [None, "a", "b", "a"]
    assert count_failing(signals, [rule_set]) == {"a": 2, "b": 2}


def test_a_rule_with_both_limits_names_the_one_that_is_broken():
    rule_set = RuleSet("own", "", "", (Rule("a", "n_words", low=2, high=4),))
    signals = pa.RecordBatch.from_pydict({"n_words": [1, 2, 4, 5]})
    assert apply_rules(signals, [rule_set]).column("drop_limit").to_pylist() == [2.0, None, None, 4.0]


def test_a_hard_rule_goes_first_where_asked_and_leaves_nothing_to_spare():
    rules = (Rule("soft", "n_words", low=10), Rule("hard", "mean_word_chars", low=3, hard=True))
    rule_set = RuleSet("own", "", "", rules)
    signals = pa.RecordBatch.from_pydict({"n_words": [20, 5, 20, 5], "mean_word_chars": [4.0, 4.0, 2.0, 2.0]})
    in_order = apply_rules(signals, [rule_set])
    assert in_order["drop_reason"].to_pylist() == [None, "soft", "hard", "soft"]
    assert in_order["is_sparable"].to_pylist() == [False, True, False, False]
    hard_first = apply_rules(signals, [rule_set], hard_first=True)
    assert hard_first["drop_reason"].to_pylist() == [None, "soft", "hard", "hard"]
    assert hard_first["drop_limit"].to_pylist() == [None, 10, 3, 3]


def test_no_rules_and_no_documents_are_fine():
    assert apply_rules(pa.RecordBatch.from_pydict({"n_words": [1]}), []).to_pylist() == [
        {"drop_reason": None, "drop_value": None, "drop_limit": None, "is_sparable": False}
    ]
    rule_sets = load_rules(["gopher", "c4", "fineweb"])
    nothing = compute_signals(pa.array([], pa.string()), required_signals(rule_sets))
    assert apply_rules(nothing, rule_sets).num_rows == 0


def test_every_default_rule_set_reads_only_signals_of_the_one_pass_and_kinds_of_lines():
    from curate.signals import DEFAULT_SIGNALS, KIND_SIGNALS
    from curate.signals.catalogue import LETTER_SIGNALS, PROGRAM_SIGNALS

    for name in DEFAULT_VERSIONS.keys() - {"fineweb2"}:
        own = PROGRAM_SIGNALS if name.startswith("code") else (*KIND_SIGNALS, *LETTER_SIGNALS)
        assert set(required_signals(load_rules([name]))) <= {*DEFAULT_SIGNALS, *own}


def test_a_rule_judges_only_the_documents_that_its_other_signal_names():
    rule = Rule("few_stop_words", "frac_stop_words", low=0.03, where="frac_notation_lines", where_high=0.3)
    signals = pa.RecordBatch.from_pydict(
        {"frac_stop_words": [0.0, 0.0, 0.0, 0.03], "frac_notation_lines": [0.3, 0.31, np.nan, 0.0]}
    )
    rule_set = RuleSet("own", "1", "", (rule,))
    verdict = apply_rules(signals, [rule_set])
    assert verdict["drop_reason"].to_pylist() == ["few_stop_words", None, "few_stop_words", None]
    assert count_failing(signals, [rule_set]) == {"few_stop_words": 2}
    assert required_signals([rule_set]) == ["frac_stop_words", "frac_notation_lines"]


def test_every_set_that_comes_with_curate_has_a_hard_rule_on_text_that_is_too_short():
    for name in ("curate", "gopher", "gopher@dolma", "gopher@dclm", "gopher-quality"):
        (rule_set,) = load_rules([name])
        assert [rule.hard for rule in rule_set.rules if rule.reason.endswith("_n_words")] == [True]


def test_the_default_set_keeps_program_text_and_drops_a_list_of_parts():
    lines = [f"    let value{i} = read_row(table{i % 7}, {i * 37});" for i in range(150)]
    program = "\n".join(lines)
    parts = "\n".join(f"bolt m{i} zinc plated pack {7 * i} in stock {11 * i + 5}" for i in range(40))
    rule_sets = load_rules(["curate"])
    signals = compute_signals(pa.array([program, parts]), required_signals(rule_sets))
    assert apply_rules(signals, rule_sets)["drop_reason"].to_pylist() == [None, "curate_stop_words"]


@pytest.mark.parametrize("name", sorted(RULE_SETS))
def test_every_rule_set_survives_a_round_trip_through_toml(name, tmp_path):
    path = tmp_path / "set.toml"
    path.write_text(RULE_SETS[name].to_toml(), encoding="utf-8")
    (read,) = load_rules([str(path)])
    assert read == RULE_SETS[name]
    assert RULE_SETS[name].source


def test_texts_with_odd_characters_survive_toml():
    odd = RuleSet("o", "", 'a "quoted" \\ path\nnext \x07 é', (Rule("r", "n_words", low=1),))
    assert RuleSet.from_toml(odd.to_toml()) == odd


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["gophr"], "Unknown rule set 'gophr'. Did you mean 'gopher"),
        (["gopher@papr"], "Unknown rule set 'gopher@papr'. Did you mean 'gopher@paper'"),
        (["gopher", "gopher-quality"], "both give the reason 'gopher_n_words'"),
        (["absent.toml"], "cannot be read"),
    ],
)
def test_a_wrong_name_says_what_to_type(names, message):
    with pytest.raises(SettingError) as caught:
        load_rules(names)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not valid TOML"),
        ('name = "x"\nrule = []', "unknown key 'rule'"),
        ('version = "x"', "'name' is missing"),
        ('name = "x"\n[[rules]]\nreason = "r"\nsignal = "n_wrds"\nlow = 1', "Did you mean 'n_words'?"),
        ('name = "x"\n[[rules]]\nreason = "r"\nsignal = "n_words"', "has no limit"),
        ('name = "x"\n[[rules]]\nreason = "r"\nsignal = "n_words"\nlow = 2\nhigh = 1', "lets nothing pass"),
        ('name = "x"\n[[rules]]\nreason = "r"\nsignal = "n_words[word=x]"\nlow = 2', "Did you mean 'words'?"),
        (
            'name = "x"\n[[rules]]\nreason = "r"\nsignal = "n_words[words=spicy]"\nlow = 2',
            "Did you mean 'spacy'?",
        ),
        ('name = "x"\n[[rules]]\nreason = "r"\nsignal = "n_words["\nlow = 2', "is not of the form"),
        ('name = "x"\n[[rules]]\nreason = "r"\nlow = 2', "signal"),
        ('name = "x"\n[[rules]]\nreason = "r"\nsignal = "n_words"\nlow = 2', "Write hard = true"),
        ('name = "x"\n[[rules]]\nreason = "r"\nsignal = "n_words"\nlow = 2\nhard = 1', "true or false"),
        (
            'name = "x"\n[[rules]]\nreason = "r"\nsignal = "n_words"\nlow = 2\nwhere_low = 1',
            "where names a signal",
        ),
        ('name = "x"\n[line_rules]\nprefix = "x"\nkinds = ["furnitur"]', "Did you mean 'furniture'?"),
        ('name = "x"\n[line_rules]\nprefix = "x"\nkinds = ["meta"]\nmin_words = 2', "substrings alone"),
        ('name = "x"\n[[rules]]\nreason = "r"\nsignal = "n_words"\nlow = "two"', "is not a number"),
    ],
)
def test_a_wrong_rule_file_says_what_is_wrong(text, message, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError) as caught:
        load_rules([str(path)])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_signal_that_was_not_computed_is_an_error():
    with pytest.raises(UnknownNameError):
        apply_rules(pa.RecordBatch.from_pydict({"n_lines": [1]}), load_rules(["gopher"]))


def test_rules_that_never_or_too_often_fire_are_warned_about():
    rule_set = RuleSet(
        "own",
        "1",
        "",
        (Rule("a", "n_words", low=5), Rule("b", "n_lines", low=5), Rule("c", "n_chars", low=1)),
    )
    warnings = rule_warnings({"a": 501, "c": 500}, 1000, [rule_set])
    assert warnings == [
        "Rule a of own@1 was failed by 501 of 1,000 documents (50%).",
        "Rule b of own@1 was failed by none of 1,000 documents.",
    ]
    assert rule_warnings({}, 0, [rule_set]) == []


GOOD = (
    "Rivers carry sand and stones from the mountains to the plains. When the water slows down, it drops "
    "the heavy pieces first and keeps the fine mud. Farmers have long known that such ground is good for "
    "wheat. Floods may be a danger, yet a valley without them would soon lose its strength. That is why "
    "people learned to live with the high water: they built their houses on small hills, dug ditches, and "
    "moved the cattle away in spring."
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD, None),
        ("Too short to be kept.", "gopher_n_words"),
        ("", "gopher_n_words"),
        ("😀" * 40, "gopher_n_words"),
        ("abcdefghijklmnop " * 60, "gopher_mean_word_chars"),
        ("aa a " * 60, "gopher_mean_word_chars"),
        ("words # tags " * 60, "gopher_hashes"),
        ("word... here word " * 60, "gopher_ellipses"),
        ("1234 5678 word " * 60, "gopher_alpha_words"),
        ("lovely words without any of those " * 20, "gopher_stop_words"),
        ("日本語の文章です。" * 60, "gopher_n_words"),
        ("مرحبا بالعالم هذا نص طويل " * 30, "gopher_stop_words"),
        ("\n".join(f"- item {i} lists the words that follow here" for i in range(30)), "gopher_bullet_lines"),
        (
            "\n".join(
                f"line {i} of the longer text that follows and goes on with words..." for i in range(30)
            ),
            "gopher_ellipsis_lines",
        ),
        ("\n".join(["the same line of the text and more"] * 20), "gopher_dup_line_frac"),
    ],
)
def test_texts_die_for_the_rule_they_break(text, reason):
    rule_sets = load_rules(["gopher"])
    signals = compute_signals(pa.array([text]), required_signals(rule_sets))
    assert apply_rules(signals, rule_sets).column("drop_reason").to_pylist() == [reason]


def test_the_small_vectors_of_other_toolkits_are_reproduced():
    """Each toolkit's own functions, run on these texts, gave these numbers."""
    lines = pa.array(["alpha beta.\nalpha beta.\ngamma delta.\nepsilon zeta."])
    expected = {
        "frac_dup_lines[lines=feeds]": 0.25,
        "frac_dup_lines[lines=feed,copies=all]": 0.5,
        "frac_dup_lines[copies=all]": 0.5,
        "frac_dup_line_chars[lines=feeds,over=text]": 0.220,
        "frac_dup_line_chars[lines=feed,copies=all,over=words]": 0.512,
        "frac_dup_line_chars[copies=all]": 0.468,
    }
    for name, value in expected.items():
        assert compute_signals(lines, [name]).column(0)[0].as_py() == pytest.approx(value, abs=5e-4), name
    hello = pa.array(["hello world\nhello world\nhello world"])
    assert compute_signals(hello, ["frac_top_2gram_chars[spaces=count,over=text]"]).column(0)[
        0
    ].as_py() == pytest.approx(0.943, abs=5e-4)
    assert compute_signals(hello, ["frac_top_2gram_chars"]).column(0)[0].as_py() == 1.0


def test_line_rules_of_sets_and_their_reasons():
    sets = load_rules(["gopher", "c4@code"])
    (rules,) = line_rules_of(sets)
    assert rules.reasons == tuple(
        f"c4_line_{check}" for check in ("long_word", "no_end_mark", "few_words", "javascript", "policy")
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"substrings": (("x", ("Upper",)),)},
        {"substrings": (("x", ("",)),)},
        {"substrings": (("x", ("y" * 65,)),)},
        {"substrings": (("x", tuple(f"s{i}" for i in range(63))),)},
        {"end_marks": ""},
        {"languages": ("FR",)},
    ],
)
def test_line_rules_refuse_what_the_kernel_cannot_do(settings):
    with pytest.raises(SettingError):
        LineRules("own", **settings)


def test_cleaning_without_line_rules_changes_nothing():
    texts, removed = clean_lines(pa.array(["a\n\nb ", None]), [])
    assert texts.to_pylist() == ["a\n\nb ", ""]
    assert removed.num_columns == 0
