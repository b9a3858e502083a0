"""The instrument: equal tokens of every arm, several seeds, one tokenizer, one learning rate.

What would make the answer wrong is fixed before anything is trained: evaluation domains are named by the
user, their copies are taken out of every arm, the tokenizer is fitted on equal shares of all arms, and the
learning rate is chosen on a mix of all arms and judged on held-out text of that mix, never on the evaluation
domains.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from curate.ablate.encoded import Encoded, encode, encode_judged
from curate.ablate.result import Ablation
from curate.ablate.settings import AblateSettings
from curate.ablate.store import Nats, RunStore
from curate.ablate.texts import outside_evaluation
from curate.ablate.trigram import Trigram
from curate.errors import SettingError
from curate.tokens import TextEncoder, train_encoder

PILOT_RATES = (1e-3, 3e-3, 1e-2)
PILOT_SHARE = 0.4
"""Of a run's tokens, for each rate that is tried."""
N_PARTS = 10
"""One part of the texts in so many is what the pilot is judged on."""
LEAST_TOKENS = 2_000
"""Below this a run says nothing."""
VERSION = 1
"""Raised when the same run would give other numbers."""
_FIRST_SIZE = (4, 128)
"""Layers and width of finished runs that name none."""
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What all runs share. `arms` are places in `pool`."""

    encoder: TextEncoder
    pool: Encoded
    arms: Mapping[str, NDArray[np.int64]]
    domains: Mapping[str, Encoded]
    n_seeds: int
    store: RunStore
    report: Report
    layers_and_width: tuple[int, int]

    def most_tokens(self) -> tuple[int, str]:
        """Tokens that every arm has for every seed, and the arm that has no more."""
        seeds = range(self.n_seeds)
        least = {
            name: min(self.pool.n_tokens(self.pool.fold(places, self.n_seeds, seed)) for seed in seeds)
            for name, places in self.arms.items()
        }
        name = min(least, key=lambda arm: least[arm])
        return least[name], name


def ablate(
    arms: Mapping[str, Sequence[str]],
    evaluation: Mapping[str, Sequence[str]],
    settings: AblateSettings | None = None,
    *,
    output: str | Path | None = None,
    report: Report = lambda _line: None,
) -> Ablation:
    """Train the same small models on equal tokens of each arm and compare them on `evaluation`.

    Args:
        arms: texts by name; the first arm is what the others are compared with.
        evaluation: texts of the domains that the comparison is about, by name.
        settings: amounts, seeds, models.
        output: where finished runs are kept, so that the same call goes on after a stop; None for nowhere.
        report: told a line for each thing done.

    Returns:
        Bits per byte of every run and the gaps between arms. The same input gives the same numbers on one
        machine.

    Raises:
        SettingError: An arm has no text or too little of it once copies of evaluation text are left out.
    """
    settings = settings or AblateSettings()
    if len(arms) < 2 or not evaluation:
        raise SettingError("Give at least two arms and one evaluation domain.")
    for name, texts in [*arms.items(), *evaluation.items()]:
        if not any(texts):
            raise SettingError(f"'{name}' has no text.")
    store = RunStore(Path(output) / "runs" if output else None)
    bench, facts = prepare(arms, evaluation, settings, store, report)
    amounts = _amounts(bench, settings)
    rate: float | None = None
    nats: dict[str, dict[str, dict[str, NDArray[np.float64]]]] = {}
    for model in settings.model:
        if model == "transformer":
            rate = choose_rate(bench, settings, amounts[model])
        nats[model] = _runs(bench, model, amounts[model], rate)
    about = {"arms": facts, "n_vocabulary": bench.encoder.vocab_size, "n_seeds": settings.seeds}
    about |= {"learning_rate": rate, "n_tokens": {model: amounts[model] for model in settings.model}}
    n_bytes = {name: domain.n_bytes for name, domain in bench.domains.items()}
    return Ablation(tuple(arms), tuple(evaluation), nats, n_bytes, about)


def prepare(
    arms: Mapping[str, Sequence[str]],
    evaluation: Mapping[str, Sequence[str]],
    settings: AblateSettings,
    store: RunStore,
    report: Report,
) -> tuple[Bench, dict[str, dict[str, int]]]:
    """Take evaluation text out of the arms and encode what is left; facts of each arm for the result."""
    unique = list(dict.fromkeys(text for texts in arms.values() for text in texts if text))
    judged = [text for texts in evaluation.values() for text in texts if text]
    is_out = outside_evaluation(unique, judged, settings.jaccard)
    numbers = {text: number for number, text in enumerate(unique)}
    places: dict[str, NDArray[np.int64]] = {}
    facts: dict[str, dict[str, int]] = {}
    for name, texts in arms.items():
        found = np.array([numbers[text] for text in texts if text], np.int64)
        places[name] = found[~is_out[found]]
        facts[name] = {"n_documents": len(places[name]), "n_left_out": int(is_out[found].sum())}
        n_out = facts[name]["n_left_out"]
        report(f"{name}: {len(places[name]):,} documents, {n_out:,} left out as copies of evaluation text")
        if not len(places[name]):
            raise SettingError(
                f"All {n_out:,} documents of arm '{name}' are copies of evaluation text: give other text to "
                "--arm or to --eval."
            )
    encoder = _shared_encoder(unique, places, settings.vocabulary)
    pool = encode(encoder, [text[: settings.document_chars] for text in unique])
    for name, some in places.items():
        facts[name]["n_tokens"] = pool.n_tokens(some)
    domains = {
        name: encode_judged(encoder, [text for text in texts if text], settings.eval_tokens)
        for name, texts in evaluation.items()
    }
    size = settings.layers, settings.width
    return Bench(encoder, pool, places, domains, settings.seeds, store, report, size), facts


def _amounts(bench: Bench, settings: AblateSettings) -> dict[str, int]:
    """Training tokens of a run of each model: as asked, or what the smallest arm has for a seed."""
    most, arm = bench.most_tokens()
    if most < LEAST_TOKENS:
        raise SettingError(
            f"Arm '{arm}' has {most:,} tokens for the smallest of {settings.seeds} seeds, which share no "
            f"text; {LEAST_TOKENS:,} are the least. Give more text or fewer seeds."
        )
    asked = {"trigram": settings.tokens, "transformer": settings.transformer_tokens}
    for model in settings.model:
        if asked[model] > most:
            bench.report(
                f"{model}: {most:,} tokens a run instead of {asked[model]:,}: arm '{arm}' has no more for each "
                f"of {settings.seeds} seeds"
            )
    return {model: min(n_tokens, most) for model, n_tokens in asked.items()}


def _runs(
    bench: Bench, model: str, n_tokens: int, rate: float | None
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Nats of every evaluation document, (n_seeds, n_documents), by arm and domain."""
    found: dict[str, list[Nats]] = {arm: [] for arm in bench.arms}
    n_all, began_s = bench.n_seeds * len(bench.arms), time.monotonic()
    for n_done, (seed, arm, tokens) in enumerate(_draws(bench, n_tokens), 1):
        nats, is_known = _run(bench, model, tokens, rate, seed, bench.domains)
        found[arm].append(nats)
        bits = ", ".join(
            f"{domain} {nats[domain].sum() / math.log(2) / bench.domains[domain].n_bytes.sum():.4f}"
            for domain in nats
        )
        left_s = (time.monotonic() - began_s) / n_done * (n_all - n_done)
        rest = "known" if is_known else f"about {left_s:.0f} s left"
        bench.report(f"{model} {n_done}/{n_all}, seed {seed}, {arm}: bits per byte {bits}; {rest}")
    return {
        arm: {domain: np.array([run[domain] for run in runs]) for domain in bench.domains}
        for arm, runs in found.items()
    }


