"""The batch API: submit and exit, look how far it is, collect. Cheaper, and done within a day.

    submit(settings, store, ...)     calls -> a file on the server -> a batch; what it may cost is held in the store
    look(store, settings_class)      asks the server how far every batch is
    collect(store, ...)              results -> the store

A batch is noted in the store before it is submitted, and carries that note's name on the server: a run that
is killed between the two finds it again, and submits nothing twice. The note holds the settings, so that whoever
collects needs to name the store alone, and what else its room wants to know then.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from curate.config import settings_from
from curate.errors import CurateError, RunError, SettingError
from curate.llm.ask import AnyCall, Call, Noted, make_budget, worst_cost
from curate.llm.client import (
    PageRejectedError,
    TryAgainError,
    completion_reply,
    explain_status,
    import_openai,
    is_local,
    read_api_key,
    redact,
    wrong_setting,
)
from curate.llm.prices import Price, find_price
from curate.llm.reply import Reply, Verdict
from curate.llm.settings import CallSettings
from curate.llm.store import BatchReply, Request, Store
from curate.text.printable import printable
from curate.work.json_files import check_shape, parse_json

# Limits of the batch API: 50,000 requests and 200 MB a file; half of the bytes leave room.
MAX_REQUESTS = 50_000
MAX_BYTES = 100_000_000
ENDPOINT = "/v1/chat/completions"
WINDOW = "24h"
_OVER = {"completed", "failed", "expired", "cancelled"}
_AT_REST = {"collected", "lost"}
_NOTE = "curate"
_MAX_LISTED = 1000
_PATHS = ("output", "cache", "prices", "topics", "tables")
_INPUTS = ("input", "exclude", "against", "decontaminate")
_NAMES_OR_PATHS = ("prompt", "recipe", "scorer")

_NOTE_SHAPE = {
    "settings": dict,
    "requests": [{"key": str, "model": str, "prompt": str, "text_hash": str, "n_prompt_bytes": int}],
}

Result = TypeVar("Result")
Note = dict[str, Any]
"""What is kept with a batch: `settings`, `requests`, and what its room adds."""


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as the store or the server knows it.

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

    @property
    def is_open(self) -> bool:
        """Whether there is something to wait for."""
        return self.state not in _AT_REST


@dataclass(frozen=True, slots=True)
class Submission:
    """What `submit` did: the new batches, and requests that did not fit the budget."""

    batches: list[BatchState]
    n_requests: int
    n_beyond_budget: int


def submit(
    settings: CallSettings,
    store: Store,
    price: Price,
    find_open: Callable[[Store], Sequence[AnyCall]],
    *,
    body_of: Callable[[AnyCall], dict[str, Any]],
    note: Note,
) -> Submission:
    """Submit every open call that fits the budget at its worst cost, and return at once.

    Args:
        settings: of the calls; kept in the note, with paths that hold in any working folder.
        store: where replies and spending lie.
        price: of the model.
        find_open: the calls that have no reply and lie in no batch.
        body_of: the body of a request.
        note: what the room wants to know when it collects.

    Raises:
        RunError: the server took no batch; run it again to go on.
    """
    server = _Server(settings)
    store.charge_lost_requests()
    _find_unsubmitted(store, server)
    calls = find_open(store)
    budget = make_budget(settings, store)
    fitting = [call for call in calls if budget.take(worst_cost(call, settings, price, batch=True))]
    note = note | {"settings": _portable(settings)}
    batches = [
        _submit(
            store,
            server,
            chunk,
            body_of,
            note,
            [worst_cost(call, settings, price, batch=True) for call in chunk],
        )
        for chunk in _cut(fitting)
    ]
    return Submission(batches, len(fitting), len(calls) - len(fitting))


@dataclass(frozen=True, slots=True)
class Trusted:
    """What the user says of the server: a store may come from elsewhere, and name any server and any variable.

    Attributes:
        base_url: the server that may be given the key, besides OpenAI's, this machine and the one of OPENAI_BASE_URL.
        api_key_env: the variable whose value may be sent, besides OPENAI_API_KEY.
    """

    base_url: str | None = None
    api_key_env: str | None = None

    def check(self, settings: CallSettings) -> None:
        """Raise a SettingError that says what to type where a store names a server or a variable that nobody allowed."""
        asked, url = settings.api_key_env, settings.base_url
        known = {None, self.base_url, os.environ.get("OPENAI_BASE_URL")}
        if url not in known and not is_local(url):
            raise SettingError(
                f"These batches lie on the server {printable(url or '')}. Give --base-url with that address if your key may "
                "be sent there."
            )
        if asked not in {"OPENAI_API_KEY", self.api_key_env}:
            raise SettingError(
                f"These batches were made with the key of the environment variable {printable(asked)}. Give --api-key-env "
                "with that name if it may be sent."
            )


NOBODY = Trusted()
"""No server and no variable but those that need no word."""


def look(store: Store, settings_class: type[CallSettings], trusted: Trusted) -> list[BatchState]:
    """Ask the server how far every batch is that is not collected yet."""
    states: list[BatchState] = []
    for row in store.batches():
        n_done = 0
        if row["state"] not in _AT_REST and row["server_id"]:
            server = _Server(_settings_of(row, settings_class, trusted))
            found = server.find(row["server_id"])
            row |= {"state": found.status, "message": _failure_of(found, server.key)}
            n_done = found.request_counts.completed if found.request_counts else 0
            store.update_batch(row["id"], state=row["state"], message=row["message"])
        states.append(_state_of(row, n_done))
    return states


def collect(
    store: Store,
    settings_class: type[CallSettings],
    trusted: Trusted,
    read_of: Callable[[Note], Callable[[Reply], Noted]],
) -> tuple[list[BatchState], list[Note]]:
    """Take the results of every batch that is over into the store; collecting twice changes nothing.

    Requests without a result are free to be submitted again.

    Args:
        store: of the batches.
        settings_class: of the calls.
        trusted: the server and the key that the user names.
        read_of: note -> how its replies are read.

    Returns:
        Every batch, and the notes of those that are collected, now or earlier, oldest first.
    """
    notes: list[Note] = []
    for row in store.batches():
        settings = _settings_of(row, settings_class, trusted)
        note = _note_of(row)
        if row["state"] == "collected":
            notes.append(note)
        if row["state"] in _AT_REST:
            continue
        server = _Server(settings)
        if row["server_id"] is None:
            _find_unsubmitted(store, server)
            continue
        found = server.find(row["server_id"])
        store.update_batch(row["id"], state=found.status, message=_failure_of(found, server.key))
        if found.status in _OVER:
            _take_results(store, server, settings, row, found, read_of(note))
            notes.append(note)
    return [_state_of(row) for row in store.batches()], notes


def check_output(note: Note, output: str | None, store: Store) -> None:
    """Refuse a store whose batches belong to another output than the one it was opened for, or lies beside.

    Raises:
        SettingError: says what to type.
    """
    noted = Path(str(note["settings"].get("output")))
    is_beside = os.path.abspath(noted.parent) == os.path.abspath(store.path.parent)
    if os.path.abspath(noted) != os.path.abspath(output) if output else not is_beside:
        raise SettingError(
            f"The batches of {store.path} are those of the output {printable(str(noted))}. Give --output with that name if it "
            "may be written."
        )


def open_existing(cache: str | Path) -> Store:
    """Open the store of an earlier run.

    Raises:
        SettingError: there is none.
    """
    if not Path(cache).is_file():
        raise SettingError(
            f"There is no cache {cache}. Give --output (or --cache) as it was given to the run."
        )
    return Store(Path(cache))


class _Server:
    """The files and batches of the server; its errors are the project's own."""

    def __init__(self, settings: CallSettings) -> None:
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


