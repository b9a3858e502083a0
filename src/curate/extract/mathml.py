# ruff: noqa: PLR0912, PLR0915  (kernels take their arrays by position and decide byte by byte)
# pyright: reportReturnType=false, reportConstantRedefinition=false
"""Presentation MathML to LaTeX: tables of elements, operators and accents, and one pass over the markup.

MathML writes children in the order that LaTeX wants them in, but for roots, accents and prescripts, which are turned
round when they end. Nesting is bounded, so that each byte is moved a bounded number of times. What is written is never
longer than the markup that it came from: where it would be, and where nesting is deeper, the formula is given up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.tags import (
    A_CLOSE,
    A_COLUMNALIGN,
    A_LINETHICKNESS,
    A_MATHVARIANT,
    A_OPEN,
    A_SELF_CLOSED,
    A_SEPARATORS,
    FNV_OFFSET,
    FNV_PRIME,
    MASK32,
    fnv,
    look_up,
    make_table,
    pack,
)
from curate.extract.text import put_code_point, read_entity
from curate.extract.tokens import find_byte, read_attributes, read_name, skip_to_tag_end, value_has
from curate.text.kernel import kernel

MAX_MATH_DEPTH = 48
MAX_COMMAND_BYTES = 24  # longer than any command that is written
MAX_TOKEN_BYTES = 400  # of one identifier or operator; a longer one is no formula's

# Elements. Those below TOKENS hold characters; those from SCRIPTS up count their children.
(MI, MN, MO, MTEXT, MS, TOKENS, MROW, MSQRT, MTABLE, MTR, MTD, MPHANTOM, MATH) = range(1, 14)
(SCRIPTS, MFRAC, MROOT, MSUP, MSUB, MSUBSUP, MUNDER, MOVER, MUNDEROVER, MULTI, MFENCED, SEMANTICS) = range(
    20, 32
)
(MSPACE, NONE, MPRESCRIPTS, ANNOTATION) = range(40, 44)
_ELEMENTS = {
    "mi": MI, "mn": MN, "mo": MO, "mtext": MTEXT, "ms": MS, "mrow": MROW, "mstyle": MROW, "mpadded": MROW,
    "merror": MROW, "menclose": MROW, "msqrt": MSQRT, "mtable": MTABLE, "mtr": MTR, "mlabeledtr": MTR, "mtd": MTD,
    "mphantom": MPHANTOM, "math": MATH, "mfrac": MFRAC, "mroot": MROOT, "msup": MSUP, "msub": MSUB,
    "msubsup": MSUBSUP, "munder": MUNDER, "mover": MOVER, "munderover": MUNDEROVER, "mmultiscripts": MULTI,
    "mfenced": MFENCED, "semantics": SEMANTICS, "maction": SEMANTICS, "mspace": MSPACE, "none": NONE,
    "mprescripts": MPRESCRIPTS, "annotation": ANNOTATION, "annotation-xml": ANNOTATION,
}  # fmt: skip
ELEMENT_KEYS, ELEMENT_VALUES = make_table(
    {pack(prefix + name): kind for name, kind in _ELEMENTS.items() for prefix in ("", "m:", "mml:")}, 512
)


def _pool(
    entries: dict[int, str], n_slots: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """(keys, values, bytes): a key's value is the place of its text among the bytes << 8 | its length."""
    data, found = b"", {}
    for key, text in entries.items():
        found[key] = len(data) << 8 | len(text)
        data += text.encode()
    return *make_table(found, n_slots), np.frombuffer(data, np.uint8)


