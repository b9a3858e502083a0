"""What the scanner knows of HTML: tag names, which tags end which, entities, class names with a fixed meaning.

Names are looked up as 64-bit numbers, in small open-addressing tables, so that the scanner handles no strings.
"""

from __future__ import annotations

import html.entities
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.text.kernel import kernel

# Bits of TAG_BITS, the nature of a tag.
BLOCK, VOID, RAW, NO_TEXT, CELL, LIST, HEADING, ROWS, INLINE = (1 << n for n in range(9))

_NATURES: dict[int, str] = {
    BLOCK: "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup html legend li main menu nav noscript ol p pre search section summary "
    "table tbody td tfoot th thead tr ul caption",
    VOID: "area base br col embed hr img input link meta param source track wbr",
    RAW: "script style textarea title iframe noembed noframes xmp",
    # Elements whose text is no text of the page; they are kept on the stack so that their end is found.
    NO_TEXT: "svg select button template audio video datalist map rt rp mjx-math",
    CELL: "td th caption",
    LIST: "ul ol menu dl",
    HEADING: "h1 h2 h3 h4 h5 h6",
    ROWS: "table tbody thead tfoot tr",
    INLINE: "a abbr b bdi bdo big cite code del dfn em font i ins kbd label mark math q ruby s samp small span "
    "strike strong sub sup time tt u var annotation math canvas object foreignobject "
    "nobr acronym data output meter progress picture slot rb rtc blink marquee o:p",
}

NAME_PRIME = 0x100000001B3


def pack(name: str) -> int:
    """What `read_name` makes of a tag or attribute: eight letters as a little-endian number, all further ones mixed in."""
    key = 0
    for n, byte in enumerate(name.encode()):
        key = (key | byte << 8 * n if n < 8 else key * NAME_PRIME + byte) & 0xFFFFFFFFFFFFFFFF
    return key


def _tag_numbers() -> dict[str, int]:
    names = sorted({name for names in _NATURES.values() for name in names.split()})
    return {name: number for number, name in enumerate(names, start=1)}


TAG_NUMBERS = _tag_numbers()
TAG_BITS = np.zeros(len(TAG_NUMBERS) + 1, np.int64)
for _bit, _names in _NATURES.items():
    for _name in _names.split():
        TAG_BITS[TAG_NUMBERS[_name]] |= _bit


