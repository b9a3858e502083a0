"""Weights chosen by evidence: many small models on mixtures of one's domains, a fitted curve, a proposal, and its check.

After RegMix (Liu and others, arXiv 2407.01492): weights are drawn around those that the text has by its size, a small
model is trained on each mixture, a curve is fitted from weights to bits per byte on the evaluation text, and the mean of the
weights it likes best is proposed. What a curve says of the point it was searched for is too good, so the proposal and the mixture
as it is are then trained on text that the grid has not read, with several seeds, and compared as any two arms are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from numpy.typing import NDArray

from curate.ablate.curve import Curve, FloatArray, design, fit_curve, rank_correlation, refit
from curate.ablate.plot import draw_svg
from curate.ablate.result import Ablation, conclude
from curate.ablate.run import LEAST_TOKENS, Bench, Nats, Report, choose_rate, prepare, run_model
from curate.ablate.settings import AblateSettings
from curate.ablate.store import RunStore
from curate.errors import SettingError
from curate.mixture.scan import NO_DOMAIN
from curate.mixture.settings import MixtureSettings, mixture_settings_from
from curate.mixture.sources import list_pieces
from curate.work.files import committed, write_json

OTHERS = "others"
BY_SIZE, PROPOSED = "by size", "proposed"
N_CANDIDATES, N_BEST, N_REFITS = 20_000, 100, 200
_ROOM = 3
"""A run reads one part in so many of a seed's text, so that a domain can have up to that many times its share."""
_BYTES_PER_TOKEN = 3.0
"""Of the small tokenizer, at the least: how much text is read."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What `find_weights` found. K domains, M mixtures."""

    axis: str
    """What is weighed: 'domains' or 'sources'."""
    names: tuple[str, ...]
    natural: FloatArray
    """Shares by size (K,)."""
    caps: FloatArray
    """Most that each can have, by the text there is and by the mixture's passes (K,)."""
    weights: FloatArray
    """Tried (M, K); the first are the natural shares."""
    bits: Mapping[str, FloatArray]
    """Bits per byte of each, by evaluation text: (M,)."""
    curves: Mapping[str, Curve]
    proposed: FloatArray
    low: FloatArray
    high: FloatArray
    """95% interval of each proposed share over resampled mixtures (K,)."""
    predicted: Mapping[str, tuple[float, float, float]]
    """By evaluation text: what the curve promises, proposed less natural, with its 95% interval over the same."""
    check: Ablation
    """The proposal against the mixture as it is, on text that the grid has not read."""
    facts: Mapping[str, Any]

    def table(self) -> str:
        """Markdown: the shares, what the curves are worth, and the check."""
        lines = [f"| {self.axis[:-1]} | by size | proposed (95%) | at most |", "|---|---|---|---|"]
        for i, name in enumerate(self.names):
            lines.append(
                f"| {name} | {self.natural[i]:.1%} | {self.proposed[i]:.1%} ({self.low[i]:.1%} to {self.high[i]:.1%}) "
                f"| {min(self.caps[i], 1):.1%} |"
            )
        lines += [
            "",
            "| evaluated on | curve | rank correlation, left out | promised gap (95%) |",
            "|---|---|---|---|",
        ]
        for name, curve in self.curves.items():
            gap, low, high = self.predicted[name]
            form = "with products" if curve.quadratic else "linear"
            rank = rank_correlation(curve.left_out, self.bits[name])
            lines.append(f"| {name} | {form} | {rank:.2f} | {gap:+.3f} ({low:+.3f} to {high:+.3f}) |")
        return "\n".join([*lines, "", self.check.table(), "", *conclude(self.check)])

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON-able values."""
        return {
            "axis": self.axis,
            "names": list(self.names),
            "natural": self.natural.tolist(),
            "caps": np.minimum(self.caps, 1).tolist(),
            "proposed": [
                {"share": share, "low": low, "high": high}
                for share, low, high in zip(
                    self.proposed.tolist(), self.low.tolist(), self.high.tolist(), strict=True
                )
            ],
            "mixtures": [
                {
                    "weights": weights,
                    "bits_per_byte": {name: float(bits[i]) for name, bits in self.bits.items()},
                }
                for i, weights in enumerate(self.weights.round(6).tolist())
            ],
            "curves": {
                name: {
                    "quadratic": curve.quadratic,
                    "ridge": curve.ridge,
                    "rank_correlation_left_out": rank_correlation(curve.left_out, self.bits[name]),
                    "promised": dict(zip(("gap", "low", "high"), self.predicted[name], strict=True)),
                }
                for name, curve in self.curves.items()
            },
            "check": self.check.to_json(),
            **self.facts,
        }


def find_weights(
    mixture: Mapping[str, Any],
    evaluation: Mapping[str, Sequence[str]],
    settings: AblateSettings | None = None,
    *,
    output: str | Path | None = None,
    report: Report = lambda _line: None,
) -> Grid:
    """Propose weights of a mixture's domains, or of its sources where it has one domain.

    Args:
        mixture: the contents of a mixture's TOML file; quality buckets, stages and weights in it are not looked at.
        evaluation: texts of the domains that the mixture is to serve, by name; they count alike.
        settings: amounts, seeds, how many mixtures are tried, and the first of the models.
        output: folder for finished runs, so that the same call goes on after a stop.
        report: told a line for each thing done; the cost before it is spent.

    Raises:
        SettingError: there is too little text, or nothing to weigh.
    """
    settings = settings or AblateSettings()
    axis, texts, sizes = read_arms(mixture_settings_from(mixture), settings)
    names = tuple(texts)
    if settings.mixtures < 3 * len(names):
        raise SettingError(
            f"{settings.mixtures} mixtures tell little of {len(names)} {axis}. Give --mixtures {3 * len(names)} or more, or "
            "weigh fewer, with a higher --least-share."
        )
    bench, _ = prepare(
        texts, evaluation, settings, RunStore(Path(output) / "runs" if output else None), report
    )
    natural = np.array([sizes[name] for name in names], float)
    natural /= natural.sum()
    proxy = _Proxy.of(bench, settings, natural)
    caps = np.minimum(
        proxy.caps, _caps_of_mixture(mixture_settings_from(mixture), natural, sum(sizes.values()))
    )
    rng = np.random.default_rng(settings.grid_seed)
    weights = np.vstack([natural, draw_weights(rng, natural, caps, settings.mixtures - 1)])
    report(
        f"{len(weights)} mixtures of {len(names)} {axis}, then {2 * settings.seeds} runs to check, {proxy.model} on "
        f"{proxy.n_tokens:,} tokens each: about {proxy.cost_s(natural) * (len(weights) + 2 * settings.seeds):.0f} s"
    )
    bits = proxy.bits_of(weights)
    curves = {name: fit_curve(weights, values) for name, values in bits.items()}
    candidates = _Candidates(draw_weights(rng, natural, caps, N_CANDIDATES))
    proposed = candidates.best(curves.values())
    low, high, predicted = _intervals(rng, curves, weights, bits, candidates, proposed)
    facts = {"model": proxy.model, "n_tokens": proxy.n_tokens, "grid_seed": settings.grid_seed}
    check = proxy.compare({BY_SIZE: natural, PROPOSED: proposed})
    return Grid(
        axis, names, natural, caps, weights, bits, curves, proposed, low, high, predicted, check, facts
    )


@dataclass(frozen=True, slots=True)
class _Proxy:
    """The small models of one grid. Texts are dealt to one fold for the grid and one for each seed of the check."""

    bench: Bench
    model: str
    rate: float | None
    n_tokens: int
    n_seeds: int
    caps: FloatArray
    """The share of each domain for which its smallest fold has text (K,)."""

    @classmethod
    def of(cls, bench: Bench, settings: AblateSettings, natural: FloatArray) -> _Proxy:
        """Settle how many tokens a run reads: at most a third of a fold, and of no domain more than there is."""
        n_folds, model = settings.seeds + 1, settings.model[0]
        folds = [
            [bench.pool.n_tokens(bench.pool.fold(places, n_folds, fold)) for places in bench.arms.values()]
            for fold in range(n_folds)
        ]
        held = np.min(folds, axis=0).astype(float)
        asked = settings.tokens if model == "trigram" else settings.transformer_tokens
        n_tokens = min(asked, int(held.sum()) // _ROOM, int((held / natural).min()))
        if n_tokens < LEAST_TOKENS:
            raise SettingError(
                f"A run would read {n_tokens:,} tokens; {LEAST_TOKENS:,} are the least. Give more text, fewer "
                "--seeds, or a higher --least-share."
            )
        rate = choose_rate(bench, settings, n_tokens) if model == "transformer" else None
        return cls(bench, model, rate, n_tokens, settings.seeds, held / n_tokens)

    def train(self, shares: FloatArray, fold: int) -> Nats:
        """Fit a model to a mixture of one fold's texts and judge it."""
        pool, parts = self.bench.pool, list[NDArray[np.int64]]()
        for places, share in zip(self.bench.arms.values(), shares.tolist(), strict=True):
            mine = pool.fold(places, self.n_seeds + 1, fold)
            parts.append(pool.draw(mine, round(share * self.n_tokens), f"grid {fold}"))
        return run_model(self.bench, self.model, np.concatenate(parts), self.rate, fold)

    def cost_s(self, shares: FloatArray) -> float:
        """Seconds of a run, measured on one of a tenth of the tokens."""
        began_s = time.monotonic()
        replace(self, n_tokens=max(self.n_tokens // 10, 1)).train(shares, 0)
        return 10 * (time.monotonic() - began_s)

    def bits_of(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Bits per byte of a model of each mixture (M, K), by evaluation text: (M,)."""
        runs: list[Nats] = []
        for number, shares in enumerate(weights, 1):
            runs.append(self.train(shares, 0))
            if number % max(1, len(weights) // 8) == 0:
                self.bench.report(f"{number} of {len(weights)} mixtures")
        return {
            name: np.array([run[name].sum() for run in runs]) / math.log(2) / float(held.n_bytes.sum())
            for name, held in self.bench.domains.items()
        }

    def compare(self, arms: Mapping[str, FloatArray]) -> Ablation:
        """Train on some mixtures with every seed, on texts that the grid has not read."""
        runs = {
            arm: [self.train(shares, seed) for seed in range(1, self.n_seeds + 1)]
            for arm, shares in arms.items()
        }
        domains = self.bench.domains
        nats = {
            arm: {name: np.array([run[name] for run in own]) for name in domains} for arm, own in runs.items()
        }
        facts = {"n_tokens": {self.model: self.n_tokens}, "n_seeds": self.n_seeds, "learning_rate": self.rate}
        n_bytes = {name: held.n_bytes for name, held in domains.items()}
        return Ablation(tuple(arms), tuple(domains), {self.model: nats}, n_bytes, facts)


def write_grid(found: Grid, mixture: Mapping[str, Any], folder: Path) -> None:
    """Write grid.json, grid.md, plot.svg of the check, and mix.toml: the mixture with the proposed weights."""
    write_json(folder / "grid.json", found.to_json())
    texts = {
        "grid.md": found.table() + "\n",
        "plot.svg": draw_svg(found.check),
        "mix.toml": tomli_w.dumps(with_weights(mixture, found)),
    }
    for name, text in texts.items():
        with committed(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def with_weights(mixture: Mapping[str, Any], found: Grid) -> dict[str, Any]:
    """The mixture's settings with the proposed weights; what was weighed together divides what is left by size."""
    weights = {
        name: round(share, 4)
        for name, share in zip(found.names, found.proposed.tolist(), strict=True)
        if name != OTHERS
    }
    if found.axis == "domains":
        return {**mixture, "domains": {**mixture.get("domains", {}), "weights": weights}}
    sources = {name: dict(source) for name, source in mixture["sources"].items()}
    for name, source in sources.items():
        source.pop("weight", None)
        if name in weights:
            source["weight"] = weights[name]
    return {**mixture, "sources": sources}


def read_arms(
    settings: MixtureSettings, amounts: AblateSettings
) -> tuple[str, dict[str, list[str]], dict[str, int]]:
    """Texts by domain, or by source where all are of one domain; and bytes of each, of texts that are not read on too.

    Of each domain as much text is kept as all runs together could read.
    """
    most = int(
        max(amounts.tokens, amounts.transformer_tokens) * (amounts.seeds + 1) * _ROOM * _BYTES_PER_TOKEN * 2
    )
    texts: dict[tuple[str, str], list[str]] = {}
    sizes: dict[tuple[str, str], int] = {}
    for piece in list_pieces(settings):
        for table in piece.read():
            for text, domain in zip(table["text"].to_pylist(), table["domain"].to_pylist(), strict=True):
                if not text or text.isspace():
                    continue
                key = domain or NO_DOMAIN, piece.source.name
                n_before = sizes.get(key, 0)
                sizes[key] = n_before + len(text.encode())
                if n_before < most:
                    texts.setdefault(key, []).append(text)
    place = 0 if len({domain for domain, _ in sizes}) > 1 else 1
    total = sum(sizes.values())
    by_name: dict[str, int] = {}
    for key, n_bytes in sizes.items():
        by_name[key[place]] = by_name.get(key[place], 0) + n_bytes
    if len(by_name) < 2:
        raise SettingError(
            "There is one source of one domain: nothing to weigh. Name another source, or a column of domains "
            "(curate filter --label topic)."
        )
    large = {name for name, n in by_name.items() if n >= amounts.least_share * total}
    if len(by_name) - len(large) == 1:  # one alone needs no other name
        large = set(by_name)
    found: dict[str, list[str]] = {}
    n_bytes_of: dict[str, int] = {}
    for key in sorted(sizes, key=lambda key: (key[place] not in large, -by_name[key[place]], key)):
        name = key[place] if key[place] in large else OTHERS
        found.setdefault(name, []).extend(texts[key])
        n_bytes_of[name] = n_bytes_of.get(name, 0) + sizes[key]
    if len(found) < 2:
        raise SettingError("All domains are below --least-share: nothing to weigh. Give a lower one.")
    return ("domains", "sources")[place], found, n_bytes_of


def draw_weights(rng: np.random.Generator, natural: FloatArray, caps: FloatArray, n: int) -> FloatArray:
    """Draw n mixtures around the natural shares, from near to far, none above its cap: (n, K)."""
    strength = np.exp(rng.uniform(np.log(1.0), np.log(16.0), n)) * len(natural)
    drawn = rng.gamma(np.maximum(strength[:, None] * natural, 1e-2)) + 1e-12
    return _below_caps(drawn / drawn.sum(axis=1, keepdims=True), caps)


def _below_caps(weights: FloatArray, caps: FloatArray) -> FloatArray:
    """Lower shares to their caps and give what is freed to the others, in proportion to the room they have."""
    for _ in range(len(caps)):
        capped = np.minimum(weights, caps)
        room = np.minimum(caps, 1.0) - capped
        freed = 1.0 - capped.sum(axis=1, keepdims=True)
        if freed.max() < 1e-12:
            break
        weights = capped + freed * room / np.maximum(room.sum(axis=1, keepdims=True), 1e-12)
    return weights


def _caps_of_mixture(settings: MixtureSettings, natural: FloatArray, n_bytes: int) -> FloatArray:
    """The share that each domain can have in the whole mixture before its text is read too often."""
    total = n_bytes / settings.bytes_per_token
    passes = math.inf if settings.max_passes is None else settings.max_passes
    return natural * passes * total / (settings.budget_tokens or total)


class _Candidates:
    """Mixtures among which the best are looked for."""

    def __init__(self, weights: FloatArray) -> None:
        self._weights = weights
        self._designs = {quadratic: design(weights, quadratic=quadratic) for quadratic in (False, True)}

    def best(self, curves: Iterable[Curve]) -> FloatArray:
        """The mean of those that the curves, which count alike, like best (K,)."""
        values = sum(self._designs[curve.quadratic] @ curve.coefficients for curve in curves)
        return self._weights[np.argsort(values, kind="stable")[:N_BEST]].mean(axis=0)


Interval = tuple[float, float, float]


def _intervals(
    rng: np.random.Generator,
    curves: Mapping[str, Curve],
    weights: FloatArray,
    bits: Mapping[str, FloatArray],
    candidates: _Candidates,
    proposed: FloatArray,
) -> tuple[FloatArray, FloatArray, dict[str, Interval]]:
    """What curves fitted to resampled mixtures propose, low and high (K,), and the gaps that they promise."""
    shares: list[FloatArray] = []
    gaps: dict[str, list[float]] = {name: [] for name in curves}
    ends = np.array([weights[0], proposed])

    def gap(curve: Curve) -> float:
        before, after = curve.predict(ends).tolist()
        return after - before

    for _ in range(N_REFITS):
        rows = rng.integers(0, len(weights), len(weights))
        again = {name: refit(curve, weights[rows], bits[name][rows]) for name, curve in curves.items()}
        shares.append(candidates.best(again.values()))
        for name, curve in again.items():
            gaps[name].append(gap(curve))
    low, high = np.quantile(np.array(shares), (0.025, 0.975), axis=0)
    promised: dict[str, Interval] = {}
    for name, curve in curves.items():
        least, most = np.quantile(gaps[name], (0.025, 0.975)).tolist()
        promised[name] = gap(curve), least, most
    return low, high, promised