# Greek letters by their names; those that look like Latin ones have no command.
_GREEK_NAMES = (
    "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi o pi rho varsigma sigma tau upsilon "
    "varphi chi psi omega"
)
_GREEK = _GREEK_NAMES.split()
_SYMBOLS: dict[str, str] = {
    chr(0x3B1 + n): "o" if name == "o" else f"\\{name}" for n, name in enumerate(_GREEK)
}
_SYMBOLS |= {
    chr(ord(small) - 32): f"\\{name.title()}"
    for small, name in zip(
        "γδθλξπσυψω",
        ["gamma", "delta", "theta", "lambda", "xi", "pi", "sigma", "upsilon", "psi", "omega"],
        strict=True,
    )
}
_SYMBOLS |= {
    "Φ": "\\Phi",
    "ϕ": "\\phi",
    "ϵ": "\\epsilon",
    "ϑ": "\\vartheta",
    "ϖ": "\\varpi",
    "ϱ": "\\varrho",
    "ϰ": "\\varkappa",
}
_SYMBOLS |= dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True))
_SYMBOLS |= {
    "−": "-", "–": "-", "×": "\\times", "÷": "\\div", "·": "\\cdot", "⋅": "\\cdot", "∙": "\\cdot", "∗": "*",
    "±": "\\pm", "∓": "\\mp", "∘": "\\circ", "⊕": "\\oplus", "⊗": "\\otimes", "⊙": "\\odot", "†": "\\dagger",
    "≤": "\\leq", "≥": "\\geq", "≦": "\\leqq", "≧": "\\geqq", "⩽": "\\leq", "⩾": "\\geq", "≠": "\\neq",
    "≈": "\\approx", "≡": "\\equiv", "≅": "\\cong", "≃": "\\simeq", "∼": "\\sim", "∝": "\\propto", "≪": "\\ll",
    "≫": "\\gg", "≔": ":=", "≺": "\\prec", "≻": "\\succ", "∥": "\\parallel", "⊥": "\\perp", "∣": "\\mid",
    "∤": "\\nmid", "∈": "\\in", "∉": "\\notin", "∋": "\\ni", "⊂": "\\subset", "⊃": "\\supset", "⊆": "\\subseteq",
    "⊇": "\\supseteq", "⊊": "\\subsetneq", "∪": "\\cup", "∩": "\\cap", "∖": "\\setminus", "∅": "\\emptyset",
    "∀": "\\forall", "∃": "\\exists", "∄": "\\nexists", "¬": "\\neg", "∧": "\\wedge", "∨": "\\vee",
    "⊢": "\\vdash", "⊨": "\\models", "⊤": "\\top", "∴": "\\therefore", "∵": "\\because",
    "→": "\\to", "⟶": "\\to", "←": "\\leftarrow", "↔": "\\leftrightarrow", "⇒": "\\Rightarrow", "⟹": "\\implies",
    "⇐": "\\Leftarrow", "⇔": "\\Leftrightarrow", "⟺": "\\iff", "↦": "\\mapsto", "⟼": "\\mapsto", "↑": "\\uparrow",
    "↓": "\\downarrow", "↪": "\\hookrightarrow", "↠": "\\twoheadrightarrow", "⇌": "\\rightleftharpoons",
    "∑": "\\sum", "∏": "\\prod", "∐": "\\coprod", "∫": "\\int", "∬": "\\iint", "∭": "\\iiint", "∮": "\\oint",
    "⋃": "\\bigcup", "⋂": "\\bigcap", "⋁": "\\bigvee", "⋀": "\\bigwedge", "⨁": "\\bigoplus", "⨂": "\\bigotimes",
    "∞": "\\infty", "∂": "\\partial", "∇": "\\nabla", "ℏ": "\\hbar", "ℓ": "\\ell", "ℜ": "\\Re", "ℑ": "\\Im",
    "ℵ": "\\aleph", "∠": "\\angle", "△": "\\triangle", "□": "\\square", "√": "\\surd", "°": "^{\\circ}",
    "…": "\\ldots", "⋯": "\\cdots", "⋮": "\\vdots", "⋱": "\\ddots", "′": "'", "″": "''", "‴": "'''", "’": "'",
    "⟨": "\\langle", "⟩": "\\rangle", "〈": "\\langle", "〉": "\\rangle", "⌊": "\\lfloor", "⌋": "\\rfloor",
    "⌈": "\\lceil", "⌉": "\\rceil", "‖": "\\|", "∎": "\\blacksquare", "⋆": "\\star", "•": "\\bullet",
    "{": "\\{", "}": "\\}", "%": "\\%", "&": "\\&", "#": "\\#", "_": "\\_", "$": "\\$", "\\": "\\backslash",
    "~": "\\sim", "\u2061": "", "\u2062": "", "\u2063": "", "\u2064": "+", "\u200b": "", "\u2009": " ", "\u200a": "",
    "\xa0": " ", "\u2003": " ", "\u2002": " ", "\u2005": " ",
    "ℝ": "\\mathbb{R}", "ℕ": "\\mathbb{N}", "ℤ": "\\mathbb{Z}", "ℚ": "\\mathbb{Q}", "ℂ": "\\mathbb{C}",
    "ℙ": "\\mathbb{P}", "ℍ": "\\mathbb{H}", "ℒ": "\\mathcal{L}", "ℋ": "\\mathcal{H}", "ℱ": "\\mathcal{F}",
    "ℬ": "\\mathcal{B}", "ℰ": "\\mathcal{E}", "ℐ": "\\mathcal{I}", "ℳ": "\\mathcal{M}", "ℛ": "\\mathcal{R}",
    "ℊ": "g", "ℎ": "h", "ⅆ": "d", "ⅇ": "e", "ⅈ": "i",
}  # fmt: skip
SYMBOL_KEYS, SYMBOL_VALUES, SYMBOL_BYTES = _pool({ord(sign): tex for sign, tex in _SYMBOLS.items()}, 1024)

# Functions that LaTeX has a command for. Signs and functions whose scripts stand under and over them.
_FUNCTIONS = (
    "arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf limsup "
    "ln log max min Pr sec sin sinh sup tan tanh"
)
FUNCTION_KEYS, FUNCTION_VALUES = make_table({fnv(name): 1 for name in _FUNCTIONS.split()}, 128)
_LIMITS = (
    "\\sum \\prod \\coprod \\int \\iint \\iiint \\oint \\bigcup \\bigcap \\bigvee \\bigwedge \\bigoplus "
    "\\bigotimes \\det \\gcd \\inf \\lim \\liminf \\limsup \\max \\min \\Pr \\sup"
)
LIMIT_KEYS, LIMIT_VALUES = make_table({fnv(name): 1 for name in _LIMITS.split()}, 128)

