"""Text written by a language model: recipes as data, seeds from curated pages, and a gate behind the writer.

Seeds, prompts and checks of written text belong here; calls and money are in `curate.llm`, and the gate is the main
job.

settings = CraftSettings(recipe="textbook", input=("curated",), output="crafted", model="NAME", budget_usd=20.0)
estimate_craft(settings)     # prompts, tokens, cost; asks nobody
craft_text(settings)         # -> crafted/kept, crafted/dropped, as `filter_crawl` writes them
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate._lazy import lazy
from curate.craft.settings import CraftSettings

if TYPE_CHECKING:
    from curate.craft.batches import collect_craft, craft_batches, submit_craft
    from curate.craft.recipe import Recipe, bundled_recipes, load_recipe
    from curate.craft.run import CraftEstimate, CraftResult, craft_text, estimate_craft
    from curate.craft.wanted import plan_domains

_HOME = {
    "CraftEstimate": "curate.craft.run",
    "CraftResult": "curate.craft.run",
    "Recipe": "curate.craft.recipe",
    "bundled_recipes": "curate.craft.recipe",
    "collect_craft": "curate.craft.batches",
    "craft_batches": "curate.craft.batches",
    "craft_text": "curate.craft.run",
    "estimate_craft": "curate.craft.run",
    "load_recipe": "curate.craft.recipe",
    "plan_domains": "curate.craft.wanted",
    "submit_craft": "curate.craft.batches",
}

__all__ = [
    "CraftEstimate",
    "CraftResult",
    "CraftSettings",
    "Recipe",
    "bundled_recipes",
    "collect_craft",
    "craft_batches",
    "craft_text",
    "estimate_craft",
    "load_recipe",
    "plan_domains",
    "submit_craft",
]


# Hidden from type checkers, for which every mistyped name would be there.
if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, _HOME)
