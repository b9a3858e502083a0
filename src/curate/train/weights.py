"""Reading the weights of a trained model: from a run, a checkpoint, or a Hugging Face folder."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from curate.errors import SettingError
from curate.train.checkpoint import STATE, committed_steps, read_state
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
    if (folder / "config.json").exists():
        return _read_hugging_face(folder)
    steps = committed_steps(folder / "checkpoints")
    if steps:
        folder = steps[-1]
    if not (folder / STATE).exists():
        raise SettingError(
            f"{path} holds no model. Give the output folder of 'curate train', or a Hugging Face folder."
        )
    facts = read_state(folder)
    shape = ModelShape(**facts["shape"])
    weights = {name: torch.empty(weight.shape) for name, weight in _parameters(shape)}
    saved = {"model": dict(weights)}
    if shape.tied:
        saved["model"]["lm_head.weight"] = weights["model.embed_tokens.weight"]
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "torch.distributed is disabled"
        )  # reading in one process is what is meant
        load_state(saved, folder)
    return Trained(shape, weights, facts["eos_id"], Path(facts["tokenizer"]), facts["step"])


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
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    shape = shape_from_config(config, folder)
    weights: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(str(file), framework="pt") as tensors:
            weights |= {name: tensors.get_tensor(name).float() for name in tensors.keys()}  # noqa: SIM118
    missing = [name for name, _ in _parameters(shape) if name not in weights]
    if missing:
        raise SettingError(
            f"{folder} lacks the weight {missing[0]} ({len(missing)} in all) in its *.safetensors."
        )
    tokenizer = folder / "tokenizer.json"
    eos = config.get("eos_token_id")
    return Trained(
        shape, weights, eos if isinstance(eos, int) else None, tokenizer if tokenizer.exists() else None, None
    )


def shape_from_config(config: dict[str, Any], folder: Path) -> ModelShape:
    """The shape that a Hugging Face `config.json` of phi or llama describes."""
    family = config.get("model_type")
    rope = config.get("rope_parameters") or {}
    scaling = config.get("rope_scaling") or {}
    kind = rope.get("rope_type") or scaling.get("rope_type") or "default"
    if (
        family not in {"phi", "llama"}
        or config.get("qk_layernorm")
        or config.get("attention_bias")
        or kind != "default"
    ):
        raise SettingError(
            f"{folder} is not a plain phi or llama model: its config.json says {family}, rotary {kind}."
        )
    n_heads = config["num_attention_heads"]
    head_width = config.get("head_dim") or config["hidden_size"] // n_heads
    partial = (
        rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 0.5))
        if family == "phi"
        else 1.0
    )
    return ModelShape(
        family=family,
        n_layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        n_heads=n_heads,
        n_kv_heads=config.get("num_key_value_heads") or n_heads,
        head_width=head_width,
        n_rotary=int(head_width * partial),
        mlp_width=config["intermediate_size"],
        n_vocabulary=config["vocab_size"],
        context=config["max_position_embeddings"],
        norm_eps=config["layer_norm_eps" if family == "phi" else "rms_norm_eps"],
        rotary_base=rope.get("rope_theta", config.get("rope_theta", 10_000.0)),
        tied=config.get("tie_word_embeddings", False),
    )
