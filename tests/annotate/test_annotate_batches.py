"""The batch API against a server over HTTP."""

from __future__ import annotations

import json
import sqlite3

import pytest
from annotate_pages_of_tests import N_PAGES, SECRET, page_text

from curate.annotate import read_labels, run_annotation
from curate.annotate.batches import batch_states, collect_batches, submit_batches
from curate.errors import RunError, SettingError
from curate.llm import batches
from curate.llm.batches import Trusted
from curate.testing.practice import PracticeServer, judge_by_words

EXPECTED = {f"page-{n}": judge_by_words(page_text(n))[0] for n in range(N_PAGES)}


def levels(path):
    return {row["id"]: row["edu_level"] for row in read_labels(path)}


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text("[practice]\ninput = 1.0\noutput = 4.0\nbatch_input = 0.5\nbatch_output = 2.0\n")
    return {"prices": str(path), "price_input": None, "price_output": None}


def test_a_batch_is_submitted_watched_and_collected_at_the_batch_price(make_settings, prices):
    with PracticeServer(batches_wait=2) as server:
        settings = make_settings(server, **prices)
        submission = submit_batches(settings)
        assert (len(submission.batches), submission.n_requests) == (1, N_PAGES)
        assert [state.state for state in batch_states(settings.cache_path)] == ["in_progress"]
        states, results = collect_batches(settings.cache_path)
        assert (states[0].state, results) == ("in_progress", [])
        states, results = collect_batches(settings.cache_path)
    assert states[0].state == "collected"
    assert results[0].outcomes == {"labelled": N_PAGES}
    assert levels(settings.output) == EXPECTED
    billed = (server.ledger.batch_input_tokens * 0.5 + server.ledger.batch_output_tokens * 2.0) / 1e6
    assert results[0].spent_usd == pytest.approx(billed, abs=1e-6)


def test_collecting_twice_or_submitting_again_pays_nothing_more(make_settings):
    with PracticeServer() as server:
        settings = make_settings(server)
        submit_batches(settings)
        assert submit_batches(settings).n_requests == 0
        collect_batches(settings.cache_path)
        collect_batches(settings.cache_path)
        assert submit_batches(settings).n_requests == 0
        result = run_annotation(settings)
    assert server.ledger.n_replies == N_PAGES
    assert result.outcomes == {"labelled": N_PAGES}


def test_requests_that_lie_in_a_batch_are_not_asked_directly_too(make_settings):
    with PracticeServer(batches_wait=99) as server:
        settings = make_settings(server)
        submit_batches(settings)
        result = run_annotation(settings)
    assert server.ledger.n_requests == 0
    assert result.n_open == N_PAGES


@pytest.mark.parametrize("failure", ["error", "expired", "refusal", "prose", "length", "no_choices"])
def test_what_failed_in_a_batch_is_submitted_again(make_settings, failure):
    def plant(text, n_before):
        return failure if n_before == 0 and text in {page_text(1), page_text(9)} else None

    with PracticeServer(plant=plant) as server:
        settings = make_settings(server)
        submit_batches(settings)
        _, results = collect_batches(settings.cache_path)
        assert results[0].n_open == 2
        assert submit_batches(settings).n_requests == 2
        collect_batches(settings.cache_path)
    assert levels(settings.output) == EXPECTED


def test_a_batch_holds_its_worst_cost_until_it_is_collected(make_settings):
    with PracticeServer() as server:
        settings = make_settings(server, budget_usd=0.02)
        submission = submit_batches(settings)
        assert 0 < submission.n_requests < N_PAGES
        assert submission.n_requests + submission.n_beyond_budget == N_PAGES
        assert run_annotation(settings).budget_is_spent
        assert server.ledger.n_requests == 0
        collect_batches(settings.cache_path)
        assert submit_batches(settings).n_requests > 0


