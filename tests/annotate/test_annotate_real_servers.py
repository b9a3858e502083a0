"""Servers and proxies as they are: counts that are none, waits that are none or endless, replies of no use."""

import asyncio
import json
import sys

import pytest
from annotate_pages_of_tests import N_PAGES, SECRET, page_text

from curate.annotate import read_labels, run_annotation
from curate.annotate.agreement import measure_agreement, merge_labels
from curate.annotate.batches import batch_states, collect_batches, submit_batches
from curate.cli import main
from curate.errors import RunError, SettingError
from curate.fit import read_annotations
from curate.llm import ask as run_module
from curate.llm import client
from curate.llm.secrets import redact
from curate.testing.practice import PracticeServer


@pytest.mark.parametrize("failure", ["zero_usage", "huge_usage"])
def test_what_a_server_counts_as_0_or_beyond_belief_is_paid_at_worst(make_settings, failure):
    with PracticeServer(plant=lambda text, n: failure) as server:
        result = run_annotation(make_settings(server))
        counted = run_annotation(make_settings(server, output=make_settings().output + "2", budget_usd=0.01))
    assert result.outcomes == {"labelled": N_PAGES}
    assert result.spent_usd > N_PAGES * 300 * 4 / 1e6
    assert counted.budget_is_spent
    assert counted.spent_usd <= 0.01


@pytest.mark.parametrize("failure", ["zero_usage", "huge_usage"])
def test_a_batch_with_odd_counts_can_be_collected(make_settings, failure):
    with PracticeServer(plant=lambda text, n: failure) as server:
        settings = make_settings(server)
        submit_batches(settings)
        _, results = collect_batches(settings.cache_path)
    assert results[0].outcomes == {"labelled": N_PAGES}
    assert results[0].spent_usd > 0.005


def test_a_server_that_says_wait_0_is_not_asked_at_once_again(make_settings, monkeypatch):
    waits: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds, *rest):
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(run_module, "FIRST_WAIT_S", 8.0)
    monkeypatch.setattr(run_module.asyncio, "sleep", note)
    with PracticeServer(plant=lambda text, n: "busy_zero" if n < 3 else None) as server:
        result = run_annotation(make_settings(server, n_pages=1, concurrency=1))
    assert result.outcomes == {"labelled": 1}
    long = [seconds for seconds in waits if seconds >= 4]
    assert len(long) == 3
    assert long[2] > long[0]


