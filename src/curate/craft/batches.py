"""Writing through the batch API (`curate.llm.batches`): submit and exit, look how far it is, collect and judge."""

from __future__ import annotations

from curate.config import settings_from
from curate.craft.plan import make_plan
from curate.craft.run import CraftResult, Gate, check_output, read
from curate.craft.settings import CraftSettings, store_of
from curate.llm import batches
from curate.llm.ask import check_price
from curate.llm.batches import NOBODY, BatchState, Submission, Trusted, open_existing
from curate.llm.client import read_api_key
from curate.llm.store import Store
from curate.work.progress import ProgressDisplay


def submit_craft(settings: CraftSettings) -> Submission:
    """Submit every open prompt that fits the budget at its worst cost, and return at once.

    Raises:
        SettingError: a setting is wrong; nothing was submitted.
        RunError: the server took no batch; run it again to go on.
    """
    price = check_price(settings)
    read_api_key(settings)
    check_output(settings)
    Gate(settings)
    plan = make_plan(settings)
    with Store(settings.cache_path) as store:
        return batches.submit(settings, store, price, plan.open_prompts, body_of=plan.body, note={})


def craft_batches(output: str, trusted: Trusted = NOBODY) -> list[BatchState]:
    """Ask the server how far every batch of an output is that is not collected yet; see `Trusted`."""
    with open_existing(store_of(output)) as store:
        return batches.look(store, CraftSettings, trusted)


def collect_craft(
    output: str, *, trusted: Trusted = NOBODY, progress: bool = True
) -> tuple[list[BatchState], CraftResult | None]:
    """Take the results of every batch that is over, and judge all replies to the last one's prompts.

    Prompts without a result are free to be submitted again. Collecting twice changes nothing. The result is None
    while no batch is over.
    """
    with open_existing(store_of(output)) as store:
        states, notes = batches.collect(store, CraftSettings, trusted, lambda _: read)
        if not notes:
            return states, None
        batches.check_output(notes[-1], output, store)
        settings = settings_from(CraftSettings, notes[-1]["settings"])
        check_output(settings)
        return states, Gate(settings).judge(make_plan(settings), store, ProgressDisplay(quiet=not progress))