def _draws(bench: Bench, n_tokens: int) -> Iterator[tuple[int, str, NDArray[np.int64]]]:
    """All runs, seed by seed: whatever is finished then has every arm."""
    for seed in range(bench.n_seeds):
        for arm, places in bench.arms.items():
            mine = bench.pool.fold(places, bench.n_seeds, seed)
            yield seed, arm, bench.pool.draw(mine, n_tokens, f"seed {seed}")


def run_model(bench: Bench, model: str, tokens: NDArray[np.int64], rate: float | None, seed: int) -> Nats:
    """Nats of every evaluation document for a model of `tokens`, by domain; what is known is not run again."""
    return _run(bench, model, tokens, rate, seed, bench.domains)[0]


def _run(
    bench: Bench,
    model: str,
    tokens: NDArray[np.int64],
    rate: float | None,
    seed: int,
    domains: Mapping[str, Encoded],
) -> tuple[Nats, bool]:
    """Fit a model to `tokens` and judge it, or find that this was done before."""
    what = {
        "version": VERSION,
        "model": model,
        "learning_rate": rate,
        "seed": seed,
        "n_vocabulary": bench.encoder.vocab_size,
        "tokens": xxhash.xxh3_64_hexdigest(tokens.tobytes()),
        "domains": {name: xxhash.xxh3_64_hexdigest(held.tokens.tobytes()) for name, held in domains.items()},
    }
    if model == "trigram":
        what["seed"] = None  # it has no chance in it
    elif bench.layers_and_width != _FIRST_SIZE:
        what["layers_and_width"] = list(bench.layers_and_width)
    return bench.store.find_or_run(what, lambda: _judge(bench, model, tokens, rate, seed, domains))


