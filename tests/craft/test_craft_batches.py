"""The batch API behind `curate craft`, against a practice server over HTTP."""

from __future__ import annotations

import pytest
from craft_pages_of_tests import N_TOPICS, SECRET
from test_craft_run import bytes_of, number_of, rows_of

from curate.craft import collect_craft, craft_batches, craft_text, submit_craft
from curate.errors import SettingError


def test_a_batch_gives_the_passages_of_a_run_at_the_batch_price(make_settings, writer, tmp_path):
    prices = tmp_path / "prices.toml"
    prices.write_text("[practice]\ninput = 1.0\noutput = 4.0\nbatch_input = 0.5\nbatch_output = 2.0\n")
    by_table = {"prices": str(prices), "price_input": None, "price_output": None}
    with writer(batches_wait=1) as server:
        settings = make_settings(server, **by_table)
        assert submit_craft(settings).n_requests == N_TOPICS
        states, result = collect_craft(settings.output)
        assert ([state.is_open for state in states], result) == ([True], None)
        assert [state.state for state in craft_batches(settings.output)] == ["completed"]
        states, result = collect_craft(settings.output)
        assert (states[0].state, result.n_open) == ("collected", 0)
        ledger = server.ledger
        paid = (ledger.batch_input_tokens * 0.5 + ledger.batch_output_tokens * 2.0) / 1e6
        assert result.spent_usd == pytest.approx(paid, abs=1e-6)
        batched = {row["id"]: row["text"] for row in rows_of(settings.output)}
        before = bytes_of(settings.output)
        collect_craft(settings.output)
        assert bytes_of(settings.output) == before
        direct = make_settings(server, output=str(tmp_path / "direct"))
        craft_text(direct, progress=False)
    assert {row["id"]: row["text"] for row in rows_of(direct.output)} == batched


def test_prompts_that_lie_in_a_batch_are_not_asked_directly_too(make_settings, writer):
    with writer(batches_wait=99) as server:
        settings = make_settings(server)
        submit_craft(settings)
        assert submit_craft(settings).n_requests == 0
        assert craft_text(settings, progress=False).n_open == N_TOPICS
    assert server.ledger.n_requests == 0


def test_what_failed_in_a_batch_is_asked_again_and_what_is_no_reply_is_dropped(make_settings, writer):
    faults = {0: "error", 1: "no_choices", 2: "wr_preamble"}

    def plant(prompt, n_before):
        return None if n_before else faults.get(number_of(prompt))

    with writer(plant) as server:
        settings = make_settings(server)
        submit_craft(settings)
        _, result = collect_craft(settings.output)
        assert result.n_open == 1
        assert submit_craft(settings).n_requests == 1
        _, result = collect_craft(settings.output)
    fates = {number_of(row["topic"]): row["drop_reason"] for row in rows_of(settings.output)}
    assert result.n_open == 0
    assert fates[0] is None
    assert (fates[1], fates[2]) == ("craft_empty", "craft_preamble")


def test_the_key_is_nowhere_in_what_a_batch_writes(make_settings, writer, tmp_path):
    with writer() as server:
        submit_craft(make_settings(server, n=3))
        collect_craft(make_settings(server).output)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()


def test_an_output_without_a_run_has_no_batches(tmp_path):
    with pytest.raises(SettingError, match="--output"):
        collect_craft(str(tmp_path / "crafted"))