@pytest.mark.parametrize(
    ("stated", "wait_s"),
    [("-5", 0), ("2.5", 2.5), ("soon", None), ("nan", None), ("1e400", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
     ("Fri, 31 Dec 999999 23:59:59 GMT", None), ("Mon, 99 Foo 2015", None)],
)  # fmt: skip
def test_a_wait_that_is_none_is_no_error(stated, wait_s):
    assert client._wait_s({"retry-after": stated}) == wait_s


@pytest.mark.parametrize("usage", [None, 5, "x", [1], {"prompt_tokens": -5, "completion_tokens": 1.0}])
def test_a_reply_is_not_lost_with_what_is_no_usage(usage):
    data = {"choices": [{"message": {"content": "text"}, "finish_reason": "stop"}], "usage": usage}
    reply = client.parse_completion(json.dumps(data).encode(), SECRET)
    assert (reply.content, reply.input_tokens, reply.output_tokens) == ("text", None, None)


def test_half_a_surrogate_pair_in_reply_or_message_can_be_stored():
    data = {"choices": [{"message": {"content": "a \ud83d b", "refusal": "\udc00"}}]}
    reply = client.parse_completion(json.dumps(data).encode(), SECRET)
    assert (reply.content, reply.refusal) == ("a ? b", "?")
    assert redact("no \ud83d", SECRET) == "no ?"


def test_a_server_that_says_wait_a_day_ends_the_run_with_a_word(make_settings):
    with PracticeServer(plant=lambda text, n: "busy_day" if text == page_text(3) else None) as server:
        settings = make_settings(server, concurrency=1)
        with pytest.raises(RunError, match=r"asks to wait 1,440 minutes .*run the same command again then"):
            run_annotation(settings)
    assert 0 < len(read_labels(settings.output)) < N_PAGES


def test_a_proxy_that_sends_blanks_is_timed_out(make_settings):
    bad = page_text(2)
    with PracticeServer(plant=lambda text, n: "blanks" if text == bad and n == 0 else None) as server:
        settings = make_settings(server, timeout_s=0.5)
        result = run_annotation(settings)
    assert result.outcomes == {"labelled": N_PAGES}
    assert server.ledger.asked[bad] == 2


def test_a_run_whose_replies_are_all_of_no_use_ends_before_all_is_paid(make_settings, monkeypatch, capsys):
    monkeypatch.setattr(run_module, "_USELESS_REPLIES", 6)
    with PracticeServer(plant=lambda text, n: "prose") as server:
        with pytest.raises(
            RunError, match=r"None of 6 replies is of use.*'It is hard to say.*--reply-format"
        ):
            run_annotation(make_settings(server, concurrency=1))
        assert server.ledger.n_requests == 6
    with PracticeServer(plant=lambda text, n: "prose" if text != page_text(0) else None) as server:
        settings = make_settings(server, concurrency=1, output=make_settings().output + "2")
        assert run_annotation(settings).outcomes["labelled"] == 1


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["curate", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code


def test_labels_that_are_missing_are_said_at_every_collect_and_where_there_are_none(
    make_settings, monkeypatch, crawl
):
    with PracticeServer(plant=lambda text, n: "expired" if text == page_text(1) else None) as server:
        settings = make_settings(server)
        submit_batches(settings)
        assert run(monkeypatch, "annotate", "collect", "-o", settings.output) == 3
        assert run(monkeypatch, "annotate", "collect", "-o", settings.output) == 3
    with PracticeServer(plant=lambda text, n: "prose") as server:
        command = ["annotate", "--input", str(crawl), "-o", settings.output + "2", "--model", "practice", "--n-pages", "2",
                   "--base-url", server.base_url, "--price-input", "0", "--price-output", "0"]  # fmt: skip
        assert run(monkeypatch, *command) == 3


def test_the_key_in_a_batchs_error_is_neither_shown_nor_stored(make_settings):
    with PracticeServer(batches_wait=99) as server:
        settings = make_settings(server)
        submit_batches(settings)
        batch = next(iter(server.batches.values()))
        batch |= {
            "status": "failed",
            "errors": {"object": "list", "data": [{"message": f"{SECRET} has no quota"}]},
        }
        said = [*batch_states(settings.cache_path), *collect_batches(settings.cache_path)[0]]
    assert all("[API key] has no quota" in state.message for state in said)
    with open(settings.cache_path, "rb") as file:
        assert SECRET.encode() not in file.read()


PROMPT = """name = "science"
version = 1
low = 0
high = 3
level_field = "science_level"
system = "How much science?"
user = "<page>\\n{text}\\n</page>"
"""


def test_a_prompts_own_level_field_is_found_by_all_that_read_labels(make_settings, tmp_path):
    (tmp_path / "science.toml").write_text(PROMPT)
    more = {"prompt": str(tmp_path / "science.toml"), "select": "stratified"}
    with PracticeServer(judge=lambda text: (len(text) % 4, "by length")) as server:
        settings = make_settings(server, **more)
        run_annotation(settings)
    rows = read_labels(settings.output)
    levels = [len(row["text"]) % 4 for row in rows]
    assert {row["level_field"] for row in rows} == {"science_level"}
    assert all("select_score" in row and "score" not in row for row in rows)
    assert read_annotations(settings.output).levels.tolist() == levels
    second = [row | {"annotator": "another"} for row in rows]
    assert measure_agreement(rows + second).n_shared == N_PAGES
    merged = merge_labels(rows + second)
    assert [row["science_level"] for row in merged] == levels
    assert "edu_level" not in merged[0]
    assert read_annotations(merged).levels.tolist() == levels


def test_levels_by_two_prompts_are_no_readings_of_one(tmp_path, monkeypatch):
    edu = [
        {"id": f"p{i}", "text": "t", "edu_level": 4, "annotator": "m", "prompt": "edu/1@a"} for i in range(3)
    ]
    science = [row | {"edu_level": 0, "prompt": "science/1@b"} for row in edu]
    human = [edu[0] | {"edu_level": 5, "annotator": "human", "prompt": None, "of_prompt": "edu/1@a"}]
    rows = edu + science + human
    for function in (merge_labels, measure_agreement):
        with pytest.raises(SettingError, match="prompts edu and science.*--prompt edu"):
            function(rows)
    assert [row["edu_level"] for row in merge_labels(rows, "edu")] == [5, 4, 4]
    assert [row["edu_level"] for row in merge_labels(rows, "science")] == [0, 0, 0]
    with pytest.raises(SettingError, match="Unknown prompt"):
        merge_labels(rows, "scienc")
    newer = [row | {"prompt": "edu/2@c", "edu_level": 2} for row in edu]
    assert [row["edu_level"] for row in merge_labels(edu + newer)] == [3, 3, 3]
    for name, some in (("a", edu), ("b", science)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "annotate", "merge", "a.jsonl", "b.jsonl", "-o", "m.jsonl") == 2
    assert run(
        monkeypatch, "annotate", "merge", "a.jsonl", "b.jsonl", "-o", "m.jsonl", "--prompt", "edu"
    ) in {0, None}
