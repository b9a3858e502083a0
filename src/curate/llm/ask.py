"""Asking: every open request, within the budget and the rates, with as many tries as the server's failures need.

    asker = Asker(settings, calls, store, price, body_of=..., read=...)
    asker.ask_all()        requests -> replies, in the store

It can be killed at any time: a request is noted before it is sent and when its reply has come (`curate.llm.store`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, Protocol, TypeVar

from curate.errors import CurateError, RunError, SettingError
from curate.llm.budget import Budget, RateLimiter
from curate.llm.client import ChatClient, PageRejectedError, TryAgainError
from curate.llm.prices import PICO, Price, find_price
from curate.llm.reply import LABELLED, Reply, Verdict
from curate.llm.settings import CallSettings
from curate.llm.store import Request, Store

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
# So many refused in a row, with no reply among them, and it is not the pages.
_REJECTED_IN_A_ROW = 10
# So many replies and not one of use: it is not the pages either.
_USELESS_REPLIES = 30
# Who is asked to wait longer is told so instead.
LONGEST_ASKED_S = 600.0
# What servers add around each message, and around the whole: a few tokens each.
_TOKENS_PER_REQUEST = 64

Noted = tuple[Verdict, str | None]
"""What a reply came to, and the text of it that the store is to keep."""


class Call(Protocol):
    """Something to ask: what identifies it is enough for the engine, which asks `body_of` for the rest."""

    @property
    def request(self) -> Request:
        """Its identity."""
        ...


AnyCall = TypeVar("AnyCall", bound=Call)


def worst_input_tokens(request: Request) -> int:
    """More than any tokenizer makes of the request: a token is at least one byte."""
    return request.n_prompt_bytes + _TOKENS_PER_REQUEST


def worst_cost(call: Call, settings: CallSettings, price: Price, *, batch: bool = False) -> int:
    """The most that one reply can cost, in picodollars."""
    return price.cost(worst_input_tokens(call.request), settings.max_output_tokens, batch=batch)


def check_price(settings: CallSettings) -> Price:
    """Find the price, and see that spending has a limit.

    Raises:
        SettingError: No price is known, or there is one and no budget.
    """
    price = find_price(settings)
    if settings.budget_usd is None and not price.is_free:
        raise SettingError("Spending has no limit. Give --budget-usd; --dry-run shows what the pages cost.")
    return price


def make_budget(settings: CallSettings, store: Store) -> Budget:
    """The budget, less what the cache has cost so far and what lies in batches."""
    limit = None if settings.budget_usd is None else round(settings.budget_usd * PICO)
    return Budget(limit, store.spent(), store.held())


class Asker(Generic[AnyCall]):
    """Asks for every open request; replies go to the cache as they come.

    One whose reply is not what was asked for is asked again, `reply_tries` times in all.

    Attributes:
        failed: key -> why there is no reply after all tries.
        stopped_by: the error that ended the run, if one did.
        budget_is_spent: whether a request did not fit the budget.
        n_calls: requests that were open at the start.
        n_replies: replies that came so far.
    """

    def __init__(
        self,
        settings: CallSettings,
        calls: Sequence[AnyCall],
        store: Store,
        price: Price,
        *,
        body_of: Callable[[AnyCall], dict[str, Any]],
        read: Callable[[Reply], Noted],
        reply_tries: int = 1,
    ) -> None:
        self.failed: dict[str, str] = {}
        self.stopped_by: CurateError | None = None
        self.budget_is_spent = False
        self.n_calls = len(calls)
        self.n_replies = 0
        self._settings = settings
        self._calls = calls
        self._body_of = body_of
        self._read = read
        self._reply_tries = reply_tries
        self._store = store
        self._price = price
        self._budget = make_budget(settings, store)
        self._limiter = RateLimiter(settings.requests_per_minute, settings.tokens_per_minute)
        self._n_failed_in_a_row = 0
        self._factor = 1.0
        self._rejected: list[str] = []
        self._n_useless: int | None = 0
        self._unsent: list[tuple[str, int]] = []
        self._noting: asyncio.Task[list[int]]

    def ask_all(self) -> None:
        """`run`, from anywhere: a notebook has a loop of its own running, beside which this one needs its own thread."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            asyncio.run(self.run())
            return
        with ThreadPoolExecutor(1) as beside:
            asking = beside.submit(lambda: asyncio.run(self.run()))
            try:
                asking.result()
            except KeyboardInterrupt:
                self.stopped_by = RunError(
                    "Stopped."
                )  # nothing more is sent; what is in flight is waited for
                raise

    async def run(self) -> None:
        """Ask until all is settled, the budget is spent, or no request can succeed."""
        calls = iter(self._calls)
        client = ChatClient(self._settings)
        try:
            await asyncio.gather(*(self._work(calls, client) for _ in range(self._settings.concurrency)))
        finally:
            await client.close()

    @property
    def spent(self) -> int:
        """Picodollars that the cache has cost so far."""
        return self._budget.spent

    @property
    def _is_over(self) -> bool:
        return self.stopped_by is not None or self.budget_is_spent

    async def _work(self, calls: Iterator[AnyCall], client: ChatClient) -> None:
        for call in calls:
            while not self._is_over and not self._store.is_settled(call.request.key, self._reply_tries):
                if not await self._ask_until_answered(call, client):
                    break

    async def _ask_until_answered(self, call: AnyCall, client: ChatClient) -> bool:
        """Get one reply, with as many tries as the server's failures need; False where there is none."""
        why = ""
        for n_tries in range(self._settings.http_tries):
            if self._is_over:
                return False
            try:
                if not await self._ask(call, client):
                    return False
            except TryAgainError as error:
                why = str(error)
                await self._wait(error, n_tries)
            else:
                self._n_failed_in_a_row = 0
                return True
        self._give_up(call, why)
        return False

    async def _ask(self, call: AnyCall, client: ChatClient) -> bool:
        """Send one request and note its reply; False where the run is over."""
        worst = int(worst_cost(call, self._settings, self._price) * self._factor)
        if not await self._budget.reserve(worst):
            self.budget_is_spent = True
            return False
        turn = await self._limiter.acquire(self._expected_tokens(call))
        if self._is_over:
            self._budget.settle(worst, 0)
            return False
        number = await self._note_sent(call.request.key, worst)
        if self._is_over:
            self._settle_failed(call, number, worst, 0, "not sent")
            return False
        try:
            reply = await client.ask(self._body_of(call))
        except TryAgainError as error:
            self._settle_failed(call, number, worst, worst if error.may_be_charged else 0, str(error))
            raise
        except PageRejectedError as error:
            self._note_rejected(call, number, worst, str(error))
            return not self._is_over
        except CurateError as error:
            self._settle_failed(call, number, worst, 0, str(error))
            self.stopped_by = self.stopped_by or error
            return False
        self._note_reply(call, number, worst, reply)
        if reply.input_tokens is not None:
            self._limiter.correct(turn, reply.input_tokens + (reply.output_tokens or 0))
        return True

    async def _note_sent(self, key: str, worst: int) -> int:
        """Note a request before it is sent; all that get here in one turn of the loop wait for the disk together."""
        if not self._unsent:
            self._noting = asyncio.create_task(self._note_unsent())
        self._unsent.append((key, worst))
        place, noting = len(self._unsent) - 1, self._noting
        return (await noting)[place]

    async def _note_unsent(self) -> list[int]:
        unsent, self._unsent = self._unsent, []
        return self._store.note_sent(unsent)

    def _note_reply(self, call: AnyCall, number: int, worst: int, reply: Reply) -> None:
        tokens = (reply.input_tokens, reply.output_tokens)
        # A server that counts nothing is taken to have charged the worst case.
        cost = worst if None in tokens else self._price.cost(tokens[0] or 0, tokens[1] or 0)
        verdict, content = self._read(reply)
        self._store.note_reply(number, call.request, verdict, content=content, tokens=tokens, pico_usd=cost)
        self._budget.settle(worst, cost)
        self._rejected.clear()
        self.n_replies += 1
        self._note_use(verdict)
        if cost > worst:
            self._factor = max(self._factor, cost / worst * self._factor)
        if cost > worst and (tokens[1] or 0) > self._settings.max_output_tokens:
            self.stopped_by = RunError(
                f"The server wrote {tokens[1]} tokens though {self._settings.token_limit_field} was "
                f"{self._settings.max_output_tokens}: spending cannot be bounded. Try the other --token-limit-field."
            )

    def _note_use(self, verdict: Verdict) -> None:
        """End a run whose every reply was of no use, before all of them are paid."""
        if verdict.outcome == LABELLED or self._n_useless is None:
            self._n_useless = None
            return
        self._n_useless += 1
        if self._n_useless >= _USELESS_REPLIES:
            self.stopped_by = self.stopped_by or RunError(
                f"None of {self._n_useless} replies is of use; the last is {verdict.outcome}: {verdict.reason[:80]!r}. Try "
                "another --reply-format (schema, json or text), --max-output-tokens, --prompt or --model."
            )

    def _note_rejected(self, call: AnyCall, number: int, worst: int, message: str) -> None:
        verdict = Verdict("rejected", reason=message)
        self._store.note_reply(number, call.request, verdict, content=None, tokens=(None, None), pico_usd=0)
        self._budget.settle(worst, 0)
        self._rejected.append(call.request.key)
        if len(self._rejected) >= _REJECTED_IN_A_ROW:
            self._store.forget_replies(self._rejected)  # the next run, with better settings, asks again
            self.stopped_by = RunError(f"The server rejected {_REJECTED_IN_A_ROW} pages in a row: {message}")

    def _settle_failed(self, call: AnyCall, number: int, worst: int, charge: int, why: str) -> None:
        self._store.note_failed(number, call.request.key, charge, why)
        self._budget.settle(worst, charge)

    def _give_up(self, call: AnyCall, why: str) -> None:
        self.failed[call.request.key] = why
        self._n_failed_in_a_row += 1
        if self._n_failed_in_a_row >= max(3, self._settings.concurrency):
            self.stopped_by = self.stopped_by or RunError(
                f"The server failed for {self._n_failed_in_a_row} pages in a row, {self._settings.http_tries} tries each: "
                f"{why}. What was answered is kept; run the same command again to go on."
            )

    async def _wait(self, error: TryAgainError, n_tries: int) -> None:
        """Wait as long as the server asks, and let the others wait too; else longer from try to try."""
        longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**n_tries)
        own_s = longest * random.uniform(0.5, 1.0)  # noqa: S311
        if error.wait_s is not None and error.wait_s > LONGEST_ASKED_S:
            self.stopped_by = self.stopped_by or RunError(
                f"The server asks to wait {error.wait_s / 60:,.0f} minutes ({error}). What was answered is kept; run the same "
                "command again then."
            )
            return
        if error.wait_s is not None:
            # A server that says 0 has not thought about it: without a wait of ours all tries would be over at once.
            self._limiter.pause(error.wait_s)
        await asyncio.sleep(max(own_s, error.wait_s or 0.0))

    def _expected_tokens(self, call: AnyCall) -> int:
        return call.request.n_prompt_bytes // 4 + self._settings.max_output_tokens
