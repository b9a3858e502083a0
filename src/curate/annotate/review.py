"""A web page on this machine to read pages with their labels, and to correct these with the keyboard.

What a person says is appended to the label file at once, as a row of its own: the model's label stays.
The page is one file without anything from elsewhere, served on 127.0.0.1 only. Requests must carry a token
that only the page knows and name this host, so that other web sites in the same browser can neither read nor write.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qs, urlsplit

from curate.annotate.labels import (
    HUMAN,
    Row,
    annotator_of,
    append_label,
    is_human,
    level_field_of,
    level_of,
    read_labels,
)
from curate.annotate.prompt import MAX_REASON_CHARS
from curate.errors import SettingError
from curate.work.loopback import LoopbackHandler, LoopbackServer

PAGE = Path(__file__).parent / "review.html"
_NAME = re.compile(r"[\w .-]{1,40}")
_MAX_BODY_BYTES = 10_000
_CARRIED = ("id", "url", "topic", "text", "select", "propensity", "stratum", "select_score", "window_chars")


class ReviewServer:
    """Serves the review of a label file while its block runs, or until `serve` is interrupted.

    Args:
        labels: the label file; corrections go to its end.
        annotator: name of the person; rows say `human:NAME`, or `human` without one.
        port: 0 for any that is free.
        low: least level of the scale.
        high: greatest level of the scale.

    Raises:
        SettingError: The file cannot be read or holds no page, or a setting is wrong.
    """

    def __init__(
        self, labels: str | Path, *, annotator: str | None = None, port: int = 0, low: int = 0, high: int = 5
    ) -> None:
        if annotator is not None and not _NAME.fullmatch(annotator):
            raise SettingError("The annotator's name takes 1 to 40 letters, digits, spaces, dots or dashes.")
        if not 0 <= low < high <= 9:
            raise SettingError(
                f"Levels are typed as digits: give 0 <= low < high <= 9, not {low} and {high}."
            )
        self.path = Path(labels)
        self.annotator = f"{HUMAN}:{annotator}" if annotator else HUMAN
        self.low, self.high = low, high
        self.token = secrets.token_urlsafe(24)
        self._lock = threading.Lock()
        self._pages: dict[str, list[Row]] = {}
        for row in read_labels(labels):
            self._pages.setdefault(str(row.get("id")), []).append(row)
        if not self._pages:
            raise SettingError(f"{labels} holds no labels. Give a file that 'curate annotate' wrote.")
        self._ids = list(self._pages)
        try:
            self._http = LoopbackServer(port, _Handler, self)
        except OSError as error:
            raise SettingError(
                f"Port {port} is not free ({error.strerror}). Give another with --port."
            ) from error
        self.port = self._http.server_port
        self.url = f"{self._http.address}/"

    def __enter__(self) -> Self:
        self._http.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.__exit__(kind, error, trace)

    def serve(self) -> None:
        """Serve until interrupted."""
        try:
            self._http.serve_forever()
        finally:
            self._http.server_close()

    def page(self, number: str) -> dict[str, Any]:
        """What the web page shows: of a page by number, or of the first without a human label."""
        with self._lock:
            at = self._find(number)
            rows = self._pages[self._ids[at]]
            text = next((row["text"] for row in rows if isinstance(row.get("text"), str)), "")
            window_chars = next(
                (row["window_chars"] for row in rows if isinstance(row.get("window_chars"), int)), len(text)
            )
            human = [level_of(row) for row in rows if is_human(row)]
            model = [level for row in rows if not is_human(row) and (level := level_of(row)) is not None]
            return {
                "number": at,
                "n_pages": len(self._ids),
                "n_human": sum(any(is_human(row) for row in found) for found in self._pages.values()),
                "id": self._ids[at],
                "url": next((row["url"] for row in rows if row.get("url")), None),
                "window": text[:window_chars],
                "rest": text[window_chars:],
                "labels": [_shown(row) for row in rows],
                "human_level": human[-1] if human else None,
                "model_level": model[0] if model and model[0] == int(model[0]) else None,
                "low": self.low,
                "high": self.high,
            }

    def _find(self, number: str) -> int:
        """Read a page's number; `open` and `open-N` are the first page, and the first after N, without a human label."""
        if not number.startswith("open"):
            return min(max(0, int(number)), len(self._ids) - 1)
        after = int(number.removeprefix("open").removeprefix("-") or -1)
        order = [*range(after + 1, len(self._ids)), *range(after + 1)]
        is_open = (at for at in order if not any(is_human(row) for row in self._pages[self._ids[at]]))
        return next(is_open, max(0, after))

    def add(self, body: Mapping[str, Any]) -> Row:
        """Append a person's level for a page to the file; raises ValueError where the body is no label."""
        number, level, reason = body.get("number"), body.get("level"), body.get("reason", "")
        if type(number) is not int or type(level) is not int or not isinstance(reason, str):
            raise ValueError("number and level must be whole numbers, reason a text")
        if not (0 <= number < len(self._ids) and self.low <= level <= self.high):
            raise ValueError(f"no such page, or the level is not from {self.low} to {self.high}")
        with self._lock:
            rows = self._pages[self._ids[number]]
            first = rows[0]
            field = level_field_of(rows)
            row = {name: first[name] for name in _CARRIED if name in first}
            corrects = [{"annotator": annotator_of(r), "level": level_of(r)} for r in rows if not is_human(r)]
            of_prompt = next((r["prompt"] for r in rows if r.get("prompt")), None)
            row |= {field: level, "level_field": field, "reason": " ".join(reason.split())[:MAX_REASON_CHARS]}
            row |= {
                "annotator": self.annotator,
                "prompt": None,
                "draw": 0,
                "problem": None,
                "corrects": corrects,
                "of_prompt": of_prompt,
            }
            row["made_at"] = datetime.now(UTC).isoformat(timespec="microseconds")
            append_label(self.path, row)
            rows.append(row)
        return row


