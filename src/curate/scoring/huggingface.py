"""Published checkpoints as scorers: `load_scorer("hf:organisation/checkpoint")` or `hf:<local folder>`.

Any sequence-classification model in the format of transformers will do; the FineWeb-Edu classifier is one.
`hf:folder#good` gives the probability of the label "good", by the checkpoint's own id2label; `#good,fair` of either. Weights
are read from safetensors only, and no code that comes with a checkpoint is ever run.

Without a label, outputs that have no names of their own are read by their number:

    1 output        a level on 0-5, as of the FineWeb-Edu classifier; score = level / 5, no probability
    2 outputs       a yes or no; score = probability of the second; level the same
    more outputs    a level each, from 0; level = their mean; score = probability of level 3 or more,
                    or of the upper half where there are fewer than four
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import MissingPackageError, SettingError, UnknownNameError
from curate.scoring.storage import fingerprint_files
from curate.text.gate import as_texts

_MAX_TOKENS = 512  # of a document, where model and tokenizer take as many
_BYTES_PER_TOKEN = 16
_HIGHEST_LEVEL = 5.0
_POSITIVE_LEVEL = 3
# Names that say nothing but the output's number: transformers' own, and levels.
_NUMBERED = re.compile(r"(?i)(?:label|level|score|class)?[ _-]?\d+")


class CheckpointScorer:
    """A sequence-classification checkpoint.

    On a CPU documents go through the model one by one, so that a score depends on its document alone; on
    a GPU in batches sorted by length, where it may differ in its third digit from batch to batch.

    Attributes:
        name: of the checkpoint.
        max_tokens: how much of a document is read.
        device: "cuda" where there is a GPU, else "cpu".
        fingerprint: SHA-256 of a local folder's files, else "".
    """

    def __init__(
        self,
        name: str,
        model: Any,
        tokenizer: Any,
        *,
        max_tokens: int,
        device: str,
        outputs: tuple[int, ...] = (),
        several: bool = False,
        fingerprint: str = "",
    ) -> None:
        self.name = name
        self.max_tokens = max_tokens
        self.device = device
        self._model = model
        self._tokenizer = tokenizer
        self._wanted = outputs
        self._several = several
        self.fingerprint = fingerprint

    @property
    def has_levels(self) -> bool:
        """Whether outputs are read as levels: not where a label is named."""
        return not self._wanted

    def score(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.float32]:
        """The scores, float32 (N,); see the head of this module for what they are."""
        return self.score_levels(texts)[1]

    def score_levels(
        self, texts: Sequence[str] | pa.Array, /
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(levels, scores), both float32 (N,)."""
        limit = self.max_tokens * _BYTES_PER_TOKEN
        documents = [(text or "")[:limit] for text in as_texts(texts).to_pylist()]
        levels, scores = np.zeros(len(documents), np.float32), np.zeros(len(documents), np.float32)
        can_pad = getattr(self._tokenizer, "pad_token_id", None) is not None
        can_pad = can_pad and getattr(self._model.config, "pad_token_id", None) is not None
        n_batch = 64 if self.device != "cpu" and can_pad else 1
        by_length = sorted(range(len(documents)), key=lambda i: -len(documents[i]))
        for start in range(0, len(documents), n_batch):
            rows = by_length[start : start + n_batch]
            outputs = self._outputs([documents[i] for i in rows])
            if self._wanted:
                scores[rows] = read_labels(outputs, self._wanted, several=self._several)
            else:
                levels[rows], scores[rows] = read_outputs(outputs)
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
        empty = tokens["attention_mask"].sum(dim=1) == 0
        if bool(empty.any()):
            tokens = self._fill(tokens, empty)
        with torch.inference_mode():
            return self._model(**tokens).logits.double().cpu().numpy()

    def _fill(self, tokens: Any, empty: Any) -> Any:
        """Put a token into documents without one: tokenizers like GPT-2's add none to an empty page."""
        names = ("eos_token_id", "bos_token_id", "pad_token_id", "unk_token_id")
        known = [token for name in names if (token := getattr(self._tokenizer, name, None)) is not None]
        if tokens["input_ids"].shape[1] == 0:
            import torch

            ones = torch.ones((len(empty), 1), dtype=torch.long, device=self.device)
            return {"input_ids": ones * (known or [0])[0], "attention_mask": ones}
        tokens["input_ids"][empty, 0] = (known or [0])[0]
        tokens["attention_mask"][empty, 0] = 1
        return tokens


