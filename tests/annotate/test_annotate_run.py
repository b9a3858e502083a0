"""The run against a server over HTTP: every planted failure, the budget, the cache, the key."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from annotate_pages_of_tests import N_PAGES, SECRET, page_text

from curate.annotate import estimate, read_labels, run_annotation
from curate.errors import RunError, SettingError
from curate.fit import read_annotations
from curate.testing.practice import PracticeServer, judge_by_words


def levels(path) -> dict[str, int | None]:
    return {row["id"]: row["edu_level"] for row in read_labels(path)}


EXPECTED = {f"page-{n}": judge_by_words(page_text(n))[0] for n in range(N_PAGES)}


def test_every_page_gets_the_level_that_the_model_gave(make_settings):
    with PracticeServer() as server:
        settings = make_settings(server)
        result = run_annotation(settings)
    assert levels(settings.output) == EXPECTED
    assert result.outcomes == {"labelled": N_PAGES}
    assert server.ledger.n_requests == N_PAGES
    assert server.ledger.keys == {SECRET}


def test_the_label_file_is_what_fit_reads(make_settings):
    with PracticeServer() as server:
        settings = make_settings(server)
        run_annotation(settings)
    pages = read_annotations(settings.output)
    assert len(pages) == N_PAGES
    assert set(pages.annotators) == {"practice"}
    row = read_labels(settings.output)[3]
    assert row["prompt"].startswith("edu/1@")
    assert row["window_chars"] == 4000
    assert row["reason"] == "6 words of explanation"


@pytest.mark.parametrize(
    "failure",
    ["busy_silent", "error", "malformed", "cut", "hang_up", "length", "off_scale", "refusal", "filter", "prose",
     "two_levels", "no_choices", "no_usage", "late", "fenced", "text_level"],
)  # fmt: skip
def test_a_passing_failure_costs_no_label_and_doubles_none(make_settings, failure):
    with PracticeServer(plant=lambda text, n_before: failure if n_before == 0 else None) as server:
        settings = make_settings(server)
        result = run_annotation(settings)
    assert levels(settings.output) == EXPECTED
    assert len(read_labels(settings.output)) == N_PAGES
    assert result.outcomes == {"labelled": N_PAGES}


@pytest.mark.parametrize(
    ("failure", "problem"),
    [
        ("refusal", "refused"),
        ("filter", "refused"),
        ("prose", "unparsable"),
        ("length", "truncated"),
        ("off_scale", "off_scale"),
        ("too_long", "rejected"),
    ],
)
def test_a_lasting_problem_is_recorded_as_such_after_its_tries(make_settings, failure, problem):
    bad = page_text(5)
    with PracticeServer(plant=lambda text, n_before: failure if text == bad else None) as server:
        settings = make_settings(server)
        result = run_annotation(settings)
        again = run_annotation(settings)
    assert levels(settings.output) == EXPECTED | {"page-5": None}
    row = read_labels(settings.output)[5]
    assert row["problem"] == problem
    assert server.ledger.asked[bad] == (1 if problem == "rejected" else settings.reply_tries)
    assert again.outcomes == result.outcomes == {"labelled": N_PAGES - 1, problem: 1}
    assert read_annotations(settings.output).skipped == {"no edu_level": 1}


def test_more_reply_tries_ask_again_where_there_was_a_problem(make_settings):
    bad = page_text(5)
    with PracticeServer(plant=lambda text, n: "refusal" if text == bad and n < 4 else None) as server:
        run_annotation(make_settings(server))
        run_annotation(make_settings(server, reply_tries=5))
    assert server.ledger.asked[bad] == 5
    assert levels(make_settings(server).output) == EXPECTED


def test_retry_after_is_waited_for_by_all_requests(make_settings):
    with PracticeServer(plant=lambda text, n: "busy" if text == page_text(0) and n == 0 else None) as server:
        settings = make_settings(server, concurrency=1)
        run_annotation(settings)
    times = server.ledger.times
    assert times[1] - times[0] >= 1.0
    assert levels(settings.output) == EXPECTED


def test_retry_after_may_be_a_date(make_settings):
    with PracticeServer(
        plant=lambda text, n: "busy_date" if text == page_text(0) and n == 0 else None
    ) as server:
        settings = make_settings(server, concurrency=1, n_pages=1)
        run_annotation(settings)
    assert levels(settings.output)


def test_a_server_that_stays_silent_is_timed_out_and_its_worst_cost_counted(make_settings):
    bad = page_text(2)
    with PracticeServer(plant=lambda text, n: "silent" if text == bad and n == 0 else None) as server:
        settings = make_settings(server, timeout_s=0.5)
        result = run_annotation(settings)
    assert levels(settings.output) == EXPECTED
    billed = (server.ledger.input_tokens * 1.0 + server.ledger.output_tokens * 4.0) / 1e6
    assert result.spent_usd > billed + 300 * 4.0 / 1e6


def test_a_page_whose_request_always_fails_is_a_failure_and_is_asked_again_by_the_next_run(make_settings):
    is_ill = [True]
    with PracticeServer(
        plant=lambda text, n: "error" if is_ill[0] and text == page_text(3) else None
    ) as server:
        settings = make_settings(server, http_tries=2)
        result = run_annotation(settings)
        assert result.outcomes == {"failed": 1, "labelled": N_PAGES - 1}
        assert server.ledger.asked[page_text(3)] == 2
        is_ill[0] = False
        run_annotation(settings)
    assert levels(settings.output) == EXPECTED


def test_a_server_that_fails_for_every_page_ends_the_run_and_keeps_what_was_answered(make_settings):
    with PracticeServer(plant=lambda text, n: None if text == page_text(0) else "error") as server:
        settings = make_settings(server, http_tries=2, concurrency=2)
        with pytest.raises(RunError, match="pages in a row"):
            run_annotation(settings)
    assert levels(settings.output)["page-0"] == EXPECTED["page-0"]
    assert server.ledger.n_requests < N_PAGES


@pytest.mark.parametrize(
    ("failure", "message"), [("wrong_key", "API key"), ("no_quota", "quota"), ("no_schema", "--reply-format")]
)
def test_errors_that_no_retry_mends_end_the_run_at_once(make_settings, failure, message):
    with PracticeServer(plant=lambda text, n: failure) as server:
        with pytest.raises((RunError, SettingError), match=message):
            run_annotation(make_settings(server, concurrency=2))
    assert server.ledger.n_requests <= 2


def test_pages_rejected_in_a_row_end_the_run_and_are_asked_again_by_the_next(make_settings):
    is_wrong = [True]
    with PracticeServer(plant=lambda text, n: "too_long" if is_wrong[0] else None) as server:
        settings = make_settings(server, concurrency=1)
        with pytest.raises(RunError, match="rejected 10 pages in a row"):
            run_annotation(settings)
        is_wrong[0] = False
        run_annotation(settings)
    assert levels(settings.output) == EXPECTED


def test_a_rerun_asks_nothing_and_writes_the_same_bytes(make_settings):
    with PracticeServer() as server:
        settings = make_settings(server)
        run_annotation(settings)
        first = Path(settings.output).read_bytes()
        run_annotation(settings)
    assert server.ledger.n_requests == N_PAGES
    assert Path(settings.output).read_bytes() == first


@pytest.mark.parametrize(
    "change",
    [
        {"window_chars": 30},
        {"model": "other"},
        {"prompt": "science"},
        {"temperature": 0.5},
        {"max_output_tokens": 99},
    ],
)
def test_what_decides_a_reply_is_part_of_the_cache_key(make_settings, change):
    with PracticeServer() as server:
        run_annotation(make_settings(server, n_pages=2))
        run_annotation(make_settings(server, n_pages=2, **change))
    assert server.ledger.n_requests == 4


def test_pages_with_the_same_window_share_one_request(make_settings, tmp_path):
    rows = [{"id": f"p{n}", "text": "The same beginning. " * 3 + f"{n} " * 400} for n in range(3)]
    crawl = tmp_path / "same.jsonl"
    crawl.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with PracticeServer() as server:
        settings = make_settings(server, input=(str(crawl),), window_chars=50)
        run_annotation(settings)
    assert server.ledger.n_requests == 1
    assert len(levels(settings.output)) == 3


@pytest.mark.parametrize("plant", [None, "malformed", "length", "no_usage", "hang_up"])
def test_spending_never_passes_the_budget(make_settings, plant):
    """What the server would bill, at the prices given, for what it wrote."""
    with PracticeServer(plant=lambda text, n: plant if n == 0 else None) as server:
        settings = make_settings(server, budget_usd=0.012)
        result = run_annotation(settings)
    billed = (server.ledger.input_tokens * 1.0 + server.ledger.output_tokens * 4.0) / 1e6
    assert billed <= 0.012
    assert result.spent_usd <= 0.012
    assert billed <= result.spent_usd + 1e-9
    assert result.budget_is_spent
    assert result.n_open > 0
    assert len(levels(settings.output)) + result.n_open > 0


def test_a_raised_budget_goes_on_where_the_last_one_ended(make_settings):
    with PracticeServer() as server:
        first = run_annotation(make_settings(server, budget_usd=0.009))
        assert first.budget_is_spent
        settings = make_settings(server, budget_usd=1.0)
        run_annotation(settings)
    assert server.ledger.n_requests == N_PAGES
    assert list(levels(settings.output).items()) == list(EXPECTED.items())


def test_a_server_that_ignores_the_token_limit_ends_a_paid_run(make_settings):
    with PracticeServer(plant=lambda text, n: "wordy") as server:
        with pytest.raises(RunError, match="token-limit-field"):
            run_annotation(make_settings(server, concurrency=1))
    assert server.ledger.n_requests == 1


def test_a_budget_that_fits_nothing_sends_nothing(make_settings):
    with PracticeServer() as server:
        result = run_annotation(make_settings(server, budget_usd=0.000001))
    assert server.ledger.n_requests == 0
    assert result.budget_is_spent


def test_a_paid_model_without_budget_is_refused(make_settings):
    with pytest.raises(SettingError, match="--budget-usd"):
        run_annotation(make_settings(budget_usd=None))


def test_a_model_without_a_price_is_refused(make_settings):
    with pytest.raises(SettingError, match="--price-input"):
        run_annotation(make_settings(price_input=None, price_output=None))


def test_the_estimate_asks_nobody_and_its_worst_case_bounds_the_bill(make_settings):
    with PracticeServer() as server:
        settings = make_settings(server)
        before = estimate(settings)
        assert server.ledger.n_requests == 0
        result = run_annotation(settings)
        after = estimate(settings)
    assert (before.n_pages, before.n_requests, before.n_answered) == (N_PAGES, N_PAGES, 0)
    assert result.spent_usd <= before.worst_usd
    assert result.spent_usd == pytest.approx(before.expected_usd, rel=0.5)
    assert (after.n_requests, after.n_answered, after.expected_usd) == (0, N_PAGES, 0)


def test_concurrency_is_used_and_not_passed(make_settings):
    with PracticeServer(delay_s=0.05) as server:
        run_annotation(make_settings(server, concurrency=5))
    assert 3 <= server.ledger.most_at_once <= 5


@pytest.mark.parametrize("failure", ["echo_key", "wrong_key", "error"])
def test_the_key_is_in_no_file_log_or_error(make_settings, tmp_path, caplog, failure):
    caplog.set_level(logging.DEBUG)
    message = ""
    with PracticeServer(plant=lambda text, n: failure if n == 0 else None) as server:
        try:
            run_annotation(make_settings(server, http_tries=1))
        except RunError as error:
            message = repr(error) + str(error.__cause__) + str(error.__context__)
    assert server.ledger.keys == {SECRET}
    assert SECRET not in message
    assert SECRET not in caplog.text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".sqlite" for path in files)
    for path in files:
        assert SECRET.encode() not in path.read_bytes(), path


def test_credentials_in_the_address_are_refused(make_settings):
    with pytest.raises(SettingError, match="credentials") as caught:
        make_settings(base_url="https://user:hunter2@example.org/v1")
    assert "hunter2" not in str(caught.value)


def test_a_server_elsewhere_needs_a_key_and_one_here_does_not(make_settings, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(SettingError, match="OPENAI_API_KEY"):
        run_annotation(make_settings(base_url="https://example.org/v1"))
    with PracticeServer() as server:
        run_annotation(make_settings(server, n_pages=1))
    assert server.ledger.n_requests == 1


def test_two_models_stand_beside_each_other_in_one_file(make_settings):
    with PracticeServer() as server:
        run_annotation(make_settings(server))
        settings = make_settings(server, model="other")
        run_annotation(settings)
    rows = read_labels(settings.output)
    assert len(rows) == 2 * N_PAGES
    assert {row["annotator"] for row in rows} == {"practice", "other"}


def test_several_draws_ask_about_each_page_as_often(make_settings):
    with PracticeServer() as server:
        settings = make_settings(server, draws=3, temperature=0.7, n_pages=4)
        run_annotation(settings)
    assert server.ledger.n_requests == 12
    assert sorted({row["draw"] for row in read_labels(settings.output)}) == [0, 1, 2]


def test_two_runs_on_one_cache_are_not_possible(make_settings):
    from curate.llm.store import Store

    settings = make_settings()
    with Store(settings.cache_path), pytest.raises(RunError, match="Another run"):
        Store(settings.cache_path)


def test_a_cache_that_is_no_cache_is_a_setting_error(make_settings, tmp_path):
    path = tmp_path / "no.sqlite"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 20)
    with pytest.raises(SettingError, match="--cache"):
        estimate(make_settings(cache=str(path)))


def test_no_label_file_is_written_over_its_input_nor_deleted_before_settings_are_looked_at(
    tmp_path, make_settings
):
    pages = tmp_path / "pages.jsonl"
    pages.write_text(json.dumps({"id": "a", "text": "A page of some words."}) + "\n")
    before = pages.read_text()
    (tmp_path / "linked.jsonl").symlink_to(pages)
    for output in (pages, tmp_path / "linked.jsonl"):
        with pytest.raises(SettingError, match="is also an input"), PracticeServer() as server:
            run_annotation(make_settings(server, input=(str(pages),), output=str(output)), overwrite=True)
    assert pages.read_text() == before
