"""From token files to a trained model, the same on one process and on a hundred.

Models, optimisers and checkpoints belong here; what they are trained on does not.

    from curate.train import TrainSettings, train
    train("tokens", "run", preset="phi-tiny")

Importing this package loads no torch; asking for `train`, `export` or `generate` does.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from curate.errors import MissingPackageError
from curate.train.settings import TrainSettings
from curate.train.shape import PRESETS, ModelShape, preset

if TYPE_CHECKING:
    from curate.train.generation import generate
    from curate.train.hugging_face import export
    from curate.train.loop import TrainResult, run_training, train

_HOME = {
    "TrainResult": "curate.train.loop",
    "export": "curate.train.hugging_face",
    "generate": "curate.train.generation",
    "run_training": "curate.train.loop",
    "train": "curate.train.loop",
}

__all__ = [
    "PRESETS",
    "ModelShape",
    "TrainResult",
    "TrainSettings",
    "export",
    "generate",
    "preset",
    "run_training",
    "train",
]


# Hidden from type checkers, for which every mistyped name would be there.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'curate.train' has no attribute '{name}'")
        if find_spec("torch") is None:
            raise MissingPackageError("Training", "torch", "train")
        return getattr(import_module(_HOME[name]), name)
