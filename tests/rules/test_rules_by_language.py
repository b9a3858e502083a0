"""What was made for English does not judge other languages, and nothing goes uncounted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate
from curate.errors import SettingError
from curate.rules import (
    RULE_SETS,
    LineRules,
    Rule,
    RuleSet,
    apply_rules,
    clean_lines,
    count_by_language,
    load_rules,
    required_signals,
    warn_by_language,
)
from curate.signals import compute_signals
from curate.text.languages import load_languages

LESSON = {
    "de": "Wasser besteht aus zwei Teilen Wasserstoff und einem Teil Sauerstoff. Bei null Grad wird es fest, bei hundert Grad "
    "verdampft es. Eis schwimmt, weil es leichter ist als die Menge, die es verdrängt; deshalb frieren Seen von oben zu.",
    "zh": "水由两份氢和一份氧组成。在零度时水结成冰，在一百度时水变成蒸汽。冰能浮在水面上，因为同样体积的冰比水轻，所以湖水总是从上面开始结冰。"
    "鱼在冰层下面的水里过冬，那里的温度大约是四度。太阳晒热海面，水蒸发成云，云又变成雨落下来。",
    "th": "น้ำประกอบด้วยไฮโดรเจนสองส่วนและออกซิเจนหนึ่งส่วน ที่ศูนย์องศาน้ำจะกลายเป็นน้ำแข็ง ที่หนึ่งร้อยองศาน้ำจะกลายเป็นไอ "
    "น้ำแข็งลอยอยู่บนน้ำได้เพราะเบากว่าน้ำที่มีปริมาตรเท่ากัน ดังนั้นทะเลสาบจึงเริ่มแข็งจากด้านบนเสมอ ปลาอาศัยอยู่ใต้น้ำแข็งในฤดูหนาว "
    "แสงแดดทำให้น้ำทะเลระเหยเป็นเมฆแล้วตกลงมาเป็นฝน",
}


def reasons(name: str, text: str, language: str | None) -> str | None:
    rule_sets = load_rules([name])
    signals = compute_signals(pa.array([text]), required_signals(rule_sets))
    verdict = apply_rules(signals, rule_sets, languages=pa.array([language], pa.string()))
    return verdict["drop_reason"][0].as_py()


@pytest.mark.parametrize("language", ["zh", "th"])
def test_the_default_rules_do_not_count_words_where_no_space_divides_them(language: str) -> None:
    assert reasons("curate", LESSON[language], language) is None
    assert reasons("curate", LESSON[language][:40], language).startswith("curate_n_chars")
    assert reasons("curate", LESSON[language], "en") == "curate_n_words"


def test_the_default_rules_take_menus_and_repetition_where_no_space_divides_words() -> None:
    menu = "\n".join(
        ["首页", "关于我们", "顾客评价", "特别优惠", "联系我们", "帮助与支持", "隐私政策"] * 4
        + ["站点地图", "价格：19.99"]
    )
    assert reasons("curate", menu, "zh") == "curate_sentence_ends"
    assert reasons("curate", LESSON["zh"] * 3, "zh") == "curate_letter_repetition"
    assert reasons("curate", LESSON["th"] * 3, "th") == "curate_letter_repetition"
    assert reasons("curate", LESSON["th"], "th") is None
    program = LESSON["zh"].replace("。", "") + "\n" + "\n".join(f"x{n} = f({n});" for n in range(60))
    assert reasons("curate", program, "zh") is None


def test_english_stop_words_judge_english_alone() -> None:
    text = "\n".join([LESSON["de"].replace("zwei", str(n)) for n in range(3)])
    assert reasons("gopher-quality", text, "de") is None
    assert reasons("gopher-quality", text, "en") == "gopher_stop_words"
    assert reasons("gopher-quality", text, None) == "gopher_stop_words"


def test_without_languages_documents_are_taken_for_english() -> None:
    rule_sets = load_rules(["curate"])
    signals = compute_signals(pa.array([LESSON["zh"]]), required_signals(rule_sets))
    assert apply_rules(signals, rule_sets)["drop_reason"][0].as_py() == "curate_n_words"


@pytest.mark.parametrize("name", sorted(RULE_SETS))
def test_english_is_judged_by_each_rule_that_is_not_for_another_language(name: str) -> None:
    for rule in RULE_SETS[name].rules:
        assert not rule.languages or rule.languages == ("en",) or "en" not in rule.languages
        assert "en" not in rule.except_languages


def test_line_rules_leave_lines_of_scripts_without_spaces() -> None:
    page = "The most common greeting in Chinese is this one.\n你好，你叫什么名字？\nHome"
    for name in ("c4", "c4@fineweb", "c4@paper"):
        (c4,) = load_rules([name])
        cleaned, removed = clean_lines(pa.array([page]), c4.line_rules)
        assert "你好，你叫什么名字？" in cleaned[0].as_py()
        assert removed["c4_line_few_words"].to_pylist() == [0 if name == "c4@paper" else 1]
    cleaned, _ = clean_lines(pa.array(["水" * 1500]), LineRules("own", max_word_chars=1000))
    assert len(cleaned[0].as_py()) == 1500


def test_own_sets_say_which_language_they_are_for() -> None:
    text = """