def make_table(entries: dict[int, int], n_slots: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """An open-addressing table (keys, values) for `look_up`; `n_slots` is a power of two."""
    keys, values = np.zeros(n_slots, np.int64), np.zeros(n_slots, np.int64)
    for key, value in entries.items():
        slot = _slot(key, n_slots)
        while keys[slot]:
            slot = (slot + 1) & (n_slots - 1)
        keys[slot], values[slot] = np.uint64(key).astype(np.int64), value
    return keys, values


def _slot(key: int, n_slots: int) -> int:
    signed = int(np.uint64(key).astype(np.int64))
    return (signed ^ (signed >> 17) ^ (signed >> 31) ^ (signed >> 47)) & (n_slots - 1)


@kernel(allocates=False)
def peek(values: NDArray[Any], i: int) -> Any:
    """values[i] where `i` is known not to be negative: else numba asks each time whether it counts from the end."""
    return values[np.uint64(i)]


@kernel(allocates=False)
def look_up(key: int, keys: NDArray[np.int64], values: NDArray[np.int64]) -> int:
    """The value of a key in a table of `make_table`, 0 where it is absent."""
    mask = keys.size - 1
    slot = (key ^ (key >> 17) ^ (key >> 31) ^ (key >> 47)) & mask
    found = peek(keys, slot)
    while found != 0:
        if found == key:
            return peek(values, slot)
        slot = (slot + 1) & mask
        found = peek(keys, slot)
    return 0


# Names that mean what another does: `listing` is an old `pre`, and XML writes MathML with a prefix.
_ALIASES = {"listing": "pre", "mml:math": "math", "m:math": "math"}
TAG_KEYS, TAG_VALUES = make_table(
    {pack(name): number for name, number in TAG_NUMBERS.items()}
    | {pack(name): TAG_NUMBERS[other] for name, other in _ALIASES.items()},
    512,
)

# Attributes whose values the scanner looks at; the number is the row of its attribute array.
ATTRIBUTES = [
    "class",
    "id",
    "style",
    "href",
    "role",
    "itemprop",
    "hidden",
    "aria-hidden",
    "type",
    "alt",
    "content",
    "name",
    "property",
    "rel",
    "lang",
    "datetime",
    "alttext",
    "encoding",
    "open",
    "close",
    "separators",
    "columnalign",
    "linethickness",
    "mathvariant",
    "display",
    "start",
    "reversed",
    "value",
    "colspan",
    "rowspan",
    "shadowrootmode",
    "shadowroot",
    "data-mathml",
    "data-lang",
    "data-language",
    "/",  # not a name: where the slash stands that ends the tag
]
(
    A_CLASS,
    A_ID,
    A_STYLE,
    A_HREF,
    A_ROLE,
    A_ITEMPROP,
    A_HIDDEN,
    A_ARIA_HIDDEN,
    A_TYPE,
    A_ALT,
    A_CONTENT,
    A_NAME,
    A_PROPERTY,
    A_REL,
    A_LANG,
    A_DATETIME,
    A_ALTTEXT,
    A_ENCODING,
    A_OPEN,
    A_CLOSE,
    A_SEPARATORS,
    A_COLUMNALIGN,
    A_LINETHICKNESS,
    A_MATHVARIANT,
    A_DISPLAY,
    A_START,
    A_REVERSED,
    A_VALUE,
    A_COLSPAN,
    A_ROWSPAN,
    A_SHADOWROOTMODE,
    A_SHADOWROOT,
    A_DATA_MATHML,
    A_DATA_LANG,
    A_DATA_LANGUAGE,
    A_SELF_CLOSED,
) = range(len(ATTRIBUTES))
ATTRIBUTE_KEYS, ATTRIBUTE_VALUES = make_table(
    {pack(name): row + 1 for row, name in enumerate(ATTRIBUTES)}, 128
)

FNV_OFFSET, FNV_PRIME, MASK32 = 2166136261, 16777619, 0xFFFFFFFF


def fnv(name: str) -> int:
    """FNV-1a, 32 bits; the scanner's hash of entities and of class and id tokens."""
    value = FNV_OFFSET
    for byte in name.encode():
        value = (value ^ byte) * FNV_PRIME & MASK32
    return value


# Class tokens with a fixed meaning. Of those that hide, none hides more than scraps (`scan._hides`).
LEX_HIDE = 1  # text that no reader sees or that is no prose
LEX_COMMENT = 2  # a thread of comments
LEX_MATH = 4  # an image of a formula
LEX_REFERENCE = 8  # a footnote mark
LEX_CODE = 16  # code that a highlighter lays out without `pre`: blanks and lines count within
LEX_GUTTER = 32  # line numbers, if it is digits that stand there
LEX_RENDERED = 64  # a formula as typeset, beside its source
LEX_LANGUAGE = 128  # the programming language may be named here
LEX_LINE = 256  # a table cell that is one line of code
LEX_BOX = 512  # code, laid out by line breaks or by white space
LEX_CONSENT = 1024  # a question about cookies
LEX_LINES = 2048  # code, if it is lines that are elements
LEX_SIGNATURE = 4096  # what a writer in a forum puts below every post
LEX_DOCUMENTS = 8192  # a comment that documents a program
LEX_GRID = 16384  # a table that a style sheet lays out: its children are cells
LEX_FIRST = 32768  # the first of a row of these
_LEXICON = {
    LEX_HIDE: "mathjax_preview sr-only visually-hidden visuallyhidden screen-reader-text screen-reader-only "
    "mw-editsection headerlink mw-jump-link noprint u-hiddenvisually hash-link anchor-link anchorjs-link "
    "material-icons material-icons-outlined material-icons-round material-symbols-outlined material-symbols-rounded "
    "material-symbols-sharp ttc",
    LEX_COMMENT: "comment comments commentlist commentaire commentaires kommentar kommentare comentarios "
    "comentario commenti komentarze disqus_thread disqus respond reacties livefyre commentary fb-comments",
    LEX_MATH: "tex latex math mwe-math-fallback-image-inline mwe-math-fallback-image-display ql-img-inline-formula "
    "ql-img-displayed-equation",
    LEX_REFERENCE: "reference",
    LEX_CODE: "syntaxhighlighter crayon-pre codemirror-code ace_text-layer view-lines cm-content dp-highlighter "
    "enlighterjs enlighter-code",
    LEX_GUTTER: "lineno linenos linenumber linenodiv linenumbers gutter rouge-gutter hljs-ln-numbers crayon-nums "
    "crayon-num blob-num line-number line_number linenum react-syntax-highlighter-line-number codemirror-linenumber "
    "codemirror-gutter codemirror-gutters cm-gutters ace_gutter lnt ln",
    LEX_RENDERED: "mathjax mathjax_display mathjax_svg mathjax_svg_display mathjax_chtml mjx-chtml mjxc-display "
    "katex-html",
    LEX_LANGUAGE: "language lang brush highlight sourcecode src",
    LEX_LINE: "blob-code blob-code-inner js-file-line hljs-ln-code",
    LEX_BOX: "code w3-code codeblock code-block code_block codebox code-box source-code programlisting prettyprint "
    "code-sample code-snippet codesnippet",
    LEX_LINES: "fragment",
    LEX_DOCUMENTS: "cmt fullcommenttop doc-comment doccomment docstring",
    LEX_SIGNATURE: "signature message-signature",
    LEX_GRID: "summary-table",
    LEX_FIRST: "col-first",
    LEX_CONSENT: "onetrust-consent-sdk onetrust-banner-sdk cybotcookiebotdialog cookieconsent cookie-consent cc-window "
    "cookie-banner cookiebanner cookie-notice cookie-bar cookie-law-info-bar didomi-host qc-cmp2-container "
    "cmplz-cookiebanner iubenda-cs-banner moove_gdpr_cookie_info_bar usercentrics-root",
}
LEXICON_KEYS, LEXICON_VALUES = make_table(
    {fnv(name): bit for bit, names in _LEXICON.items() for name in names.split()}, 1024
)
# Bits that a part of a word has, too, as in `user-comment` and `language-python`; those that an id has.
LEX_PARTS = LEX_COMMENT | LEX_LANGUAGE
LEX_IDS = LEX_COMMENT | LEX_CONSENT

# ARIA roles that say what the tag would have said: role's hash to tag number. `read_tokens` returns it shifted by
# ROLE_SHIFT beside the bits above.
ROLE_SHIFT = 16
_ROLES = {
    "main": "main",
    "article": "article",
    "navigation": "nav",
    "menu": "nav",
    "menubar": "nav",
    "search": "form",
    "complementary": "aside",
    "contentinfo": "footer",
    "banner": "header",
    "dialog": "dialog",
    "row": "tr",
}
ROLE_KEYS, ROLE_VALUES = make_table({fnv(role): TAG_NUMBERS[tag] for role, tag in _ROLES.items()}, 64)


def _entity_table() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Entity name's hash (with its ';' where it needs one) to first | second code point << 32.

    Entities whose UTF-8 form is longer than their name are left out: text never grows while it is unescaped.
    """
    entries = {}
    for name, text in html.entities.html5.items():
        if len(text.encode()) <= len(name) + 1:
            entries[fnv(name)] = ord(text[0]) | (ord(text[1]) << 32 if len(text) > 1 else 0)
    return make_table(entries, 8192)


ENTITY_KEYS, ENTITY_VALUES = _entity_table()
MAX_ENTITY_CHARS = 32
MAX_OPEN_ENTITY_CHARS = max(len(name) for name in html.entities.html5 if not name.endswith(";"))
CP1252 = np.array(
    [ord(bytes([b]).decode("cp1252", "ignore") or "\ufffd") for b in range(128, 160)], dtype=np.int64
)
