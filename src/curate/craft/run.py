"""The run: prompts -> replies -> rows with their fate; ready to be killed at any time.

plan = make_plan(settings)            seeds -> prompts
Asker(...).ask_all()                  prompts -> replies, in the store
write_staged(...)                     replies -> judged rows, staged as Parquet
run_filter(...)                       staged rows -> kept/, dropped/, manifest.json: the main job, with craft's stage
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from curate.craft.plan import CraftAsker, CraftPlan, make_plan
from curate.craft.settings import CraftSettings
from curate.craft.stage import state_reasons, write_staged
from curate.dedup import DedupPlan
from curate.dedup.index import open_index
from curate.errors import SettingError
from curate.llm.ask import Asker, check_price
from curate.llm.client import read_api_key
from curate.llm.estimate import CallEstimate, estimate_calls
from curate.llm.prices import PICO, find_price, to_usd
from curate.llm.reply import LABELLED, Reply, Verdict
from curate.llm.store import Store
from curate.pipeline import run_filter
from curate.run.funnel import Funnel
from curate.run.settings import FilterSettings
from curate.work.folder import MANIFEST, RunFolder, layout_of
from curate.work.json_files import check_shape, read_json
from curate.work.output import is_overwritten
from curate.work.progress import ProgressDisplay

STAGED = "replies.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class CraftEstimate(CallEstimate):
    """What a run will ask and cost, before anything is sent. `example` is the first prompt as it will be sent."""

    n_read: int
    n_seeds: int
    passed_over: dict[str, int]
    n_prompts: int
    n_answered: int
    example: str


@dataclass(frozen=True, slots=True)
class CraftResult:
    """What a run did.

    Attributes:
        output: the folder with kept/, dropped/ and manifest.json.
        funnel: of the replies, as `curate filter` counts documents.
        n_prompts: prompts of the run.
        n_open: prompts without a reply: the budget is spent, the server failed, or they lie in a batch.
        spent_usd: all that this output has cost so far, requests without a reply at their worst.
        budget_is_spent: whether the run stopped because nothing more fits the budget.
        n_lost: requests of a killed run, counted at their worst.
        failures: why prompts have no reply -> how many.
    """

    output: str
    funnel: Funnel
    n_prompts: int
    n_open: int
    spent_usd: float
    budget_is_spent: bool = False
    n_lost: int = 0
    failures: dict[str, int] = field(default_factory=dict[str, int])


def craft_text(settings: CraftSettings, *, progress: bool = True) -> CraftResult:
    """Write, judge, and commit kept/ and dropped/; what the store of the output holds is not asked again.

    Run it again with the same settings to go on after a stop, or with more of `n`, `draws` or `budget_usd` to write more.

    Raises:
        SettingError: a setting is wrong; nothing was asked.
        RunError: the server accepts no request, or fails over and over; what was answered is written.
    """
    read_api_key(settings)
    price = check_price(settings)
    check_output(settings)
    plan = make_plan(settings)
    gate = Gate(settings)
    display = ProgressDisplay(quiet=not progress)
    with Store(settings.cache_path) as store:
        n_lost = store.charge_lost_requests()
        calls = plan.open_prompts(store)
        asker: CraftAsker = Asker(settings, calls, store, price, body_of=plan.body, read=read)
        with display.step("Writing", len(calls), lambda: _progress(asker, settings)):
            asker.ask_all()
        result = gate.judge(plan, store, display)
    if asker.stopped_by is not None:
        raise asker.stopped_by
    failures = dict(Counter(asker.failed.values()).most_common(5))
    return replace(result, budget_is_spent=asker.budget_is_spent, n_lost=n_lost, failures=failures)


def estimate_craft(settings: CraftSettings) -> CraftEstimate:
    """Count prompts, tokens and money; no server is asked, no key is needed, and nothing is written."""
    find_price(settings)  # before pages are read
    plan = make_plan(settings)
    with _store_to_look_into(settings) as store:
        calls = plan.open_prompts(store)
        cost = estimate_calls(settings, store, calls, plan.expected_tokens(calls, store))
    return CraftEstimate(
        n_read=plan.pool.n_read,
        n_seeds=len({prompt.seed.id for prompt in plan.prompts}),
        passed_over=plan.pool.passed_over,
        n_prompts=len(calls),
        n_answered=len(plan.prompts) - len(calls),
        example=_example(plan),
        **cost,
    )


@contextmanager
def _store_to_look_into(settings: CraftSettings) -> Generator[Store]:
    """The store of the output, or an empty one that leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="curate-craft-") as scratch:
        path = settings.cache_path if settings.cache_path.exists() else Path(scratch, "replies.sqlite")
        with Store(path) as store:
            yield store


