"""A practice server plays a writer with every fault: each row's fate, and what is paid."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from craft_pages_of_tests import N_TOPICS, SECRET, page_text

from curate.craft import craft_text, estimate_craft
from curate.craft.plan import make_plan
from curate.craft.run import read
from curate.errors import RunError, SettingError
from curate.llm import ask
from curate.llm.prices import find_price
from curate.llm.reply import Reply
from curate.llm.store import Store
from curate.results.explain import explain
from curate.testing.practice import PracticeServer
from deaths import dying, sampled

PROMISED = {
    "wr_refusal": "craft_refused", "refusal": "craft_refused", "filter": "craft_refused",
    "wr_preamble": "craft_preamble", "wr_afterword": "craft_preamble", "wr_self_talk": "craft_self_talk",
    "wr_loop": "craft_loop", "wr_cut": "craft_cut_off", "wr_mid_sentence": "craft_cut_off",
    "wr_foreign": "language", "wr_short": "craft_too_short", "wr_long": "craft_too_long",
    "wr_no_words": "craft_words_missing", "wr_empty": "craft_empty", "too_long": "craft_rejected",
    "busy": None, "error": None, "late": None, "hang_up": None, "malformed": None, None: None,
}  # fmt: skip


def rows_of(output) -> list[dict]:
    return [
        row | {"fate": kind, "drop_reason": row.get("drop_reason")}
        for kind in ("kept", "dropped")
        for row in pq.read_table(Path(output) / kind).to_pylist()
    ]


def bytes_of(output) -> str:
    files = sorted([*Path(output).glob("kept/*"), *Path(output).glob("dropped/*")])
    assert files
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def number_of(text: str) -> int:
    return int(re.search(r"lamp (\d+)", text)[1])


def test_a_death_at_any_step_of_the_gate_loses_no_reply_and_is_made_good(
    make_settings, writer, tmp_path, pytestconfig
):
    with writer() as server:
        first = make_settings(server)
        craft_text(first, progress=False)
    settings = replace(first, jaccard=0.6)  # judged anew; all replies are there, and nobody is asked
    places = [Path(first.output), Path(f"{first.output}.craft")]
    for path in places:
        shutil.copytree(path, tmp_path / "before" / path.name)
    with dying() as disk:
        whole = craft_text(settings, progress=False)
    wanted = bytes_of(whole.output)
    for n in sampled(len(disk.steps), 4, pytestconfig):
        for path in places:
            shutil.rmtree(path)
            shutil.copytree(tmp_path / "before" / path.name, path)
        with dying(n) as dead:
            craft_text(settings, progress=False)
        assert dead.is_dead
        after = craft_text(settings, progress=False)
        assert bytes_of(after.output) == wanted, (n, dead.steps[n - 1])
        assert (after.spent_usd, after.n_open, after.n_lost) == (whole.spent_usd, 0, 0)


def plant_each(faults):
    """The fault of a topic's number; faults of the server pass, those of the writer stay."""

    def plant(prompt: str, n_before: int) -> str | None:
        number = number_of(prompt)
        fault = faults[number] if number < len(faults) else None
        is_passing = fault in {"busy", "error", "late", "hang_up", "malformed"}
        return None if is_passing and n_before else fault

    return plant


def test_every_fault_of_a_writer_and_of_a_server_has_its_fate(make_settings, writer):
    faults = list(PROMISED)
    with writer(plant_each(faults)) as server:
        result = craft_text(make_settings(server, concurrency=4), progress=False)
    rows = rows_of(result.output)
    found = {number_of(row["topic"]): row["drop_reason"] for row in rows}
    assert len(rows) == N_TOPICS
    wanted = {fault: reason for fault, reason in PROMISED.items() if fault != "wr_foreign"}
    assert {fault: found[n] for n, fault in enumerate(faults) if fault in wanted} == wanted
    assert "lang" in found[faults.index("wr_foreign")]
    assert result.n_open == 0
    dropped = [row for row in rows if row["fate"] == "dropped"]
    assert all(
        row["text"]
        for row in dropped
        if row["drop_reason"] not in {"craft_empty", "craft_rejected", "craft_refused"}
    )


def test_text_copied_from_its_seed_and_text_near_a_seed_are_dropped(make_settings, writer, pages):
    with writer(lambda prompt, _: "wr_copy" if "kind 3." in prompt else None) as server:
        result = craft_text(make_settings(server, input=(str(pages),), recipe="rephrase"), progress=False)
    dropped = [row for row in rows_of(result.output) if row["fate"] == "dropped"]
    assert [(row["seed_id"], row["drop_reason"]) for row in dropped] == [("page-3", "craft_copied")]
    assert dropped[0]["frac_copied"] > 0.8
    assert dropped[0]["longest_copied_words"] == len(page_text(3).split())