def _cut(calls: Sequence[AnyCall]) -> Iterator[list[AnyCall]]:
    """Cut requests into batches within the server's limits."""
    chunk: list[AnyCall] = []
    n_bytes = 0
    for call in calls:
        size = 2 * call.request.n_prompt_bytes + 200  # JSON escapes may double it
        if chunk and (len(chunk) >= MAX_REQUESTS or n_bytes + size > MAX_BYTES):
            yield chunk
            chunk, n_bytes = [], 0
        chunk.append(call)
        n_bytes += size
    if chunk:
        yield chunk


def _submit(
    store: Store,
    server: _Server,
    calls: Sequence[AnyCall],
    body_of: Callable[[AnyCall], dict[str, Any]],
    note: Note,
    costs: Sequence[int],
) -> BatchState:
    name = uuid.uuid4().hex
    requests: list[Call] = list(calls)
    note = note | {"requests": [asdict(call.request) for call in requests]}
    keys = [call.request.key for call in requests]
    number = store.begin_batch(name, json.dumps(note), zip(keys, costs, strict=True))
    lines = [
        {"custom_id": key, "method": "POST", "url": ENDPOINT, "body": body_of(call)}
        for key, call in zip(keys, calls, strict=True)
    ]
    data = b"".join(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n" for line in lines)
    server_id = server.submit(name, data)
    store.update_batch(number, state="submitted", server_id=server_id)
    return BatchState(name, server_id, "submitted", len(keys))


def _find_unsubmitted(store: Store, server: _Server) -> None:
    """Settle batches that were noted and perhaps never submitted: the server knows them by name, or not at all."""
    for row in store.batches():
        if row["state"] == "submitting":
            server_id = server.find_named(row["name"])
            if server_id is None:
                store.end_batch(row["id"], "lost", [], message="never reached the server")
            else:
                store.update_batch(row["id"], state="submitted", server_id=server_id)


def _portable(settings: CallSettings) -> dict[str, Any]:
    """The settings with paths that hold in any working folder."""
    values = asdict(settings)
    for name in values:
        if name in _PATHS and values[name]:
            values[name] = os.path.abspath(values[name])
        elif name in _INPUTS:
            values[name] = [path if "://" in path else os.path.abspath(path) for path in values[name]]
        elif name in _NAMES_OR_PATHS and os.path.exists(values[name]):
            values[name] = os.path.abspath(values[name])
    return values


def _settings_of(row: dict[str, Any], settings_class: type[CallSettings], trusted: Trusted) -> CallSettings:
    settings = settings_from(settings_class, _note_of(row)["settings"])
    trusted.check(settings)
    return settings


def _note_of(row: dict[str, Any]) -> Note:
    note = parse_json(str(row["tasks"]).encode("utf-8", "replace"), "The cache's note of a batch")
    check_shape(note, _NOTE_SHAPE, "the cache's note of a batch")
    return note


def _state_of(row: dict[str, Any], n_done: int = 0) -> BatchState:
    return BatchState(row["name"], row["server_id"], row["state"], row["n_requests"], n_done, row["message"])


def _failure_of(batch: Any, key: str) -> str:
    problems = batch.errors.data if batch.errors and batch.errors.data else []
    said = "; ".join(str(problem.message) for problem in problems[:3])
    return redact(" ".join(said.split()), key)[:300]


def _take_results(
    store: Store,
    server: _Server,
    settings: CallSettings,
    row: dict[str, Any],
    batch: Any,
    read: Callable[[Reply], Noted],
) -> None:
    """Read a batch's files and put its replies into the store in one step."""
    requests = {request["key"]: Request(**request) for request in _note_of(row)["requests"]}
    worst = store.batch_costs(row["id"])
    price = find_price(settings)
    results = _read_results(
        server.read_file(batch.output_file_id) + b"\n" + server.read_file(batch.error_file_id)
    )
    replies: list[BatchReply] = []
    for key, result in results.items():
        if key in requests:
            reply = _judge(requests[key], result, read, price, worst[key], server.key)
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
    request: Request,
    result: dict[str, Any],
    read: Callable[[Reply], Noted],
    price: Price,
    worst: int,
    key: str,
) -> BatchReply | None:
    """The reply in one result row; null where the request failed and may be submitted again at no charge."""
    response = result.get("response")
    response = response if isinstance(response, dict) else {}
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
        reply = Reply(None)  # no chat completion, and perhaps charged for
    verdict, content = read(reply)
    tokens = (reply.input_tokens, reply.output_tokens)
    cost = worst if None in tokens else price.cost(tokens[0] or 0, tokens[1] or 0, batch=True)
    return request, verdict, content, tokens, cost