name = "mine"
languages = ["fr"]
[[rules]]
reason = "mine_n_words"
signal = "n_words"
low = 10
hard = true
[[rules]]
reason = "every_n_chars"
signal = "n_chars"
low = 5
hard = true
languages = []
[line_rules]
prefix = "mine"
min_words = 3
"""
    own = RuleSet.from_toml(text)
    assert RuleSet.from_toml(own.to_toml()) == own
    assert [rule.languages for rule in own.rules] == [("fr",), ()]
    texts, languages = (
        pa.array(["un deux\ntrois quatre cinq", "one two\nthree four five"]),
        pa.array(["fr", "en"]),
    )
    cleaned, removed = clean_lines(texts, own.line_rules, languages)
    assert cleaned.to_pylist() == ["trois quatre cinq", "one two\nthree four five"]
    assert removed["mine_line_few_words"].to_pylist() == [1, 0]
    verdict = apply_rules(compute_signals(cleaned, ["n_words", "n_chars"]), [own], languages=languages)
    assert verdict["drop_reason"].to_pylist() == ["mine_n_words", None]


@pytest.mark.parametrize("languages", ['"fr"', '["FR"]', "[1]"])
def test_wrong_languages_of_a_set_are_refused(languages: str) -> None:
    with pytest.raises(SettingError, match="language"):
        RuleSet.from_toml(
            f'name = "a"\nlanguages = {languages}\n[[rules]]\nreason = "a"\nsignal = "n_words"\nlow = 1\nhard = true'
        )


def test_warnings_name_the_language_of_which_a_rule_drops_over_half() -> None:
    rule_set = RuleSet("own", "1", "", (Rule("a", "n_words", low=10),))
    signals = pa.RecordBatch.from_pydict({"n_words": np.array([20] * 90 + [1] * 30)})
    languages = pa.array(["en"] * 90 + ["fr"] * 30)
    counts = count_by_language(signals, [rule_set], languages)
    assert counts == {"en": {"n_judged": 90, "n_failing": {}}, "fr": {"n_judged": 30, "n_failing": {"a": 30}}}
    assert warn_by_language([counts, counts], [rule_set]) == [
        "Rule a of own@1 was failed by 60 of 60 documents in fr (100%)."
    ]
    assert warn_by_language([{"fr": counts["fr"]}], [rule_set]) == []


def test_characters_that_line_rules_take_are_counted_in_row_and_funnel(tmp_path: Path) -> None:
    pages = [
        "\n".join(
            [f"Water number {n} flows down to the sea and meets the salt of the tide there.", "Home", "Menü"]
        )
        for n in range(3)
    ] + [LESSON["de"]]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": page}) + "\n" for page in pages))
    settings = {"language": ("en", "de"), "rules": ("c4",), "scorer": "none", "dedup": "none", "workers": 1}
    funnel = curate.filter_crawl(str(tmp_path / "in.jsonl"), tmp_path / "out", progress=False, **settings)
    rows = [row for kind in ("kept", "dropped") for row in pq.read_table(tmp_path / "out" / kind).to_pylist()]
    assert sorted(row["n_chars_removed"] for row in rows) == [0, 10, 10, 10]
    assert funnel.n_chars_removed == 30
    assert {code: own.read.n_documents for code, own in funnel.by_language()} == {"en": 3, "de": 1}


def test_fineweb2_takes_each_page_by_the_limits_of_its_own_language():
    """Numbers as they stand in FineWeb-2's configs fra_Latn, deu_Latn, tha_Thai and hrv_Latn."""
    (rule_set,) = load_rules(["fineweb2"])
    rules = {rule.reason: rule for rule in rule_set.rules}
    assert rules["fineweb2_mean_word_chars"].limits_in("fr") == (2, 11)
    assert rules["fineweb2_mean_word_chars"].limits_in("de") == (0, 15)
    assert rules["fineweb2_line_punct"].limits_in("th") == (0, None)
    assert rules["fineweb2_dup_lines"].limits_in("hr") == (None, 0.312)
    assert rules["fineweb2_top_2gram"].limits_in("fr") == (None, 0.161)
    assert rules["fineweb2_dup_10gram"].limits_in("fr") == (None, 0.1)
    assert rules["fineweb2_mean_word_chars"].limits_in("tlh") == (None, None)
    assert rules["fineweb2_mean_word_chars"].limits_in(None) == (3, 10)
    assert load_languages()["hr"].confidence == 0.467
    assert len(load_languages()) >= 160


