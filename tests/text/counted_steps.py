"""Run by test_growth_of_loops.py: kernels as plain Python, each line that runs counted, on texts that repeat something.

    python tests/text/counted_steps.py SEED N_DRAWN ROOM...

Prints JSON: by room the texts on which steps grew faster than these did. Steps inside functions that are
not of this package (of `bytes`, `re`, numpy) are not seen.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

os.environ["NUMBA_DISABLE_JIT"] = "1"
warnings.simplefilter("ignore")  # what wraps around in a hash, numpy says
import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402

SIZES = (250, 500, 1000, 2000)
MOST_GROWTH = 2.6
"""Of the steps that a text twice as long takes more, over those that it took more before."""
FEW_STEPS = 2000


# ---- kernels as plain Python --------------------------------------------------------------------------


class Numbers(np.ndarray):
    """An array whose small integers widen as numba's do."""

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        is_small = isinstance(value, np.integer) and not isinstance(value, np.uint64)
        return np.int64(value) if is_small else value


def widen(value: Any) -> Any:
    if type(value) is np.ndarray:
        return value.view(Numbers) if value.dtype.kind in "iu" else value
    if isinstance(value, tuple):
        inner = [widen(each) for each in value]
        return type(value)(*inner) if hasattr(value, "_fields") else tuple(inner)
    is_small = isinstance(value, np.integer) and not isinstance(value, np.uint64)
    return np.int64(value) if is_small else value


def plain(function: Callable[..., Any] | None = None, /, **_: Any) -> Any:
    """In place of `curate.text.kernel.kernel`."""
    if function is None:
        return plain

    def called(*args: Any) -> Any:
        return function(*map(widen, args))

    called.py_func = function  # type: ignore[attr-defined]
    return called


