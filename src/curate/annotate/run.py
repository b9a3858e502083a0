"""The run: ask about every chosen page within the budget, write the labels, and be ready to be killed at any time.

plan = make_plan(settings)                  pages -> requests
Asker(...).ask_all()                        requests -> replies, in the cache
finish(plan, store)                         cache -> labels.jsonl and its manifest
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Unpack

from curate._version import __version__
from curate.annotate.keywords import AnnotateKeywords
from curate.annotate.labels import write_labels
from curate.annotate.settings import AnnotateSettings
from curate.annotate.tasks import Plan, make_plan, request_body
from curate.config import Paths, input_paths, settings_from
from curate.llm.ask import Asker, check_price
from curate.llm.client import read_api_key
from curate.llm.estimate import CallEstimate, estimate_calls
from curate.llm.prices import find_price, to_usd
from curate.llm.reply import LABELLED
from curate.llm.store import Store
from curate.work.files import write_json
from curate.work.progress import ProgressDisplay


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate(CallEstimate):
    """What a run will ask and cost, before anything is sent."""

    n_read: int
    n_pages: int
    n_duplicates: int
    n_requests: int
    n_answered: int


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
    return run_annotation(checked, overwrite=overwrite, display=ProgressDisplay.of(progress))


def run_annotation(
    settings: AnnotateSettings, *, overwrite: bool = False, display: ProgressDisplay | None = None
) -> AnnotationResult:
    """Run the job with checked settings; see `annotate_pages`.

    Raises:
        SettingError: A setting is wrong.
        RunError: The server accepts no request, or fails over and over; what was answered is written.
    """
    read_api_key(settings)
    price = check_price(settings)
    plan = make_plan(settings)
    with Store(settings.cache_path) as store:
        if overwrite:  # not before every setting is looked at, and the cache is held
            for path in (Path(settings.output), Path(f"{settings.output}.manifest.json")):
                path.unlink(missing_ok=True)
        n_lost = store.charge_lost_requests()
        annotator = Asker(
            settings,
            plan.open_tasks(store),
            store,
            price,
            body_of=lambda task: request_body(settings, plan.prompt, task.window),
            read=plan.read,
            reply_tries=settings.reply_tries,
        )
        display = display or ProgressDisplay(quiet=True)
        n_wanted = sum(map(len, plan.page_keys))
        try:
            with display.step(
                "Asking", n_wanted, lambda: (annotator.n_replies, f"{annotator.n_replies} replies")
            ):
                annotator.ask_all()
        finally:
            result = finish(
                plan, store, annotator.failed, budget_is_spent=annotator.budget_is_spent, n_lost=n_lost
            )
    if annotator.stopped_by is not None:
        raise annotator.stopped_by
    return result


def estimate(settings: AnnotateSettings) -> Estimate:
    """Count pages, tokens and money; no server is asked and no key is needed."""
    find_price(settings)  # before pages are read
    plan = make_plan(settings)
    with Store(settings.cache_path) as store:
        tasks = plan.open_tasks(store)
        cost = estimate_calls(settings, store, tasks, plan.expected_tokens(tasks, store))
    return Estimate(
        n_read=plan.pool.n_read,
        n_pages=len(plan.selection.rows),
        n_duplicates=plan.selection.n_duplicates,
        n_requests=len(tasks),
        n_answered=len(plan.tasks) - len(tasks),
        **cost,
    )


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
