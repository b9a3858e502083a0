"""`curate craft` without its model: CPU of prompts, bookkeeping and gate a reply, so that the writer is the bottleneck.

Replies come from the practice server's writer (`curate.testing.writer`), 16 in 100 with a fault each. Bookkeeping is the
engine with 64 calls in flight; HTTP alone is left out, by a client that holds the replies and answers at once. The gate is
the whole job behind the writer, with `edu`, one worker, in a process in which every kernel is loaded.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.harness import measured
from curate.craft import CraftSettings
from curate.craft.plan import make_plan
from curate.craft.run import Gate, read
from curate.llm import ask
from curate.llm.prices import find_price
from curate.llm.reply import Reply
from curate.llm.store import Store
from curate.testing.writer import WRITER_FAULTS, write_passage
from curate.work.progress import ProgressDisplay


def _settings(folder: str, n: int, recipe: str) -> CraftSettings:
    topics = Path(folder, "topics.txt")
    topics.write_text("".join(f"How lamp {number} works\n" for number in range(n)), encoding="utf-8")
    free: dict[str, Any] = {
        "price_input": 0.0,
        "price_output": 0.0,
        "base_url": "http://127.0.0.1:9/v1",
        "model": "practice",
    }
    return CraftSettings(
        topics=str(topics), output=f"{folder}/out", n=n, recipe=recipe, workers=1, concurrency=64, **free
    )


class _Client:
    """In the place of the engine's client: user message -> reply, in the next turn of the loop."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    async def ask(self, body: dict[str, Any]) -> Reply:
        await asyncio.sleep(0)
        return Reply(self._texts[body["messages"][1]["content"]], input_tokens=300, output_tokens=800)

    async def close(self) -> None:
        pass


def _round(n: int, recipe: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(folder, n, recipe)
        with measured() as planning:
            plan = make_plan(settings)
        faults = [*WRITER_FAULTS, *[None] * (100 - len(WRITER_FAULTS))]
        messages = [plan.messages(prompt)[1]["content"] for prompt in plan.prompts]
        texts = {
            message: write_passage(message, faults[number % 100]) for number, message in enumerate(messages)
        }
        with (
            Store(settings.cache_path) as store,
            mock.patch.object(ask, "ChatClient", return_value=_Client(texts)),
        ):
            with measured() as noting:
                calls = plan.open_prompts(store)
                ask.Asker(
                    settings, calls, store, find_price(settings), body_of=plan.body, read=read
                ).ask_all()
            with measured() as judging:
                result = Gate(settings).judge(plan, store, ProgressDisplay(quiet=True))
        return {
            "prompts_cpu_s": planning.cpu_s,
            "bookkeeping_cpu_s": noting.cpu_s,
            "gate_cpu_s": judging.cpu_s,
            "chars_a_reply": sum(map(len, texts.values())) / n,
            "n_kept": result.funnel.kept.n_documents,
        }


def run(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replies", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    recipes: dict[str, Any] = {}
    for recipe in ("textbook", "exercises", "code-textbook"):
        _round(200, recipe)  # kernels and models are loaded
        rounds = [_round(options.replies, recipe) for _ in range(options.rounds)]
        middle = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
        whole = [
            options.replies / (each["prompts_cpu_s"] + each["bookkeeping_cpu_s"] + each["gate_cpu_s"])
            for each in rounds
        ]
        recipes[recipe] = middle | {
            "replies_per_cpu_s": round(statistics.median(whole)),
            "lowest": round(min(whole)),
            "highest": round(max(whole)),
            "gate_replies_per_cpu_s": round(options.replies / middle["gate_cpu_s"]),
        }
        print(recipe, recipes[recipe])
    return {"n_replies": options.replies, "n_rounds": options.rounds, "recipes": recipes}
