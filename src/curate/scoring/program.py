# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels)
"""What a program file's beginning looks like to a learner: some ninety numbers, and its words in two views.

    measure_program   comments, documentation, names, structure and literals as numbers
    names_of          the words inside identifiers: `readLine_count` gives "read line count"
    prose_of          the words of comments and documentation

Everything is measured behind a licence header (`curate.text.program.find_body`), and depends on the text alone: the
language is not asked for.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.text.kernel import kernel
from curate.text.program import CODE, COMMENT, DOC, SPACE, STRING, find_body, guess_style, mark_program
from curate.text.words import view_utf8

PROGRAM_SHAPE_VERSION = 1

# Words that say what a statement does, in any language; the class of a word is its row.
_WORD_CLASSES = {
    "loops": "for while loop foreach until do each map filter reduce range",
    "branches": "if else elif elsif elseif case switch match when unless then default",
    "functions": "def function func fn sub proc method lambda procedure fun",
    "types": "class struct interface trait enum impl type union template typedef extends implements",
    "imports": "import include require use using from package module namespace export exports source",
    "returns": "return yield end",
    "errors": "raise throw throws try catch except panic rescue error die assert unwrap finally abort",
    "modifiers": "public private protected static final const virtual override inline extern pub async await mut var let my our",
    "self": "self this super",
    "tests": "test tests assert expect should describe equal equals mock fixture suite assertequal",
    "prints": "print printf println console log echo puts cout fmt format disp",
    "nothing": "none null nil undefined true false void",
    "config": "config settings options option args kwargs argv env path file request response client server http url",
}
_TEACHING = (
    "example examples algorithm complexity step steps first then next given find compute calculate returns usage note "
    "because since so thus where let each every when which how why what we you sum value values number numbers list "
    "array tree graph node sort search time space input output result formula theorem recursive loop means using "
    "simple basic explanation wikipedia idea problem solution method approach start end"
)
_PLUMBING = (
    "todo fixme deprecated internal private generated todo hack workaround legacy compat backward deprecated version "
    "param returns type override noqa pylint eslint lint ts ignore copyright author license since see api"
)
_COMMON = "the of a an to is in and that for it as are be this with by on or not if from"

PROGRAM_NAMES = (
    # shares of the bytes that are not white space
    "frac_comment", "frac_doc", "frac_string", "frac_code", "frac_prose",
    # the excerpt
    "log_bytes", "frac_header", "log_lines", "frac_blank_lines", "is_cut",
    # lines
    "mean_line", "sd_line", "log_max_line", "frac_long_lines", "frac_comment_lines", "frac_trailing_comments",
    "mean_indent", "max_indent", "sd_indent", "frac_indented", "indent_steps", "frac_same_start",
    "ends_brace", "ends_semicolon", "ends_comma", "ends_colon", "ends_bracket", "ends_name",
    # names and numbers of the code
    "log_names", "mean_name", "frac_single_names", "frac_upper_names", "frac_constants", "frac_private_names",
    "frac_distinct_names", "frac_snake", "frac_camel", "log_numbers", "frac_numbers", "mean_number_chars",
    # classes of words, a word of the code
    *_WORD_CLASSES,
    # marks, a byte of code
    "equals", "dots", "parentheses", "brackets", "braces", "angles", "arithmetic", "logic", "commas", "semicolons",
    "colons", "quotes", "ats", "dollars", "underscores", "backslashes", "arrows",
    # strings
    "log_strings", "mean_string",
    # comments and documentation
    "log_prose_words", "mean_prose_word", "frac_teaching", "frac_plumbing", "frac_common", "frac_capitals",
    "sentences", "log_comments", "mean_comment", "log_longest_comment", "prose_digits", "prose_code_marks",
    "prose_params", "prompts", "prose_links", "prose_lines_before_code", "frac_nonascii", "rulers", "distinct_prose",
    # structure
    "log_functions", "lines_a_function", "documented_functions", "log_classes", "code_lines", "code_before_prose",
)  # fmt: skip
_N_CLASSES = len(_WORD_CLASSES)
_FIRST_CLASS = PROGRAM_NAMES.index("loops")
_FIRST_MARK = PROGRAM_NAMES.index("equals")
_TEACH, _PLUMB, _COMMON_WORD = 1, 2, 4

_OFFSET = 0xCBF29CE484222325  # FNV-1a, 64 bits
_PRIME = 0x100000001B3


def _hash_word(word: str) -> int:
    value = _OFFSET
    for byte in word.encode():
        value = ((value ^ byte) * _PRIME) & 0xFFFFFFFFFFFFFFFF
    return value


def _table(words: dict[str, int]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """An open-addressing table from word to number; 0 is no word."""
    n_slots = 1 << (4 * len(words)).bit_length()
    keys, values = np.zeros(n_slots, np.uint64), np.zeros(n_slots, np.int64)
    for word, value in words.items():
        slot = _hash_word(word) & (n_slots - 1)
        while keys[slot]:
            slot = (slot + 1) & (n_slots - 1)
        keys[slot], values[slot] = _hash_word(word), value
    return keys, values


def _code_words() -> dict[str, int]:
    return {word: number for number, text in enumerate(_WORD_CLASSES.values()) for word in text.split()}


def _prose_words() -> dict[str, int]:
    flags: dict[str, int] = {}
    for flag, text in ((_TEACH, _TEACHING), (_PLUMB, _PLUMBING), (_COMMON_WORD, _COMMON)):
        for word in text.split():
            flags[word] = flags.get(word, 0) | flag
    return flags


_CODE_KEYS, _CODE_CLASSES = _table(_code_words())
_PROSE_KEYS, _PROSE_FLAGS = _table(_prose_words())

# ASCII -> the number of its mark, -1 for none.
_MARKS = np.full(256, -1, np.int64)
for _number, _bytes in enumerate(("=", ".", "()", "[]", "{}", "<>", "+-*/%", "&|^!~", ",", ";", ":", "\"'`", "@#", "$", "_", "\\")):
    for _byte in _bytes:
        _MARKS[ord(_byte)] = _number
_N_MARKS = 17


def measure_program(texts: pa.Array) -> NDArray[np.float32]:
    """Measure N texts, which are cut to a window already.

    Returns:
        float32 (N, len(PROGRAM_NAMES)), finite for any text; zeros for one that is empty behind its licence.
    """
    data, bounds = view_utf8(texts)
    shapes = np.zeros((len(bounds) - 1, len(PROGRAM_NAMES)), np.float32)
    _measure(data, bounds, _CODE_KEYS, _CODE_CLASSES, _PROSE_KEYS, _PROSE_FLAGS, _MARKS, shapes)
    return shapes


def names_of(texts: pa.Array) -> pa.Array:
    """The words of every text's identifiers, split at underscores, digits and capitals, one blank between."""
    return _view(texts, is_prose=False)