# Accents by their LaTeX as a symbol: (over one letter, over more), and under.
_OVER = {
    "¯": "\\bar \\overline", "‾": "\\bar \\overline", "―": "\\bar \\overline", "\u0305": "\\bar \\overline",
    "\u0304": "\\bar \\overline", "ˉ": "\\bar \\overline", "\\_": "\\bar \\overline", "-": "\\bar \\overline",
    "_": "\\bar \\overline", "^": "\\hat \\widehat", "ˆ": "\\hat \\widehat", "\u0302": "\\hat \\widehat",
    "\\sim": "\\tilde \\widetilde", "˜": "\\tilde \\widetilde", "\u0303": "\\tilde \\widetilde",
    "\\to": "\\vec \\overrightarrow", "\u20d7": "\\vec \\overrightarrow", "⇀": "\\vec \\overrightarrow",
    "\\leftarrow": "\\overleftarrow \\overleftarrow", "˙": "\\dot \\dot", ".": "\\dot \\dot", "\u0307": "\\dot \\dot",
    "¨": "\\ddot \\ddot", "\u0308": "\\ddot \\ddot", "..": "\\ddot \\ddot", "ˇ": "\\check \\check",
    "˘": "\\breve \\breve", "`": "\\grave \\grave", "´": "\\acute \\acute", "⏞": "\\overbrace \\overbrace",
    "︷": "\\overbrace \\overbrace",
}  # fmt: skip
_UNDER = {
    "¯": "\\underline", "‾": "\\underline", "_": "\\underline", "\\_": "\\underline", "\u0332": "\\underline",
    "―": "\\underline", "ˍ": "\\underline", "-": "\\underline", "⏟": "\\underbrace", "︸": "\\underbrace",
}  # fmt: skip
OVER_ONE_KEYS, OVER_ONE_VALUES, OVER_ONE_BYTES = _pool({fnv(k): v.split()[0] for k, v in _OVER.items()}, 128)
OVER_KEYS, OVER_VALUES, OVER_BYTES = _pool({fnv(k): v.split()[1] for k, v in _OVER.items()}, 128)
UNDER_KEYS, UNDER_VALUES, UNDER_BYTES = _pool({fnv(k): v for k, v in _UNDER.items()}, 64)

_VARIANTS = {
    "bold": "\\mathbf", "bold-italic": "\\mathbf", "double-struck": "\\mathbb", "script": "\\mathcal",
    "bold-script": "\\mathcal", "fraktur": "\\mathfrak", "sans-serif": "\\mathsf", "monospace": "\\mathtt",
}  # fmt: skip
VARIANT_KEYS, VARIANT_VALUES, VARIANT_BYTES = _pool({fnv(k): v for k, v in _VARIANTS.items()}, 32)
# Blocks of 26 capitals and 26 small letters from U+1D400: the command of each, "" for italics.
_ALPHABETS = ["\\mathbf", "", "\\mathbf", "\\mathcal", "\\mathcal", "\\mathfrak", "\\mathbb", "\\mathfrak"]
_ALPHABETS += ["\\mathsf", "\\mathsf", "\\mathsf", "\\mathsf", "\\mathtt"]
ALPHABET_KEYS, ALPHABET_VALUES, ALPHABET_BYTES = _pool(
    {n + 1: tex for n, tex in enumerate(_ALPHABETS) if tex}, 64
)


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)


FRAC, SQRT, ROOT, TEXT, MATHRM = map(_bytes, ("\\frac{", "\\sqrt{", "\\sqrt[", "\\text{", "\\mathrm{"))
ATOP, NEXT, AND, ROW_END = map(_bytes, (" \\atop ", "}{", " & ", " \\\\ "))
BEGIN, END, MATRIX, ALIGNED, CASES = map(_bytes, ("\\begin{", "\\end{", "matrix}", "aligned}", "cases}"))
OVERSET, UNDERSET, BRACES, SUB, SUP = map(_bytes, ("\\overset{", "\\underset{", "{}", "_{", "^{"))
OVERBRACE, UNDERBRACE, RIGHT_LEFT = map(_bytes, ("\\overbrace", "\\underbrace", "rightleft"))

# Fields of a frame of the stack of open elements, rows of the scratch: where its text and its children's began.
(F_KIND, F_START, F_CHILD, F_N, F_EXTRA, F_SECOND, F_HTML, F_HTML_END) = range(8)
N_FRAME_FIELDS = 8
# F_EXTRA of a table: the fence before it that its environment stands for; of a fraction: 1 without a line.


@kernel(allocates=False)
def _put(wanted: NDArray[np.uint8], text: NDArray[np.uint8], out: int, limit: int) -> int:
    """Write bytes; -1 where they do not fit, which every caller hands on."""
    if out < 0 or out + wanted.size > limit:
        return -1
    for k in range(wanted.size):
        text[out + k] = wanted[k]
    return out + wanted.size


@kernel(allocates=False)
def _put_pooled(value: int, pool: NDArray[np.uint8], text: NDArray[np.uint8], out: int, limit: int) -> int:
    start = value >> 8
    return _put(pool[start : start + (value & 255)], text, out, limit)


