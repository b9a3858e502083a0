"""Every setting of an ablation, with its meaning, default and bounds. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from curate.config import check, setting
from curate.errors import SettingError

MODELS = ("trigram", "transformer")


@dataclass(frozen=True, slots=True, kw_only=True)
class AblateSettings:
    """The settings of `ablate`, `find_weights` and `curate ablate`; wrong ones are refused when this is built."""

    model: tuple[str, ...] = setting(
        ("trigram",), "trigram (seconds), transformer (minutes); or both.", section="model", known=MODELS
    )
    vocabulary: int = setting(
        2048, "Tokens of the tokenizer, which is fitted on all arms.", section="model", low=300, high=65_536
    )
    learning_rate: float | None = setting(
        None,
        "Of the transformer; chosen on held-out text of all arms if left out.",
        section="model",
        above=0,
        high=1,
    )
    width: int = setting(
        128,
        "Of the transformer, a multiple of 64. 384 with 5 layers are 10 million weights: six times the time "
        "a token.",
        section="model",
        low=64,
        high=2048,
    )
    layers: int = setting(4, "Of the transformer.", section="model", low=1, high=64)
    tokens: int = setting(
        1_000_000,
        "Training tokens of each trigram run; at most what one seed has of the smallest arm.",
        section="amounts",
        low=1,
    )
    transformer_tokens: int = setting(
        300_000, "Training tokens of each transformer run, at most the same.", section="amounts", low=1
    )
    eval_tokens: int = setting(100_000, "Tokens of each evaluation text, at most.", section="amounts", low=1)
    # Else one long page decides a small run.
    document_chars: int = setting(
        20_000, "Of longer training texts only the beginning is read.", section="amounts", low=1
    )
    seeds: int = setting(3, "Runs of each arm; they share no training text.", section="amounts", low=1)
    jaccard: float = setting(
        0.7,
        "Similarity from which a training text counts as a copy of an evaluation text.",
        section="amounts",
        above=0,
        high=1,
    )

    mixtures: int = setting(
        64,
        "With --grid: mixtures to train on, each with its own weights; at least three for each domain.",
        section="grid",
        low=8,
        high=4096,
    )
    least_share: float = setting(
        0.02,
        "With --grid: domains below this share of the text are weighed together.",
        section="grid",
        low=0,
        high=0.5,
    )
    grid_seed: int = setting(0, "With --grid: decides the weights that are tried.", section="grid", low=0)

    def __post_init__(self) -> None:
        check(self)
        if self.width % 64:
            raise SettingError(f"width must be a multiple of 64, not {self.width}.")