def _judge(
    bench: Bench,
    model: str,
    tokens: NDArray[np.int64],
    rate: float | None,
    seed: int,
    domains: Mapping[str, Encoded],
) -> Nats:
    n_vocabulary, eos_id = bench.encoder.vocab_size, bench.encoder.eos_id
    if model == "trigram":
        nats = Trigram(tokens, n_vocabulary, eos_id).nats
    else:
        from curate.ablate.tiny import fit_tiny, tiny_nats, tiny_shape

        shape = tiny_shape(n_vocabulary, *bench.layers_and_width)
        decoder = fit_tiny(tokens, shape, eos_id, rate=rate or PILOT_RATES[0], seed=seed)

        def nats(tokens: NDArray[np.int64]) -> NDArray[np.float64]:
            return tiny_nats(decoder, tokens, eos_id)

    return {name: _by_document(nats(held.tokens), held, eos_id) for name, held in domains.items()}


def _by_document(nats: NDArray[np.float64], held: Encoded, eos_id: int) -> NDArray[np.float64]:
    """Sum nats by document; where a document ends is not judged, as it may have been cut."""
    return np.add.reduceat(np.where(held.tokens == eos_id, 0.0, nats), held.offsets[:-1])


def choose_rate(bench: Bench, settings: AblateSettings, n_tokens: int) -> float:
    """The learning rate that is asked for, else that with the least loss on held-out text of an equal mix of all arms."""
    if settings.learning_rate is not None:
        return settings.learning_rate
    share = int(n_tokens * PILOT_SHARE) // len(bench.arms)
    fitted: list[NDArray[np.int64]] = []
    held_out: list[NDArray[np.int64]] = []
    for places in bench.arms.values():
        judged = bench.pool.fold(places, N_PARTS, 0)
        fitted.append(bench.pool.draw(np.setdiff1d(places, judged), share, "pilot"))
        held_out.append(bench.pool.draw(judged, share // 4 + 1, "pilot"))
    eos = np.array([bench.encoder.eos_id])
    tokens = np.concatenate(held_out)
    ends = np.array([0, len(tokens) + 1])
    one = Encoded(np.concatenate([tokens, eos]), ends, np.zeros(1, np.int64), np.zeros(1, np.uint64))
    losses: dict[float, float] = {}
    for rate in PILOT_RATES:
        mixed = np.concatenate(fitted)
        nats, _ = _run(bench, "transformer", mixed, rate, 10_000, {"held-out": one})
        losses[rate] = float(nats["held-out"].sum()) / max(len(tokens), 1)
        bench.report(
            f"pilot, learning rate {rate:g}: {losses[rate]:.4f} nats a token on held-out text of all arms"
        )
    return min(losses, key=lambda rate: losses[rate])


def _shared_encoder(
    texts: Sequence[str], arms: Mapping[str, NDArray[np.int64]], n_vocabulary: int
) -> TextEncoder:
    """A tokenizer fitted on equally many documents of each arm, at most 2,000."""
    n = min(2000, *(len(places) for places in arms.values()))
    drawn = [np.random.default_rng(0).permutation(places)[:n] for places in arms.values()]
    return train_encoder([texts[int(i)] for i in np.concatenate(drawn)], n_vocabulary)
