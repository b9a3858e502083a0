"""What lies in the folders of trained models: checkpoints and their facts, a Hugging Face config. Needs no torch."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from curate.errors import SettingError
from curate.train.shape import ModelShape
from curate.work.json_files import NUMBER, check_shape, read_json

STATE = "state.json"
TOKENIZER = "tokenizer.json"
CONFIG = "config.json"
METRICS = "metrics.jsonl"

_FIELDS = {field.name: field for field in dataclasses.fields(ModelShape)}
_TYPES = {"int": int, "float": NUMBER, "bool": bool, "str": str}
_FACTS = {
    "step": int,
    "eos_id?": (int, type(None)),
    "settings?": dict,
    "shape": {
        name if field.default is dataclasses.MISSING else f"{name}?": _TYPES[str(field.type)]
        for name, field in _FIELDS.items()
    },
}
_STEP = {
    "step": int,
    "loss?": NUMBER,
    "learning_rate?": NUMBER,
    "stage?": str,
    "passes?": {"*": NUMBER},
    "bits_per_byte?": {"*": NUMBER},
}
_MOST = 1e15  # of any number of a step, of which plots are drawn, or of a width that is multiplied
_OPTIONAL_INT, _OPTIONAL_OBJECT = (int, type(None)), (dict, type(None))


def read_shape(path: str | Path) -> ModelShape:
    """The shape of the model in `path`, as `curate.train.weights.read_trained` takes it.

    Raises:
        SettingError: No model lies there, or one of another family.
    """
    folder = Path(path)
    if (folder / CONFIG).exists():
        return shape_from_config(read_config(folder), folder)
    return shape_from_facts(read_state(find_checkpoint(folder)))


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
    """Facts of a checkpoint: step, shape, fingerprints, settings.

    Raises:
        SettingError: there are none, or they are damaged.
    """
    path = checkpoint / STATE
    if not path.is_file():
        raise SettingError(f"{checkpoint} is no checkpoint: it has no {STATE}.")
    facts = read_json(path)
    check_shape(facts, _FACTS, path)
    return facts


def read_step(line: str, source: object) -> dict[str, Any]:
    """One line of `metrics.jsonl`, as `curate train` writes them.

    Raises:
        SettingError: it is none; `source` names the line.
    """
    try:
        step = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SettingError(f"{source} is no JSON ({str(error)[:200]}). Mend or remove the line.") from None
    check_shape(step, _STEP, source)
    numbers = [step["step"], *(step[name] for name in ("loss", "learning_rate") if name in step)]
    numbers += [*step.get("passes", {}).values(), *step.get("bits_per_byte", {}).values()]
    if not all(abs(number) <= _MOST and math.isfinite(number) for number in numbers):
        raise SettingError(f"{source} holds a number that no training gives. Mend or remove the line.")
    return step


def shape_from_facts(facts: dict[str, Any]) -> ModelShape:
    """The shape that a checkpoint's facts name."""
    return ModelShape(**{name: facts["shape"][name] for name in _FIELDS if name in facts["shape"]})


def read_config(folder: Path) -> dict[str, Any]:
    """A Hugging Face folder's configuration."""
    return read_json(folder / CONFIG)


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
    check_shape(
        config, {"rope_parameters?": _OPTIONAL_OBJECT, "rope_scaling?": _OPTIONAL_OBJECT}, folder / CONFIG
    )
    family = config.get("model_type")
    rope = config.get("rope_parameters") or {}
    scaling = config.get("rope_scaling") or {}
    # Older files say `type` for `rope_type`.
    rotary = rope.get("rope_type") or scaling.get("rope_type") or scaling.get("type") or "default"
    if not isinstance(family, str) or family not in _PLAIN:
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
    check_shape(
        config,
        {
            **dict.fromkeys(_NEEDED, int),
            **dict.fromkeys(("head_dim?", "num_key_value_heads?"), _OPTIONAL_INT),
            **dict.fromkeys((_EPS[family], "partial_rotary_factor?", "rope_theta?"), NUMBER),
            "tie_word_embeddings?": bool,
        },
        folder / CONFIG,
    )
    check_shape(rope, dict.fromkeys(("partial_rotary_factor?", "rope_theta?"), NUMBER), folder / CONFIG)
    n_heads = config["num_attention_heads"]
    if n_heads < 1:
        raise SettingError(f"{folder}: its config.json says num_attention_heads = {n_heads}.")
    head_width = config.get("head_dim") or config["hidden_size"] // n_heads
    partial = 1.0
    if family == "phi":
        partial = rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 0.5))
        if not 0 < partial <= 1 or head_width > _MOST:  # else their product may be no number
            raise SettingError(
                f"{folder}: its config.json has a partial_rotary_factor or a width that no model has."
            )
    return ModelShape(
        family=family,
        n_layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        n_heads=n_heads,
        n_kv_heads=config.get("num_key_value_heads") or n_heads,
        head_width=head_width,
        n_rotary=head_width if partial == 1 else int(head_width * partial),
        mlp_width=config["intermediate_size"],
        n_vocabulary=config["vocab_size"],
        context=config["max_position_embeddings"],
        norm_eps=config[_EPS[family]],
        rotary_base=rope.get("rope_theta", config.get("rope_theta", 10_000.0)),
        tied=config.get("tie_word_embeddings", False),
    )
