"""Which domains to craft: what there is, what is wanted, and from which seeds."""

from __future__ import annotations

import pytest
from craft_pages_of_tests import page_text
from test_craft_cli import call

from curate.craft import craft_text, estimate_craft, plan_domains
from curate.errors import SettingError, UnknownNameError


@pytest.fixture
def target(tmp_path):
    def write(text):
        path = tmp_path / "domains.toml"
        path.write_text(text)
        return path

    return write


def test_a_plan_makes_up_for_what_is_missing_and_no_more(make_settings, pages, target):
    settings = make_settings(input=(str(pages),), recipe="textbook")
    have = sum(len(page_text(n)) for n in range(0, 24, 3)) / 4.2
    path = target(
        f'tokens = {round(have * 8)}\nmax_passes = 2\n[domains]\n"topic 0" = 1\n"topic 1" = 3\nelse = 0.001\n'
    )
    first, *_ = found = plan_domains(settings, path, keep_rate=0.5)
    by_name = {each.domain: each for each in found}
    assert first.domain == "topic 1"
    assert first.n_have + first.n_missing == first.n_want
    # Replies of 538 words on average, times 1.35; half are kept.
    assert first.n_prompts == pytest.approx(first.n_missing / 0.5 / (537.5 * 1.35), rel=0.01, abs=1)
    assert first.n_draws == -(-first.n_prompts // first.n_seeds)
    assert by_name["topic 0"].n_have == pytest.approx(have, rel=0.02)
    assert by_name["topic 0"].n_prompts == by_name["topic 0"].n_missing == 0
    assert by_name["else"].n_prompts == 0
    assert by_name["else"].n_missing > 0
    assert first.expected_usd > 0


def test_seeds_of_a_plan_keep_to_their_scores(make_settings, pages, target):
    path = target('tokens = "1M"\n[domains]\n"topic 1" = 1\n')
    settings = make_settings(input=(str(pages),), min_score=0.5)
    (found,) = plan_domains(settings, path)
    assert found.n_seeds == 4
    asked = make_settings(
        input=(str(pages),), min_score=0.5, only_topic=("topic 1",), n=found.n_prompts, draws=found.n_draws
    )
    assert estimate_craft(asked).n_seeds == 4


def test_only_the_pages_of_a_topic_are_seeds(make_settings, pages, writer):
    with writer() as server:
        settings = make_settings(server, input=(str(pages),), only_topic=("topic 2",), n=99)
        assert craft_text(settings, progress=False).n_prompts == 8
    with pytest.raises(SettingError, match="No seed"):
        estimate_craft(make_settings(input=(str(pages),), only_topic=("no such",)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"\[domains\]"),
        ("[domains]\na = 1\n", "tokens"),
        ('tokens = "1M"\n[domains]\n', r"\[domains\]"),
        ('tokens = "1M"\n[domains]\na = 0\n', "above 0"),
        ('tokens = "1M"\n[domains]\na = nan\n', "above 0"),
        ('tokens = "1M"\nmax_passes = true\n[domains]\na = 1\n', "max_passes"),
        ('tokens = "many"\n[domains]\na = 1\n', "tokens"),
        ("[domains", "TOML"),
    ],
)
def test_a_wrong_target_is_refused_with_what_to_write(make_settings, pages, target, text, told):
    with pytest.raises(SettingError, match=told):
        plan_domains(make_settings(input=(str(pages),)), target(text))


def test_an_unknown_key_and_a_keep_rate_that_is_none_are_refused(make_settings, pages, target):
    with pytest.raises(UnknownNameError, match="tokens"):
        plan_domains(make_settings(input=(str(pages),)), target('token = "1M"\n[domains]\na = 1\n'))
    with pytest.raises(SettingError, match="keep_rate"):
        plan_domains(
            make_settings(input=(str(pages),)), target('tokens = "1M"\n[domains]\na = 1\n'), keep_rate=0
        )


def test_the_command_prints_what_to_type(pages, target):
    path = target('tokens = "1M"\n[domains]\n"topic 1" = 1\n"none of it" = 1\n')
    price = ("--price-input", "1", "--price-output", "4")
    code, printed = call("plan", "--input", str(pages), "--target", str(path), "--model", "practice", *price)
    assert code == 0
    assert "--only-topic 'topic 1'" in printed
    assert "no page can be a seed" in printed
