"""The batch API: submit and exit, look how far it is, collect. Cheaper, and done within a day.

    submit_batches(settings)     requests -> a file on the server -> a batch; what it may cost is held in the cache
    batch_states(cache)          asks the server
    collect_batches(cache)       results -> the cache -> the label file

A batch is noted in the cache before it is submitted, and carries that note's name on the server: a run that
is killed between the two finds it again, and submits nothing twice.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from curate.annotate.prompt import Prompt
from curate.annotate.reply import read_reply
from curate.annotate.run import AnnotationResult, finish
from curate.annotate.settings import AnnotateSettings
from curate.annotate.tasks import Plan, Task, make_plan, request_body
from curate.config import settings_from
from curate.errors import CurateError, RunError, SettingError
from curate.llm.ask import check_price, make_budget
from curate.llm.client import (
    PageRejectedError,
    TryAgainError,
    completion_reply,
    explain_status,
    import_openai,
    read_api_key,
    redact,
    wrong_setting,
)
from curate.llm.prices import Price, find_price
from curate.llm.reply import LABELLED, Verdict
from curate.llm.store import BatchReply, Request, Store

# Limits of the batch API: 50,000 requests and 200 MB a file; half of the bytes leave room.
MAX_REQUESTS = 50_000
MAX_BYTES = 100_000_000
ENDPOINT = "/v1/chat/completions"
WINDOW = "24h"
_OVER = {"completed", "failed", "expired", "cancelled"}
_NOTE = "curate"
_MAX_LISTED = 1000

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as the cache or the server knows it.

    Attributes:
        name: ours, also in the batch's metadata on the server.
        server_id: the server's.
        state: submitting, in_progress and other words of the server, or collected.
        n_requests: in the batch.
        n_done: as the server last said.
        message: why it failed.
    """

    name: str
    server_id: str | None
    state: str
    n_requests: int
    n_done: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """What `submit_batches` did: the new batches, and requests that did not fit the budget."""

    batches: list[BatchState]
    n_requests: int
    n_beyond_budget: int
    n_answered: int


def submit_batches(settings: AnnotateSettings) -> Submission:
    """Submit every open request that fits the budget at its worst cost, and return at once.

    Raises:
        SettingError: A setting is wrong.
        RunError: The server took no batch; run it again to go on.
    """
    price = check_price(settings)
    server = _Server(settings)
    plan = make_plan(settings)
    with Store(settings.cache_path) as store:
        store.charge_lost_requests()
        _find_unsubmitted(store, server)
        tasks = plan.open_tasks(store)
        n_waiting = len(store.waiting_keys())
        budget = make_budget(settings, store)
        fitting = [task for task in tasks if budget.take(plan.worst_cost(task, price, batch=True))]
        batches = [_submit(store, server, plan, price, chunk) for chunk in _cut(fitting)]
    n_answered = len(plan.tasks) - len(tasks) - n_waiting
    return Submission(batches, len(fitting), len(tasks) - len(fitting), max(0, n_answered))


def batch_states(cache: str | Path) -> list[BatchState]:
    """Ask the server how far every batch is that is not collected yet."""
    with _open_existing(cache) as store:
        states: list[BatchState] = []
        for row in store.batches():
            state = BatchState(
                row["name"], row["server_id"], row["state"], row["n_requests"], 0, row["message"]
            )
            if row["state"] not in {"collected", "lost"} and row["server_id"]:
                server = _Server(_settings_of(row))
                found = server.find(row["server_id"])
                failure = _failure_of(found, server.key)
                n_done = found.request_counts.completed if found.request_counts else 0
                store.update_batch(row["id"], state=found.status, message=failure)
                state = BatchState(
                    row["name"], row["server_id"], found.status, row["n_requests"], n_done, failure
                )
            states.append(state)
    return states