def prose_of(texts: pa.Array) -> pa.Array:
    """The words of every text's comments and documentation, with their marks."""
    return _view(texts, is_prose=True)


def _view(texts: pa.Array, *, is_prose: bool) -> pa.Array:
    data, bounds = view_utf8(texts)
    n_bytes = int(bounds[-1] - bounds[0]) if len(bounds) > 1 else 0
    out = np.empty(2 * n_bytes + 16, np.uint8)
    out_bounds = np.zeros(len(bounds), np.int64)
    n = _write_views(data, bounds, is_prose, out, out_bounds)
    buffers = [None, pa.py_buffer(out_bounds), pa.py_buffer(out[:n])]
    return pa.Array.from_buffers(pa.large_string(), len(bounds) - 1, buffers)


@kernel
def _longest(bounds):
    longest = 0
    for i in range(len(bounds) - 1):
        longest = max(longest, bounds[i + 1] - bounds[i])
    return longest


@kernel
def _write_views(data, bounds, is_prose, out, out_bounds):
    kinds = np.empty(_longest(bounds), np.uint8)
    fill = 0
    for document in range(len(bounds) - 1):
        start, stop = bounds[document], bounds[document + 1]
        style = guess_style(data, start, stop)
        mark_program(data, start, stop, style, kinds)
        begin = find_body(data, start, stop, kinds)
        if is_prose:
            fill = _write_prose(data, start, begin, stop, kinds, out, fill)
        else:
            fill = _write_names(data, start, begin, stop, kinds, out, fill)
        out_bounds[document + 1] = fill
    return fill