@kernel(allocates=False)
def _put_byte(byte: int, text: NDArray[np.uint8], out: int, limit: int) -> int:
    if out < 0 or out >= limit:
        return -1
    text[out] = byte
    return out + 1


@kernel(allocates=False)
def _make_room(at: int, n: int, text: NDArray[np.uint8], out: int, limit: int) -> int:
    """Move text[at:out] by n bytes to the right."""
    if out < 0 or out + n > limit:
        return -1
    for k in range(out - 1, at - 1, -1):
        text[k + n] = text[k]
    return out + n


@kernel(allocates=False)
def _insert(wanted: NDArray[np.uint8], at: int, text: NDArray[np.uint8], out: int, limit: int) -> int:
    out = _make_room(at, wanted.size, text, out, limit)
    if out >= 0:
        _put(wanted, text, at, limit)
    return out


@kernel(allocates=False)
def _reverse(text: NDArray[np.uint8], start: int, end: int) -> None:
    end -= 1
    while start < end:
        text[start], text[end] = text[end], text[start]
        start += 1
        end -= 1


@kernel(allocates=False)
def _swap(text: NDArray[np.uint8], start: int, middle: int, end: int) -> int:
    """Let text[middle:end] stand before text[start:middle]; return the new border."""
    _reverse(text, start, middle)
    _reverse(text, middle, end)
    _reverse(text, start, end)
    return start + end - middle


@kernel(allocates=False)
def _hash(text: NDArray[np.uint8], start: int, end: int) -> int:
    value = FNV_OFFSET
    for k in range(start, end):
        value = (value ^ np.int64(text[k])) * FNV_PRIME & MASK32
    return value


@kernel(allocates=False)
def _is_letter(byte: int) -> bool:
    return 97 <= byte | 32 <= 122


@kernel(allocates=False)
def _skip_group(text: NDArray[np.uint8], i: int, end: int) -> int:
    """The place after the group in braces at `i`."""
    depth = 0
    while i < end:
        if text[i] == 92:
            i += 1
        elif text[i] == 123:
            depth += 1
        elif text[i] == 125:
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    return end


@kernel(allocates=False)
def _skip_atom(text: NDArray[np.uint8], i: int, end: int) -> int:
    """The place after one character, number, command with at most one argument, or group."""
    byte = text[i]
    if byte == 123:
        return _skip_group(text, i, end)
    if byte == 92:
        i += 1
        if i < end and not _is_letter(text[i]):
            return i + 1
        while i < end and _is_letter(text[i]):
            i += 1
        return _skip_group(text, i, end) if i < end and text[i] == 123 else i
    if 48 <= byte <= 57:
        while i < end and (48 <= text[i] <= 57 or text[i] in (44, 46)):
            i += 1
        return i
    i += 1
    while i < end and text[i] & 0xC0 == 0x80:
        i += 1
    return i


@kernel(allocates=False)
def _stands_alone(text: NDArray[np.uint8], start: int, end: int, script: int) -> bool:
    """Whether a base needs no braces before the mark `script`: one atom with other scripts, or all in one pair of fences."""
    first, last = text[start], text[end - 1]
    if (
        (first == 40 and last == 41)
        or (first == 91 and last == 93)
        or (first == 124 and last == 124 and end > start + 1)
    ):
        depth = 0
        for k in range(start, end - 1):
            depth += (text[k] in (40, 91)) - (text[k] in (41, 93))
            if depth == 0 and first != 124:
                return False
        return True
    i = start
    while i < end - 1 and text[i] == 32:
        i += 1
    i = _skip_atom(text, i, end)
    while i < end and text[i] == 39:
        i += 1
    while i + 1 < end and text[i] in (94, 95) and text[i] != script and text[i + 1] == 123:
        i = _skip_group(text, i + 1, end)
    return i >= end