def collect_batches(cache: str | Path) -> tuple[list[BatchState], list[AnnotationResult]]:
    """Take the results of every batch that is over into the cache, and write the label files again.

    Requests without a result are free to be submitted again. Collecting twice changes nothing.
    """
    outputs: dict[str, AnnotateSettings] = {}
    with _open_existing(cache) as store:
        for row in store.batches():
            settings = _settings_of(row)
            if row["state"] == "collected":  # earlier: what is missing is said each time
                outputs[settings.output] = settings
            if row["state"] in {"collected", "lost"}:
                continue
            server = _Server(settings)
            if row["server_id"] is None:
                _find_unsubmitted(store, server)
                continue
            found = server.find(row["server_id"])
            store.update_batch(row["id"], state=found.status, message=_failure_of(found, server.key))
            if found.status in _OVER:
                _take_results(store, server, settings, row, found)
                outputs[settings.output] = settings
        results = [finish(make_plan(settings), store, {}) for settings in outputs.values()]
        states = [
            BatchState(r["name"], r["server_id"], r["state"], r["n_requests"], 0, r["message"])
            for r in store.batches()
        ]
    return states, results


class _Server:
    """The files and batches of the server; its errors are the project's own."""

    def __init__(self, settings: AnnotateSettings) -> None:
        openai = import_openai()
        self.key = read_api_key(settings)
        self._client = openai.OpenAI(
            api_key=self.key, base_url=settings.base_url, max_retries=0, timeout=settings.timeout_s
        )

    def submit(self, name: str, lines: bytes) -> str:
        """Upload a file of requests and open a batch; returns the server's id of it."""
        file = self._call(lambda: self._client.files.create(file=(f"{name}.jsonl", lines), purpose="batch"))
        batch = self._call(
            lambda: self._client.batches.create(
                input_file_id=file.id, endpoint=ENDPOINT, completion_window=WINDOW, metadata={_NOTE: name}
            )
        )
        return batch.id

    def find(self, server_id: str) -> Any:
        """The batch as the server has it now."""
        return self._call(lambda: self._client.batches.retrieve(server_id))

    def find_named(self, name: str) -> str | None:
        """Id of the batch that carries our name, null where there is none."""

        def look() -> str | None:
            for number, batch in enumerate(self._client.batches.list(limit=100)):
                if (batch.metadata or {}).get(_NOTE) == name:
                    return batch.id
                if number >= _MAX_LISTED:
                    break
            return None

        return self._call(look)

    def read_file(self, file_id: str | None) -> bytes:
        """Contents of a file, empty where there is none."""
        return self._call(lambda: self._client.files.content(file_id).content) if file_id else b""

    def _call(self, action: Callable[[], Result]) -> Result:
        import openai

        problem: CurateError
        try:
            return action()
        except openai.APIConnectionError as error:  # and timeouts
            problem = RunError(
                redact(f"No connection to the server ({error}). Run the same command again.", self.key)
            )
        except openai.APIStatusError as error:
            explained = explain_status(error, self.key)
            problem = (
                RunError(f"{explained} Run the same command again.")
                if isinstance(explained, TryAgainError | PageRejectedError)
                else explained
            )
        raise problem


def _open_existing(cache: str | Path) -> Store:
    if not Path(cache).is_file():
        raise SettingError(
            f"There is no cache {cache}. Give --output, or --cache, as it was given to 'curate annotate'."
        )
    return Store(Path(cache))


def _cut(tasks: list[Task]) -> Iterator[list[Task]]:
    """Cut requests into batches within the server's limits."""
    chunk: list[Task] = []
    n_bytes = 0
    for task in tasks:
        size = 2 * task.request.n_prompt_bytes + 200  # JSON escapes may double it
        if chunk and (len(chunk) >= MAX_REQUESTS or n_bytes + size > MAX_BYTES):
            yield chunk
            chunk, n_bytes = [], 0
        chunk.append(task)
        n_bytes += size
    if chunk:
        yield chunk


