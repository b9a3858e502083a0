"""The instrument: equal tokens of every arm, several seeds, one tokenizer, one learning rate.

What would make the answer wrong is fixed before anything is trained: evaluation domains are named by the
user, their copies are taken out of every arm, the tokenizer is fitted on equal shares of all arms, and the
learning rate is chosen on a mix of all arms and judged on held-out text of that mix, never on the evaluation
domains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.ablate.result import Ablation
from curate.ablate.texts import outside_evaluation
from curate.ablate.trigram import Trigram
from curate.errors import SettingError, UnknownNameError
from curate.tokens import TextEncoder, train_encoder

MODELS = ("trigram", "transformer")
PILOT_RATES = (1e-3, 3e-3, 1e-2)
PILOT_SHARE = 0.5
HELD_OUT = 0.1
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AblateSettings:
    """Settings of `ablate` and `curate ablate`."""

    models: tuple[str, ...] = ("trigram",)
    """trigram (seconds) and transformer (minutes)."""
    n_tokens: int = 1_000_000
    """Training tokens of each trigram run, at most half of the smallest arm's."""
    transformer_tokens: int = 300_000
    """Training tokens of each transformer run, at most the same."""
    eval_tokens: int = 100_000
    """Tokens of each evaluation domain, at most."""
    n_seeds: int = 3
    n_vocabulary: int = 2048
    jaccard: float = 0.7
    """Similarity from which a training text counts as a copy of an evaluation text."""
    learning_rate: float | None = None
    """Of the transformer; chosen on a pilot if left out."""

    def __post_init__(self) -> None:
        for model in self.models:
            if model not in MODELS:
                raise UnknownNameError("model", model, MODELS)
        for name in ("n_tokens", "transformer_tokens", "eval_tokens", "n_seeds"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1, not {getattr(self, name)}.")


@dataclass(frozen=True, slots=True)
class _Texts:
    """Encoded documents one after another, each ended by eos."""

    tokens: NDArray[np.int64]
    offsets: NDArray[np.int64]
    n_bytes: NDArray[np.int64]

    def draw(self, n_tokens: int, seed: int) -> NDArray[np.int64]:
        """The first `n_tokens` of the documents in a random order."""
        order = np.random.default_rng(seed).permutation(len(self.n_bytes))
        ends = np.cumsum(np.diff(self.offsets)[order])
        order = order[: int(np.searchsorted(ends, n_tokens)) + 1]
        parts = [self.tokens[self.offsets[i] : self.offsets[i + 1]] for i in order]
        return np.concatenate(parts)[:n_tokens]

    def first(self, n_tokens: int) -> _Texts:
        """Whole documents in a fixed random order, up to about `n_tokens`."""
        order = np.random.default_rng(0).permutation(len(self.n_bytes))
        sizes = np.diff(self.offsets)[order]
        order = order[: int(np.searchsorted(np.cumsum(sizes), n_tokens)) + 1]
        parts = [self.tokens[self.offsets[i] : self.offsets[i + 1]] for i in order]
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
        return _Texts(np.concatenate(parts), offsets, self.n_bytes[order])


def ablate(
    arms: Mapping[str, Sequence[str]],
    evaluation: Mapping[str, Sequence[str]],
    settings: AblateSettings | None = None,
    *,
    report: Report = lambda _line: None,
) -> Ablation:
    """Train the same small models on equal tokens of each arm and compare them on `evaluation`.

    Args:
        arms: texts by name; the first arm is what the others are compared with.
        evaluation: texts of the domains that the comparison is about, by name.
        settings: amounts, seeds, models.
        report: told a line for each thing done.

    Returns:
        Bits per byte of every run and the gaps between arms. The same input gives the same numbers on one
        machine.
    """
    settings = settings or AblateSettings()
    if len(arms) < 2 or not evaluation:
        raise SettingError("Give at least two arms and one evaluation domain.")
    judged = [text for texts in evaluation.values() for text in texts]
    kept: dict[str, list[str]] = {}
    facts: dict[str, dict[str, int]] = {}
    for name, texts in arms.items():
        kept[name], n_out = outside_evaluation(texts, judged, settings.jaccard)
        facts[name] = {"n_documents": len(kept[name]), "n_left_out": n_out}
        report(f"{name}: {len(kept[name]):,} documents, {n_out:,} left out as copies of evaluation text")
    encoder = _shared_encoder(kept, settings.n_vocabulary)
    encoded = {name: _encode(encoder, texts) for name, texts in kept.items()}
    domains = {
        name: _encode(encoder, texts).first(settings.eval_tokens) for name, texts in evaluation.items()
    }
    for name, texts in encoded.items():
        facts[name]["n_tokens"] = len(texts.tokens)
    # Half at most: else every seed would draw the same documents, and the spread would say nothing.
    most = min(len(texts.tokens) for texts in encoded.values()) // 2
    bits: dict[str, dict[str, dict[str, list[float]]]] = {}
    about = {"arms": facts, "n_vocabulary": encoder.vocab_size, "n_seeds": settings.n_seeds}
    amounts = {"trigram": min(settings.n_tokens, most), "transformer": min(settings.transformer_tokens, most)}
    rate = None
    for model in settings.models:
        if model == "transformer":
            rate = settings.learning_rate or _pilot(encoded, encoder, amounts[model], report)
        bits[model] = _runs(model, encoded, domains, encoder, amounts[model], rate, settings.n_seeds, report)
    return Ablation(
        tuple(arms),
        tuple(evaluation),
        amounts[settings.models[0]],
        bits,
        about | {"learning_rate": rate, "tokens": {model: amounts[model] for model in settings.models}},
    )


def _runs(
    model: str,
    arms: Mapping[str, _Texts],
    domains: Mapping[str, _Texts],
    encoder: TextEncoder,
    n_tokens: int,
    rate: float | None,
    n_seeds: int,
    report: Report,
) -> dict[str, dict[str, list[float]]]:
    bits: dict[str, dict[str, list[float]]] = {domain: {arm: [] for arm in arms} for domain in domains}
    for seed in range(n_seeds):
        for arm, texts in arms.items():
            nats = _judge(model, texts.draw(n_tokens, seed), encoder, rate, seed)
            for domain, held in domains.items():
                bits[domain][arm].append(nats(held.tokens) / math.log(2) / int(held.n_bytes.sum()))
            found = ", ".join(f"{domain} {bits[domain][arm][-1]:.4f}" for domain in domains)
            report(f"{model}, seed {seed}, {arm}: {found}")
    return bits


def _judge(
    model: str, tokens: NDArray[np.int64], encoder: TextEncoder, rate: float | None, seed: int
) -> Callable[[NDArray[np.int64]], float]:
    """Fit a model to `tokens`; gives what sums nats of other tokens."""
    if model == "trigram":
        return Trigram(tokens, encoder.vocab_size, encoder.eos_id).nats
    from curate.ablate.tiny import fit_tiny, tiny_nats

    decoder = fit_tiny(tokens, encoder.vocab_size, encoder.eos_id, rate=rate or PILOT_RATES[0], seed=seed)
    return lambda held: tiny_nats(decoder, held, encoder.eos_id)


def _pilot(arms: Mapping[str, _Texts], encoder: TextEncoder, n_tokens: int, report: Report) -> float:
    """The learning rate with the least loss on held-out text of an equal mix of all arms."""
    share = int(n_tokens * PILOT_SHARE) // len(arms)
    n_held = int(share * HELD_OUT) + 1
    drawn = [texts.draw(share + n_held, seed=10_000 + i) for i, texts in enumerate(arms.values())]
    fitted, held = (np.concatenate(part) for part in ([d[:share] for d in drawn], [d[share:] for d in drawn]))
    losses: dict[float, float] = {}
    for rate in PILOT_RATES:
        losses[rate] = _judge("transformer", fitted, encoder, rate, 10_000)(held) / len(held)
        report(f"pilot, learning rate {rate:g}: {losses[rate]:.4f} nats a token on held-out text of all arms")
    return min(losses, key=lambda rate: losses[rate])


def _shared_encoder(arms: Mapping[str, Sequence[str]], n_vocabulary: int) -> TextEncoder:
    """A tokenizer fitted on equally many documents of each arm, at most 2,000."""
    n = min(2000, *(len(texts) for texts in arms.values()))
    if not n:
        raise SettingError("An arm is empty once copies of evaluation text are left out.")
    chosen: list[str] = []
    for texts in arms.values():
        chosen.extend(texts[int(i)] for i in np.random.default_rng(0).permutation(len(texts))[:n])
    return train_encoder(chosen, n_vocabulary)


def _encode(encoder: TextEncoder, texts: Sequence[str]) -> _Texts:
    tokens, lengths = encoder.encode_joined(pa.array(texts, pa.large_string()))
    n_bytes = np.array([len(text.encode()) for text in texts], np.int64)
    return _Texts(tokens.astype(np.int64), np.concatenate([[0], np.cumsum(lengths)]), n_bytes)