def test_a_passage_near_another_page_of_the_corpus_is_dropped(make_settings, pages):
    from curate.testing.practice import PracticeServer
    from curate.testing.writer import write_passage

    def write(prompt: str, fault: str | None) -> str:
        return page_text(9, 150) if "kind 3." in prompt else write_passage(prompt, fault)

    with PracticeServer(write=write) as server:
        result = craft_text(make_settings(server, input=(str(pages),), recipe="rephrase"), progress=False)
    dropped = {row["seed_id"]: row for row in rows_of(result.output) if row["fate"] == "dropped"}
    assert dropped["page-3"]["drop_reason"] == "craft_near_seed"
    assert dropped["page-3"]["drop_value"] == 1.0


def test_the_same_passage_for_many_seeds_stays_once(make_settings, topics):
    from curate.testing.practice import PracticeServer
    from curate.testing.writer import write_passage

    with PracticeServer(write=lambda prompt, fault: write_passage("A text of 200 words", fault)) as server:
        settings = make_settings(server, recipe=str(_without_words(topics.parent)))
        result = craft_text(settings, progress=False)
    assert result.funnel.kept.n_documents == 1


def _without_words(folder: Path) -> Path:
    path = folder / "plain.toml"
    path.write_text(
        'name = "plain"\nversion = 1\nabout = "a text"\npaper = "none"\nseed = "either"\n'
        'system = "Write."\nuser = "{seed} {length} words"\n[tables]\nlength = [200]\n'
    )
    return path


def test_an_exercise_whose_answer_differs_is_dropped_and_its_parts_are_columns(make_settings, writer):
    with writer(plant_each(["wr_other_answer", "wr_wrong_format"])) as server:
        result = craft_text(make_settings(server, recipe="exercises"), progress=False)
    rows = {number_of(row["topic"]): row for row in rows_of(result.output)}
    assert rows[0]["drop_reason"] == "craft_answer_differs"
    assert rows[1]["drop_reason"] == "craft_wrong_format"
    assert rows[2]["drop_reason"] is None
    assert rows[2]["solution"].endswith(f"Result: {rows[2]['answer']}")
    assert rows[2]["problem"] in rows[2]["text"]


@pytest.mark.parametrize("recipe", ["code-textbook", "code-exercises"])
def test_python_that_does_not_parse_is_dropped(make_settings, writer, recipe):
    with writer(plant_each(["wr_bad_code", "wr_wrong_format"])) as server:
        result = craft_text(make_settings(server, recipe=recipe, n=24), progress=False)
    rows = {number_of(row["topic"]): row for row in rows_of(result.output)}
    assert rows[0]["drop_reason"] == "craft_code_unparsable"
    assert rows[1]["drop_reason"] in {"craft_wrong_format", "craft_code_unparsable"}
    assert result.funnel.kept.n_documents == N_TOPICS - 2


def test_every_row_says_where_it_is_from(make_settings, writer, pages):
    with writer() as server:
        result = craft_text(make_settings(server, input=(str(pages),), recipe="explain"), progress=False)
        ledger = server.ledger
    rows = rows_of(result.output)
    row = next(row for row in rows if row["seed_id"] == "page-5")
    assert row["recipe"].startswith("explain/1@")
    assert (row["seed_url"], row["seed_license"]) == ("http://host1.example.org/5", "CC-BY-4.0")
    assert (row["model"], row["topic"], row["draw"]) == ("practice", "topic 2", 0)
    assert row["seed_score"] == pytest.approx(5 / 24)
    assert sum(row["n_input_tokens"] for row in rows) == ledger.input_tokens
    assert sum(row["cost_usd"] for row in rows) == pytest.approx(result.spent_usd, abs=1e-4)
    assert not [name for name in row if name.startswith(("craft_", "input_"))]


def test_explain_tells_the_story_of_a_dropped_reply(make_settings, writer):
    with writer(plant_each(["wr_preamble"])) as server:
        result = craft_text(make_settings(server), progress=False)
    row = next(row for row in rows_of(result.output) if row["fate"] == "dropped")
    (story,) = explain(result.output, row["id"])
    assert (story.fate, story.document["drop_stage"]) == ("dropped", "craft")
    assert story.document["drop_detail"].startswith("Sure!")


