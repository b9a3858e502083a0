"""Every setting of the trainer, with its meaning, default and bounds. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from curate.config import check, parse_tokens, setting
from curate.errors import SettingError
from curate.train.folders import read_shape
from curate.train.shape import PRESETS, ModelShape, changed

SCHEDULES = ("wsd", "cosine", "linear", "constant")
DTYPES = ("bf16", "float32")
GATHERS = ("step", "pass")
DEFAULT_PRESET = "phi-tiny"
SHAPE_SETTINGS = (
    "n_layers",
    "width",
    "n_heads",
    "context",
    "n_kv_heads",
    "head_width",
    "mlp_width",
    "norm_eps",
    "rotary_base",
    "tied",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """The settings of `train` and `curate train`; wrong ones are refused when this is built."""

    tokens: str = setting("", "Folder that 'curate tokenize' wrote.", section="files")
    output: str = setting(
        "", "Folder for checkpoints/, metrics.jsonl and the settings used.", section="files", in_hash=False
    )
    init_from: str | None = setting(
        None,
        "Checkpoint or Hugging Face folder to begin with, grown if the model is larger.",
        section="files",
    )

    preset: str | None = setting(
        None,
        "Model shape by name: phi-1, phi-1.5, phi-2, phi-15m, llama-1b, ...; that of init_from, else phi-tiny, if "
        "left out.",
        section="model",
        known=tuple(PRESETS),
    )
    n_layers: int | None = setting(None, "Layers, instead of the preset's.", section="model", low=1)
    width: int | None = setting(
        None, "Numbers in the residual stream, instead of the preset's.", section="model", low=1
    )
    n_heads: int | None = setting(None, "Attention heads, instead of the preset's.", section="model", low=1)
    n_vocabulary: int | None = setting(
        None,
        "Rows of the embedding; the tokenizer's size, padded to 64, if left out.",
        section="model",
        low=1,
    )
    context: int | None = setting(
        None, "Tokens in a window, instead of the preset's.", section="model", low=1
    )
    n_kv_heads: int | None = setting(
        None, "Heads of keys and values, which query heads share.", section="model", low=1
    )
    head_width: int | None = setting(None, "Numbers in a head.", section="model", low=1)
    mlp_width: int | None = setting(None, "Units of the MLP.", section="model", low=1)
    norm_eps: float | None = setting(None, "What norms add to the variance.", section="model", above=0)
    rotary_base: float | None = setting(
        None, "Base of the rotary frequencies (10,000; Llama 3: 500,000).", section="model", above=1
    )
    tied: bool | None = setting(
        None, "One weight for embedding and output layer; for llama shapes.", section="model"
    )

    batch_windows: int = setting(8, "Windows in a step, over all processes.", section="batch", low=1)
    micro_windows: int = setting(
        1, "Windows that a process computes at once; the rest is added up.", section="batch", low=1
    )

    steps: int | None = setting(
        None, "Steps in all; as many as the token budget gives if left out.", section="schedule", low=1
    )
    budget_tokens: int | None = setting(
        None,
        "Tokens to train on, as 2B, instead of the plan's budget.",
        section="schedule",
        low=1,
        parse=parse_tokens,
    )
    learning_rate: float = setting(1e-3, "Peak learning rate.", section="schedule", above=0)
    schedule: str = setting(
        "wsd", "wsd (stable, then a fall), cosine, linear or constant.", section="schedule", known=SCHEDULES
    )
    warmup_steps: int = setting(100, "Steps of linear rise to the peak.", section="schedule", low=0)
    decay_fraction: float = setting(
        0.2, "Share of the steps over which wsd falls.", section="schedule", low=0, high=1
    )
    final_fraction: float = setting(
        0.0, "Learning rate at the end as a share of the peak.", section="schedule", low=0, high=1
    )

    weight_decay: float = setting(0.1, "AdamW decay of matrices.", section="optimiser", low=0)
    beta1: float = setting(0.9, "AdamW memory of the gradient.", section="optimiser", low=0, high=1)
    beta2: float = setting(0.95, "AdamW memory of its square.", section="optimiser", low=0, high=1)
    epsilon: float = setting(1e-8, "AdamW epsilon.", section="optimiser", above=0)
    clip_norm: float = setting(
        1.0, "Largest norm of the gradient; 'inf' for no limit.", section="optimiser", above=0
    )
    z_loss: float = setting(
        0.0, "Weight of the squared log-partition (PaLM: 1e-4); 0 is off.", section="optimiser", low=0
    )

    dtype: str = setting(
        "bf16",
        "Numbers of the products: bf16 (weights stay float32) or float32.",
        section="compute",
        known=DTYPES,
    )
    attention: str = setting("auto", "auto, documents (CPU), varlen or flex (CUDA).", section="compute")
    recompute: bool = setting(
        default=False,
        doc="Keep no activations inside layers: less memory, a third more work.",
        section="compute",
    )
    compile: bool = setting(
        default=False, doc="Run layers through torch.compile; pays on a GPU only.", section="compute"
    )
    shard_processes: int = setting(
        0, "Processes over which weights are spread, with copies beside; 0 for all.", section="compute", low=0
    )
    gather: str = setting(
        "step",
        "step: gather weights once a step, send gradients once; pass: in every pass, with less memory.",
        section="compute",
        known=GATHERS,
    )
    peak_flops: float | None = setting(
        None,
        "FLOP/s of one device, for MFU; known for common GPUs, measured on a CPU.",
        section="compute",
        above=0,
    )

    save_every: int = setting(200, "Steps between checkpoints.", section="checkpoint", low=1)
    keep: int = setting(3, "Checkpoints to keep; older ones are removed.", section="checkpoint", low=1)
    save_async: bool = setting(
        default=True, doc="Write checkpoints beside the next steps.", section="checkpoint"
    )

    eval_every: int = setting(200, "Steps between validations; 0 for none.", section="evaluate", low=0)
    eval_windows: int = setting(
        64, "Windows of each validation domain and each named text, at most.", section="evaluate", low=1
    )
    eval_texts: tuple[str, ...] = setting(
        (),
        "NAME=PATH of texts to judge the model on as it trains, in bits per byte: Parquet, JSON lines, a folder, a result of "
        "filter or mix.",
        section="evaluate",
    )

    tensorboard: bool = setting(
        default=False,
        doc="Also write TensorBoard events (package tensorboard).",
        section="metrics",
        in_hash=False,
    )
    wandb: str | None = setting(
        None, "Also log to this Weights & Biases project (package wandb).", section="metrics", in_hash=False
    )

    check_tokens: bool = setting(
        default=True,
        doc="Before the first step, read all tokens and compare them with the hashes in their manifest.",
        section="run",
        in_hash=False,
    )
    seed: int = setting(0, "Decides first weights and the order of data.", section="run", low=0)

    def __post_init__(self) -> None:
        check(self)
        for name in ("tokens", "output"):
            if not getattr(self, name):
                raise SettingError(f"No {name}. Set {name} in the settings file or give --{name}.")
        self.shape(1)

    def shape(self, n_vocabulary: int) -> ModelShape:
        """The model's shape; `n_vocabulary` is used unless the setting names another number of rows."""
        if self.preset or not self.init_from:
            base, rows = PRESETS[self.preset or DEFAULT_PRESET], self.n_vocabulary or n_vocabulary
        else:
            base, rows = read_shape(self.init_from), self.n_vocabulary
        return changed(base, n_vocabulary=rows, **{name: getattr(self, name) for name in SHAPE_SETTINGS})

    def n_passes(self, n_processes: int) -> int:
        """Forward passes of each process in a step."""
        n_windows = n_processes * self.micro_windows
        if self.batch_windows % n_windows:
            raise SettingError(
                f"batch_windows ({self.batch_windows}) must be a multiple of processes x micro_windows "
                f"({n_processes} x {self.micro_windows}). "
                f"Try --batch-windows {-(-self.batch_windows // n_windows) * n_windows}."
            )
        return self.batch_windows // n_windows
