"""Writing a trained model as a Hugging Face folder: `PhiForCausalLM` or `LlamaForCausalLM`.

Weights keep their names; the logits are equal. `config.json` and `tokenizer_config.json` are written here, so
nothing but safetensors is needed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from curate.errors import SettingError, UnknownNameError
from curate.tokens.identity import tokenizer_as_trained
from curate.train.shape import ModelShape
from curate.train.weights import read_trained
from curate.work.files import committed, write_json

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}
SHARD_BYTES = 5_000_000_000


def export(model: str | Path, output: str | Path, *, dtype: str = "float32") -> Path:
    """Write `model` to the folder `output` in Hugging Face format, with its tokenizer.

    Args:
        model: output folder of a run (its last checkpoint), or one checkpoint.
        output: folder to make; it may exist if it is empty.
        dtype: float32 (the logits are equal) or bf16 (half the size).

    Returns:
        The folder.

    Raises:
        SettingError: `model` is none, or `output` is not empty.
    """
    if dtype not in DTYPES:
        raise UnknownNameError("dtype", dtype, DTYPES)
    folder = Path(output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingError(f"{folder} is not an empty folder. Name another.")
    trained = read_trained(model)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.to(DTYPES[dtype]).contiguous() for name, weight in trained.weights.items()}
    _write_weights(folder, weights)
    write_json(folder / "config.json", model_config(trained.shape, trained.eos_id, dtype))
    write_json(
        folder / "generation_config.json", {"bos_token_id": trained.eos_id, "eos_token_id": trained.eos_id}
    )
    if trained.tokenizer and trained.tokenizer.exists():
        with committed(folder / "tokenizer.json") as temporary:
            temporary.write_text(tokenizer_as_trained(trained.tokenizer, trained.eos_id), encoding="utf-8")
        write_json(
            folder / "tokenizer_config.json",
            _tokenizer_config(trained.tokenizer, trained.eos_id, trained.shape),
        )
    return folder


def model_config(shape: ModelShape, eos_id: int | None, dtype: str) -> dict[str, Any]:
    """The `config.json` of a shape. Documents begin with the end token, so it is `bos` too."""
    phi = shape.family == "phi"
    rotary: dict[str, Any] = {"rope_type": "default", "rope_theta": shape.rotary_base}
    config: dict[str, Any] = {
        "architectures": ["PhiForCausalLM" if phi else "LlamaForCausalLM"],
        "model_type": shape.family,
        "vocab_size": shape.n_vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.mlp_width,
        "num_hidden_layers": shape.n_layers,
        "num_attention_heads": shape.n_heads,
        "num_key_value_heads": shape.n_kv_heads,
        "max_position_embeddings": shape.context,
        "initializer_range": 0.02,
        "tie_word_embeddings": shape.tied,
        "rope_theta": shape.rotary_base,
        "bos_token_id": eos_id,
        "eos_token_id": eos_id,
        "torch_dtype": {"float32": "float32", "bf16": "bfloat16"}[dtype],
        "use_cache": True,
    }
    if phi:
        rotary["partial_rotary_factor"] = config["partial_rotary_factor"] = shape.n_rotary / shape.head_width
        config |= {"hidden_act": "gelu_new", "layer_norm_eps": shape.norm_eps, "qk_layernorm": False}
    else:
        config |= {"hidden_act": "silu", "rms_norm_eps": shape.norm_eps, "head_dim": shape.head_width}
    # Older readers take rope_theta and partial_rotary_factor, newer ones rope_parameters.
    return config | {"rope_parameters": rotary}


def _write_weights(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """One file, or several with an index once they reach 5 GB."""
    shards: list[dict[str, torch.Tensor]] = [{}]
    n_bytes = 0
    for name, weight in weights.items():
        if shards[-1] and n_bytes + weight.nbytes > SHARD_BYTES:
            shards.append({})
            n_bytes = 0
        shards[-1][name] = weight
        n_bytes += weight.nbytes
    names = ["model.safetensors"]
    if len(shards) > 1:
        names = [f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors" for i in range(len(shards))]
        places = {name: file for file, shard in zip(names, shards, strict=True) for name in shard}
        total = sum(weight.nbytes for weight in weights.values())
        write_json(
            folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": places}
        )
    for file, shard in zip(names, shards, strict=True):
        with committed(folder / file) as temporary:
            save_file(shard, str(temporary), metadata={"format": "pt"})


def _tokenizer_config(tokenizer: Path, eos_id: int | None, shape: ModelShape) -> dict[str, Any]:
    added = json.loads(tokenizer.read_text(encoding="utf-8")).get("added_tokens", [])
    eos = next((token["content"] for token in added if token["id"] == eos_id), None)
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": shape.context,
        "bos_token": eos,
        "eos_token": eos,
        "clean_up_tokenization_spaces": False,
    }
