"""The cache: every reply that was paid for, and every request that may still be charged.

One SQLite file, written before and after each request, so that a run killed at any moment loses at most the
requests in flight, and knows what they may have cost. It holds no API key: what it stores is redacted before.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from curate.config import plain_file
from curate.errors import RunError, SettingError
from curate.llm.reply import LABELLED, Verdict

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS replies (
    key TEXT NOT NULL, try INTEGER NOT NULL, outcome TEXT NOT NULL, level INTEGER, reason TEXT NOT NULL,
    content TEXT, input_tokens INTEGER, output_tokens INTEGER, pico_usd INTEGER NOT NULL,
    model TEXT NOT NULL, prompt TEXT NOT NULL, text_hash TEXT NOT NULL, n_prompt_bytes INTEGER NOT NULL,
    PRIMARY KEY (key, try)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sent (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, pico_usd INTEGER NOT NULL, batch INTEGER);
CREATE INDEX IF NOT EXISTS sent_batch ON sent (batch, key) WHERE batch IS NOT NULL;
CREATE TABLE IF NOT EXISTS charges (id INTEGER PRIMARY KEY, key TEXT NOT NULL, pico_usd INTEGER NOT NULL, why TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, server_id TEXT, state TEXT NOT NULL, n_requests INTEGER NOT NULL,
    tasks TEXT NOT NULL, message TEXT NOT NULL DEFAULT '');
"""
_FORMAT = "1"
_KEYS_A_QUERY = 500  # SQLite before 3.32 takes 999

Tokens = tuple[int | None, int | None]
"""Of input and output; null where the server counted none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The last reply to one request, with how many there have been."""

    outcome: str
    level: int | None
    reason: str
    n_tries: int


@dataclass(frozen=True, slots=True)
class Request:
    """What identifies a request: the same fields give the same key, and are never paid for twice."""

    key: str
    model: str
    prompt: str
    text_hash: str
    n_prompt_bytes: int


@dataclass(frozen=True, slots=True)
class StoredReply:
    """The last reply to one request, with its text where the store keeps it, its tokens and its cost."""

    outcome: str
    reason: str
    content: str | None
    input_tokens: int | None
    output_tokens: int | None
    pico_usd: int


BatchReply = tuple[Request, Verdict, str | None, Tokens, int]
"""Request, verdict, content where it has no level, tokens, and its cost in picodollars."""


