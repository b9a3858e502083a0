"""From settings to prompts: which seeds, what is drawn for each, and never the same prompt twice."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from curate.craft.draw import Drawn, draw, load_tables
from curate.craft.recipe import Recipe, load_recipe
from curate.craft.seeds import Pool, Seed, read_seeds
from curate.craft.settings import CraftSettings
from curate.errors import SettingError
from curate.llm.ask import Asker
from curate.llm.settings import request_parameters
from curate.llm.store import Request, Store

_BYTES_PER_TOKEN = 4.0
TOKENS_PER_WORD = 1.35  # of English prose, for what is expected before anything is measured


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt: seed, draw number and what was drawn. Its request is its identity."""

    request: Request
    seed: Seed
    number: int
    drawn: Drawn


@dataclass(frozen=True, slots=True)
class CraftPlan:
    """The prompts of a run, in order; answered ones are among them."""

    settings: CraftSettings
    recipe: Recipe
    pool: Pool
    prompts: list[Prompt]

    @property
    def wants_words(self) -> bool:
        """Whether the drawn words were asked for, and must occur."""
        return "words" in self.recipe.fields

    def body(self, prompt: Prompt) -> dict[str, Any]:
        """The body of a request, as it is sent."""
        return {"model": self.settings.model, "messages": self.messages(prompt)} | request_parameters(
            self.settings
        )

    def messages(self, prompt: Prompt) -> list[dict[str, str]]:
        """The chat messages of a prompt."""
        return _messages(self.settings, self.recipe, prompt.seed, prompt.drawn)

    def open_prompts(self, store: Store) -> list[Prompt]:
        """The prompts that have no reply yet, and lie in no batch."""
        closed = store.answered_keys() | store.waiting_keys()
        return [prompt for prompt in self.prompts if prompt.request.key not in closed]

    def expected_tokens(self, prompts: list[Prompt], store: Store) -> tuple[int, int]:
        """Expected (input, output) tokens: as measured in this run's store, else from bytes and the words asked for."""
        n_bytes = sum(prompt.request.n_prompt_bytes for prompt in prompts)
        measured = store.mean_tokens(self.settings.model, self.recipe.label)
        if measured:
            return round(n_bytes * measured[0]), round(len(prompts) * measured[1])
        most = self.settings.max_output_tokens
        n_output = sum(min(most, round(prompt.drawn.length * TOKENS_PER_WORD)) for prompt in prompts)
        return round(n_bytes / _BYTES_PER_TOKEN), n_output


CraftAsker = Asker[Prompt]


def make_plan(settings: CraftSettings) -> CraftPlan:
    """Choose seeds and write the prompts; asks no server.

    Raises:
        SettingError: the recipe does not go with the seeds, or there are none.
    """
    recipe = load_recipe(settings.recipe)
    tables = load_tables(recipe, settings.tables)
    if settings.topics and recipe.seed == "page":
        raise SettingError(
            f"The recipe '{recipe.name}' is written from pages. Give --input in place of --topics."
        )
    if settings.input and recipe.seed == "topic":
        raise SettingError(
            f"The recipe '{recipe.name}' is written from topics. Give --topics in place of --input."
        )
    pool = read_seeds(settings)
    prompts: dict[str, Prompt] = {}
    label = recipe.label
    # One draw of every seed before the second of any: a run that ends early has seen most seeds.
    for number in range(settings.draws):
        for seed in pool.chosen:
            if len(prompts) >= settings.n:
                break
            drawn = draw(tables, seed.id, number, seed=settings.seed)
            request = _request(settings, _messages(settings, recipe, seed, drawn), label, seed)
            # Draws can meet; a prompt that was written is not written again.
            prompts.setdefault(request.key, Prompt(request, seed, number, drawn))
    return CraftPlan(settings, recipe, pool, list(prompts.values()))


def _messages(settings: CraftSettings, recipe: Recipe, seed: Seed, drawn: Drawn) -> list[dict[str, str]]:
    return recipe.messages(drawn.values() | {"seed": seed.prompt(settings.seed_chars)})


def _request(settings: CraftSettings, messages: list[dict[str, str]], label: str, seed: Seed) -> Request:
    """The key covers all that decides the reply: model, parameters, and the prompt to the letter."""
    parameters = request_parameters(settings)
    key = hashlib.sha256(
        json.dumps([settings.model, parameters, messages], sort_keys=True).encode()
    ).hexdigest()[:32]
    text_hash = hashlib.sha256(seed.id.encode("utf-8", "replace")).hexdigest()[:32]
    body = json.dumps({"model": settings.model, "messages": messages}, ensure_ascii=False)
    n_bytes = len(body.encode("utf-8", "replace")) + len(json.dumps(parameters))
    return Request(key, settings.model, label, text_hash, n_bytes)
