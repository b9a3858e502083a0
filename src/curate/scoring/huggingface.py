"""Published checkpoints as scorers: `load_scorer("hf:organisation/checkpoint")` or `hf:<local folder>`.

Any sequence-classification model in the format of transformers will do; the FineWeb-Edu classifier is one.
Weights are read from safetensors only, and no code that comes with a checkpoint is ever run.

What a checkpoint's outputs mean is read from their number:

    1 output        a level on 0-5, as of the FineWeb-Edu classifier; score = level / 5, no probability
    2 outputs       a yes or no; score = probability of the second; level the same
    more outputs    a level each, from 0; level = their mean; score = probability of level 3 or more,
                    or of the upper half where there are fewer than four
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import MissingPackageError, SettingError
from curate.text.gate import as_texts

_BYTES_PER_TOKEN = 16
_HIGHEST_LEVEL = 5.0
_POSITIVE_LEVEL = 3


class CheckpointScorer:
    """A sequence-classification checkpoint.

    On a CPU documents go through the model one by one, so that a score depends on its document alone; on
    a GPU in batches sorted by length, where it may differ in its third digit from batch to batch.

    Attributes:
        name: of the checkpoint.
        max_tokens: how much of a document is read.
        device: "cuda" where there is a GPU, else "cpu".
    """

    def __init__(self, name: str, model: Any, tokenizer: Any, *, max_tokens: int, device: str) -> None:
        self.name = name
        self.max_tokens = max_tokens
        self.device = device
        self._model = model
        self._tokenizer = tokenizer

    @cached_property
    def fingerprint(self) -> str:
        """Digest of weights, tokenizer, length and device: a GPU rounds otherwise."""
        digest = hashlib.sha256(f"{self.max_tokens} {self.device}".encode())
        digest.update(json.dumps(self._tokenizer.get_vocab(), sort_keys=True).encode())
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().float().numpy().tobytes())
        return digest.hexdigest()[:32]

    def score(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.float32]:
        """Give the scores, float32 (N,); see the head of this module for what they are."""
        return self.score_levels(texts)[1]

    def score_levels(
        self, texts: Sequence[str] | pa.Array, /
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give (levels, scores), both float32 (N,)."""
        limit = self.max_tokens * _BYTES_PER_TOKEN
        documents = [(text or "")[:limit] for text in as_texts(texts).to_pylist()]
        levels, scores = np.zeros(len(documents), np.float32), np.zeros(len(documents), np.float32)
        n_batch = 1 if self.device == "cpu" else 64
        by_length = sorted(range(len(documents)), key=lambda i: -len(documents[i]))
        for start in range(0, len(documents), n_batch):
            rows = by_length[start : start + n_batch]
            levels[rows], scores[rows] = read_outputs(self._outputs([documents[i] for i in rows]))
        return levels, scores

    def _outputs(self, documents: list[str]) -> NDArray[np.float64]:
        import torch

        tokens = self._tokenizer(
            documents,
            truncation=True,
            max_length=self.max_tokens,
            padding=len(documents) > 1,
            return_tensors="pt",
        ).to(self.device)
        with torch.inference_mode():
            return self._model(**tokens).logits.double().cpu().numpy()


def read_outputs(outputs: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read a model's outputs (N, n_labels) as (levels, scores), float32 (N,)."""
    n_labels = outputs.shape[1]
    if n_labels == 1:
        levels = np.clip(outputs[:, 0], 0.0, _HIGHEST_LEVEL)
        return levels.astype(np.float32), (levels / _HIGHEST_LEVEL).astype(np.float32)
    shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    positive = _POSITIVE_LEVEL if n_labels > _POSITIVE_LEVEL else (n_labels + 1) // 2
    scores = np.clip(shares[:, positive:].sum(axis=1), 0.0, 1.0)
    return (shares @ np.arange(n_labels)).astype(np.float32), scores.astype(np.float32)


def _refuse_code_and_pickles(name: str) -> None:
    """Refuse, before anything is loaded, what asks to run code, holds only a pickle, or has no one score."""
    from transformers import PretrainedConfig

    try:
        config, _ = PretrainedConfig.get_config_dict(name)
    except (OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        msg = f"The checkpoint '{name}' cannot be loaded: {reason}"
        raise SettingError(msg) from error
    if config.get("auto_map"):
        msg = (
            f"The checkpoint '{name}' asks to run code of its own (auto_map in its config.json), which curate "
            "never does. Use one of an architecture that transformers knows."
        )
        raise SettingError(msg)
    if config.get("problem_type") == "multi_label_classification":
        msg = (
            f"The checkpoint '{name}' gives several labels at once; a scorer needs one output or one choice."
        )
        raise SettingError(msg)
    folder = Path(name)
    if folder.is_dir() and not any(folder.glob("*.safetensors")) and any(folder.glob("*.bin")):
        msg = (
            f"The checkpoint '{name}' has its weights in a pickle (.bin), which can run code when it is loaded. "
            "Save it as safetensors: model.save_pretrained(folder, safe_serialization=True)."
        )
        raise SettingError(msg)


def load_checkpoint(
    name: str, *, max_tokens: int | None = None, device: str | None = None
) -> CheckpointScorer:
    """Load a checkpoint, by local folder or by its name on the hub.

    Args:
        name: folder or name.
        max_tokens: how much of a document is read; by default what the tokenizer states, at most 512.
        device: by default a GPU where there is one.

    Raises:
        SettingError: transformers is not installed, or the checkpoint is none that can be loaded: no
            sequence classifier, no safetensors, or one that asks to run code of its own.
    """
    try:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as error:
        raise MissingPackageError(f"The scorer 'hf:{name}'", "transformers", "embed") from error
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    _refuse_code_and_pickles(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        model = AutoModelForSequenceClassification.from_pretrained(
            name, trust_remote_code=False, use_safetensors=True
        )
    except (OSError, ValueError, ImportError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        msg = f"The checkpoint '{name}' cannot be loaded: {reason}"
        raise SettingError(msg) from error
    model = model.eval().to(device)
    if device != "cpu":
        model = model.to(torch.bfloat16)
    stated = int(min(getattr(tokenizer, "model_max_length", 512), 512))
    return CheckpointScorer(Path(name).name, model, tokenizer, max_tokens=max_tokens or stated, device=device)
