"""Word lists: pages that hold a listed word. No list is shipped; C4's bad-words rule takes the user's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import SettingError
from curate.text.lines import read_text_lines


class BadWords:
    """C4's rule on bad words: a page goes when a listed word or phrase stands in it on its own, in any case.

    On its own is what the reference code takes for it: neither an ASCII letter before nor one behind. Unlike
    there, the edges of a line count as well.

    Args:
        words: words and phrases.
    """

    reason = "c4_bad_word"

    def __init__(self, words: Iterable[str]) -> None:
        self.words = sorted({word.strip().lower() for word in words if word.strip()})
        if not self.words:
            raise SettingError("The list of bad words is empty.")
        ordered = sorted(self.words, key=lambda word: (-len(word), word))
        alternatives = "|".join(map(re.escape, ordered))
        self._pattern = f"(?:^|[^a-z])(?P<word>{alternatives})(?:$|[^a-z])"

    @classmethod
    def from_files(cls, paths: Sequence[str]) -> BadWords:
        """Read lists, one word or phrase a line; lines that begin with `#` are comments.

        Raises:
            SettingError: a file cannot be read, or there is no word in it.
        """
        words: list[str] = []
        for path in paths:
            words += [line for line in read_text_lines(path) if not line.startswith("#")]
        return cls(words)

    def match(self, texts: pa.Array | pa.ChunkedArray) -> pa.Array:
        """The listed word that each of N texts holds first, null where none; null texts hold none.

        >>> BadWords(["heck"]).match(pa.array(["What the HECK?", "checker"])).to_pylist()
        ['heck', None]
        """
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.combine_chunks()
        lowered = pc.utf8_lower(texts.cast(pa.large_string()).fill_null(""))
        found = pc.struct_field(pc.extract_regex(lowered, "(?m)" + self._pattern), "word")
        return found.cast(pa.string())