@kernel
def _write_prose(data, start, begin, stop, kinds, out, fill):
    was_prose = False
    for i in range(begin, stop):
        kind = kinds[i - start]
        if kind == COMMENT or kind == DOC:
            out[fill] = data[i]
            fill += 1
            was_prose = True
        elif was_prose:
            out[fill] = 10
            fill += 1
            was_prose = False
    return fill


@kernel
def _write_names(data, start, begin, stop, kinds, out, fill):
    last = 0  # what stands before: 0 nothing, 1 a small letter, 2 a capital
    for i in range(begin, stop):
        byte = data[i]
        kind = kinds[i - start]
        is_lower = 97 <= byte <= 122 or byte >= 128
        is_upper = 65 <= byte <= 90
        if kind != CODE or not (is_lower or is_upper):
            if last:
                out[fill] = 32
                fill += 1
            last = 0
            continue
        if is_upper and last == 1:
            out[fill] = 32
            fill += 1
        out[fill] = byte
        fill += 1
        last = 2 if is_upper else 1
    return fill


@kernel(inline=True)
def _find(keys, values, word):
    mask = len(keys) - 1
    slot = np.int64(word) & mask
    while keys[slot] != 0 and keys[slot] != word:
        slot = (slot + 1) & mask
    return values[slot] if keys[slot] == word else -1


@kernel
def _is_new(seen, stamp, word):
    """Whether `word` was not met in this document; `seen` holds (word, stamp) of the last documents."""
    mask = len(seen) - 1
    key = word ^ stamp
    slot = np.int64(word >> np.uint64(20)) & mask
    for _ in range(16):
        if seen[slot] == key:
            return False
        slot = (slot + 1) & mask
    slot = np.int64(word >> np.uint64(20)) & mask
    for _ in range(16):
        # Free where what lies there was put by another document: its stamp is not known, so all is cleared before.
        if seen[slot] == 0:
            seen[slot] = key
            return True
        slot = (slot + 1) & mask
    return True


@kernel
def _measure(data, bounds, code_keys, code_classes, prose_keys, prose_flags, marks, shapes):
    kinds = np.empty(_longest(bounds), np.uint8)
    seen = np.zeros(4096, np.uint64)
    for document in range(len(bounds) - 1):
        start, stop = bounds[document], bounds[document + 1]
        style = guess_style(data, start, stop)
        mark_program(data, start, stop, style, kinds)
        begin = find_body(data, start, stop, kinds)
        if stop > begin:
            seen[:] = 0
            _measure_one(
                data, start, begin, stop, kinds, seen, code_keys, code_classes, prose_keys, prose_flags, marks, shapes[document]
            )


