"""From settings to the list of requests: which pages, which windows of text, which of them are answered already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import xxhash

from curate.annotate.labels import Row, read_all
from curate.annotate.pages import Pool, read_pool
from curate.annotate.prompt import Prompt, load_prompt
from curate.annotate.reply import read_reply
from curate.annotate.selection import Selection, select_pages
from curate.annotate.settings import AnnotateSettings
from curate.llm.reply import LABELLED, Reply, Verdict
from curate.llm.settings import request_parameters
from curate.llm.store import Request, Store

_BYTES_PER_TOKEN = 4.0
_OUTPUT_TOKENS = 60.0


@dataclass(frozen=True, slots=True)
class Task:
    """One request: a window of text, asked about once. Pages with the same window share it."""

    request: Request
    window: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The pages that were chosen and the requests that they need.

    Attributes:
        pool: pages that were read.
        selection: which of them were chosen.
        prompt: how they are asked about.
        tasks: the requests, in the order of the pages, each once; answered ones are among them.
        page_keys: for each chosen page, the key of its request for every draw.
    """

    settings: AnnotateSettings
    pool: Pool
    selection: Selection
    prompt: Prompt
    tasks: list[Task]
    page_keys: list[list[str]]

    def open_tasks(self, store: Store) -> list[Task]:
        """The requests that still need a reply, and lie in no batch."""
        waiting = store.waiting_keys()
        tries = self.settings.reply_tries
        return [
            task
            for task in self.tasks
            if task.request.key not in waiting and not store.is_settled(task.request.key, tries)
        ]

    def read(self, reply: Reply) -> tuple[Verdict, str | None]:
        """Judge a reply to the plan's prompt."""
        return read_level(reply, self.prompt)

    def expected_tokens(self, tasks: list[Task], store: Store) -> tuple[int, int]:
        """Expected (input, output) tokens: as measured in this cache, else four bytes a token and 60 for a reply."""
        measured = store.mean_tokens(self.settings.model, self.prompt.label)
        per_byte, per_reply = measured or (
            1 / _BYTES_PER_TOKEN,
            min(_OUTPUT_TOKENS, self.settings.max_output_tokens),
        )
        n_bytes = sum(task.request.n_prompt_bytes for task in tasks)
        return round(n_bytes * per_byte), round(len(tasks) * per_reply)

    def rows(self, store: Store, failed: dict[str, str]) -> Iterator[Row]:
        """Label rows of every chosen page that is settled, in the order of the pages."""
        pages = self.pool.pages.take(pa.array(self.selection.rows)).to_pylist()
        for at, (page, keys) in enumerate(zip(pages, self.page_keys, strict=True)):
            for draw, key in enumerate(keys):
                found = self._outcome(store, key, failed)
                if found is not None:
                    yield self._row(page, at, draw) | found

    def _outcome(self, store: Store, key: str, failed: dict[str, str]) -> Row | None:
        answer = store.answer(key)
        if answer is None or not store.is_settled(key, self.settings.reply_tries):
            return {"problem": "failed", "reason": failed[key]} if key in failed else None
        if answer.level is None:
            return {self.prompt.level_field: None, "problem": answer.outcome, "reason": answer.reason}
        return {self.prompt.level_field: answer.level, "problem": None, "reason": answer.reason}

    def _row(self, page: Row, at: int, draw: int) -> Row:
        row: Row = {name: page[name] for name in ("id", "url", "topic") if page[name] is not None}
        row |= {
            "text": page["text"],
            self.prompt.level_field: None,
            "level_field": self.prompt.level_field,
            "reason": "",
            "annotator": self.settings.model,
        }
        row |= {
            "prompt": self.prompt.label,
            "window_chars": self.settings.window_chars,
            "draw": draw,
            "problem": None,
        }
        row |= {"select": self.settings.select, "propensity": round(float(self.selection.propensity[at]), 6)}
        if self.selection.strata[at]:
            row["stratum"] = self.selection.strata[at]
        if self.selection.scores is not None:
            row["select_score"] = round(float(self.selection.scores[at]), 4)
        return row


def read_level(reply: Reply, prompt: Prompt) -> tuple[Verdict, str | None]:
    """Judge a reply; its text is worth keeping where it states no level."""
    verdict = read_reply(reply, prompt)
    return verdict, None if verdict.outcome == LABELLED else reply.content


def request_body(settings: AnnotateSettings, prompt: Prompt, window: str) -> dict[str, Any]:
    """The body of the request about one window of text, as it is sent."""
    body: dict[str, Any] = {
        "model": settings.model,
        "messages": prompt.messages(window),
    } | request_parameters(settings)
    if settings.reply_format == "schema":
        schema = {"name": "judgement", "strict": True, "schema": prompt.schema()}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif settings.reply_format == "json":
        body["response_format"] = {"type": "json_object"}
    return body


def make_plan(settings: AnnotateSettings) -> Plan:
    """Read the input, choose pages and list their requests; asks no server."""
    prompt = load_prompt(settings.prompt)
    pool = read_pool(settings)
    selection = select_pages(
        pool.pages,
        settings.n_pages,
        strategy=settings.select,
        scorer=settings.scorer,
        cut=settings.cut,
        seed=settings.seed,
        exclude=read_all(settings.exclude),
    )
    tasks: dict[str, Task] = {}
    page_keys: list[list[str]] = []
    for text in pool.pages["text"].take(pa.array(selection.rows)).to_pylist():
        window = text[: settings.window_chars]
        drawn = [_task(settings, prompt, window, draw) for draw in range(settings.draws)]
        tasks |= {task.request.key: task for task in drawn}
        page_keys.append([task.request.key for task in drawn])
    return Plan(settings, pool, selection, prompt, list(tasks.values()), page_keys)


def _task(settings: AnnotateSettings, prompt: Prompt, window: str, draw: int) -> Task:
    """The key covers all that decides the reply: model, prompt, parameters, text, and which draw it is."""
    text_hash = xxhash.xxh3_128_hexdigest(window.encode("utf-8", "replace"))
    parameters: dict[str, Any] = request_parameters(settings) | {"reply_format": settings.reply_format}
    parts = [settings.model, prompt.label, parameters, text_hash, draw]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
    body = json.dumps(request_body(settings, prompt, window), ensure_ascii=False)
    n_bytes = len(body.encode("utf-8", "replace"))
    return Task(Request(key, settings.model, prompt.label, text_hash, n_bytes), window)