def read(reply: Reply) -> tuple[Verdict, str | None]:
    """What a reply is before the gate sees it; every text that was paid for is kept, with when it came."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    outcome = LABELLED
    if reply.refusal or reply.finish_reason == "content_filter":
        outcome = "refused"
    elif reply.finish_reason == "length":
        outcome = "cut_off"
    elif not (reply.content or "").strip():
        outcome = "empty"
    return Verdict(outcome, reason=now), reply.refusal or reply.content or ""


def _progress(asker: CraftAsker, settings: CraftSettings) -> tuple[float, str]:
    spent = asker.spent / PICO
    words = f"{asker.n_replies:,} of {asker.n_calls:,} replies, {spent:.4f} US dollars spent"
    if settings.budget_usd is not None:
        words += f", {max(0.0, settings.budget_usd - spent):.4f} left"
    return asker.n_replies, words


def _example(plan: CraftPlan) -> str:
    messages = plan.messages(plan.prompts[0])
    return "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)


def _staged(settings: CraftSettings) -> Path:
    return settings.work_path / STAGED


class Gate:
    """What stands behind the writer; built before anything is asked, so that wrong settings cost nothing."""

    def __init__(self, settings: CraftSettings) -> None:
        self._settings = settings
        self._job = _job_of(settings)
        self._indexes = [open_index(path, DedupPlan(jaccard=settings.jaccard)) for path in settings.against]

    def judge(self, plan: CraftPlan, store: Store, display: ProgressDisplay) -> CraftResult:
        """Judge every reply that the store holds and commit kept/ and dropped/, which are nothing where it holds none."""
        n_replies = write_staged(plan, store, self._indexes, _staged(self._settings))
        funnel = Funnel()
        if n_replies:
            funnel = run_filter(self._job, overwrite=True, display=display, first_stage=state_reasons)
        n_open = len(plan.prompts) - n_replies
        return CraftResult(self._settings.output, funnel, len(plan.prompts), n_open, to_usd(store.spent()))


def _job_of(settings: CraftSettings) -> FilterSettings:
    """The main job that is the gate."""
    return FilterSettings(
        input=(str(_staged(settings)),),
        output=settings.output,
        text_column="text",
        id_column="id",
        language=settings.language,
        rules=settings.rules,
        decontaminate=settings.decontaminate,
        redact_pii=settings.redact_pii,
        jaccard=settings.jaccard,
        scorer=settings.scorer,
        threshold=settings.threshold,
        spare_above="none",
        workers=settings.workers,
    )


def check_output(settings: CraftSettings) -> None:
    """Refuse to overwrite what is not a craft run, finished or not: such a run was made from staged replies."""
    output = Path(settings.output)
    if "://" in settings.output:
        raise SettingError(f"The output of 'curate craft' must be a local folder, not {settings.output}.")
    if output.exists() and not output.is_dir():
        raise SettingError(f"The output {output} is a file. Give --output with a folder.")
    for path in (output / MANIFEST, RunFolder(output).work / "plan.json"):
        if path.is_file():
            found = read_json(path)
            check_shape(found, {"input": [str]}, path)
            if not _is_staged(found["input"], settings):
                raise SettingError(f"{output} holds a run of another command. Name another --output.")
            return
    is_ours = settings.cache_path.is_file() and is_overwritten(output, layout_of("filter"))
    if not is_ours and output.exists() and any(not path.name.startswith(".") for path in output.iterdir()):
        raise SettingError(f"The output folder {output} is not empty. Name another --output.")


def _is_staged(input: list[str], settings: CraftSettings) -> bool:  # noqa: A002  (the name of the setting)
    path = Path(input[0]) if len(input) == 1 else Path()
    return (path.parent.name, path.name) == (settings.work_path.name, STAGED)
