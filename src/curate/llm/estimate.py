"""What calls will cost, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from curate.llm.ask import AnyCall, worst_cost
from curate.llm.prices import PICO, find_price, to_usd
from curate.llm.settings import CallSettings
from curate.llm.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEstimate:
    """Tokens and money of calls; amounts are dollars.

    `expected_usd` comes from tokens as expected, `worst_usd` from bytes, which no tokenizer passes. `batch_usd` is what is
    expected through the batch API, `n_within_budget` for how many calls the rest of the budget is expected to do.
    """

    n_input_tokens: int
    n_output_tokens: int
    expected_usd: float
    worst_usd: float
    batch_usd: float
    spent_usd: float
    budget_usd: float | None
    n_within_budget: int | None


def estimate_calls(
    settings: CallSettings, store: Store, calls: Sequence[AnyCall], n_tokens: tuple[int, int]
) -> dict[str, Any]:
    """The fields of `CallEstimate` for calls that are expected to take so many (input, output) tokens."""
    price, spent = find_price(settings), store.spent() + store.held()
    expected = price.cost(*n_tokens)
    left = None if settings.budget_usd is None else max(0, round(settings.budget_usd * PICO) - spent)
    return {
        "n_input_tokens": n_tokens[0],
        "n_output_tokens": n_tokens[1],
        "expected_usd": to_usd(expected),
        "worst_usd": to_usd(sum(worst_cost(call, settings, price) for call in calls)),
        "batch_usd": to_usd(price.cost(*n_tokens, batch=True)),
        "spent_usd": to_usd(spent),
        "budget_usd": settings.budget_usd,
        "n_within_budget": None if left is None else min(len(calls), left * len(calls) // max(1, expected)),
    }