def test_a_second_run_asks_nothing_and_more_prompts_ask_only_for_themselves(make_settings, writer):
    with writer() as server:
        craft_text(make_settings(server, n=10), progress=False)
        first = bytes_of(make_settings(server).output)
        craft_text(make_settings(server, n=10), progress=False)
        assert server.ledger.n_requests == 10
        assert bytes_of(make_settings(server).output) == first
        result = craft_text(make_settings(server, n=20), progress=False)
        assert server.ledger.n_requests == 20
    assert result.funnel.read.n_documents == 20


def test_spending_stops_at_the_budget_and_goes_on_when_it_is_raised(make_settings, writer):
    with writer() as server:
        worst = estimate_craft(make_settings(server)).worst_usd
        result = craft_text(make_settings(server, budget_usd=worst / 12, concurrency=1), progress=False)
        assert result.budget_is_spent
        assert result.spent_usd <= worst / 12
        assert 0 < result.n_open < N_TOPICS
        craft_text(make_settings(server), progress=False)
        assert server.ledger.n_requests == N_TOPICS


def test_a_server_that_is_down_leaves_prompts_open_and_what_was_written_kept(make_settings, writer):
    with writer(lambda prompt, _: "error" if number_of(prompt) == 7 else None) as server:
        result = craft_text(make_settings(server, http_tries=2, concurrency=8), progress=False)
    assert result.n_open == 1
    assert sum(result.failures.values()) == 1
    assert result.funnel.read.n_documents == N_TOPICS - 1


