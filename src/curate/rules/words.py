"""Word lists: pages that hold a listed word. No list is shipped; C4's bad-words rule takes the user's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from curate.batch import whole
from curate.errors import SettingError
from curate.text.lines import read_text_lines
from curate.text.normalise import comparable
from curate.text.unicode_tables import SINGLE_BLOCKS, is_single

_UNSPACED = "".join(f"{chr(first)}-{chr(last)}" for first, last in SINGLE_BLOCKS)
_HANGUL = "\uac00-\ud7a3"
_NOTHING = pa.scalar(None, pa.string())


def _is_unspaced(character: str) -> bool:
    return is_single(ord(character)) and unicodedata.category(character)[0] in "LMN"


def _edges(word: str) -> tuple[str, str]:
    """What may stand before a word and behind it."""
    # Korean particles stand right behind a word in another script, as Han, Kana and Thai do.
    beside = [_UNSPACED if "\uac00" <= character <= "\ud7a3" else _UNSPACED + _HANGUL for character in word]
    before = rf"(?:^|[^\p{{L}}\p{{M}}]|[{beside[0]}])"
    behind = rf"(?:$|[^\p{{L}}\p{{M}}]|[{beside[-1]}])"
    # A mark behind belongs to the last letter, which then is another syllable.
    return ("" if _is_unspaced(word[0]) else before, r"(?:$|\P{M})" if _is_unspaced(word[-1]) else behind)


def _fold(texts: pa.Array) -> pa.Array:
    """Put N texts into the form that is compared: compatibility forms and invisible signs aside, in small letters."""
    lowered = pc.utf8_lower(comparable(texts))
    return pc.replace_substring(pc.replace_substring(lowered, "ς", "σ"), "ß", "ss")


class BadWords:
    """C4's rule on bad words: a page goes when a listed word or phrase stands in it on its own, in any case.

    On its own means: neither a letter nor a combining mark before or behind, in any script. The reference code knows
    ASCII letters alone, which finds a word within other words wherever an accent or another alphabet stands. A word that
    begins (or ends) in a script written without spaces needs no edge there, and a letter of such a script is an edge for
    others. The edges of a line count as edges. Ways to write the same letters (full-width, composed, ß and ss) are the same.

    Args:
        words: words and phrases.
    """

    reason = "c4_bad_word"

    def __init__(self, words: Iterable[str]) -> None:
        composed = (unicodedata.normalize("NFC", word.strip()).lower() for word in words)
        self.words = sorted({word for word in composed if word})
        folded = _fold(pa.array(self.words, pa.large_string())).to_pylist()
        listed = {form: word for form, word in zip(folded, self.words, strict=True) if form}
        if not listed:
            raise SettingError("The list of bad words is empty.")
        self._forms, self._listed = (
            pa.array(listed.keys(), pa.string()),
            pa.array(listed.values(), pa.string()),
        )
        by_edges: dict[tuple[str, str], list[str]] = {}
        for form in sorted(listed, key=lambda form: (-len(form), form)):
            by_edges.setdefault(_edges(form), []).append(re.escape(form))
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
        folded = _fold(whole(texts).cast(pa.large_string()).fill_null(""))
        found = pc.extract_regex(folded, "(?m)" + self._pattern)
        groups = (pc.struct_field(found, group).cast(pa.string()) for group in self._groups)
        forms = pc.coalesce(*(pc.if_else(pc.equal(group, ""), _NOTHING, group) for group in groups))
        return self._listed.take(pc.index_in(forms, self._forms))
