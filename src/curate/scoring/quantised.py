"""A sentence-transformers model with int8 weights, run by onnxruntime: no torch, and no download, to score.

Weights are quantised per output channel; one scale for a whole matrix would be wrong (cosine to the float model
.95, against .995). Activations are quantised with a scale of their own in every run, so documents go through one by
one: in a batch a document's embedding would depend on its neighbours.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import MissingPackageError, SettingError
from curate.scoring.encoders import cut_documents, load_encoder

MODEL_FILE = "encoder.onnx"
TOKENIZER_FILE = "tokenizer.json"
_OPSET = 17


class QuantisedEncoder:
    """What `export_encoder` wrote into a folder.

    Attributes:
        name: of the model it was made of.
        max_tokens: how much of a document is read.
    """

    def __init__(self, folder: Path, name: str, max_tokens: int) -> None:
        self.folder = folder
        self.name = name
        self.max_tokens = max_tokens

    def __getstate__(self) -> dict[str, Any]:
        """What a copy in another process needs: it opens the session and the tokenizer for itself."""
        opened = ("_session", "_tokenizer")
        return {name: value for name, value in vars(self).items() if name not in opened}

    @cached_property
    def _session(self) -> Any:
        _require(("onnxruntime", "tokenizers"), f"The int8 encoder in '{self.folder}'", "onnx")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # work is spread over processes, and one thread adds in one order
        options.inter_op_num_threads = 1
        path = str(self.folder / MODEL_FILE)
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / TOKENIZER_FILE))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_tokens)
        return tokenizer

    @cached_property
    def _width(self) -> int:
        return len(self._embed(""))

    @property
    def n_dimensions(self) -> int:
        """Dimensions of an embedding."""
        return self._width

    def encode(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.float32]:
        """Embed `texts` (N documents) as float32 of shape (N, n_dimensions), each of length 1."""
        documents = cut_documents(texts, self.max_tokens)
        embeddings = np.zeros((len(documents), self.n_dimensions), np.float32)
        for row, document in enumerate(documents):
            embeddings[row] = self._embed(document)
        return embeddings

    def _embed(self, document: str) -> NDArray[np.float32]:
        session = self._session
        ids = np.array([self._tokenizer.encode(document).ids], np.int64)
        embedding = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
        return embedding / max(float(np.linalg.norm(embedding)), 1e-12)


def export_encoder(model: str, max_tokens: int, folder: Path) -> tuple[QuantisedEncoder, dict[str, str]]:
    """Write `encoder.onnx` and `tokenizer.json` of a sentence-transformers model into a folder.

    Args:
        model: name or folder.
        max_tokens: how much of a document is read.
        folder: is made.

    Returns:
        The encoder, and the SHA-256 of each file.

    Raises:
        SettingError: A package is missing, or the model cannot be loaded or has no tokenizer.json.
    """
    _require(("onnx", "onnxruntime"), "An encoder of dtype int8", "embed,onnx")
    folder.mkdir(parents=True, exist_ok=True)
    source = load_encoder(model, max_tokens, "fp32", "cpu")
    tokenizer = getattr(source.sentence_model.tokenizer, "backend_tokenizer", None)
    if tokenizer is None:
        raise SettingError(
            f"The encoder '{model}' has no tokenizer.json, which int8 needs. Set the dtype to fp32 or bf16."
        )
    tokenizer.save(str(folder / TOKENIZER_FILE))
    whole = folder / "float.onnx"
    _export_float(source.sentence_model, whole)
    _quantise(whole, folder / MODEL_FILE)
    for path in folder.glob("float.onnx*"):
        path.unlink()
    digests = {name: _digest(folder / name) for name in (MODEL_FILE, TOKENIZER_FILE)}
    return QuantisedEncoder(folder, model, min(max_tokens, source.token_limit)), digests


def load_quantised(
    folder: Path, model: str, max_tokens: int | None, files: dict[str, str] | None
) -> QuantisedEncoder:
    """Load the encoder that lies in a classifier's folder, and check that its files are the ones expected."""
    if not files or set(files) != {MODEL_FILE, TOKENIZER_FILE} or not max_tokens or max_tokens < 1:
        raise SettingError(
            f"'{folder}' is damaged: it does not name its int8 encoder's files. Copy the folder."
        )
    for name, expected in files.items():
        path = folder / name
        if name not in {MODEL_FILE, TOKENIZER_FILE} or not path.is_file() or _digest(path) != expected:
            raise SettingError(
                f"'{path}' is missing or not the one that the classifier was fitted with: copy the folder."
            )
    return QuantisedEncoder(folder, model, max_tokens)


def _require(packages: tuple[str, ...], what: str, extras: str) -> None:
    """Say what to install where a package is missing."""
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise MissingPackageError(what, package, extras) from error


def _export_float(model: Any, path: Path) -> None:
    import torch

    class Pooled(torch.nn.Module):
        """Token numbers to the pooled embedding: every module of the model, in one graph."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model.eval()

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
            return self.model(inputs)["sentence_embedding"]

    example = torch.ones((1, 4), dtype=torch.int64)
    length = {1: "n_tokens"}
    with warnings.catch_warnings(), torch.no_grad():
        # The tracing exporter is deprecated for one that needs two packages more; traced shapes are meant.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Pooled(), (example, torch.ones_like(example)), str(path), dynamo=False, opset_version=_OPSET,
            input_names=["input_ids", "attention_mask"], output_names=["embedding"],
            dynamic_axes={"input_ids": length, "attention_mask": length},
        )  # fmt: skip


def _quantise(source: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # it warns through the root logger, and so sets it up
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quantize_dynamic(str(source), str(target), per_channel=True, weight_type=QuantType.QInt8)
    finally:
        logging.disable(logging.NOTSET)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