def test_an_estimate_sends_nothing_and_leaves_nothing(make_settings, tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    found = estimate_craft(make_settings())
    assert found.n_prompts == N_TOPICS
    assert 0 < found.expected_usd < found.worst_usd
    assert "Subject: How lamp" in found.example
    assert sorted(path.name for path in tmp_path.iterdir()) == ["topics.txt"]


@pytest.mark.parametrize("name", ["notes.txt", "kept/part-00000.parquet"])
def test_a_folder_with_other_files_is_left_alone(make_settings, tmp_path, name):
    path = tmp_path / "crafted" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(SettingError, match="not empty"):
        craft_text(make_settings(), progress=False)
    assert path.read_text() == "mine"


def test_an_unfinished_run_of_another_command_is_not_overwritten(make_settings, tmp_path):
    path = tmp_path / "crafted" / ".curate" / "plan.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"input": ["crawl"]}')
    with pytest.raises(SettingError, match="another command"):
        craft_text(make_settings(), progress=False)
    assert path.exists()


def test_the_same_replies_make_the_same_bytes_wherever_the_output_lies(make_settings, writer, tmp_path):
    with writer() as server:
        craft_text(make_settings(server), progress=False)
        before = bytes_of(tmp_path / "crafted")
        (tmp_path / "elsewhere").mkdir()
        shutil.move(tmp_path / "crafted.craft", tmp_path / "elsewhere" / "crafted.craft")
        settings = make_settings(server, output=str(tmp_path / "elsewhere" / "crafted"), concurrency=64)
        craft_text(settings, progress=False)
        assert server.ledger.n_requests == N_TOPICS
    assert bytes_of(settings.output) == before


def test_64_calls_are_in_flight_at_a_time(make_settings, writer):
    with writer(delay_s=0.5) as server:
        craft_text(make_settings(server, draws=4, n=96, concurrency=64), progress=False)
        assert server.ledger.most_at_once == 64


def test_a_run_within_a_running_loop_as_in_a_notebook_writes_all(make_settings, writer):
    async def cell():
        return craft_text(make_settings(server, n=3), progress=False)

    with writer() as server:
        assert asyncio.run(cell()).n_open == 0


def test_the_folder_of_another_command_is_not_overwritten(make_settings, tmp_path):
    output = tmp_path / "crafted"
    output.mkdir()
    (output / "manifest.json").write_text('{"input": ["crawl"]}')
    with pytest.raises(SettingError, match="another command"):
        craft_text(make_settings(), progress=False)


def test_the_key_is_nowhere_in_what_is_written(make_settings, writer, tmp_path):
    with writer() as server:
        craft_text(make_settings(server, n=3), progress=False)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()


def test_a_reply_with_half_a_surrogate_pair_becomes_a_row(make_settings):
    """As servers send where the token limit cuts an emoji in two."""
    with PracticeServer(write=lambda prompt, fault: f"\ud83d {page_text(1)}") as server:
        result = craft_text(make_settings(server, n=2), progress=False)
    assert (result.n_open, result.funnel.read.n_documents) == (0, 2)


@pytest.fixture
def noted(monkeypatch):
    """How many requests were noted at each write to the disk, with a client that answers at once."""
    numbers: list[int] = []
    note_sent = Store.note_sent

    def note(store, requests):
        found = note_sent(store, requests)
        numbers.append(len(found))
        return found

    monkeypatch.setattr(Store, "note_sent", note)
    return numbers


class _Client:
    n_asked = 0

    def __init__(self, settings):
        pass

    async def ask(self, body):
        type(self).n_asked += 1
        await asyncio.sleep(0)
        return Reply(page_text(1), input_tokens=10, output_tokens=10)

    async def close(self):
        pass


def test_requests_of_one_moment_wait_for_the_disk_together_and_none_is_sent_before(
    make_settings, noted, monkeypatch
):
    class Client(_Client):
        async def ask(self, body):
            assert sum(noted) > self.n_asked
            return await super().ask(body)

    monkeypatch.setattr(ask, "ChatClient", Client)
    result = craft_text(make_settings(concurrency=8, n=N_TOPICS), progress=False)
    assert result.n_open == 0
    assert sum(noted) == Client.n_asked == N_TOPICS
    assert max(noted) == 8


def test_a_request_noted_as_the_run_ends_is_neither_sent_nor_paid(make_settings, monkeypatch):
    settings = make_settings(concurrency=4)
    plan = make_plan(settings)
    note_sent = Store.note_sent

    def note(store, requests):
        asker.stopped_by = RunError("Stopped.")
        return note_sent(store, requests)

    monkeypatch.setattr(Store, "note_sent", note)
    monkeypatch.setattr(ask, "ChatClient", _Client)
    with Store(settings.cache_path) as store:
        asker = ask.Asker(settings, plan.prompts, store, find_price(settings), body_of=plan.body, read=read)
        asker.ask_all()
        assert (store.held(), store.spent(), asker.spent) == (0, 0, 0)


def test_a_disk_that_is_full_ends_the_run_before_anything_is_sent(make_settings, monkeypatch):
    def note_sent(store, requests):
        raise sqlite3.OperationalError("database or disk is full")

    class Client(_Client):
        pass  # counts for itself

    monkeypatch.setattr(ask, "ChatClient", Client)
    monkeypatch.setattr(Store, "note_sent", note_sent)
    with pytest.raises(RunError, match="disk is full"):
        craft_text(make_settings(concurrency=8), progress=False)
    assert Client.n_asked == 0


SCRIPT = """
import sys
from curate.craft import CraftSettings, craft_text
if __name__ == "__main__":
    craft_text(CraftSettings(topics=sys.argv[1], output=sys.argv[2], base_url=sys.argv[3], model="practice", recipe="story",
        price_input=1.0, price_output=4.0, budget_usd=100.0, scorer="none", workers=1, concurrency=1,
        max_output_tokens=6000, n=int(sys.argv[4])), progress=False)
"""


@pytest.mark.slow
def test_a_thousand_replies_with_kills_cost_no_call_more_than_those_in_flight(
    make_settings, writer, tmp_path
):
    """Killed at random counts of replies; of each kill at most the one call in flight is asked again, and is counted as spent."""
    n, n_kills = 1000, 12
    topics = tmp_path / "thousand.txt"
    topics.write_text("".join(f"How lamp {number} works\n" for number in range(n)), encoding="utf-8")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    settings = make_settings(topics=str(topics), n=n)
    moments = sorted(random.Random(1).sample(range(5, n - 50), n_kills))
    n_in_flight = 0
    with writer(delay_s=0.005) as server:
        command = [sys.executable, str(script), str(topics), settings.output, server.base_url, str(n)]
        for moment in moments:
            process = subprocess.Popen(command, env=os.environ)
            while server.ledger.n_replies < moment and process.poll() is None:
                server.stopping.wait(0.002)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.returncode == -signal.SIGKILL
            with Store(settings.cache_path) as store:  # what a kill left without a stored reply
                n_in_flight += store.charge_lost_requests()
        result = craft_text(make_settings(server, topics=str(topics), n=n), progress=False)
        n_requests = server.ledger.n_requests
    assert result.n_open == 0
    assert result.funnel.read.n_documents == n
    assert n <= n_requests <= n + n_in_flight
    assert n_in_flight <= n_kills
