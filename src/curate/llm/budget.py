"""The two limits of a run: money, and requests and tokens per minute."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

MINUTE_S = 60.0


class Budget:
    """Reserves the worst case of every request before it is sent: what was spent can never pass the limit.

    Amounts are picodollars. `held` is what requests of other processes, as of batches, may still cost.
    """

    def __init__(self, limit: int | None, spent: int = 0, held: int = 0) -> None:
        self.limit = limit
        self.spent = spent
        self._held = held
        self._reserved = 0
        self._changed = asyncio.Event()

    def fits(self, amount: int) -> bool:
        """Whether `amount` is left when everything reserved is spent."""
        return self.limit is None or self.spent + self._held + self._reserved + amount <= self.limit

    def take(self, amount: int) -> bool:
        """Reserve `amount` at once, or not at all."""
        if not self.fits(amount):
            return False
        self._reserved += amount
        return True

    async def reserve(self, amount: int) -> bool:
        """Reserve `amount`; wait for requests in flight if it may fit once they have settled for less."""
        while not self.take(amount):
            if not self._reserved:
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    def settle(self, reserved: int, actual: int) -> None:
        """Replace a reservation by what was charged."""
        self._reserved -= reserved
        self.spent += actual
        self._changed.set()


class RateLimiter:
    """Lets requests pass so that no 60 seconds hold more than `requests` of them, nor more than `tokens`.

    A request beyond `tokens` alone passes when the minute before it is empty. `clock` and `sleep` are there
    for tests.
    """

    def __init__(
        self,
        requests: int | None = None,
        tokens: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._requests = requests
        self._tokens = tokens
        self._clock = clock
        self._sleep = sleep
        self._passed: deque[list[float]] = deque()  # [time, tokens]
        self._turn = asyncio.Lock()
        self._closed_until = 0.0

    def pause(self, seconds: float) -> None:
        """Let nothing pass for so long: the server asked for it."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)

    async def acquire(self, n_tokens: int) -> list[float]:
        """Wait for this request's turn, first come first served; the result is for `correct`."""
        async with self._turn:
            while (wait_s := self._wait_s(n_tokens)) > 0:
                await self._sleep(wait_s)
            entry = [self._clock(), float(n_tokens)]
            if self._requests or self._tokens:
                self._passed.append(entry)
            return entry

    def correct(self, entry: list[float], n_tokens: int) -> None:
        """Put the tokens that the server counted in the place of those expected."""
        entry[1] = float(n_tokens)

    def _wait_s(self, n_tokens: int) -> float:
        now = self._clock()
        if now < self._closed_until:
            return self._closed_until - now
        while self._passed and self._passed[0][0] <= now - MINUTE_S:
            self._passed.popleft()
        if not self._passed:
            return 0.0
        is_full = self._requests is not None and len(self._passed) >= self._requests
        if self._tokens is not None:
            is_full = is_full or sum(entry[1] for entry in self._passed) + n_tokens > self._tokens
        return self._passed[0][0] + MINUTE_S - now + 1e-3 if is_full else 0.0