def _submit(store: Store, server: _Server, plan: Plan, price: Price, tasks: list[Task]) -> BatchState:
    name = uuid.uuid4().hex
    lines = [
        {"custom_id": task.request.key, "method": "POST", "url": ENDPOINT,
         "body": request_body(plan.settings, plan.prompt, task.window)}
        for task in tasks
    ]  # fmt: skip
    note = {
        "settings": _portable(plan.settings),
        "prompt": asdict(plan.prompt),
        "requests": [asdict(task.request) for task in tasks],
    }
    costs = [(task.request.key, plan.worst_cost(task, price, batch=True)) for task in tasks]
    number = store.begin_batch(name, json.dumps(note), costs)
    data = b"".join(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n" for line in lines)
    server_id = server.submit(name, data)
    store.update_batch(number, state="submitted", server_id=server_id)
    return BatchState(name, server_id, "submitted", len(tasks))


def _find_unsubmitted(store: Store, server: _Server) -> None:
    """Settle batches that were noted and perhaps never submitted: the server knows them by name, or not at all."""
    for row in store.batches():
        if row["state"] == "submitting":
            server_id = server.find_named(row["name"])
            if server_id is None:
                store.end_batch(row["id"], "lost", [], message="never reached the server")
            else:
                store.update_batch(row["id"], state="submitted", server_id=server_id)


def _portable(settings: AnnotateSettings) -> dict[str, Any]:
    """The settings with paths that hold in any working folder."""
    values = asdict(settings)
    for name in ("output", "cache", "prices"):
        values[name] = os.path.abspath(values[name]) if values[name] else values[name]
    for name in ("input", "exclude"):
        values[name] = [path if "://" in path else os.path.abspath(path) for path in values[name]]
    for name in ("prompt", "scorer"):
        if os.path.exists(values[name]):
            values[name] = os.path.abspath(values[name])
    return values


def _settings_of(row: dict[str, Any]) -> AnnotateSettings:
    return settings_from(AnnotateSettings, json.loads(row["tasks"])["settings"])


def _failure_of(batch: Any, key: str) -> str:
    problems = batch.errors.data if batch.errors and batch.errors.data else []
    said = "; ".join(str(problem.message) for problem in problems[:3])
    return redact(" ".join(said.split()), key)[:300]


def _take_results(
    store: Store, server: _Server, settings: AnnotateSettings, row: dict[str, Any], batch: Any
) -> None:
    """Read a batch's files and put its replies into the cache in one step."""
    note = json.loads(row["tasks"])
    requests = {request["key"]: Request(**request) for request in note["requests"]}
    worst = store.batch_costs(row["id"])
    price, prompt = find_price(settings), Prompt(**note["prompt"])
    results = _read_results(
        server.read_file(batch.output_file_id) + b"\n" + server.read_file(batch.error_file_id)
    )
    replies: list[BatchReply] = []
    for key, result in results.items():
        if key in requests:
            reply = _judge(requests[key], result, prompt, price, worst[key], server.key)
            if reply is not None:
                replies.append(reply)
    n_without = row["n_requests"] - len(replies)
    message = f"{n_without} requests without a reply" if n_without else ""
    store.end_batch(row["id"], "collected", replies, message=_failure_of(batch, server.key) or message)


def _read_results(data: bytes) -> dict[str, dict[str, Any]]:
    """Result rows by our key, the first where there are several; lines that are no rows are passed over."""
    rows: dict[str, dict[str, Any]] = {}
    for line in data.split(b"\n"):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("custom_id"), str):
            rows.setdefault(row["custom_id"], row)
    return rows


def _judge(
    request: Request, result: dict[str, Any], prompt: Prompt, price: Price, worst: int, key: str
) -> BatchReply | None:
    """The reply in one result row; null where the request failed and may be submitted again at no charge."""
    response = result.get("response") or {}
    status = response.get("status_code")
    if status in {400, 413, 422}:
        message = redact(json.dumps(response.get("body")), key)[:300]
        if wrong_setting(message):
            return None
        return request, Verdict("rejected", reason=message), None, (None, None), 0
    if status != 200:
        return None
    try:
        reply = completion_reply(response["body"], key)
    except (KeyError, TypeError, IndexError, AttributeError):
        return request, Verdict("unparsable", reason="not a chat completion"), None, (None, None), worst
    verdict = read_reply(reply, prompt)
    tokens = (reply.input_tokens, reply.output_tokens)
    cost = worst if None in tokens else price.cost(tokens[0] or 0, tokens[1] or 0, batch=True)
    return request, verdict, None if verdict.outcome == LABELLED else reply.content, tokens, cost
