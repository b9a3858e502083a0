"""What lies in the folders of trained models: checkpoints and their facts, a Hugging Face config. Needs no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curate.errors import SettingError
from curate.train.shape import ModelShape

STATE = "state.json"
TOKENIZER = "tokenizer.json"
CONFIG = "config.json"


def read_shape(path: str | Path) -> ModelShape:
    """The shape of the model in `path`, as `curate.train.weights.read_trained` takes it.

    Raises:
        SettingError: No model lies there, or one of another family.
    """
    folder = Path(path)
    if (folder / CONFIG).exists():
        return shape_from_config(read_config(folder), folder)
    return ModelShape(**read_state(find_checkpoint(folder))["shape"])


def find_checkpoint(folder: Path) -> Path:
    """The last checkpoint of a run, or the checkpoint that `folder` is.

    Raises:
        SettingError: It is neither.
    """
    steps = committed_steps(folder / "checkpoints")
    found = steps[-1] if steps else folder
    if not (found / STATE).exists():
        raise SettingError(
            f"{folder} holds no model. Give the output folder of 'curate train', or a Hugging Face folder."
        )
    return found


def committed_steps(folder: Path) -> list[Path]:
    """Folders of the committed checkpoints in `folder`, oldest first."""
    return sorted(folder.glob("step-*"))


def read_state(checkpoint: Path) -> dict[str, Any]:
    """Facts of a checkpoint: step, shape, fingerprints, settings."""
    try:
        return json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"{checkpoint} is no checkpoint: it has no {STATE}.") from error


def read_config(folder: Path) -> dict[str, Any]:
    """A Hugging Face folder's configuration."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(f"{folder / CONFIG} cannot be read: {error}.") from error
    if not isinstance(config, dict):
        raise SettingError(f"{folder / CONFIG} is not the configuration of a model.")
    return config


# What a plain model of the family has, by the names of `config.json`; what is absent is so by default.
_PLAIN: dict[str, dict[str, Any]] = {
    "phi": {"hidden_act": "gelu_new", "qk_layernorm": False},
    "llama": {"hidden_act": "silu", "attention_bias": False, "mlp_bias": False},
}

_NEEDED = (
    "num_hidden_layers",
    "hidden_size",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
)
_EPS = {"phi": "layer_norm_eps", "llama": "rms_norm_eps"}


def shape_from_config(config: dict[str, Any], folder: Path) -> ModelShape:
    """The shape that a Hugging Face `config.json` of phi or llama describes.

    Raises:
        SettingError: The configuration is of another family, or of a variant that computes another function.
    """
    family = config.get("model_type")
    rope = config.get("rope_parameters") or {}
    scaling = config.get("rope_scaling") or {}
    # Older files say `type` for `rope_type`.
    rotary = rope.get("rope_type") or scaling.get("rope_type") or scaling.get("type") or "default"
    if family not in _PLAIN:
        raise SettingError(f"{folder} is no phi or llama model: its config.json says {family}.")
    for name, plain in {**_PLAIN[family], "rotary": "default"}.items():
        value = rotary if name == "rotary" else config.get(name, plain)
        if value != plain:
            raise SettingError(
                f"{folder} is not a plain {family} model: its config.json says {name} = {value}, not {plain}."
            )
    lacking = [name for name in (*_NEEDED, _EPS[family]) if name not in config]
    if lacking:
        raise SettingError(f"{folder}: its config.json lacks {lacking[0]}.")
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
        norm_eps=config[_EPS[family]],
        rotary_base=rope.get("rope_theta", config.get("rope_theta", 10_000.0)),
        tied=config.get("tie_word_embeddings", False),
    )