def test_stop_words_are_those_of_the_pages_language():
    texts = pa.array(
        ["le chat et la souris de la maison", "the cat and the mouse of the house", "猫和老鼠的家", "x"]
    )
    names = ["n_language_stop_words"]
    own = compute_signals(texts, names, languages=pa.array(["fr", "en", "zh", None]))
    assert own[names[0]].to_pylist() == [4, 3, 2, 0]
    assert compute_signals(texts, names)[names[0]].to_pylist() == [0, 3, 0, 0]
    swapped = compute_signals(texts, names, languages=pa.array(["en", "fr", "tlh", "fr"]))
    assert swapped[names[0]].to_pylist() == [0, 0, 0, 0]


OWN_LIMITS = """
name = "mine"
[[rules]]
reason = "mine_word_chars"
signal = "mean_word_chars"
low = 3
hard = true
[rules.by_language]
fr = { low = 2, high = 11 }
de = { high = 15 }
"""


def test_a_rule_of_ones_own_has_limits_by_language(tmp_path):
    rule_set = RuleSet.from_toml(OWN_LIMITS)
    assert RuleSet.from_toml(rule_set.to_toml()) == rule_set
    signals = pa.record_batch({"mean_word_chars": [2.0, 2.0, 2.0, 12.0, 12.0, float("nan"), 2.0]})
    codes = pa.array(["fr", "de", "en", "fr", "de", "fr", None])
    verdict = apply_rules(signals, [rule_set], languages=codes)
    reason = "mine_word_chars"
    assert verdict["drop_reason"].to_pylist() == [None, None, reason, reason, None, reason, reason]
    assert verdict["drop_limit"].to_pylist() == [None, None, 3, 11, None, 2, 3]
    for wrong in ("fr = 3", "fr = { least = 2 }", "fr = { low = 3, high = 2 }", "FR = { low = 3 }"):
        with pytest.raises(SettingError):
            RuleSet.from_toml(
                OWN_LIMITS + wrong
                if "FR" in wrong
                else OWN_LIMITS.replace("fr = { low = 2, high = 11 }", wrong)
            )


def test_a_language_without_limits_is_not_judged_by_a_rule_that_has_only_limits_by_language():
    rule = Rule("r", "mean_word_chars", by_language=(("fr", 2.0, None),))
    signals = pa.record_batch({"mean_word_chars": [1.0, 1.0, float("nan")]})
    verdict = apply_rules(signals, [RuleSet("x", "", "", (rule,))], languages=pa.array(["fr", "de", "de"]))
    assert verdict["drop_reason"].to_pylist() == ["r", None, None]