def read_labels(
    outputs: NDArray[np.float64], wanted: tuple[int, ...], *, several: bool = False
) -> NDArray[np.float32]:
    """Read the probability of any of the wanted outputs (N, n_labels), float32 (N,).

    Args:
        outputs: of the model.
        wanted: numbers of labels.
        several: whether labels do not exclude each other, so that each has a probability of its own; then the highest.
    """
    if several:
        return (1 / (1 + np.exp(-np.clip(outputs[:, wanted], -60, 60)))).max(axis=1).astype(np.float32)
    shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return np.clip(shares[:, wanted].sum(axis=1), 0.0, 1.0).astype(np.float32)


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
        raise SettingError(f"The checkpoint '{name}' cannot be loaded: {reason}") from error
    if config.get("auto_map"):
        raise SettingError(
            f"The checkpoint '{name}' asks to run code of its own (auto_map in its config.json), which curate "
            "never does. Use one of an architecture that transformers knows."
        )
    folder = Path(name)
    if folder.is_dir() and not any(folder.glob("*.safetensors")) and any(folder.glob("*.bin")):
        raise SettingError(
            f"The checkpoint '{name}' has its weights in a pickle (.bin), which can run code when it is loaded. "
            "Save it as safetensors: model.save_pretrained(folder, safe_serialization=True)."
        )


def _find_outputs(name: str, label: str, config: Any) -> tuple[int, ...]:
    """Find the outputs of the label that is wanted; none where outputs are read by their number."""
    names = [str(config.id2label.get(i, f"LABEL_{i}")) for i in range(config.num_labels)]
    several = config.problem_type == "multi_label_classification"
    if label:
        known = {each.lower(): i for i, each in enumerate(names)}
        found: list[int] = []
        for each in label.split(","):
            if each.strip().lower() not in known:
                raise UnknownNameError(f"label of 'hf:{name}'", each.strip(), names)
            found.append(known[each.strip().lower()])
        if len(names) == 1:
            raise SettingError(f"The checkpoint '{name}' has one output, a level: name it without #{label}.")
        return tuple(sorted(set(found)))
    if several or (len(names) > 1 and not all(_NUMBERED.fullmatch(each) for each in names)):
        why = "gives several labels at once" if several else f"tells {', '.join(names[:8])} apart"
        raise SettingError(
            f"The checkpoint '{name}' {why}: say which label's probability is the score, as in hf:{name}#{names[0]}."
        )
    return ()


def _longest_input(model: Any, tokenizer: Any) -> int:
    """How many tokens the model can take, by its configuration, its table of positions and its tokenizer."""
    import torch

    limits = [int(min(getattr(tokenizer, "model_max_length", 1 << 30) or (1 << 30), 1 << 30))]
    stated = getattr(model.config, "max_position_embeddings", None)
    if isinstance(stated, int) and stated > 0:
        limits.append(stated)
    for path, module in model.named_modules():
        # Tables that keep a place for padding, as RoBERTa's, number positions from behind it.
        if path.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            limits.append(
                module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
            )
    return min(limits)


def load_checkpoint(name: str) -> CheckpointScorer:
    """Load a checkpoint, by local folder or by its name on the hub; it runs on a GPU where there is one.

    Args:
        name: folder or name, with #label where one is wanted.

    Raises:
        SettingError: transformers is not installed, or the checkpoint is none that can be loaded: no
            sequence classifier, no safetensors, or one that asks to run code of its own.
    """
    try:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as error:
        raise MissingPackageError(f"The scorer 'hf:{name}'", "transformers", "embed") from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name, _, label = (name, "", "") if Path(name).is_dir() else name.partition("#")
    _refuse_code_and_pickles(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        model, found = AutoModelForSequenceClassification.from_pretrained(
            name, trust_remote_code=False, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, ImportError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SettingError(f"The checkpoint '{name}' cannot be loaded: {reason}") from error
    if missing := sorted(found["missing_keys"]) or sorted(
        str(key) for key in found.get("mismatched_keys", ())
    ):
        raise SettingError(
            f"The checkpoint '{name}' has no weights for {', '.join(missing[:3])}: it is an encoder without a classifier's "
            "head, whose scores would be drawn at random. Name a fine-tuned sequence classifier."
        )
    outputs = _find_outputs(name, label, model.config)
    model = model.eval().to(device)
    if device != "cpu":
        model = model.to(torch.bfloat16)
    longest = _longest_input(model, tokenizer)
    stem = Path(name).name
    return CheckpointScorer(
        f"{stem}:{label}" if label else stem,
        model,
        tokenizer,
        max_tokens=min(_MAX_TOKENS, longest),
        device=device,
        outputs=outputs,
        several=model.config.problem_type == "multi_label_classification",
        fingerprint=fingerprint_files(Path(name)) if Path(name).is_dir() else "",
    )