class _Connection(sqlite3.Connection):
    """One whose every failure is SQLite's: a damaged file may put bytes that are no UTF-8 into a message."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except UnicodeDecodeError as error:
            raise sqlite3.DatabaseError("malformed database schema") from error

    def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
        try:
            return super().executescript(sql_script)
        except UnicodeDecodeError as error:
            raise sqlite3.DatabaseError("malformed database schema") from error


class Store:
    """An open cache file; one process at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = plain_file(path, 1 << 40)
        self._lock = _lock_file(path)
        try:
            self._db = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, factory=_Connection
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
            self._db.execute("INSERT OR IGNORE INTO about VALUES ('format', ?)", (_FORMAT,))
            found = self._db.execute("SELECT value FROM about WHERE name = 'format'").fetchone()[0]
        except sqlite3.DatabaseError as error:
            os.close(self._lock)
            raise SettingError(
                f"{path} is no cache of curate ({error}). Name another with --cache."
            ) from error
        if found != _FORMAT:
            raise SettingError(f"{path} was written by another version of curate. Name another with --cache.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):  # damaged, or the disk is full
            raise RunError(
                f"The cache {self.path} cannot be used ({error}). Name another with --cache."
            ) from error

    def close(self) -> None:
        """Close the file and give up the lock."""
        self._db.close()
        os.close(self._lock)

    # Money

    def charge_lost_requests(self) -> int:
        """Count what a killed run had in flight at its worst case; return how many requests that were."""
        with self._change():
            self._db.execute(
                "INSERT INTO charges (key, pico_usd, why) SELECT key, pico_usd, 'stopped in flight' FROM sent WHERE batch IS NULL"
            )
            return self._db.execute("DELETE FROM sent WHERE batch IS NULL").rowcount

    def spent(self) -> int:
        """Picodollars of all replies, and of requests that may have been charged without one."""
        return self._sum("SELECT SUM(pico_usd) FROM replies") + self._sum("SELECT SUM(pico_usd) FROM charges")

    def held(self) -> int:
        """Picodollars that requests without a reply so far may cost at worst."""
        return self._sum("SELECT SUM(pico_usd) FROM sent")

    def _sum(self, query: str) -> int:
        return int(self._db.execute(query).fetchone()[0] or 0)

    @contextmanager
    def _change(self, *, on_disk: bool = False) -> Generator[None]:
        """All that the block writes, or nothing; with `on_disk` a loss of power does not undo it."""
        if on_disk:
            self._db.execute("PRAGMA synchronous = FULL")
        with self._db:  # commits, or rolls back what raised
            self._db.execute("BEGIN IMMEDIATE")
            yield
        if on_disk:
            self._db.execute("PRAGMA synchronous = NORMAL")

    # Requests

    def note_sent(self, requests: Sequence[tuple[str, int]]) -> list[int]:
        """Note requests, each a key and its worst cost, before they are sent; return their numbers.

        They are on the disk when this returns, and with them every reply before: a machine that loses its power forgets at
        most replies since the last request, which then count at their worst cost. A killed process forgets nothing. Waiting
        for the disk is most of what a reply costs here, so the requests of a moment are noted together.
        """
        with self._change(on_disk=True):
            return [
                int(self._db.execute("INSERT INTO sent (key, pico_usd) VALUES (?, ?)", each).lastrowid or 0)
                for each in requests
            ]

    def note_failed(self, number: int, key: str, pico_usd: int, why: str) -> None:
        """Note that a request had no reply, and what the server may have charged for it."""
        with self._change():
            self._db.execute("DELETE FROM sent WHERE id = ?", (number,))
            if pico_usd:
                self._db.execute(
                    "INSERT INTO charges (key, pico_usd, why) VALUES (?, ?, ?)", (key, pico_usd, why)
                )

    def note_reply(
        self,
        number: int,
        request: Request,
        verdict: Verdict,
        *,
        content: str | None,
        tokens: Tokens,
        pico_usd: int,
    ) -> None:
        """Put a reply in the place of the request that was sent."""
        with self._change():
            self._db.execute("DELETE FROM sent WHERE id = ?", (number,))
            self._insert_reply(request, verdict, content, tokens, pico_usd)

    def _insert_reply(
        self, request: Request, verdict: Verdict, content: str | None, tokens: Tokens, pico_usd: int
    ) -> None:
        self._db.execute(
            "INSERT INTO replies SELECT ?, COUNT(*), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM replies WHERE key = ?",
            (request.key, verdict.outcome, verdict.level, verdict.reason, content, *tokens, pico_usd,
             request.model, request.prompt, request.text_hash, request.n_prompt_bytes, request.key),
        )  # fmt: skip

    def forget_replies(self, keys: Iterable[str]) -> None:
        """Forget the replies to some requests that cost nothing."""
        self._db.executemany("DELETE FROM replies WHERE key = ? AND pico_usd = 0", [(key,) for key in keys])

    def answer(self, key: str) -> Answer | None:
        """The last reply to a request; None where there is none."""
        row = self._db.execute(
            "SELECT outcome, level, reason, try + 1 FROM replies WHERE key = ? ORDER BY try DESC LIMIT 1",
            (key,),
        ).fetchone()
        return Answer(*row) if row else None

    def last_replies(self, keys: Sequence[str]) -> dict[str, StoredReply]:
        """All that is known of the last reply to each of some requests, of those that have one."""
        found: dict[str, StoredReply] = {}
        for begin in range(0, len(keys), _KEYS_A_QUERY):
            some = keys[begin : begin + _KEYS_A_QUERY]
            marks = ", ".join("?" * len(some))
            rows = self._db.execute(
                "SELECT key, outcome, reason, content, input_tokens, output_tokens, pico_usd FROM replies "  # noqa: S608
                f"WHERE key IN ({marks}) ORDER BY key, try",
                some,
            )
            found |= {row[0]: StoredReply(*row[1:]) for row in rows}
        return found

    def answered_keys(self) -> set[str]:
        """Keys of the requests that have a reply, whatever it is."""
        return {row[0] for row in self._db.execute("SELECT DISTINCT key FROM replies")}

    def is_settled(self, key: str, reply_tries: int) -> bool:
        """Whether nothing more is to be asked: there is a level, the server refuses, or the tries are used up."""
        found = self.answer(key)
        return found is not None and (found.outcome in {LABELLED, "rejected"} or found.n_tries >= reply_tries)

    def mean_tokens(self, model: str, prompt: str) -> tuple[float, float] | None:
        """Measured (input tokens per byte of the request, output tokens); None before ten replies."""
        row = self._db.execute(
            "SELECT COUNT(*), SUM(input_tokens), SUM(n_prompt_bytes), AVG(output_tokens) FROM replies "
            "WHERE model = ? AND prompt = ? AND input_tokens > 0 AND output_tokens IS NOT NULL",
            (model, prompt),
        ).fetchone()
        return (row[1] / row[2], row[3]) if row[0] >= 10 and row[2] else None

    def totals(self) -> dict[str, Any]:
        """Replies, tokens and money over the whole file."""
        row = self._db.execute(
            "SELECT COUNT(*), COALESCE(SUM(input_tokens), 0), COALESCE(SUM(output_tokens), 0) FROM replies"
        ).fetchone()
        charges = self._db.execute("SELECT COUNT(*) FROM charges").fetchone()[0]
        return {
            "n_replies": row[0],
            "n_input_tokens": row[1],
            "n_output_tokens": row[2],
            "n_charged_without_reply": charges,
        }

    # Batches

    def begin_batch(self, name: str, tasks: str, sent: Iterable[tuple[str, int]]) -> int:
        """Note a batch and the worst cost of each of its requests, before it is submitted."""
        rows = list(sent)
        with self._change(on_disk=True):
            number = self._db.execute(
                "INSERT INTO batches (name, state, n_requests, tasks) VALUES (?, 'submitting', ?, ?)",
                (name, len(rows), tasks),
            ).lastrowid
            self._db.executemany(
                "INSERT INTO sent (key, pico_usd, batch) VALUES (?, ?, ?)",
                [(key, cost, number) for key, cost in rows],
            )
        return int(number or 0)

    def update_batch(
        self, number: int, *, state: str, server_id: str | None = None, message: str = ""
    ) -> None:
        """Note what the server said of a batch."""
        self._db.execute(
            "UPDATE batches SET state = ?, server_id = COALESCE(?, server_id), message = ? WHERE id = ?",
            (state, server_id, message, number),
        )

    def end_batch(self, number: int, state: str, replies: Iterable[BatchReply], *, message: str = "") -> None:
        """Take a batch's replies over, all or none, and forget what its requests might have cost."""
        with self._change():
            for request, verdict, content, tokens, pico_usd in replies:
                self._insert_reply(request, verdict, content, tokens, pico_usd)
            self._db.execute("DELETE FROM sent WHERE batch = ?", (number,))
            self._db.execute(
                "UPDATE batches SET state = ?, message = ? WHERE id = ?", (state, message, number)
            )

    def batches(self) -> list[dict[str, Any]]:
        """Every batch, oldest first: id, name, server_id, state, n_requests, tasks, message."""
        rows = self._db.execute(
            "SELECT id, name, server_id, state, n_requests, tasks, message FROM batches ORDER BY id"
        )
        names = [column[0] for column in rows.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def waiting_keys(self) -> set[str]:
        """Keys of the requests that lie in batches."""
        return {row[0] for row in self._db.execute("SELECT key FROM sent WHERE batch IS NOT NULL")}

    def batch_costs(self, number: int) -> dict[str, int]:
        """Worst cost of each request of a batch."""
        return dict(self._db.execute("SELECT key, pico_usd FROM sent WHERE batch = ?", (number,)))


def _lock_file(path: Path) -> int:
    try:
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise SettingError(f"{path}.lock cannot be opened ({error.strerror}).") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise RunError(
            f"Another run is using {path}. Wait for it to end, or name another file with --cache."
        ) from None
    return lock
