"""The raw counts of a batch under every reading that is asked for, each measured once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.signals import variants
from curate.signals.kinds import measure_kinds
from curate.signals.letters import measure_letters
from curate.signals.measure import Raw, measure
from curate.signals.program import measure_program_chars, measure_program_kinds
from curate.text.languages import count_stop_words

Block = Mapping[str, NDArray[Any]]


class Measured:
    """Raw counts of a batch: those of the one pass, and others on demand.

    Attributes:
        with_lines: whether the pass counts lines and paragraphs; it does from when they are asked for.
    """

    def __init__(
        self, texts: pa.Array, languages: pa.Array | pa.ChunkedArray | None = None, *, with_lines: bool = True
    ) -> None:
        self._texts, self._languages = texts, languages
        self.with_lines = with_lines
        self._extra: dict[tuple[str, str], Block] = {}

    @cached_property
    def _raw(self) -> Raw:
        return measure(self._texts, with_lines=self.with_lines)

    @property
    def entropy_sums(self) -> NDArray[np.float64]:
        """Sums of c log2(c) over words, of the one pass."""
        return self._raw.entropy_sums

    @cached_property
    def program_chars(self) -> Block:
        """Counts of program text: lines and characters."""
        return measure_program_chars(self._texts)

    @cached_property
    def program_kinds(self) -> Block:
        """Counts of program text: code, comments, strings."""
        return measure_program_kinds(self._texts)

    @cached_property
    def letters(self) -> Block:
        """Counts of letters of scripts without spaces."""
        return measure_letters(self._texts)

    @cached_property
    def language_stop_words(self) -> NDArray[np.int64]:
        """Different stop words of each text, by the list of its own language."""
        return count_stop_words(self._texts, self._languages)

    def block(self, name: str) -> Block:
        """A block of the one pass: `chars`, `words`, `ngrams`, `lines` or `paragraphs`."""
        if name in {"lines", "paragraphs"} and not self.with_lines:
            self.with_lines = True
            self.__dict__.pop("_raw", None)
        return self._raw.counts[name]

    def words(self, reading: str) -> Block:
        """Counts of words under a definition of a word."""
        return self.block("words") if reading == "space" else self._measured("words", reading)

    def ngrams(self, reading: str) -> Block:
        """Counts of n-grams under a definition of a word."""
        return self.block("ngrams") if reading == "space" else self._measured("ngrams", reading)

    def lines(self, reading: str) -> Block:
        """Counts of lines under a definition of a line."""
        return self.block("lines") if reading == "stripped" else self._measured("lines", reading)

    def paragraphs(self, reading: str) -> Block:
        """Counts of paragraphs under a definition of a paragraph."""
        return self.block("paragraphs") if reading == "blank_line" else self._measured("paragraphs", reading)

    def sentences(self, reading: str) -> NDArray[np.int64]:
        """Numbers of sentences under a definition of a sentence."""
        return (
            self.block("words")["sentences"]
            if reading == "marks"
            else self._measured("sentences", reading)["sentences"]
        )

    def kinds(self) -> Block:
        """Lines by kind: prose, program and so on, and `lines`, all of them."""
        if ("kinds", "") not in self._extra:
            self._extra["kinds", ""] = measure_kinds(self._texts)
        return self._extra["kinds", ""]

    def symbols(self) -> Block:
        """Counts that only peers' definitions use."""
        return self._measured("symbols", "")

    def _measured(self, kind: str, reading: str) -> Block:
        if (kind, reading) not in self._extra:
            for found, block in variants.measure(self._texts, kind, reading).items():
                self._extra[found, reading] = block
        return self._extra[kind, reading]