def widening(make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **named: widen(make(*args, **named))


def load64(data: Any, index: int) -> np.uint64:
    return np.uint64(int.from_bytes(bytes(data[int(index) : int(index) + 8]).ljust(8, b"\0"), "little"))


def store64(data: Any, index: int, value: int) -> None:
    data[int(index) : int(index) + 8] = np.frombuffer(int(value).to_bytes(8, "little"), np.uint8)


def count_trailing_zeros(value: int) -> int:
    return (int(value) & -int(value)).bit_length() - 1 if int(value) else 64


def count_ones(value: int) -> int:
    return int(value).bit_count()


def bytes_between(array: Any, index: int, low: int, high: int) -> np.uint64:
    some = np.asarray(array)[int(index) : int(index) + 64].astype(np.uint8)
    return np.packbits((some >= low) & (some <= high), bitorder="little").view(np.uint64)[0]


def fold_ascii_64(data: Any, index: int, folded: Any, flags: Any, fill: int) -> int:
    block = data[int(index) : int(index) + 64].tobytes()
    low = block.lower()
    folded[int(fill) : int(fill) + 64] = np.frombuffer(low, np.uint8)
    flags[int(fill) : int(fill) + 64] = [128 * (byte < 128 and chr(byte).isalnum()) for byte in low]
    return next((i for i, byte in enumerate(block) if byte >= 128), 64)


def add_sixteen(to: Any, place: int, values: Any, index: int) -> None:
    to.reshape(-1)[int(place) : int(place) + 16] += values.reshape(-1)[int(index) : int(index) + 16]


def prefetch(array: Any, index: int) -> None:
    """Nothing that a result shows."""


def adding_rows(n: int) -> Callable[..., None]:
    def add(
        sums: Any, place: int, values: Any, begin: int, stride: int, rows: Any, weights: Any, n_rows: int
    ) -> None:
        to, flat = sums.reshape(-1)[int(place) : int(place) + n], values.reshape(-1)
        for row, weight in zip(rows[: int(n_rows)].tolist(), weights[: int(n_rows)].tolist(), strict=True):
            at = int(begin) + row * int(stride)
            to += np.float32(weight) * flat[at : at + n]

    return add


MACHINE = {
    each.__name__: each
    for each in (
        load64, store64, count_trailing_zeros, count_ones, bytes_between, fold_ascii_64, add_sixteen, prefetch
    )
} | {f"add_rows_{n}": adding_rows(n) for n in (8, 16, 32, 64)}  # fmt: skip
"""What stands in for machine instructions of `curate.text.unaligned`."""

np.seterr(all="ignore")
for each in ("frombuffer", "empty", "zeros", "full", "array"):
    setattr(np, each, widening(getattr(np, each)))
import curate.text.kernel  # noqa: E402
import curate.text.unaligned as machine  # noqa: E402

curate.text.kernel.kernel = plain
instructions = {name for name, value in vars(machine).items() if type(value) is type(machine.load64)}
assert instructions == MACHINE.keys(), instructions ^ MACHINE.keys()
for name, stand_in in MACHINE.items():
    setattr(machine, name, stand_in)


# ---- counting -----------------------------------------------------------------------------------------

PACKAGE = str(Path(curate.text.kernel.__file__).parents[1])
_steps = [0]


def _line(_frame: Any, event: str, _arg: Any) -> Any:
    _steps[0] += event == "line"
    return _line


def count(room: Callable[[bytes], Any], text: bytes) -> int:
    _steps[0] = 0
    sys.settrace(lambda frame, *_: _line if frame.f_code.co_filename.startswith(PACKAGE) else None)
    try:
        room(text)
    finally:
        sys.settrace(None)
    return _steps[0]


def growth(room: Callable[[bytes], Any], make: Callable[[int], bytes]) -> float:
    """The least growth between sizes, each twice the one before: what goes on to a limit, and no further, grows once."""
    counts = [count(room, make(size)) for size in SIZES[:2]]
    least = float("inf")
    for size in SIZES[2:]:
        counts.append(count(room, make(size)))
        before, more = counts[-2] - counts[-3], counts[-1] - counts[-2]
        least = min(least, more / max(before, FEW_STEPS))
        if least <= MOST_GROWTH:
            break
    return least


# ---- rooms --------------------------------------------------------------------------------------------


def texts(data: bytes) -> pa.Array:
    return pa.array([data.decode("utf-8", "replace")], pa.large_string())


def extraction(data: bytes) -> None:
    from curate.extract import extract_pages

    extract_pages(pa.array([data]), text_format="markdown", keep_links=True, metadata=True)


def words(data: bytes) -> None:
    from curate.text.normalise import comparable, compose
    from curate.text.words import add_signs, hash_words

    words = hash_words(texts(data), signs=True)
    add_signs(words.hashes, words.signs, 0, len(words.hashes), words.hashes.copy())
    compose(texts(data)), comparable(texts(data))


def program(data: bytes) -> None:
    from curate.signals.program import measure_program_chars, measure_program_kinds
    from curate.text.uncommented import drop_comments

    measure_program_chars(texts(data)), measure_program_kinds(texts(data))
    for language in ("python", "c", "lua", "matlab", "scheme", None):
        drop_comments(texts(data), [language])


def signals(data: bytes) -> None:
    from curate.signals.catalogue import SIGNALS
    from curate.signals.compute import compute_signals

    compute_signals(texts(data), list(SIGNALS))


def line_kinds(data: bytes) -> None:
    from curate.signals.kinds import find_kinds

    find_kinds(texts(data))


def line_rules(data: bytes) -> None:
    from curate.rules.lines import clean_lines
    from curate.rules.load import line_rules_of, load_rules

    for rules in line_rules_of(load_rules(["curate", "c4", "fineweb"])):
        clean_lines(texts(data), rules)


def languages(data: bytes) -> None:
    from curate.language import identify_languages

    identify_languages(texts(data))


def duplicates(data: bytes) -> None:
    from curate.dedup import DedupPlan, compute_keys
    from curate.dedup.lines import hash_lines
    from curate.dedup.passages import hash_windows

    compute_keys(texts(data), DedupPlan(n_bands=2, n_rows=2), signatures=True)
    hash_lines(texts(data)), hash_windows(texts(data), 50)


def tokens(data: bytes) -> None:
    _tokenizer().encode(texts(data), 0)


@cache
def _tokenizer() -> Any:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tokens"))
    from token_builders import small_encoder

    from curate.tokens.bytelevel import ByteLevelKernel

    model = json.loads(small_encoder().tokenizer.to_str())["model"]
    return ByteLevelKernel(model["vocab"], [tuple(merge) for merge in model["merges"]], n_slots=64)


def benchmarks(data: bytes) -> None:
    from curate.rules.decontaminate import fold_words

    fold_words(data.decode("utf-8", "replace"))


def records(data: bytes) -> None:
    """Files of every format, the text in the place of what follows a sound beginning."""
    from curate.crawl import ReadOptions, find_files, plan_splits, read_chunks
    from curate.crawl.http import join_chunks, read_response

    begins = {
        "warc": b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 4\r\n\r\nabcd\r\n\r\n",
        "arc": b"filedesc://a 0.0.0.0 20080430204825 text/plain 3\nab\n\n",
        "csv": b"id,text\n1,",
        "json": b"[",
        "jsonl": b'{"text":"a"}\n',
        "html": b"",
        "txt": b"",
        "py": b"",
    }
    with tempfile.TemporaryDirectory() as folder:
        for ending, begin in begins.items():
            path = Path(folder, f"a.{ending}")
            path.write_bytes(begin + data)
            for split in plan_splits(find_files([str(path)])):
                for _ in read_chunks(split, ReadOptions()):
                    pass
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
    for response in (head + b"\r\n" + data, head + data, data):
        read_response(response, 1 << 20)
    join_chunks(data)


def screens(data: bytes) -> None:
    from curate.rules.pii import redact_pii
    from curate.rules.secrets import redact_secrets
    from curate.text.charset import clean_text, decode_text

    redact_pii(texts(data)), redact_secrets(texts(data))
    clean_text(decode_text(data)), decode_text(b"\xff" + data)


def replies(data: bytes) -> None:
    from curate.annotate.prompt import load_prompt
    from curate.annotate.reply import read_reply
    from curate.craft.checks import find_fenced, judge
    from curate.craft.recipe import bundled_recipes, load_recipe
    from curate.llm.reply import Reply
    from curate.run.marked import follow_lines

    text = data.decode("utf-8", "replace")
    read_reply(Reply(text), load_prompt("edu"))
    find_fenced(text)
    for name in bundled_recipes():
        judge(text, "stop", load_recipe(name))
    follow_lines(pa.array([text]), pa.array([text[len(text) // 3 :]]), pa.array([f"{text} x"]))


ROOMS: dict[str, Callable[[bytes], None]] = {
    room.__name__: room
    for room in (extraction, words, program, signals, line_kinds, line_rules, languages, duplicates, tokens, benchmarks,
                 records, screens, replies)
}  # fmt: skip


# ---- texts --------------------------------------------------------------------------------------------

_TAGS = (
    "p div a b span table tr td ul li dl dt dd pre code h1 math mi mo mrow msup mfrac mtable mtr mtd semantics script style "
    "select svg title head body blockquote figure img br hr textarea iframe noscript template sup sub nav section meta font"
).split()
PIECES: list[bytes] = [
    *(bytes([code]) for code in range(33, 127)),
    *(text.encode() for text in ("é", "İ", "\u0301", "…", "—", "\u200b", "한", "ก", "中", "\u2028", "“", "•", "\U0001f600")),
    b" ", b"\n", b"\t", b"\r\n", b"\0", b"\xff", b"ab", b"a b ", b"a\n", b"1.", b'\\"', b"\\'", b"\\\\", b'"\\', b"/*", b"*/", b"//",
    b"<!--", b"-->", b"</", b"&#", b"&#x", b"&amp;", b"&am", b'{"', b'":', b"[[", b"$$", b"```", b'"""', b"'''", b"http://", b"a@b.c ",
    b"a@", b"1.1.1.1", b"::", b"password=", b"-----BEGIN PRIVATE KEY-----", b"eyJ", b"WARC/1.0\r\n", b"http://a 1.1.1.1 20080430204825 text/html 3\n",
    b"Content-Length: 3\r\n", b"\r\n\r\n", b"1\r\na\r\n", b"<?xml ", b"<![CDATA[", b"<p ", b'<p a="', b"<p a='", b'<a href="#x">1</a>',
    b"<td rowspan=9999>", b"<td colspan=9999>", b"<p hidden>", b'<script type="math/tex">', b"\\(x", b"\\[", b"\\begin{", b"\\frac{", b"_{",
    b"<x-y>", b"</x-y>", b"<table><tr><td>", b'<div class="code">', b"| a | b |\n", b"- a\n", b"# a\n", b"[1]", b"charset=",
    b"<meta charset=", b'a,"b', b'""', b"Rating: 5\n", b"<think>", b"Question:", b"SPDX-License-Identifier:", b"\\ud800", b"-",
    *(form % tag.encode() for tag in _TAGS for form in (b"<%s>", b"</%s>", b"<%s>x", )),
]  # fmt: skip
SIGNS = [
    b'\\"',
    b"\\'",
    b"\n",
    b" ",
    b"a",
    b"<",
    b"&",
    b'"',
    b"'",
    b"`",
    b"/*",
    b"{",
    b"<p>",
    b"1",
    "中".encode(),
    "\u0301".encode(),
]
"""A few of the pieces, of every kind."""


def drawn(seed: int, n: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    """What stands before, what is repeated, and what stands behind."""
    draw = random.Random(seed)
    some = SIGNS if n < len(PIECES) else PIECES
    yield from ((b"", piece, b"") for piece in some[:n])
    for _ in range(n - len(some)):
        lead = b"".join(draw.choices(PIECES, k=draw.randrange(3)))
        yield lead, b"".join(draw.choices(PIECES, k=draw.randrange(1, 5))), draw.choice(PIECES)


def main() -> None:
    seed, n_drawn, *rooms = sys.argv[1:]
    grew: dict[str, list[str]] = {}
    for name in rooms:
        room = ROOMS[name]
        room(b"<p>One line.</p> Another.")  # tables are made
        for lead, pump, tail in drawn(int(seed), int(n_drawn)):

            def make(size: int, lead: bytes = lead, pump: bytes = pump, tail: bytes = tail) -> bytes:
                return lead + (pump * (size // len(pump) + 1))[:size] + tail

            found = growth(room, make)
            if found > MOST_GROWTH:
                grew.setdefault(name, []).append(f"{found:.1f}: {lead!r} {pump!r} {tail!r}")
    print(json.dumps(grew))


if __name__ == "__main__":
    main()
