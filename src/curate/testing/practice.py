"""A server on this machine that speaks the chat and batch protocols: to practise without paying, and to test with.

    with PracticeServer() as server:
        settings = AnnotateSettings(..., base_url=server.base_url, price_input=0, price_output=0)

It is no language model. Its levels come from a function of the page's text, and it can be told to fail as
real servers do: busy, broken, silent, cut short, refusing, off the scale.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from types import TracebackType
from typing import Any, Self, cast

from curate.work.loopback import LoopbackHandler, LoopbackServer

Judge = Callable[[str], tuple[int, str]]
Plant = Callable[[str, int], str | None]
Write = Callable[[str, str | None], str]

FAILURES = (
    "busy", "busy_date", "busy_silent", "error", "silent", "malformed", "cut", "hang_up", "length", "off_scale",
    "refusal", "filter", "prose", "two_levels", "late", "no_usage", "too_long", "wrong_key", "no_quota", "no_schema",
    "fenced", "text_level", "echo_key", "no_choices", "wordy", "busy_zero", "busy_day", "blanks", "zero_usage", "huge_usage",
)  # fmt: skip
_TEACHING = re.compile(
    r"\b(?:because|therefore|for example|means that|is called|defined|theorem|experiment|cells?|energy|equation|step"
    r"|students?|lesson|explains?|principle|history|century|science|method)\b",
    re.IGNORECASE,
)
_SILENT_S = 30.0


def judge_by_words(text: str) -> tuple[int, str]:
    """A level from 0 to 5 that grows with the number of words that explanations use."""
    n_found = len(_TEACHING.findall(text))
    return min(5, n_found), f"{n_found} words of explanation"


@dataclass(slots=True)
class Ledger:
    """What the server saw: replies with usage, in tokens, and how often each page was asked about."""

    n_requests: int = 0
    n_replies: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    batch_input_tokens: int = 0
    batch_output_tokens: int = 0
    most_at_once: int = 0
    asked: Counter[str] = field(default_factory=Counter[str])
    times: list[float] = field(default_factory=list[float])
    keys: set[str] = field(default_factory=set[str])


class PracticeServer:
    """Serves on a free port of 127.0.0.1 while its block runs.

    Args:
        judge: page -> (level, reason).
        write: (prompt, planted fault or None) -> text; the server is then a writer, its pages are whole prompts, and it
            answers with text in place of levels (`curate.testing.writer`).
        plant: (page, how often it was asked about before) -> a name in `FAILURES`, or None to answer well.
        delay_s: seconds before each answer.
        batches_wait: polls of a batch before it is completed.
    """

    def __init__(
        self,
        judge: Judge = judge_by_words,
        plant: Plant | None = None,
        *,
        write: Write | None = None,
        delay_s: float = 0.0,
        batches_wait: int = 0,
        port: int = 0,
    ) -> None:
        self.judge = judge
        self.write = write
        self.plant = plant or (lambda text, n_before: None)
        self.delay_s = delay_s
        self.batches_wait = batches_wait
        self.ledger = Ledger()
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._n_at_once = 0
        self._http = _Server(port, _Handler, self)
        self.base_url = f"{self._http.address}/v1"

    def __enter__(self) -> Self:
        self._http.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._http.__exit__(kind, error, trace)

    def note_request(self, page: str, key: str) -> int:
        """Count a chat request; return how often this page was asked about before."""
        with self._lock:
            self.ledger.n_requests += 1
            self.ledger.times.append(time.monotonic())
            self.ledger.keys.add(key)
            self.ledger.asked[page] += 1
            self._n_at_once += 1
            self.ledger.most_at_once = max(self.ledger.most_at_once, self._n_at_once)
            return self.ledger.asked[page] - 1

    def note_end(self) -> None:
        """Count a chat request as over."""
        with self._lock:
            self._n_at_once -= 1

    def completion(
        self, body: dict[str, Any], page: str, failure: str | None, *, key: str, batch: bool = False
    ) -> dict[str, Any]:
        """The chat completion for a request, good or planted; its tokens are counted as spent."""
        level, reason = self.judge(page)
        content, refusal, finish = _CONTENTS.get(failure or "", _good)(level, reason)
        if self.write is not None and failure not in _CONTENTS:
            content, refusal, finish = (
                self.write(page, failure),
                None,
                "length" if failure == "wr_cut" else "stop",
            )
        if failure == "echo_key":
            content = json.dumps({"reason": f"your key is {key}", "level": level})
        n_input = max(1, len(json.dumps(body, ensure_ascii=False).encode()) // 4)
        n_output = max(1, len(content or refusal or "") // 4)
        if failure == "length":
            n_output = int(body.get("max_completion_tokens") or body.get("max_tokens") or n_output)
        if failure == "wordy":
            n_output = 10 * int(body.get("max_completion_tokens") or body.get("max_tokens") or 100)
        with self._lock:
            self.ledger.n_replies += 1
            if batch:
                self.ledger.batch_input_tokens += n_input
                self.ledger.batch_output_tokens += n_output
            else:
                self.ledger.input_tokens += n_input
                self.ledger.output_tokens += n_output
        message = {"role": "assistant", "content": content, "refusal": refusal}
        usage = {"prompt_tokens": n_input, "completion_tokens": n_output, "total_tokens": n_input + n_output}
        completion: dict[str, Any] = {
            "id": "practice",
            "object": "chat.completion",
            "created": 0,
            "model": body.get("model"),
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": usage,
        }
        if failure == "no_usage":
            del completion["usage"]
        if failure in {"zero_usage", "huge_usage"}:
            counts = 0 if failure == "zero_usage" else 10**20
            completion["usage"] = dict.fromkeys(usage, counts)
        if failure == "no_choices":
            completion["choices"] = []
        return completion

    def run_batch(self, batch: dict[str, Any]) -> None:
        """Answer a batch's requests, in an order of the server's own, into output and error files."""
        outputs: list[str] = []
        errors: list[str] = []
        for line in reversed(self.files[batch["input_file_id"]].decode().splitlines()):
            request = json.loads(line)
            page = page_of(request["body"])
            failure = self.plant(page, self.note_request(page, ""))
            self.note_end()
            row: dict[str, Any] = {
                "id": "row",
                "custom_id": request["custom_id"],
                "error": None,
                "response": None,
            }
            if failure in {"error", "silent", "hang_up", "busy"}:
                row["response"] = {"status_code": 500, "body": {"error": {"message": "planted"}}}
                errors.append(json.dumps(row))
            elif failure == "expired":
                row["error"] = {
                    "code": "batch_expired",
                    "message": "This request could not be executed in time.",
                }
                errors.append(json.dumps(row))
            else:
                completion = self.completion(request["body"], page, failure, key="", batch=True)
                row["response"] = {"status_code": 200, "body": completion}
                outputs.append(json.dumps(row))
        for name, lines in (("output_file_id", outputs), ("error_file_id", errors)):
            if lines:
                batch[name] = f"file-{batch['id']}-{name}"
                self.files[batch[name]] = ("\n".join(lines) + "\n").encode()
        batch["request_counts"] |= {"completed": len(outputs), "failed": len(errors)}
        batch["status"] = "completed"


def page_of(body: dict[str, Any]) -> str:
    """The page in a request of ours."""
    text = body["messages"][-1]["content"]
    return text.partition("<page>\n")[2].rpartition("\n</page>")[0] or text


_Content = tuple[str | None, str | None, str]


def _good(level: int, reason: str) -> _Content:
    return json.dumps({"reason": reason, "level": level}), None, "stop"


_CONTENTS: dict[str, Callable[[int, str], _Content]] = {
    "length": lambda level, reason: ('{"reason": "This page is', None, "length"),
    "off_scale": lambda level, reason: (json.dumps({"reason": reason, "level": level + 6}), None, "stop"),
    "refusal": lambda level, reason: (None, "I cannot help with that.", "stop"),
    "filter": lambda level, reason: (None, None, "content_filter"),
    "prose": lambda level, reason: ("It is hard to say, perhaps good enough.", None, "stop"),
    "two_levels": lambda level, reason: (
        f"Level: {level}\nOn reflection\nLevel: {(level + 1) % 6}",
        None,
        "stop",
    ),
    "fenced": lambda level, reason: (f'```json\n{{"reason": "fenced", "level": {level}}}\n```', None, "stop"),
    "text_level": lambda level, reason: (f"Reason: {reason}\n\n**Level: {level}/5**", None, "stop"),
}


class _Server(LoopbackServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that were killed break their connections: no word about it."""


