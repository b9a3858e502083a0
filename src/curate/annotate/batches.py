"""Annotation through the batch API (`curate.llm.batches`): submit and exit, look how far it is, collect the labels."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from curate.annotate.prompt import Prompt
from curate.annotate.run import AnnotationResult, finish
from curate.annotate.settings import AnnotateSettings
from curate.annotate.tasks import make_plan, read_level, request_body
from curate.config import settings_from
from curate.llm import batches
from curate.llm.ask import check_price
from curate.llm.batches import NOBODY, BatchState, Submission, Trusted, open_existing
from curate.llm.client import read_api_key
from curate.llm.store import Store


def submit_batches(settings: AnnotateSettings) -> Submission:
    """Submit every open request that fits the budget at its worst cost, and return at once.

    Raises:
        SettingError: A setting is wrong.
        RunError: The server took no batch; run it again to go on.
    """
    price = check_price(settings)
    read_api_key(settings)
    plan = make_plan(settings)
    with Store(settings.cache_path) as store:
        return batches.submit(
            settings,
            store,
            price,
            plan.open_tasks,
            body_of=lambda task: request_body(settings, plan.prompt, task.window),
            note={"prompt": asdict(plan.prompt)},
        )


def batch_states(cache: str | Path, trusted: Trusted = NOBODY) -> list[BatchState]:
    """Ask the server how far every batch is that is not collected yet; see `Trusted` for which servers are asked."""
    with open_existing(cache) as store:
        return batches.look(store, AnnotateSettings, trusted)


def collect_batches(
    cache: str | Path, output: str | None = None, trusted: Trusted = NOBODY
) -> tuple[list[BatchState], list[AnnotationResult]]:
    """Take the results of every batch that is over into the cache, and write the label files again.

    Requests without a result are free to be submitted again. Collecting twice changes nothing. Only the label file
    `output` is written, or, where none is named, those that lie beside the cache.
    """
    with open_existing(cache) as store:
        states, notes = batches.collect(
            store,
            AnnotateSettings,
            trusted,
            lambda note: lambda reply: read_level(reply, Prompt(**note["prompt"])),
        )
        for note in notes:
            batches.check_output(note, output, store)
        outputs = {
            note["settings"]["output"]: settings_from(AnnotateSettings, note["settings"]) for note in notes
        }
        return states, [finish(make_plan(settings), store, {}) for settings in outputs.values()]
