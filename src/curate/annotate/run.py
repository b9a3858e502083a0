"""The run: ask about every chosen page within the budget, write the labels, and be ready to be killed at any time.

plan = make_plan(settings)                  pages -> requests
Annotator(plan, store, budget).run()        requests -> replies, in the cache
finish(plan, store)                         cache -> labels.jsonl and its manifest
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Unpack

from curate._version import __version__
from curate.annotate.budget import Budget, RateLimiter
from curate.annotate.client import ChatClient, PageRejectedError, TryAgainError, read_api_key, request_body
from curate.annotate.keywords import AnnotateKeywords
from curate.annotate.labels import write_labels
from curate.annotate.prices import PICO, Price, find_price, to_usd
from curate.annotate.reply import LABELLED, Reply, Verdict, read_reply
from curate.annotate.settings import AnnotateSettings
from curate.annotate.store import Store
from curate.annotate.tasks import Plan, Task, make_plan
from curate.config import Paths, input_paths, settings_from
from curate.errors import CurateError, RunError, SettingError
from curate.work.files import write_json
from curate.work.progress import ProgressDisplay

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
# So many refused in a row, with no reply among them, and it is not the pages.
_REJECTED_IN_A_ROW = 10
# So many replies and no level in any: it is not the pages either.
_USELESS_REPLIES = 30
# Who is asked to wait longer is told so instead.
LONGEST_ASKED_S = 600.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will ask and cost, before anything is sent. Amounts are dollars.

    `expected_usd` comes from tokens as expected, `worst_usd` from bytes, which no tokenizer passes. `batch_usd`
    is what is expected through the batch API.
    """

    n_read: int
    n_pages: int
    n_duplicates: int
    n_requests: int
    n_answered: int
    n_input_tokens: int
    n_output_tokens: int
    expected_usd: float
    worst_usd: float
    batch_usd: float
    spent_usd: float
    budget_usd: float | None
    n_within_budget: int | None


@dataclass(frozen=True, slots=True)
class AnnotationResult:
    """What a run did.

    Attributes:
        output: the label file.
        n_pages: pages chosen.
        outcomes: outcome -> labels; `labelled`, and problems by name.
        n_open: labels that are still to come: the budget is spent, or they lie in a batch.
        spent_usd: all that the cache has cost so far, requests without a reply at their worst.
        budget_is_spent: whether the run stopped because nothing more fits the budget.
        n_lost: requests of a killed run, counted at their worst.
    """

    output: str
    n_pages: int
    outcomes: dict[str, int]
    n_open: int
    spent_usd: float
    budget_is_spent: bool = False
    n_lost: int = 0
    failures: dict[str, int] = field(default_factory=dict[str, int])


def annotate_pages(
    input: Paths,  # noqa: A002  (the name of the setting)
    output: str | PathLike[str],
    *,
    overwrite: bool = False,
    progress: bool | ProgressDisplay = True,
    **settings: Unpack[AnnotateKeywords],
) -> AnnotationResult:
    """Choose pages, ask the model about each, and write the label file and its manifest.

    Run it again with the same settings to go on after a stop: what the cache holds is not asked again.

    Args:
        input: files, folders or globs; or a result folder of curate.
        output: JSONL file of labels to write.
        overwrite: delete an earlier label file first; the cache stays, since its replies were paid for.
        progress: show progress on stderr; or a display to show it on.
        **settings: the other fields of `AnnotateSettings`.

    Raises:
        SettingError: A setting is wrong.
        RunError: The server accepts no request, or fails over and over; what was answered is written.
    """
    checked = settings_from(
        AnnotateSettings, settings | {"input": input_paths(input), "output": fspath(output)}
    )
    if overwrite:
        for path in (Path(checked.output), Path(f"{checked.output}.manifest.json")):
            path.unlink(missing_ok=True)
    return run_annotation(checked, display=ProgressDisplay.of(progress))


def run_annotation(settings: AnnotateSettings, *, display: ProgressDisplay | None = None) -> AnnotationResult:
    """Run the job with checked settings; see `annotate_pages`.

    Raises:
        SettingError: A setting is wrong.
        RunError: The server accepts no request, or fails over and over; what was answered is written.
    """
    read_api_key(settings)
    price = check_price(settings)
    plan = make_plan(settings)
    with Store(settings.cache_path) as store:
        n_lost = store.charge_lost_requests()
        annotator = Annotator(plan, store, price)
        display = display or ProgressDisplay(quiet=True)
        n_wanted = sum(map(len, plan.page_keys))
        try:
            with display.step(
                "Asking", n_wanted, lambda: (annotator.n_asked, f"{annotator.n_asked} replies")
            ):
                asyncio.run(annotator.run())
        finally:
            result = finish(
                plan, store, annotator.failed, budget_is_spent=annotator.budget_is_spent, n_lost=n_lost
            )
    if annotator.stopped_by is not None:
        raise annotator.stopped_by
    return result