class _Handler(LoopbackHandler):
    @property
    def _practice(self) -> PracticeServer:
        return cast("_Server", self.server).owner

    def do_GET(self) -> None:
        practice = self._practice
        parts = self.path.partition("?")[0].removeprefix("/v1/").split("/")
        if parts[0] == "batches" and len(parts) == 1:
            self._send(200, {"object": "list", "data": list(practice.batches.values()), "has_more": False})
        elif parts[0] == "batches" and parts[1] in practice.batches:
            batch = practice.batches[parts[1]]
            batch["polls"] += 1
            if batch["status"] == "in_progress" and batch["polls"] > practice.batches_wait:
                practice.run_batch(batch)
            self._send(200, batch)
        elif parts[0] == "files" and parts[-1] == "content" and parts[1] in practice.files:
            self._send_bytes(200, practice.files[parts[1]])
        else:
            self._send(404, {"error": {"message": "no such thing", "code": "not_found"}})

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/v1/chat/completions":
            self._chat(json.loads(data))
        elif self.path == "/v1/files":
            self._take_file(data)
        elif self.path == "/v1/batches":
            self._open_batch(json.loads(data))
        else:
            self._send(404, {"error": {"message": "no such thing", "code": "not_found"}})

    def _chat(self, body: dict[str, Any]) -> None:
        practice = self._practice
        key = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        page = page_of(body) if practice.write is None else body["messages"][-1]["content"]
        n_before = practice.note_request(page, key)
        try:
            failure = practice.plant(page, n_before)
            practice.stopping.wait(practice.delay_s)
            if failure == "late":
                practice.stopping.wait(0.3)
            if not self._fail(failure, key):
                completion = practice.completion(body, page, failure, key=key)
                self._send_completion(completion, failure)
        finally:
            practice.note_end()

    def _fail(self, failure: str | None, key: str) -> bool:
        """Send the planted error, if it is one that comes in the place of a completion."""
        status, message, code = _ERRORS.get(failure or "", (0, "", ""))
        if status:
            headers = _HEADERS[failure or ""]() if failure in _HEADERS else {}
            self._send(status, {"error": {"message": message.replace("KEY", key), "code": code}}, headers)
        elif failure == "blanks":
            self._send_blanks()
        elif failure == "silent":
            self._practice.stopping.wait(_SILENT_S)
            self.close_connection = True
        elif failure == "hang_up":
            self.close_connection = True
            self.connection.close()
        else:
            return False
        return True

    def _send_blanks(self) -> None:
        """Send a blank ten times a second, as a proxy does that keeps a connection open while it waits."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.close_connection = True
        for _ in range(int(10 * _SILENT_S)):
            try:
                self.wfile.write(b" ")
                self.wfile.flush()
            except OSError:  # the client has gone
                return
            if self._practice.stopping.wait(0.1):
                return

    def _send_completion(self, completion: dict[str, Any], failure: str | None) -> None:
        data = json.dumps(completion).encode()
        if failure == "malformed":
            self._send_bytes(200, data[: len(data) // 2])
        elif failure == "cut":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        else:
            self._send_bytes(200, data)

    def _take_file(self, data: bytes) -> None:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = message_from_bytes(head + data, policy=policy.HTTP)
        parts = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}  # pyright: ignore[reportAttributeAccessIssue]
        practice = self._practice
        name = f"file-{len(practice.files)}"
        practice.files[name] = cast("bytes", parts["file"].get_payload(decode=True))
        described = {"id": name, "object": "file", "bytes": len(practice.files[name]), "created_at": 0}
        self._send(200, described | {"filename": "batch.jsonl", "purpose": "batch", "status": "processed"})

    def _open_batch(self, body: dict[str, Any]) -> None:
        practice = self._practice
        n_requests = len(practice.files[body["input_file_id"]].splitlines())
        name = f"batch-{len(practice.batches)}"
        batch = {
            "id": name,
            "object": "batch",
            "endpoint": body["endpoint"],
            "input_file_id": body["input_file_id"],
            "completion_window": body["completion_window"],
            "metadata": body.get("metadata"),
            "status": "in_progress",
            "created_at": 0,
            "request_counts": {"total": n_requests, "completed": 0, "failed": 0},
            "polls": 0,
        }
        practice.batches[name] = batch
        self._send(200, batch)

    def _send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(value).encode(), headers)

    def _send_bytes(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send(status, data, {"Content-Type": "application/json", **(headers or {})})


_ERRORS = {
    "busy": (429, "Rate limit reached", "rate_limit_exceeded"),
    "busy_date": (429, "Rate limit reached", "rate_limit_exceeded"),
    "busy_silent": (429, "Rate limit reached", "rate_limit_exceeded"),
    "busy_zero": (429, "Rate limit reached", "rate_limit_exceeded"),
    "busy_day": (429, "Rate limit reached", "rate_limit_exceeded"),
    "error": (500, "The server had an error", "server_error"),
    "too_long": (400, "This model's context length is exceeded", "context_length_exceeded"),
    "wrong_key": (401, "Incorrect API key provided: KEY", "invalid_api_key"),
    "no_quota": (429, "You exceeded your current quota", "insufficient_quota"),
    "no_schema": (400, "response_format json_schema is not supported", "invalid_request"),
}
_HEADERS: dict[str, Callable[[], dict[str, str]]] = {
    "busy": lambda: {"Retry-After": "1"},
    "busy_zero": lambda: {"Retry-After": "0"},
    "busy_day": lambda: {"Retry-After": "86400"},
    "busy_date": lambda: {
        "Retry-After": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 1))
    },
}
