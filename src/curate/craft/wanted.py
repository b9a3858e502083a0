"""Which domains to craft text for: what a corpus has of each, what a mixture wants, and what the difference costs.

tokens = "2B"            tokens to train on
max_passes = 4           over any document; 4 if left out
[domains]                shares of these tokens, by topic
science = 3
cooking = 1
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from curate.config import load_toml
from curate.craft.draw import load_tables
from curate.craft.plan import TOKENS_PER_WORD
from curate.craft.recipe import load_recipe
from curate.craft.seeds import has_fit_score, read_pages
from curate.craft.settings import CraftSettings
from curate.errors import SettingError, UnknownNameError
from curate.llm.prices import find_price, to_usd
from curate.mixture.settings import parse_tokens

_BYTES_PER_TOKEN = 4.2  # of English prose, as the plan of `curate mix` takes it
_PROMPT_TOKENS = 250  # of a recipe's own words, about
_KNOWN = ("tokens", "max_passes", "domains")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A domain: tokens there are and tokens that are wanted as different text, and what makes up for the lack.

    Attributes:
        domain: by the column of topics.
        n_have: tokens of the input's text, from its bytes.
        n_want: its share of the training tokens over the passes.
        n_seeds: pages that can be seeds.
        n_prompts: prompts to write; 0 where nothing is missing, or nothing can be a seed.
        n_draws: prompts for each seed.
        expected_usd: what they cost, as expected.
    """

    domain: str
    n_have: int
    n_want: int
    n_seeds: int
    n_prompts: int
    n_draws: int
    expected_usd: float

    @property
    def n_missing(self) -> int:
        """Tokens that are missing."""
        return max(0, self.n_want - self.n_have)


def plan_domains(settings: CraftSettings, target: str | Path, *, keep_rate: float = 0.7) -> list[Wanted]:
    """Compare what a corpus has of each domain with what is wanted, the largest lack first; asks no server.

    Args:
        settings: of the seeds, the recipe and the price.
        target: TOML file, see the module.
        keep_rate: share of the replies that the gate is expected to keep, in (0, 1]; a first run tells.

    Raises:
        SettingError: the target or a setting is wrong, or no price is known.
    """
    if not 0 < keep_rate <= 1:
        raise SettingError(f"keep_rate must be above 0 and at most 1, not {keep_rate:g}.")
    shares, n_tokens = _read_target(Path(target))
    price = find_price(settings)
    recipe = load_recipe(settings.recipe)
    lengths = load_tables(recipe, settings.tables)["length"]
    n_output = min(settings.max_output_tokens, round(sum(lengths) / len(lengths) * TOKENS_PER_WORD))
    n_bytes: Counter[str] = Counter()
    n_seeds: Counter[str] = Counter()
    seed_bytes: Counter[str] = Counter()
    for page in read_pages(settings, Counter()):
        domain, size = page.topic or "", len(page.text.encode("utf-8", "replace"))
        n_bytes[domain] += size
        if has_fit_score(settings, page):
            n_seeds[domain] += 1
            seed_bytes[domain] += min(size, settings.seed_chars)
    found: list[Wanted] = []
    for domain, share in shares.items():
        n_have, n_want = round(n_bytes[domain] / _BYTES_PER_TOKEN), round(share * n_tokens)
        n_prompts = math.ceil(max(0, n_want - n_have) / (n_output * keep_rate)) if n_seeds[domain] else 0
        per_seed = seed_bytes[domain] / max(1, n_seeds[domain]) / _BYTES_PER_TOKEN
        cost = n_prompts * price.cost(round(_PROMPT_TOKENS + per_seed), n_output)
        n_draws = math.ceil(n_prompts / max(1, n_seeds[domain]))
        found.append(Wanted(domain, n_have, n_want, n_seeds[domain], n_prompts, n_draws, to_usd(cost)))
    return sorted(found, key=lambda each: (-each.n_missing, each.domain))


def _read_target(path: Path) -> tuple[dict[str, float], float]:
    """Shares that sum to 1, by domain, and the tokens of different text that all of them are to have."""
    data = load_toml(path, "target")
    for key in data:
        if key not in _KNOWN:
            raise UnknownNameError(f"key of the target {path.name}", key, _KNOWN)
    weights, passes = data.get("domains"), data.get("max_passes", 4)
    if not isinstance(weights, dict) or not weights or "tokens" not in data:
        raise SettingError(f'{path} needs tokens, as "2B", and a table [domains] with a share for each.')
    numbers = {f"domains: {name}": value for name, value in weights.items()} | {"max_passes": passes}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise SettingError(f"{path}: {name} must be a number above 0, not {value!r}.")
    whole = sum(weights.values())
    return {name: value / whole for name, value in weights.items()}, parse_tokens(data["tokens"]) / passes