def estimate(settings: AnnotateSettings) -> Estimate:
    """Count pages, tokens and money; no server is asked and no key is needed."""
    price = find_price(settings)
    plan = make_plan(settings)
    with Store(settings.cache_path) as store:
        tasks = plan.open_tasks(store)
        n_input, n_output = plan.expected_tokens(tasks, store)
        spent = store.spent() + store.held()
    expected = price.cost(n_input, n_output)
    left = None if settings.budget_usd is None else max(0, round(settings.budget_usd * PICO) - spent)
    return Estimate(
        n_read=plan.pool.n_read,
        n_pages=len(plan.selection.rows),
        n_duplicates=plan.selection.n_duplicates,
        n_requests=len(tasks),
        n_answered=len(plan.tasks) - len(tasks),
        n_input_tokens=n_input,
        n_output_tokens=n_output,
        expected_usd=to_usd(expected),
        worst_usd=to_usd(sum(plan.worst_cost(task, price) for task in tasks)),
        batch_usd=to_usd(price.cost(n_input, n_output, batch=True)),
        spent_usd=to_usd(spent),
        budget_usd=settings.budget_usd,
        n_within_budget=None if left is None else min(len(tasks), left * len(tasks) // max(1, expected)),
    )


def check_price(settings: AnnotateSettings) -> Price:
    """Find the price, and see that spending has a limit.

    Raises:
        SettingError: No price is known, or there is one and no budget.
    """
    price = find_price(settings)
    if settings.budget_usd is None and not price.is_free:
        raise SettingError("Spending has no limit. Give --budget-usd; --dry-run shows what the pages cost.")
    return price


def make_budget(settings: AnnotateSettings, store: Store) -> Budget:
    """The budget, less what the cache has cost so far and what lies in batches."""
    limit = None if settings.budget_usd is None else round(settings.budget_usd * PICO)
    return Budget(limit, store.spent(), store.held())


def finish(
    plan: Plan, store: Store, failed: dict[str, str], *, budget_is_spent: bool = False, n_lost: int = 0
) -> AnnotationResult:
    """Write the label file and its manifest from what the cache holds."""
    rows = list(plan.rows(store, failed))
    write_labels(plan.settings.output, rows)
    outcomes = Counter(str(row["problem"] or LABELLED) for row in rows)
    result = AnnotationResult(
        output=plan.settings.output,
        n_pages=len(plan.page_keys),
        outcomes=dict(sorted(outcomes.items())),
        n_open=sum(map(len, plan.page_keys)) - len(rows),
        spent_usd=to_usd(store.spent()),
        budget_is_spent=budget_is_spent,
        n_lost=n_lost,
        failures=dict(Counter(failed.values()).most_common(5)),
    )
    manifest: dict[str, Any] = {
        "curate": __version__,
        "settings": asdict(plan.settings),
        "prompt": asdict(plan.prompt) | {"label": plan.prompt.label},
        "pages": {
            "read": plan.pool.n_read,
            "passed_over": plan.pool.passed_over,
            "pool": len(plan.pool.pages),
            "near_duplicates": plan.selection.n_duplicates,
            "excluded": plan.selection.n_excluded,
            "chosen": len(plan.page_keys),
        },
        "outcomes": result.outcomes,
        "open": result.n_open,
        "cache": store.totals() | {"spent_usd": result.spent_usd, "held_usd": to_usd(store.held())},
    }
    write_json(Path(f"{plan.settings.output}.manifest.json"), manifest)
    return result


class Annotator:
    """Asks for every open request of a plan; replies go to the cache as they come.

    Attributes:
        failed: key -> why there is no reply after all tries.
        n_asked: replies that came in this run.
        stopped_by: the error that ended the run, if one did.
        budget_is_spent: whether a request did not fit the budget.
    """

    def __init__(self, plan: Plan, store: Store, price: Price) -> None:
        self.failed: dict[str, str] = {}
        self.n_asked = 0
        self.stopped_by: CurateError | None = None
        self.budget_is_spent = False
        self._plan = plan
        self._settings = plan.settings
        self._store = store
        self._price = price
        self._budget = make_budget(plan.settings, store)
        self._limiter = RateLimiter(plan.settings.requests_per_minute, plan.settings.tokens_per_minute)
        self._n_failed_in_a_row = 0
        self._factor = 1.0
        self._rejected: list[str] = []
        self._n_useless: int | None = 0

    async def run(self) -> None:
        """Ask until all is settled, the budget is spent, or no request can succeed."""
        tasks = iter(self._plan.open_tasks(self._store))
        client = ChatClient(self._settings)
        try:
            await asyncio.gather(*(self._work(tasks, client) for _ in range(self._settings.concurrency)))
        finally:
            await client.close()

    @property
    def _is_over(self) -> bool:
        return self.stopped_by is not None or self.budget_is_spent

    async def _work(self, tasks: Iterator[Task], client: ChatClient) -> None:
        for task in tasks:
            while not self._is_over and not self._store.is_settled(
                task.request.key, self._settings.reply_tries
            ):
                if not await self._ask_until_answered(task, client):
                    break

    async def _ask_until_answered(self, task: Task, client: ChatClient) -> bool:
        """Get one reply, with as many tries as the server's failures need; False where there is none."""
        why = ""
        for n_tries in range(self._settings.http_tries):
            if self._is_over:
                return False
            try:
                if not await self._ask(task, client):
                    return False
            except TryAgainError as error:
                why = str(error)
                await self._wait(error, n_tries)
            else:
                self._n_failed_in_a_row = 0
                self.n_asked += 1
                return True
        self._give_up(task, why)
        return False

    async def _ask(self, task: Task, client: ChatClient) -> bool:
        """Send one request and note its reply; False where the run is over."""
        worst = int(self._plan.worst_cost(task, self._price) * self._factor)
        if not await self._budget.reserve(worst):
            self.budget_is_spent = True
            return False
        turn = await self._limiter.acquire(self._expected_tokens(task))
        if self._is_over:
            self._budget.settle(worst, 0)
            return False
        number = self._store.note_sent(task.request.key, worst)
        try:
            reply = await client.ask(request_body(self._settings, self._plan.prompt, task.window))
        except TryAgainError as error:
            self._settle_failed(task, number, worst, worst if error.may_be_charged else 0, str(error))
            raise
        except PageRejectedError as error:
            self._note_rejected(task, number, worst, str(error))
            return not self._is_over
        except CurateError as error:
            self._settle_failed(task, number, worst, 0, str(error))
            self.stopped_by = self.stopped_by or error
            return False
        self._note_reply(task, number, worst, reply)
        if reply.input_tokens is not None:
            self._limiter.correct(turn, reply.input_tokens + (reply.output_tokens or 0))
        return True

    def _note_reply(self, task: Task, number: int, worst: int, reply: Reply) -> None:
        tokens = (reply.input_tokens, reply.output_tokens)
        # A server that counts nothing is taken to have charged the worst case.
        cost = worst if None in tokens else self._price.cost(tokens[0] or 0, tokens[1] or 0)
        verdict = read_reply(reply, self._plan.prompt)
        content = reply.content if verdict.outcome != LABELLED else None
        self._store.note_reply(number, task.request, verdict, content=content, tokens=tokens, pico_usd=cost)
        self._budget.settle(worst, cost)
        self._rejected.clear()
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
                f"None of {self._n_useless} replies holds a level; the last is {verdict.outcome}: {verdict.reason[:80]!r}. Try "
                "another --reply-format (schema, json or text), --max-output-tokens, --prompt or --model."
            )

    def _note_rejected(self, task: Task, number: int, worst: int, message: str) -> None:
        verdict = Verdict("rejected", reason=message)
        self._store.note_reply(number, task.request, verdict, content=None, tokens=(None, None), pico_usd=0)
        self._budget.settle(worst, 0)
        self._rejected.append(task.request.key)
        if len(self._rejected) >= _REJECTED_IN_A_ROW:
            self._store.forget_replies(self._rejected)  # the next run, with better settings, asks again
            self.stopped_by = RunError(f"The server rejected {_REJECTED_IN_A_ROW} pages in a row: {message}")

    def _settle_failed(self, task: Task, number: int, worst: int, charge: int, why: str) -> None:
        self._store.note_failed(number, task.request.key, charge, why)
        self._budget.settle(worst, charge)

    def _give_up(self, task: Task, why: str) -> None:
        self.failed[task.request.key] = why
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

    def _expected_tokens(self, task: Task) -> int:
        return task.request.n_prompt_bytes // 4 + self._settings.max_output_tokens