def test_a_batch_whose_submission_was_cut_off_is_found_again_by_its_name(make_settings, monkeypatch):
    from curate.llm import batches

    with PracticeServer() as server:
        settings = make_settings(server)
        submit = batches._Server.submit

        def die_afterwards(self, name, lines):
            submit(self, name, lines)
            raise RunError("killed")

        monkeypatch.setattr(batches._Server, "submit", die_afterwards)
        with pytest.raises(RunError, match="killed"):
            submit_batches(settings)
        monkeypatch.setattr(batches._Server, "submit", submit)
        assert submit_batches(settings).n_requests == 0
        collect_batches(settings.cache_path)
    assert len(server.batches) == 1
    assert levels(settings.output) == EXPECTED


def test_a_batch_that_never_reached_the_server_is_submitted_anew(make_settings, monkeypatch):
    from curate.llm import batches

    def die(self, name, lines):
        raise RunError("killed")

    with PracticeServer() as server:
        settings = make_settings(server)
        with monkeypatch.context() as patch:
            patch.setattr(batches._Server, "submit", die)
            with pytest.raises(RunError, match="killed"):
                submit_batches(settings)
        assert submit_batches(settings).n_requests == N_PAGES
        states, _ = collect_batches(settings.cache_path)
    assert [state.state for state in states] == ["lost", "collected"]
    assert levels(settings.output) == EXPECTED


def test_many_requests_are_cut_into_several_batches(make_settings, monkeypatch):
    from curate.llm import batches

    monkeypatch.setattr(batches, "MAX_REQUESTS", 10)
    with PracticeServer() as server:
        settings = make_settings(server)
        assert [batch.n_requests for batch in submit_batches(settings).batches] == [10, 10, 4]
        collect_batches(settings.cache_path)
    assert levels(settings.output) == EXPECTED


def test_a_server_that_cannot_be_reached_is_one_line(make_settings):
    with pytest.raises(RunError, match="No connection"):
        submit_batches(make_settings())


def test_no_cache_is_a_setting_error(tmp_path):
    with pytest.raises(SettingError, match="no cache"):
        batch_states(tmp_path / "none.sqlite")


def test_the_key_is_in_no_file_of_a_batch(make_settings, tmp_path):
    with PracticeServer() as server:
        settings = make_settings(server)
        submit_batches(settings)
        collect_batches(settings.cache_path)
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        assert SECRET.encode() not in path.read_bytes(), path
    assert all(SECRET.encode() not in data for data in server.files.values())


def change_note(cache, **settings):
    with sqlite3.connect(cache) as database:
        ((number, said),) = database.execute("SELECT id, tasks FROM batches").fetchall()
        note = json.loads(said)
        note["settings"] |= settings
        database.execute("UPDATE batches SET tasks = ? WHERE id = ?", (json.dumps(note), number))
    database.close()


@pytest.mark.parametrize(
    ("settings", "asks_for"),
    [({"base_url": "http://elsewhere.example/v1"}, "--base-url"), ({"api_key_env": "A_SECRET"}, "--api-key-env")],
)  # fmt: skip
def test_a_cache_from_elsewhere_is_given_no_key(make_settings, monkeypatch, settings, asks_for):
    monkeypatch.setenv("A_SECRET", "precious")
    with PracticeServer() as server:
        mine = make_settings(server)
        submit_batches(mine)
        change_note(mine.cache_path, **settings)
        sent, call = [], batches._Server._call
        monkeypatch.setattr(
            batches._Server, "_call", lambda self, action: sent.append(self.key) or call(self, action)
        )
        for ask in (batch_states, collect_batches):
            with pytest.raises(SettingError, match=asks_for):
                ask(mine.cache_path)
        assert sent == []
        if "api_key_env" in settings:
            batch_states(mine.cache_path, Trusted(api_key_env="A_SECRET"))
            assert sent == ["precious"]


def test_a_cache_from_elsewhere_writes_to_no_file_that_it_names(make_settings, tmp_path):
    (tmp_path / "mine").mkdir()
    precious = tmp_path / "mine" / "precious.jsonl"
    precious.write_text('{"id": "1", "level": 3}\n')
    with PracticeServer() as server:
        mine = make_settings(server)
        submit_batches(mine)
        change_note(mine.cache_path, output=str(precious))
        for output in (None, mine.output):
            with pytest.raises(SettingError, match="--output"):
                collect_batches(mine.cache_path, output)
    assert precious.read_text() == '{"id": "1", "level": 3}\n'
