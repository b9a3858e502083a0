"""Fill in the middle: some training documents as prefix, suffix, middle, so that a model learns to write between.

    PSM   <prefix> p <suffix> s <middle> m        SPM   <prefix> <suffix> s <middle> p m

After Bavarian et al. 2022 (arXiv 2207.14255): documents are cut at two characters drawn evenly, before they are
tokenized, so that a cut may fall inside a token; half of the documents is a rate that costs nothing left to right, and
the two orders are mixed. What a document becomes depends on its text and the seed alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.tokens.encoder import TextEncoder

SENTINELS = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
"""Special tokens of tokenizers that are fitted here; the names of the StarCoder and Qwen families."""

_KNOWN_SENTINELS = (
    SENTINELS,
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<PRE>", "<SUF>", "<MID>"),
    ("\u2581<PRE>", "\u2581<SUF>", "\u2581<MID>"),
)
_MIN_CHARS = 3


@dataclass(frozen=True, slots=True)
class Infill:
    """How many documents are reordered, and how.

    Attributes:
        rate: share of the documents, 0 to 1.
        spm_rate: share of these in the order suffix, prefix, middle; the others are prefix, suffix, middle.
        seed: of what is drawn.
        sources: names of the mixture's sources whose documents are reordered; all where it is empty.
    """

    rate: float = 0.0
    spm_rate: float = 0.5
    seed: int = 0
    sources: tuple[str, ...] = ()

    def applies_to(self, split: str, source: str) -> bool:
        """Whether documents of a source are reordered; those of the validation split never are."""
        return self.rate > 0 and split == "train" and (not self.sources or source in self.sources)


def find_sentinels(encoder: TextEncoder) -> tuple[int, int, int]:
    """Ids of the tokens before prefix, suffix and middle.

    Raises:
        SettingError: the tokenizer has none that are known.
    """
    for names in _KNOWN_SENTINELS:
        ids = [encoder.tokenizer.token_to_id(name) for name in names]
        if None not in ids:
            return ids[0], ids[1], ids[2]
    raise SettingError(
        f"The tokenizer has no tokens to fill in the middle with, such as {', '.join(SENTINELS)}. Leave --tokenizer "
        "out to fit one that has, or --fim-rate."
    )


def cut_document(text: str, infill: Infill) -> tuple[str, str, str, bool] | None:
    """(prefix, middle, suffix, whether in the order SPM) of a document that is reordered, else null.

    >>> cut_document("abcdef", Infill(rate=1.0, spm_rate=0.0))
    ('', 'a', 'bcdef', False)
    """
    if len(text) < _MIN_CHARS:
        return None
    draws = _draws(text, infill.seed)
    if next(draws) >= infill.rate:
        return None
    is_spm = next(draws) < infill.spm_rate
    first, second = sorted(int(next(draws) * (len(text) + 1)) for _ in range(2))
    return text[:first], text[first:second], text[second:], is_spm


def _draws(text: str, seed: int) -> Iterator[float]:
    """Numbers in [0, 1) that depend on the text and the seed alone."""
    data = text.encode("utf-8", "surrogatepass")
    for number in range(8):
        yield xxhash.xxh3_64_intdigest(data, seed=(seed << 3 | number) & (2**64 - 1)) / 2.0**64


def encode_infilled(
    encoder: TextEncoder, texts: pa.Array, heads: Sequence[str], infill: Infill
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Encode N texts with what stands before each, some of them reordered; see `TextEncoder.encode_joined`.

    The head of a document that is reordered stays before it all. Parts are encoded each by itself. What stands in a text
    can make no sentinel, as it can make no eos.
    """
    prefix_id, suffix_id, middle_id = find_sentinels(encoder)
    documents = [(text or "", cut_document(text or "", infill)) for text in texts.to_pylist()]
    parts: list[str] = []
    for (text, cut), head in zip(documents, heads, strict=True):
        parts += [head + text] if cut is None else [head, *cut[:3]]
    encoded = encoder.encode(parts)
    tokens: list[NDArray[Any]] = []
    lengths = np.empty(len(documents), np.int64)
    at = 0
    for row, (_, cut) in enumerate(documents):
        if cut is None:
            found = [encoded[at]]
            at += 1
        else:
            head, prefix, middle, suffix = (ids[:-1] for ids in encoded[at : at + 4])
            marks = [np.array([name], encoder.dtype) for name in (prefix_id, suffix_id, middle_id)]
            end = np.array([encoder.eos_id], encoder.dtype)
            spm = [marks[0], marks[1], suffix, marks[2], prefix, middle, end]
            psm = [marks[0], prefix, marks[1], suffix, marks[2], middle, end]
            found = [head, *(spm if cut[3] else psm)]
            at += 4
        tokens += found
        lengths[row] = sum(map(len, found))
    joined = np.concatenate(tokens) if tokens else np.zeros(0, encoder.dtype)
    return joined.astype(encoder.dtype, copy=False), lengths
