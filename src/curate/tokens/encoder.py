"""Text to token ids by a `tokenizers` tokenizer; nothing that stands in a text can end a document."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.config import plain_file
from curate.errors import CurateError, MissingPackageError, RunError, SettingError, one_line
from curate.tokens.bytelevel import ByteLevelKernel, make_kernel

EOS_TOKEN = "<|endoftext|>"  # noqa: S105
"""The end-of-document token of tokenizers that are trained here, under the name that GPT-2 gave it."""

_KNOWN_EOS = (EOS_TOKEN, "</s>", "<eos>", "<|end_of_text|>", "<|eot_id|>", "<|im_end|>", "[SEP]")
_LARGEST_UINT16_VOCABULARY = 1 << 16


class TextEncoder:
    """Encodes documents; the same text gives the same ids, whatever its neighbours.

    Attributes:
        vocab_size: one more than the largest id.
        eos_id: id of `eos_token`, which no text is encoded to.
        dtype: smallest of uint16 and uint32 that holds every id, little-endian.
    """

    def __init__(self, tokenizer: Any, eos_token: str | None = None) -> None:
        """Take a `tokenizers.Tokenizer`; without `eos_token` the first known name that it has is used."""
        tokenizer.no_truncation()
        tokenizer.no_padding()
        if getattr(tokenizer.model, "dropout", None):  # a text would be cut otherwise at every call
            tokenizer.model.dropout = None
        # A literal '<|endoftext|>' in a page would otherwise end the document there.
        tokenizer.encode_special_tokens = True
        self.tokenizer = tokenizer
        self.eos_token, self.eos_id = _find_eos(tokenizer, eos_token)
        self.vocab_size = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1
        is_small = self.vocab_size <= _LARGEST_UINT16_VOCABULARY
        self.dtype: np.dtype[Any] = np.dtype("<u2" if is_small else "<u4")
        probe = pa.array([f"a {self.eos_token} b{self.eos_token}"])
        if self.eos_id in self._encode_by_package(probe)[0][:-1]:
            raise SettingError(
                f"The tokenizer makes its end-of-document token of the text '{self.eos_token}', so that a "
                "page could "
                "end documents. Mark the token as special in tokenizer.json, or name another one as "
                "--eos-token."
            )

    @cached_property
    def _kernel(self) -> ByteLevelKernel | None:
        return make_kernel(self.tokenizer)

    def encode(self, texts: Sequence[str]) -> list[NDArray[Any]]:
        """Encode each text to its ids and one eos."""
        tokens, lengths = self.encode_joined(pa.array(texts, pa.large_string()))
        return np.split(tokens, np.cumsum(lengths)[:-1]) if len(lengths) else []

    def encode_joined(self, texts: pa.Array | pa.ChunkedArray) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Encode N texts (an Arrow string array; null counts as empty) one after the other.

        Returns:
            The ids of all, each text's with its eos behind, and how many each has (int64, N).

        Raises:
            RunError: A text was encoded to eos after all.
        """
        if self._kernel is not None:
            ids, lengths = self._kernel.encode(texts, self.eos_id)
            tokens = ids.astype(self.dtype)
        else:
            tokens, lengths = self._encode_by_package(texts)
        if np.count_nonzero(tokens == self.eos_id) != len(lengths):
            raise RunError(
                f"Some text was encoded to the end-of-document token '{self.eos_token}'. Name another "
                "--eos-token."
            )
        return tokens, lengths

    def _encode_by_package(self, texts: pa.Array | pa.ChunkedArray) -> tuple[NDArray[Any], NDArray[np.int64]]:
        with _one_thread():
            found = self.tokenizer.encode_batch_fast(
                [text or "" for text in texts.to_pylist()], add_special_tokens=False
            )
        ids: list[int] = []
        lengths = np.empty(len(found), np.int64)
        for number, encoding in enumerate(found):
            some = encoding.ids
            ids += some
            ids.append(self.eos_id)
            lengths[number] = len(some) + 1
        return np.array(ids, self.dtype), lengths


def load_encoder(path: str | Path, eos_token: str | None = None) -> TextEncoder:
    """Load a tokenizer.json.

    Raises:
        SettingError: The file cannot be read, or has no end-of-document token.
    """
    tokenizer = read_tokenizer(path)
    with _refusing(path):
        return TextEncoder(tokenizer, eos_token)


def read_tokenizer(path: str | Path) -> Any:
    """Read a tokenizer.json as the package's `Tokenizer`.

    Raises:
        SettingError: The file cannot be read, or is none.
    """
    tokenizer_class = _import_tokenizers().Tokenizer
    try:
        text = plain_file(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"Cannot read the tokenizer {path}: {error}.") from error
    with _refusing(path):
        return tokenizer_class.from_str(text)


@contextmanager
def _refusing(path: str | Path) -> Generator[None]:
    """Turn what the package makes of a damaged file into an error; where it panics, that is no `Exception`."""
    try:
        yield
    except CurateError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise SettingError(
            f"{path} is not a tokenizer.json of the package tokenizers: {one_line(error)}."
        ) from error


def train_encoder(texts: Iterable[str], vocab_size: int, more_special: Sequence[str] = ()) -> TextEncoder:
    """Fit a byte-level BPE of at most `vocab_size` tokens; equal texts in any order give an equal tokenizer.

    Words are cut by GPT-2's pattern (as phi's tokenizer, and so that `ByteLevel` of other programs reads
    it), and every byte has a token: any text can be encoded, and decoding gives back its very bytes. Id 0
    is `EOS_TOKEN`; `more_special` follow it.

    Raises:
        SettingError: `vocab_size` has no room for the bytes.
    """
    package = _import_tokenizers()
    n_least = 256 + 1 + len(more_special)
    if vocab_size < n_least:
        raise SettingError(f"--vocab-size must be {n_least} or more (256 bytes and eos), not {vocab_size}.")
    tokenizer = package.Tokenizer(package.models.BPE())
    tokenizer.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = package.decoders.ByteLevel()
    tokenizer.encode_special_tokens = True
    trainer = package.trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[EOS_TOKEN, *more_special],
        initial_alphabet=sorted(package.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return TextEncoder(tokenizer, EOS_TOKEN)


def _find_eos(tokenizer: Any, eos_token: str | None) -> tuple[str, int]:
    for name in _KNOWN_EOS if eos_token is None else (eos_token,):
        token_id = tokenizer.token_to_id(name)
        if token_id is not None:
            return name, int(token_id)
    added = sorted(token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special)
    raise SettingError(
        f"The tokenizer has no token '{eos_token or EOS_TOKEN}' to end documents with. Name one as "
        "--eos-token; "
        f"its special tokens: {', '.join(added) or 'none'}."
    )


def _import_tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise MissingPackageError("Tokenizing", "tokenizers", "train") from error
    return tokenizers


@contextmanager
def _one_thread() -> Generator[None]:
    """Keep `tokenizers` from starting a thread for every core: processes share the work here."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