@kernel(allocates=False)
def _takes_limits(text: NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether scripts under and over a base are those of a sum, a limit or a brace."""
    if look_up(_hash(text, start, end), LIMIT_KEYS, LIMIT_VALUES):
        return True
    for brace in (OVERBRACE, UNDERBRACE):
        n = brace.size
        if end - start > n and text[start + 1] == brace[1] and text[start + n - 1] == brace[n - 1]:
            same = True
            for k in range(n):
                same &= text[start + k] == brace[k]
            if same:
                return True
    return False


@kernel(allocates=False)
def _put_sign(code: int, text: NDArray[np.uint8], out: int, limit: int) -> int:
    """One character of a formula."""
    if out < 0 or out + 4 > limit:
        return -1
    found = look_up(code, SYMBOL_KEYS, SYMBOL_VALUES)
    if found:
        return _put_pooled(found, SYMBOL_BYTES, text, out, limit)
    if 0x1D400 <= code < 0x1D6A4:
        letter = (code - 0x1D400) % 52
        name = look_up((code - 0x1D400) // 52 + 1, ALPHABET_KEYS, ALPHABET_VALUES)
        letter = 65 + letter if letter < 26 else 71 + letter
        if not name:
            return _put_byte(letter, text, out, limit)
        out = _put_pooled(name, ALPHABET_BYTES, text, out, limit)
        return _put_byte(125, text, _put_byte(letter, text, _put_byte(123, text, out, limit), limit), limit)
    return put_code_point(text, out, code)


@kernel(allocates=False)
def _ends_in_command(text: NDArray[np.uint8], begin: int, out: int) -> bool:
    k = out - 1
    while k >= max(begin, out - MAX_COMMAND_BYTES) and _is_letter(text[k]):
        k -= 1
    return begin <= k < out - 1 and text[k] == 92 and not (k > begin and text[k - 1] == 92)


@kernel(allocates=False)
def _write_token(
    html: NDArray[np.uint8],
    i: int,
    stop: int,
    kind: int,
    variant: int,
    begin: int,
    text: NDArray[np.uint8],
    out: int,
    limit: int,
) -> int:
    """The characters of an identifier, number, operator or text; `begin` is where the formula begins."""
    if kind == MTEXT and _is_sign(html, i, stop):
        kind = MO
    while kind != MTEXT and i < stop and html[i] <= 32:
        i += 1
    while kind != MTEXT and stop > i and html[stop - 1] <= 32:
        stop -= 1
    if i >= stop or out < 0:
        return out
    if stop - i > MAX_TOKEN_BYTES:
        return -1
    letters = True
    for k in range(i, stop):
        letters &= _is_letter(html[k])
    first = html[i]
    alone = stop == i + 1
    spaced = out > begin and _ends_in_command(text, begin, out)
    if spaced and kind != MTEXT and (_is_letter(first) or 48 <= first <= 57) and not (letters and not alone):
        out = _put_byte(32, text, out, limit)
    if kind in (MTEXT, MS):
        out = _put(TEXT, text, out, limit)
    elif variant:
        out = _put_pooled(variant, VARIANT_BYTES, text, out, limit)
        out = _put_byte(123, text, out, limit)
    elif letters and not alone:
        if look_up(_hash(html, i, stop), FUNCTION_KEYS, FUNCTION_VALUES):
            out = _put_byte(92, text, out, limit)
        else:
            out = _put(MATHRM, text, out, limit)
            variant = 1
    start = out
    while i < stop and out >= 0:
        code, end = _read_code(html, i, stop)
        i = end
        if kind in (MTEXT, MS):
            if code in (36, 37, 35, 95, 38, 92, 123, 125):
                out = _put_sign(code, text, out, limit)
            elif code in (0xA0, 0x2003, 0x2002, 0x2009) or code <= 32:
                out = out if text[out - 1] == 32 else _put_byte(32, text, out, limit)
            elif out + 4 > limit:
                out = -1
            else:
                out = put_code_point(text, out, code)
        elif code <= 32:
            continue
        else:
            before = out
            out = _put_sign(code, text, out, limit)
            word = letters and not alone
            if (
                not word
                and out > before
                and before > start
                and _ends_in_command(text, begin, before)
                and _is_letter(text[before])
            ):
                out = _make_room(before, 1, text, out, limit)
                if out >= 0:
                    text[before] = 32
    if kind in (MTEXT, MS) or variant:
        out = _put_byte(125, text, out, limit)
    elif spaced and out > start > begin and _is_letter(text[start]) and text[start - 1] not in (32, 92):
        out = _make_room(start, 1, text, out, limit)  # a sign whose LaTeX is a letter
        if out >= 0:
            text[start] = 32
    return out


@kernel(allocates=False)
def _read_code(html: NDArray[np.uint8], i: int, stop: int) -> tuple[int, int]:
    """(code point, place after it) of one character or reference."""
    byte = np.int64(html[i])
    if byte == 38:
        code, end = read_entity(html, i, stop)
        return code & 0xFFFFFFFF, end
    if byte < 0x80:
        return byte, i + 1
    n = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
    if i + n > stop:
        return 0xFFFD, stop
    code = byte & (0x7F >> n)
    for k in range(1, n):
        code = (code << 6) | (html[i + k] & 63)
    return code, i + n


@kernel(allocates=False)
def _is_sign(html: NDArray[np.uint8], i: int, stop: int) -> bool:
    """Whether a text is not words but signs that some editors write as text: a degree, a stroke, a Greek letter."""
    any_sign = False
    while i < stop:
        code, i = _read_code(html, i, stop)
        if code <= 32 or code == 0xA0:
            continue
        if 97 <= code | 32 <= 122 or (code >= 128 and not look_up(code, SYMBOL_KEYS, SYMBOL_VALUES)):
            return False
        any_sign = True
    return any_sign


@kernel(allocates=False)
def _find_floor(frames: NDArray[np.int64], depth: int, begin: int) -> int:
    """Where the innermost element begins, or its part, that a fence before it is none of, such as a base of scripts."""
    floor = begin
    for d in range(1, depth):
        if frames[d, F_KIND] not in (MROW, MFENCED):
            floor = max(floor, frames[d, F_START], frames[d, F_CHILD])
    return floor


@kernel(allocates=False)
def _begin_frame(
    kind: int,
    frame: NDArray[np.int64],
    html: NDArray[np.uint8],
    attributes: NDArray[np.int64],
    begin: int,
    text: NDArray[np.uint8],
    out: int,
    limit: int,
) -> int:
    """An element with children begins."""
    frame[F_KIND] = kind
    frame[F_N] = frame[F_EXTRA] = 0
    frame[F_SECOND] = -1
    frame[F_START] = out
    if kind == MFRAC:
        thickness = attributes[A_LINETHICKNESS]
        if thickness[1] > thickness[0] and html[thickness[0]] == 48:
            frame[F_EXTRA] = 1
            out = _put_byte(123, text, out, limit)
        else:
            out = _put(FRAC, text, out, limit)
    elif kind == MSQRT:
        out = _put(SQRT, text, out, limit)
    elif kind == MFENCED:
        frame[F_HTML], frame[F_HTML_END] = attributes[A_CLOSE]
        frame[F_EXTRA], frame[F_SECOND] = attributes[A_SEPARATORS]
        start, end = attributes[A_OPEN]
        if start < 0:
            out = _put_byte(40, text, out, limit)
        else:
            out = _write_token(html, start, end, MO, 0, begin, text, out, limit)
    elif kind == MTABLE:
        align = attributes[A_COLUMNALIGN]
        before = text[out - 1] if out > begin else np.uint8(0)
        fence = 112 if before == 40 else 98 if before == 91 else 118 if before == 124 else 0  # p, b, v
        if before == 123 and out > begin + 1 and text[out - 2] == 92:
            out -= 2
            out = _put(CASES, text, _put(BEGIN, text, out, limit), limit)
            fence = 99
        elif align[0] >= 0 and value_has(html, align, RIGHT_LEFT):
            out = _put(ALIGNED, text, _put(BEGIN, text, out, limit), limit)
            fence = 97
        elif fence:
            out = _put(BEGIN, text, out - 1, limit)
            out = _put(MATRIX, text, _put_byte(fence, text, out, limit), limit)
        else:
            out = _put(MATRIX, text, _put(BEGIN, text, out, limit), limit)
        frame[F_EXTRA] = fence
    frame[F_CHILD] = out
    return out


@kernel(allocates=False)
def _end_child(frame: NDArray[np.int64], text: NDArray[np.uint8], out: int, limit: int) -> int:
    """A child of a frame that counts them has ended."""
    kind, n = frame[F_KIND], frame[F_N]
    if kind < SCRIPTS or out < 0:
        return out
    start = frame[F_CHILD]
    frame[F_N] = n + 1
    if kind == SEMANTICS:
        if n > 0:
            out = start
    elif kind == MFENCED:
        pass
    elif kind == MFRAC:
        if n == 0:
            out = _put(ATOP if frame[F_EXTRA] else NEXT, text, out, limit)
        elif n == 1:
            out = _put_byte(125, text, out, limit)
        else:
            out = start
    elif kind == MROOT or ((kind in (MUNDER, MOVER, MUNDEROVER)) and frame[F_EXTRA] == 0):
        if n == 0:
            frame[F_SECOND] = out
            if kind != MROOT and _takes_limits(text, frame[F_START], out):
                frame[F_EXTRA] = 1
                out = _put(SUP if kind == MOVER else SUB, text, out, limit)
        elif n == 1:
            frame[F_HTML] = out
    elif kind == MULTI:
        if n == 0:
            if out == frame[F_START]:
                out = _put(BRACES, text, out, limit)
        elif out > start:
            out = _insert(SUB if n % 2 else SUP, start, text, out, limit)
            out = _put_byte(125, text, out, limit)
    elif n == 0:
        script = 94 if kind == MSUP else 95
        if out == start:
            out = _put(BRACES, text, out, limit)
        elif not _stands_alone(text, start, out, script):
            out = _make_room(start, 1, text, out, limit)
            if out >= 0:
                text[start] = 123
                out = _put_byte(125, text, out, limit)
        out = _put(SUP if kind == MSUP else SUB, text, out, limit)
    elif n == 1:
        primes = kind == MSUP and out > start
        for k in range(start, out):
            primes &= text[k] == 39
        if primes:
            for k in range(start, out):
                text[k - 2] = text[k]
            out -= 2
        elif out == start:  # nothing there
            out -= 2
        else:
            out = _put_byte(125, text, out, limit)
        if kind in (MSUBSUP, MUNDEROVER):
            out = _put(SUP, text, out, limit)
    elif n == 2 and kind in (MSUBSUP, MUNDEROVER):
        out = out - 2 if out == start else _put_byte(125, text, out, limit)
    else:
        out = start
    frame[F_CHILD] = out
    return out


@kernel(allocates=False)
def _before_child(
    frame: NDArray[np.int64], html: NDArray[np.uint8], text: NDArray[np.uint8], out: int, limit: int
) -> int:
    """What stands between the children of a frame, before its next."""
    if frame[F_KIND] == MFENCED and frame[F_N] > 0:
        start, end = frame[F_EXTRA], frame[F_SECOND]
        if start < 0:
            out = _put_byte(44, text, out, limit)
        elif end > start:
            at = min(start + frame[F_N] - 1, end - 1)
            if html[at] > 32 and html[at] < 128 and html[at] not in (36, 92, 123, 125, 38):
                out = _put_byte(np.int64(html[at]), text, out, limit)
    elif frame[F_KIND] in (MTABLE, MTR):
        if frame[F_N] > 0:
            out = _put(ROW_END if frame[F_KIND] == MTABLE else AND, text, out, limit)
        frame[F_N] += 1
    return out


@kernel(allocates=False)
def _end_frame(
    frame: NDArray[np.int64],
    html: NDArray[np.uint8],
    begin: int,
    text: NDArray[np.uint8],
    out: int,
    limit: int,
) -> int:
    """An element with children ends."""
    kind, n, start = frame[F_KIND], frame[F_N], frame[F_START]
    if out < 0:
        return out
    if kind == MFRAC:
        if n == 0:
            out = _put(NEXT, text, out, limit)
        if n < 2:
            out = _put_byte(125, text, out, limit)
    elif kind == MSQRT:
        out = _put_byte(125, text, out, limit)
    elif kind == MPHANTOM:
        out = start
    elif kind == MFENCED:
        if frame[F_HTML] < 0:
            out = _put_byte(41, text, out, limit)
        else:
            out = _write_token(html, frame[F_HTML], frame[F_HTML_END], MO, 0, begin, text, out, limit)
    elif kind == MTABLE:
        fence = frame[F_EXTRA]
        out = _put(END, text, out, limit)
        if fence in (112, 98, 118):
            out = _put_byte(fence, text, out, limit)
        out = _put(CASES if fence == 99 else ALIGNED if fence == 97 else MATRIX, text, out, limit)
    elif kind == MROOT and n >= 2:
        border = _swap(text, start, frame[F_SECOND], out)
        out = _insert(NEXT, border, text, out, limit)
        if out >= 0:
            text[border] = 93
        out = _put_byte(125, text, _insert(ROOT, start, text, out, limit), limit)
    elif kind in (MUNDER, MOVER, MUNDEROVER) and n >= 2:
        if frame[F_EXTRA] == 0:
            out = _set_accents(frame, text, out, limit)
        elif n == 2 and kind == MUNDEROVER:
            out -= 2  # the mark of a script that never came
    elif (kind in (MSUP, MSUB, MSUBSUP) and 0 < n < (3 if kind == MSUBSUP else 2)) or (
        kind in (MUNDER, MOVER, MUNDEROVER) and n == 1 and frame[F_EXTRA] == 1
    ):
        out -= 2
    elif kind == MULTI and frame[F_EXTRA] > 0:  # prescripts go before the base
        border = _swap(text, start, frame[F_SECOND], out)
        if border > start:
            out = _insert(BRACES, start, text, out, limit)
    return out


@kernel(allocates=False)
def _set_accents(frame: NDArray[np.int64], text: NDArray[np.uint8], out: int, limit: int) -> int:
    """Base and what stands under or over it, written one after the other: make it an accent or a set."""
    kind, start, second = frame[F_KIND], frame[F_START], frame[F_SECOND]
    third = frame[F_HTML] if kind == MUNDEROVER else out  # the end of the first script
    if third > second:
        hashed = _hash(text, second, third)
        one = _skip_atom(text, start, second) >= second if second > start else True
        if kind == MOVER:
            keys, values, pool = OVER_KEYS, OVER_VALUES, OVER_BYTES
            if one:
                keys, values, pool = OVER_ONE_KEYS, OVER_ONE_VALUES, OVER_ONE_BYTES
        else:
            keys, values, pool = UNDER_KEYS, UNDER_VALUES, UNDER_BYTES
        accent = look_up(hashed, keys, values)
        if accent:
            n_over = out - third
            for k in range(n_over):
                text[second + k] = text[third + k]
            out = second + n_over
            name = accent >> 8
            size = accent & 255
            out = _insert(BRACES, start, text, out, limit)
            if out < 0:
                return out
            for k in range(start + 1, second + 1):
                text[k] = text[k + 1]
            text[start], text[second + 1] = 123, 125
            out = _insert(pool[name : name + size], start, text, out, limit)
            second += size + 2
            third = second
        else:
            middle = _swap(text, start, second, third)  # script, base, rest
            before = out
            out = _insert(NEXT, middle, text, out, limit)
            out = _make_room(third + 2, 1, text, out, limit)
            if out < 0:
                return out
            text[third + 2] = 125
            out = _insert(OVERSET if kind == MOVER else UNDERSET, start, text, out, limit)
            if out < 0:
                return out
            third += out - before
            second = third
    if kind == MUNDEROVER and out > third:
        middle = _swap(text, start, third, out)
        out = _insert(NEXT, middle, text, out, limit)
        out = _put_byte(125, text, _insert(OVERSET, start, text, out, limit), limit)
    return out


@kernel(allocates=False)
def convert_math(
    html: NDArray[np.uint8],
    i: int,
    stop: int,
    attributes: NDArray[np.int64],
    frames: NDArray[np.int64],
    text: NDArray[np.uint8],
    out: int,
) -> int:
    """Write the LaTeX of the MathML in html[i:stop] to text[out:]; return where it ends, -1 where it was given up.

    `frames` is scratch of (MAX_MATH_DEPTH + 1, N_FRAME_FIELDS).
    """
    begin = out
    limit = out + stop - i + 8  # the tags around have more
    depth = 0
    skip_fence = 0
    frames[0, F_KIND] = MROW
    frames[0, F_N] = 0
    frames[0, F_START] = frames[0, F_CHILD] = out
    while i < stop and out >= 0:
        if html[i] != 60:
            end = min(find_byte(html, i, 60), stop)
            while i < end and html[i] <= 32:
                i += 1
            if i < end:  # text outside of any token: as an identifier
                out = _before_child(frames[depth], html, text, out, limit)
                if frames[depth, F_KIND] in (MFENCED, SEMANTICS):
                    frames[depth, F_CHILD] = out
                out = _write_token(html, i, end, MI, 0, begin, text, out, limit)
                out = _end_child(frames[depth], text, out, limit)
            i = end
            continue
        if i + 1 < stop and html[i + 1] in (33, 63):
            i = skip_to_tag_end(html, i)
            continue
        if i + 1 < stop and html[i + 1] == 47:
            key, end = read_name(html, i + 2)
            i = skip_to_tag_end(html, end)
            kind = look_up(key, ELEMENT_KEYS, ELEMENT_VALUES)
            at = depth
            while at > 0 and frames[at, F_KIND] != kind:
                at -= 1
            while depth >= at > 0 and out >= 0:
                out = _end_frame(frames[depth], html, begin, text, out, limit)
                if frames[depth, F_KIND] == MTABLE:
                    fence = frames[depth, F_EXTRA]
                    skip_fence = 41 if fence == 112 else 93 if fence == 98 else 124 if fence == 118 else 0
                depth -= 1
                out = _end_child(frames[depth], text, out, limit)
            continue
        key, end = read_name(html, i + 1)
        end = read_attributes(html, end, attributes)
        if end > stop:
            break
        i = end
        kind = look_up(key, ELEMENT_KEYS, ELEMENT_VALUES)
        if kind in (0, MATH):
            continue
        closed = attributes[A_SELF_CLOSED, 0] >= 0
        if kind == ANNOTATION:
            if not closed:
                i = _skip_element(html, i, stop, kind)
            continue
        out = _before_child(frames[depth], html, text, out, limit)
        frames[depth, F_CHILD] = (
            out if frames[depth, F_KIND] in (MFENCED, SEMANTICS) else frames[depth, F_CHILD]
        )
        if kind < TOKENS:
            end = i
            if not closed:
                end = min(find_byte(html, i, 60), stop)
                variant = 0
                span = attributes[A_MATHVARIANT]
                if span[0] >= 0 and kind in (MI, MN):
                    variant = look_up(_hash(html, span[0], span[1]), VARIANT_KEYS, VARIANT_VALUES)
                wanted = end > i and skip_fence and html[i] == skip_fence and end == i + 1
                if not wanted:
                    out = _write_token(html, i, end, kind, variant, begin, text, out, limit)
                skip_fence = 0
                i = _skip_element(html, end, stop, kind)
            out = _end_child(frames[depth], text, out, limit)
        elif kind in (MSPACE, NONE):
            if kind == MSPACE and out > begin and text[out - 1] != 32 and frames[depth, F_KIND] < SCRIPTS:
                out = _put_byte(32, text, out, limit)
            out = _end_child(frames[depth], text, out, limit)
        elif kind == MPRESCRIPTS:
            if frames[depth, F_KIND] == MULTI and frames[depth, F_EXTRA] == 0:
                frames[depth, F_EXTRA] = 1
                frames[depth, F_SECOND] = out
                frames[depth, F_N] = 1
        else:
            if depth >= MAX_MATH_DEPTH:
                return -1
            depth += 1
            floor = _find_floor(frames, depth, begin) if kind == MTABLE else begin
            out = _begin_frame(kind, frames[depth], html, attributes, floor, text, out, limit)
            if closed and out >= 0:
                out = _end_frame(frames[depth], html, begin, text, out, limit)
                depth -= 1
                out = _end_child(frames[depth], text, out, limit)
    while depth > 0 and out >= 0:
        out = _end_frame(frames[depth], html, begin, text, out, limit)
        depth -= 1
        out = _end_child(frames[depth], text, out, limit)
    while out > begin and text[out - 1] == 32:
        out -= 1
    return out


@kernel(allocates=False)
def _skip_element(html: NDArray[np.uint8], i: int, stop: int, kind: int) -> int:
    """The place after the end tag of the element of this kind whose content `i` is in; a start of its parent's end."""
    while i < stop:
        i = find_byte(html, i, 60)
        if i + 1 >= stop:
            break
        if html[i + 1] == 47:
            key, end = read_name(html, i + 2)
            found = look_up(key, ELEMENT_KEYS, ELEMENT_VALUES)
            if found == kind:
                return skip_to_tag_end(html, end)
            if found and kind < TOKENS:
                return i
        elif kind < TOKENS:
            key, _ = read_name(html, i + 1)
            if look_up(key, ELEMENT_KEYS, ELEMENT_VALUES):
                return i
        i += 1
    return stop