@kernel
def _measure_one(
    data, start, begin, stop, kinds, seen, code_keys, code_classes, prose_keys, prose_flags, marks, shape
):
    n_kinds = np.zeros(5, np.int64)
    n_classes = np.zeros(_N_CLASSES, np.int64)
    n_marks = np.zeros(_N_MARKS, np.int64)
    names = np.zeros(10, np.int64)  # all, chars, single, upper, constants, private, distinct, snake, camel
    prose = np.zeros(12, np.int64)
    n_numbers = n_number_chars = n_strings = n_string_bytes = n_functions = n_documented = n_types = 0
    n_comments = n_comment_bytes = longest_comment = n_nonascii = 0
    first_code = first_prose = -1
    since_function = 1 << 30
    hash_start = np.uint64(0xCBF29CE484222325)
    prime = np.uint64(0x100000001B3)
    i = begin
    while i < stop:
        kind = kinds[i - start]
        byte = data[i]
        if kind == SPACE:
            i += 1
            continue
        n_nonascii += byte >= 192
        if kind == CODE:
            if first_code < 0:
                first_code = i
            low = byte | 32
            if 97 <= low <= 122 or byte == 95 or byte >= 128:
                word = hash_start
                n_upper = n_lower = n_under = n_camel = 0
                at = i
                while at < stop and kinds[at - start] == CODE:
                    here = data[at]
                    is_upper = 65 <= here <= 90
                    is_lower = 97 <= here <= 122 or here >= 128
                    if not (is_upper or is_lower or here == 95 or 48 <= here <= 57):
                        break
                    n_camel += is_upper and n_lower > 0
                    n_upper += is_upper
                    n_lower += is_lower
                    n_under += here == 95 and at > i
                    word = (word ^ np.uint64(here | 32 if is_upper else here)) * prime
                    at += 1
                length = at - i
                found = _find(code_keys, code_classes, word)
                if found >= 0:
                    n_classes[found] += 1
                    if found == 2:
                        n_functions += 1
                        since_function = 0
                    n_types += found == 3
                names[0] += 1
                names[1] += length
                names[2] += length == 1
                names[3] += 65 <= byte <= 90
                names[4] += n_upper >= 2 and n_lower == 0
                names[5] += byte == 95
                names[6] += _is_new(seen, np.uint64(1), word)
                names[7] += n_under > 0 and n_lower > 0
                names[8] += n_camel > 0
                n_kinds[CODE] += length
                n_marks[14] += n_under + (byte == 95)
                since_function += 1
                i = at
                continue
            if 48 <= byte <= 57:
                at = i
                while at < stop and kinds[at - start] == CODE and (48 <= data[at] <= 57 or data[at] == 46 or 97 <= (data[at] | 32) <= 122):
                    at += 1
                n_numbers += 1
                n_number_chars += at - i
                n_kinds[CODE] += at - i
                i = at
                continue
            mark = marks[byte]
            if mark >= 0:
                n_marks[mark] += 1
            n_marks[16] += byte == 62 and i > begin and (data[i - 1] == 45 or data[i - 1] == 61)
            n_kinds[CODE] += 1
            i += 1
            continue
        at = i
        if kind == STRING:
            while at < stop and kinds[at - start] == STRING:
                n_kinds[STRING] += data[at] > 32
                at += 1
            n_strings += 1
            n_string_bytes += at - i
            i = at
            continue
        # A comment or documentation.
        if first_prose < 0:
            first_prose = i
        if since_function < 40:
            n_documented += 1
            since_function = 1 << 30
        while at < stop and kinds[at - start] == kind:
            at += 1
        n_comments += 1
        n_comment_bytes += at - i
        longest_comment = max(longest_comment, at - i)
        _measure_prose(data, i, at, kind, seen, prose_keys, prose_flags, n_kinds, prose)
        i = at
    lines = np.zeros(24, np.float64)
    _measure_lines(data, start, begin, stop, kinds, lines)
    _write(
        shape, begin - start, stop - begin, n_kinds, n_classes, n_marks, names, prose, lines,
        n_numbers, n_number_chars, n_strings, n_string_bytes, n_functions, n_documented, n_types,
        n_comments, n_comment_bytes, longest_comment, n_nonascii, first_code - begin, first_prose - begin,
    )  # fmt: skip


