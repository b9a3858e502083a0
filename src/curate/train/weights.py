"""Reading the weights of a trained model: from a run, a checkpoint, or a Hugging Face folder."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from curate.errors import SettingError
from curate.train.folders import (
    CONFIG,
    TOKENIZER,
    find_checkpoint,
    read_config,
    read_state,
    shape_from_config,
    shape_from_facts,
)
from curate.train.model import Decoder
from curate.train.restricted import load_state
from curate.train.shape import ModelShape


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model in memory: whole weights, float32, on the CPU."""

    shape: ModelShape
    weights: dict[str, Tensor]
    eos_id: int | None
    tokenizer: Path | None
    step: int | None


def read_trained(path: str | Path) -> Trained:
    """Read the output folder of a run (its last checkpoint), one checkpoint, or a Hugging Face folder."""
    folder = Path(path)
    if (folder / CONFIG).exists():
        return _read_hugging_face(folder)
    folder = find_checkpoint(folder)
    facts = read_state(folder)
    shape = shape_from_facts(facts)
    weights = {name: torch.empty(weight.shape) for name, weight in _parameters(shape)}
    saved = {"model": dict(weights)}
    if shape.tied:
        saved["model"]["lm_head.weight"] = weights["model.embed_tokens.weight"]
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "torch.distributed is disabled"
        )  # reading in one process is what is meant
        load_state(saved, folder)
    tokenizer = folder / TOKENIZER
    return Trained(
        shape, weights, facts.get("eos_id"), tokenizer if tokenizer.exists() else None, facts["step"]
    )


def load_decoder(trained: Trained) -> Decoder:
    """A whole decoder in this process that holds `trained`'s weights, without copying them."""
    with torch.device("meta"):
        decoder = Decoder(trained.shape)
    decoder.load_state_dict(trained.weights, assign=True, strict=not trained.shape.tied)
    decoder.tie()
    return decoder.eval()


def _parameters(shape: ModelShape) -> list[tuple[str, Tensor]]:
    with torch.device("meta"):
        return list(Decoder(shape).named_parameters())


def _read_hugging_face(folder: Path) -> Trained:
    config = read_config(folder)
    shape = shape_from_config(config, folder)
    weights: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(str(file), framework="pt") as tensors:
            weights |= {name: tensors.get_tensor(name).float() for name in tensors.keys()}  # noqa: SIM118
    names = [name for name, _ in _parameters(shape)]
    known = {*names, *(["lm_head.weight"] if shape.tied else [])}
    extra = sorted(name for name in weights if name not in known and not name.endswith("rotary_emb.inv_freq"))
    if extra:
        raise SettingError(
            f"{folder} has the weight {extra[0]} ({len(extra)} such in all), which a plain {shape.family} model "
            "does not have: its function cannot be kept."
        )
    missing = [name for name in names if name not in weights]
    if missing:
        raise SettingError(
            f"{folder} lacks the weight {missing[0]} ({len(missing)} in all) in its *.safetensors."
        )
    tokenizer = folder / TOKENIZER
    eos = config.get("eos_token_id")
    return Trained(
        shape, weights, eos if isinstance(eos, int) else None, tokenizer if tokenizer.exists() else None, None
    )
