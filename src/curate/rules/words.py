"""Word lists: pages that hold a listed word. No list is shipped; C4's bad-words rule takes the user's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import SettingError
from curate.text.lines import read_text_lines
from curate.text.unicode_tables import is_single

_BEFORE, _BEHIND = r"(?:^|[^\p{L}\p{M}])", r"(?:$|[^\p{L}\p{M}])"
_NOTHING = pa.scalar(None, pa.string())


def _is_unspaced(character: str) -> bool:
    return is_single(ord(character)) and unicodedata.category(character)[0] in "LMN"


class BadWords:
    """C4's rule on bad words: a page goes when a listed word or phrase stands in it on its own, in any case.

    On its own means: neither a letter nor a combining mark before or behind, in any script. The reference code knows
    ASCII letters alone, which finds a word within other words wherever an accent or another alphabet stands. A word that
    begins (or ends) in a script written without spaces needs no edge there. The edges of a line count as edges.

    Args:
        words: words and phrases.
    """

    reason = "c4_bad_word"

    def __init__(self, words: Iterable[str]) -> None:
        composed = (unicodedata.normalize("NFC", word.strip()).lower() for word in words)
        self.words = sorted({word for word in composed if word})
        if not self.words:
            raise SettingError("The list of bad words is empty.")
        ordered = sorted(self.words, key=lambda word: (-len(word), word))
        by_edges: dict[tuple[str, str], list[str]] = {}
        for word in ordered:
            edges = ("" if _is_unspaced(word[0]) else _BEFORE, "" if _is_unspaced(word[-1]) else _BEHIND)
            by_edges.setdefault(edges, []).append(re.escape(word))
        self._groups = [f"word{number}" for number in range(len(by_edges))]
        self._pattern = "|".join(
            f"{before}(?P<{group}>{'|'.join(alternatives)}){behind}"
            for group, ((before, behind), alternatives) in zip(self._groups, by_edges.items(), strict=True)
        )

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
        found = pc.extract_regex(lowered, "(?m)" + self._pattern)
        groups = (pc.struct_field(found, group).cast(pa.string()) for group in self._groups)
        return pc.coalesce(*(pc.if_else(pc.equal(group, ""), _NOTHING, group) for group in groups))