@kernel
def _measure_prose(data, start, stop, kind, seen, prose_keys, prose_flags, n_kinds, prose):
    """Add up words, sentences and marks of one comment."""
    hash_start = np.uint64(0xCBF29CE484222325)
    prime = np.uint64(0x100000001B3)
    i = start
    run = 0
    last = np.uint8(0)
    while i < stop:
        byte = data[i]
        n_kinds[kind] += byte > 32
        if 97 <= (byte | 32) <= 122 or byte >= 128:
            word = hash_start
            at = i
            while at < stop and (97 <= (data[at] | 32) <= 122 or data[at] >= 128):
                here = data[at]
                word = (word ^ np.uint64(here | 32 if here < 128 else here)) * prime
                at += 1
            flags = _find(prose_keys, prose_flags, word)
            prose[0] += 1
            prose[1] += at - i
            if flags > 0:
                prose[2] += flags & 1
                prose[3] += (flags & 2) >> 1
                prose[4] += (flags & 4) >> 2
            prose[5] += 65 <= byte <= 90
            prose[11] += _is_new(seen, np.uint64(2), word)
            prose[9] += last == 64 or (last == 58 and at < stop and data[at] in (58, 32))  # @param, :param
            n_kinds[kind] += at - i - 1
            last = np.uint8(97)
            i = at
            run = 0
            continue
        if byte == 46 and (i + 1 == stop or data[i + 1] <= 32):
            prose[6] += 1
        prose[7] += 48 <= byte <= 57
        prose[8] += byte == 59 or byte == 123 or byte == 125 or byte == 40 or byte == 61 or byte == 91
        if byte == 62 and last == 62 and i >= 2 and data[i - 2] == 62:
            prose[10] += 1
        run = run + 1 if byte == last and byte > 32 else 0
        last = byte
        i += 1


@kernel
def _measure_lines(data, start, begin, stop, kinds, lines):
    """Fill `lines`: see `_write` for what each number is."""
    i = begin
    last_indent = 0
    last_start = np.int64(-1)
    while i < stop:
        end = i
        while end < stop and data[end] != 10:
            end += 1
        first = i
        indent = 0
        while first < end and data[first] <= 32:
            indent += 4 if data[first] == 9 else 1
            first += 1
        if first == end:
            lines[1] += 1
            i = end + 1
            continue
        last = end - 1
        while last > first and data[last] <= 32:
            last -= 1
        length = last + 1 - i
        lines[0] += 1
        lines[2] += length
        lines[3] += length * length
        lines[4] = max(lines[4], length)
        lines[5] += length > 100
        kind_first, kind_last = kinds[first - start], kinds[last - start]
        is_prose = kind_first == COMMENT or kind_first == DOC
        lines[6] += is_prose
        if not is_prose:
            lines[7] += kind_last == COMMENT
            lines[8] += indent
            lines[9] = max(lines[9], indent)
            lines[10] += indent * indent
            lines[11] += indent > 0
            lines[12] += indent > last_indent
            last_indent = indent
            lines[13] += 1
            code_last = last
            if kind_last == COMMENT:
                while code_last > first and kinds[code_last - start] == COMMENT:
                    code_last -= 1
                while code_last > first and data[code_last] <= 32:
                    code_last -= 1
            z = data[code_last]
            lines[14] += z == 123
            lines[15] += z == 59
            lines[16] += z == 44
            lines[17] += z == 58
            lines[18] += z == 41 or z == 93 or z == 125
            lines[19] += 97 <= (z | 32) <= 122
            head = np.int64(0)
            for k in range(first, min(first + 4, end)):
                head = head << 8 | np.int64(data[k])
            lines[20] += head == last_start
            last_start = head
        else:
            # A ruler: the same mark many times, such as `# --------`.
            n_same = 0
            for k in range(first + 1, last + 1):
                n_same += data[k] == data[last]
            lines[21] += n_same > 8 and n_same * 2 > last - first
            lines[22] += lines[13] == 0
        if end - first > 10:
            for k in range(first, min(end - 3, first + 200)):
                if data[k] == 58 and data[k + 1] == 47 and data[k + 2] == 47:
                    lines[23] += 1
        i = end + 1


