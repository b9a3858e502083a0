"""Every setting of the trainer, with its meaning, default and bounds. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from curate.config import setting
from curate.errors import SettingError, UnknownNameError
from curate.train.shape import ModelShape, preset

SCHEDULES = ("wsd", "cosine", "linear", "constant")
DTYPES = ("bf16", "float32")
GATHERS = ("step", "pass")


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

    preset: str = setting(
        "phi-tiny", "Model shape by name: phi-1, phi-1.5, phi-2, phi-15m, llama-1b, ...", section="model"
    )
    n_layers: int | None = setting(None, "Layers, instead of the preset's.", section="model")
    width: int | None = setting(
        None, "Numbers in the residual stream, instead of the preset's.", section="model"
    )
    n_heads: int | None = setting(None, "Attention heads, instead of the preset's.", section="model")
    n_vocabulary: int | None = setting(
        None, "Rows of the embedding; the tokenizer's size, padded to 64, if left out.", section="model"
    )
    context: int | None = setting(None, "Tokens in a window, instead of the preset's.", section="model")

    batch_windows: int = setting(8, "Windows in a step, over all processes.", section="batch")
    micro_windows: int = setting(
        1, "Windows that a process computes at once; the rest is added up.", section="batch"
    )

    steps: int | None = setting(
        None, "Steps in all; as many as the token budget gives if left out.", section="schedule"
    )
    budget_tokens: int | None = setting(
        None, "Tokens to train on, instead of the plan's budget.", section="schedule"
    )
    learning_rate: float = setting(1e-3, "Peak learning rate.", section="schedule")
    schedule: str = setting(
        "wsd", "wsd (stable, then a fall), cosine, linear or constant.", section="schedule"
    )
    warmup_steps: int = setting(100, "Steps of linear rise to the peak.", section="schedule")
    decay_fraction: float = setting(0.2, "Share of the steps over which wsd falls.", section="schedule")
    final_fraction: float = setting(
        0.0, "Learning rate at the end as a share of the peak.", section="schedule"
    )

    weight_decay: float = setting(0.1, "AdamW decay of matrices.", section="optimiser")
    beta1: float = setting(0.9, "AdamW memory of the gradient.", section="optimiser")
    beta2: float = setting(0.95, "AdamW memory of its square.", section="optimiser")
    epsilon: float = setting(1e-8, "AdamW epsilon.", section="optimiser")
    clip_norm: float = setting(1.0, "Largest norm of the gradient; 'inf' for no limit.", section="optimiser")
    z_loss: float = setting(
        0.0, "Weight of the squared log-partition (PaLM: 1e-4); 0 is off.", section="optimiser"
    )

    dtype: str = setting(
        "bf16", "Numbers of the products: bf16 (weights stay float32) or float32.", section="compute"
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
        0, "Processes over which weights are spread, with copies beside; 0 for all.", section="compute"
    )
    gather: str = setting(
        "step",
        "step: gather weights once a step, send gradients once; pass: in every pass, with less memory.",
        section="compute",
    )
    peak_flops: float | None = setting(
        None, "FLOP/s of one device, for MFU; known for common GPUs, measured on a CPU.", section="compute"
    )

    save_every: int = setting(200, "Steps between checkpoints.", section="checkpoint")
    keep: int = setting(3, "Checkpoints to keep; older ones are removed.", section="checkpoint")
    save_async: bool = setting(
        default=True, doc="Write checkpoints beside the next steps.", section="checkpoint"
    )

    eval_every: int = setting(200, "Steps between validations; 0 for none.", section="evaluate")
    eval_windows: int = setting(64, "Windows of each validation domain, at most.", section="evaluate")

    tensorboard: bool = setting(
        default=False,
        doc="Also write TensorBoard events (package tensorboard).",
        section="metrics",
        in_hash=False,
    )
    wandb: str | None = setting(
        None, "Also log to this Weights & Biases project (package wandb).", section="metrics", in_hash=False
    )

    seed: int = setting(0, "Decides first weights and the order of data.", section="run")

    def __post_init__(self) -> None:
        for name in ("tokens", "output"):
            if not getattr(self, name):
                raise SettingError(f"No {name}. Set {name} in the settings file or give --{name}.")
        for name, known in (("schedule", SCHEDULES), ("dtype", DTYPES), ("gather", GATHERS)):
            if getattr(self, name) not in known:
                raise UnknownNameError(name, getattr(self, name), known)
        for name in (
            "batch_windows",
            "micro_windows",
            "save_every",
            "keep",
            "eval_windows",
            "steps",
            "budget_tokens",
        ):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1, not {getattr(self, name)}.")
        for name in ("warmup_steps", "eval_every", "shard_processes", "weight_decay", "z_loss", "seed"):
            if not getattr(self, name) >= 0:
                raise SettingError(f"{name} must be 0 or more, not {getattr(self, name)}.")
        for name in ("learning_rate", "clip_norm", "epsilon"):
            if not getattr(self, name) > 0:
                raise SettingError(f"{name} must be above 0, not {getattr(self, name)}.")
        for name in ("decay_fraction", "final_fraction", "beta1", "beta2"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingError(f"{name} must be between 0 and 1, not {getattr(self, name)}.")
        self.shape(1)

    def shape(self, n_vocabulary: int) -> ModelShape:
        """The model's shape; `n_vocabulary` is used unless the setting names another number of rows."""
        rows = self.n_vocabulary or n_vocabulary
        return preset(
            self.preset,
            n_layers=self.n_layers,
            width=self.width,
            n_heads=self.n_heads,
            n_vocabulary=rows,
            context=self.context,
        )

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