def _shown(row: Row) -> dict[str, Any]:
    level = level_of(row)
    return {
        "annotator": annotator_of(row),
        "level": int(level) if level is not None and level == int(level) else level,
        "problem": row.get("problem") or "no level",
        "reason": row.get("reason") or "",
        "is_human": is_human(row),
    }


class _Handler(LoopbackHandler):
    @property
    def _review(self) -> ReviewServer:
        return cast("LoopbackServer", self.server).owner

    def do_GET(self) -> None:
        """The web page itself, or one page's labels."""
        url = urlsplit(self.path)
        if not self._is_for_us():
            self._send(403, b"Open the address that 'curate annotate review' printed.", "text/plain")
        elif url.path == "/":
            self._send_web_page()
        elif not self._has_token():
            self._send(403, b"This page is of an earlier review: load it again.", "text/plain")
        elif url.path == "/page":
            try:
                found = self._review.page(parse_qs(url.query).get("number", ["open"])[0])
            except ValueError:
                self._send(400, b"no such page", "text/plain")
            else:
                self._send(200, json.dumps(found).encode("utf-8", "replace"), "application/json")
        else:
            self._send(404, b"no such thing", "text/plain")

    def do_POST(self) -> None:
        """Take a person's level."""
        n_bytes = int(self.headers.get("Content-Length") or 0)
        if not self._is_for_us() or not self._has_token() or not 0 < n_bytes <= _MAX_BODY_BYTES:
            self.close_connection = True
            self._send(403, b"This page is of an earlier review: load it again.", "text/plain")
            return
        try:
            row = self._review.add(json.loads(self.rfile.read(n_bytes)))
        except (ValueError, AttributeError) as error:
            self._send(400, str(error).encode(), "text/plain")
        except OSError as error:
            self._send(500, f"cannot write the label file: {error.strerror}".encode(), "text/plain")
        else:
            self._send(200, json.dumps({"level": level_of(row)}).encode(), "application/json")

    def _is_for_us(self) -> bool:
        """Whether the browser meant this host: a foreign name that resolves to 127.0.0.1 is refused."""
        return self.headers.get("Host") in {
            f"127.0.0.1:{self._review.port}",
            f"localhost:{self._review.port}",
        }

    def _has_token(self) -> bool:
        return secrets.compare_digest(self.headers.get("X-Review-Token") or "", self._review.token)

    def _send_web_page(self) -> None:
        nonce = secrets.token_urlsafe(16)
        html = PAGE.read_text("utf-8").replace("{{nonce}}", nonce).replace("{{token}}", self._review.token)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'"
        )
        self._send(200, html.encode(), "text/html; charset=utf-8", {"Content-Security-Policy": policy})

    def _send(self, status: int, data: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        always = {
            "Content-Type": kind,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
        }
        self.send(status, data, always | dict(headers or {}))