@kernel
def _write(
    shape, n_header, n_bytes, n_kinds, n_classes, n_marks, names, prose, lines,
    n_numbers, n_number_chars, n_strings, n_string_bytes, n_functions, n_documented, n_types,
    n_comments, n_comment_bytes, longest_comment, n_nonascii, first_code, first_prose,
):  # fmt: skip
    """Turn counts into the numbers named by `PROGRAM_NAMES`, in that order."""
    solid = np.float64(max(n_kinds[COMMENT] + n_kinds[DOC] + n_kinds[STRING] + n_kinds[CODE], 1))
    code = np.float64(max(n_kinds[CODE], 1))
    n_names = np.float64(max(names[0], 1))
    n_words = np.float64(max(prose[0], 1))
    n_lines = max(lines[0], 1.0)
    n_code_lines = max(lines[13], 1.0)
    mean_line = lines[2] / n_lines
    mean_indent = lines[8] / n_code_lines
    at = 0
    for value in (
        n_kinds[COMMENT] / solid, n_kinds[DOC] / solid, n_kinds[STRING] / solid, n_kinds[CODE] / solid,
        (n_kinds[COMMENT] + n_kinds[DOC]) / solid,
        np.log1p(n_bytes), n_header / (n_header + n_bytes), np.log1p(lines[0]), lines[1] / (lines[1] + n_lines),
        1.0 * (n_header + n_bytes > 2300),
        mean_line, np.sqrt(max(lines[3] / n_lines - mean_line * mean_line, 0.0)), np.log1p(lines[4]),
        lines[5] / n_lines, lines[6] / n_lines, lines[7] / n_code_lines,
        mean_indent, lines[9], np.sqrt(max(lines[10] / n_code_lines - mean_indent * mean_indent, 0.0)),
        lines[11] / n_code_lines, lines[12] / n_code_lines, lines[20] / n_code_lines,
        lines[14] / n_code_lines, lines[15] / n_code_lines, lines[16] / n_code_lines, lines[17] / n_code_lines,
        lines[18] / n_code_lines, lines[19] / n_code_lines,
        np.log1p(names[0]), names[1] / n_names, names[2] / n_names, names[3] / n_names, names[4] / n_names,
        names[5] / n_names, names[6] / np.sqrt(n_names), names[7] / n_names, names[8] / n_names,
        np.log1p(n_numbers), n_numbers / (n_numbers + n_names), n_number_chars / max(n_numbers, 1),
    ):  # fmt: skip
        shape[at] = value
        at += 1
    for k in range(len(n_classes)):
        shape[at] = np.sqrt(n_classes[k] / n_names)
        at += 1
    for k in range(len(n_marks)):
        shape[at] = np.sqrt(n_marks[k] / code)
        at += 1
    for value in (
        np.log1p(n_strings), np.log1p(n_string_bytes / max(n_strings, 1)),
        np.log1p(prose[0]), prose[1] / n_words, prose[2] / n_words, prose[3] / n_words, prose[4] / n_words,
        prose[5] / n_words, prose[6] / n_words,
        np.log1p(n_comments), np.log1p(n_comment_bytes / max(n_comments, 1)), np.log1p(longest_comment),
        np.sqrt(prose[7] / n_words), np.sqrt(prose[8] / n_words), np.sqrt(prose[9] / n_words),
        np.log1p(prose[10]), np.log1p(lines[23]), np.log1p(lines[22]), np.sqrt(n_nonascii / solid),
        lines[21] / n_lines, prose[11] / np.sqrt(n_words),
        np.log1p(n_functions), np.log1p(n_code_lines / max(n_functions, 1)), n_documented / max(n_functions, 1),
        np.log1p(n_types), np.log1p(lines[13]), 1.0 * (0 <= first_code and (first_prose < 0 or first_code < first_prose)),
    ):  # fmt: skip
        shape[at] = value
        at += 1
