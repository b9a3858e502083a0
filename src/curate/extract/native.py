"""Our own extractor over a whole Arrow batch: one kernel call, no Python for any page in valid UTF-8."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import typeof
from numpy.typing import NDArray

from curate.extract.bounds import MAX_HTML_BYTES
from curate.extract.model import Selector, load_selector, score_blocks
from curate.extract.names import THRESHOLDS
from curate.extract.render import LINKS, MARKDOWN, MARKED_FACTOR, OUTPUT_SLACK, PLAIN_FACTOR, render_page
from curate.extract.scan import M_OG_TITLE, M_TITLE, META_ROWS, max_text_bytes
from curate.extract.scratch import Workspace
from curate.extract.select import choose_blocks
from curate.extract.text import BLOCK_START, NEW, OUT, PENDING, write_span
from curate.extract.workspace import describe_page, make_workspace, read_page
from curate.text.charset import decode_text, is_broken
from curate.text.kernel import kernel

MAX_TITLE_BYTES = 2000
LEAST_WORKSPACE_BYTES, MAX_KEPT_BYTES = 2**20, 2**22
CHECKED_BYTES = 64  # that are looked at in one go


class Prepared(NamedTuple):
    """Pages as UTF-8: those that came so in the batch's own buffer, all others decoded in another.

    A page is data[start:end], or decoded[-1 - start : -1 - end] where its start is negative.
    """

    data: NDArray[np.uint8]
    decoded: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    usable: NDArray[np.uint8]
    problems: list[str | None]

    def page(self, p: int) -> NDArray[np.uint8]:
        """One page's bytes."""
        start, end = int(self.starts[p]), int(self.ends[p])
        return self.data[start:end] if start >= 0 else self.decoded[-1 - start : -1 - end]


class Extracted(NamedTuple):
    """Texts and titles as Arrow string arrays (null where there is none), problems, and spans of metadata."""

    texts: pa.Array
    titles: pa.Array
    pages: Prepared
    meta: NDArray[np.int64]  # (n_pages, len(META_ROWS), 2), places in a page


@kernel(allocates=False)
def find_plain_pages(data: NDArray[np.uint8], offsets: NDArray[np.int64], plain: NDArray[np.uint8]) -> None:
    """Mark in `plain` the pages that are valid UTF-8 without byte order mark, NUL and escape characters.

    All others may be of another charset. Overlong forms, surrogates and code points past U+10FFFF are not valid.
    """
    for p in range(plain.size):
        start, end = offsets[p], offsets[p + 1]
        wrong = (
            end - start >= 3 and data[start] == 0xEF and data[start + 1] == 0xBB and data[start + 2] == 0xBF
        )
        i = start
        while i < end and not wrong:
            if i < start + 3 or i + CHECKED_BYTES > end:
                before1 = data[i - 1] if i > start else np.uint8(0)
                before2 = data[i - 2] if i > start + 1 else np.uint8(0)
                before3 = data[i - 3] if i > start + 2 else np.uint8(0)
                wrong = _is_wrong(data[i], before1, before2, before3)
                i += 1
                continue
            # by many bytes without a way out: wide registers
            other = (data[i - 1] >= 0xC0) | (data[i - 2] >= 0xE0) | (data[i - 3] >= 0xF0)
            window = data[
                i - 3 : i + CHECKED_BYTES
            ]  # whose places are never negative, so that numba asks no more
            for k in range(CHECKED_BYTES):
                byte = window[k + 3]
                other |= (byte >= 128) | (byte == 0) | (byte == 27)
            if other:
                for k in range(CHECKED_BYTES):
                    wrong |= _is_wrong(window[k + 3], window[k + 2], window[k + 1], window[k])
            i += CHECKED_BYTES
        for back, least in ((1, 0xC0), (2, 0xE0), (3, 0xF0)):  # cut off within a character
            wrong |= end - start >= back and data[end - back] >= least
        plain[p] = not wrong


@kernel(allocates=False)
def _is_wrong(byte: int, before1: int, before2: int, before3: int) -> bool:
    """Whether a byte cannot follow the three before it in plain UTF-8; without branches, for wide registers."""
    expected = (before1 >= 0xC0) | (before2 >= 0xE0) | (before3 >= 0xF0)
    wrong = ((byte >= 0x80) & (byte < 0xC0)) != expected
    wrong |= (byte == 0) | (byte == 27) | (byte == 0xC0) | (byte == 0xC1) | (byte >= 0xF5)
    wrong |= ((before1 == 0xE0) & (byte < 0xA0)) | ((before1 == 0xED) & (byte > 0x9F))
    return wrong | ((before1 == 0xF0) & (byte < 0x90)) | ((before1 == 0xF4) & (byte > 0x8F))


@kernel(allocates=False)
def _write_title(html: NDArray[np.uint8], w: Workspace, out: NDArray[np.uint8], at: int) -> int:
    """The page's title on one line, at out[at:]."""
    row = M_TITLE if w.meta[M_TITLE, 1] > w.meta[M_TITLE, 0] else M_OG_TITLE
    start, end = w.meta[row, 0], w.meta[row, 1]
    if start < 0:
        return at
    begin = w.state[OUT]
    w.state[BLOCK_START] = begin
    w.state[PENDING] = NEW
    if end - start > MAX_TITLE_BYTES:
        end = start + MAX_TITLE_BYTES
        while html[end] & 0xC0 == 0x80:  # not within a character
            end -= 1
    # it keeps to its page: what it writes is never longer than what it reads
    write_span(html, start, end, w.text, w.state, w.blocks)
    stop = w.state[OUT]
    for i in range(begin, stop):
        out[at] = w.text[i]
        at += 1
    return at


@kernel(allocates=False)
def extract_batch(
    data: NDArray[np.uint8],
    decoded: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    usable: NDArray[np.uint8],
    selector: Selector,
    threshold: float,
    options: int,
    w: Workspace,
    keep: NDArray[np.uint8],
    out: NDArray[np.uint8],
    out_offsets: NDArray[np.int32],
    titles: NDArray[np.uint8],
    title_offsets: NDArray[np.int32],
    meta: NDArray[np.int64],
) -> None:
    """Extract every usable page of a batch into `out` and `titles`, whose offsets are those of Arrow strings."""
    at = title_at = 0
    out_offsets[0] = title_offsets[0] = 0
    for p in range(usable.size):
        if usable[p]:
            start, end = starts[p], ends[p]
            html = data[start:end] if start >= 0 else decoded[-1 - start : -1 - end]
            n_blocks = read_page(html, w)
            top = describe_page(w, selector.table)
            score_blocks(w.features, n_blocks, selector, w.row, w.scores)
            choose_blocks(n_blocks, top, threshold, w, keep)
            at = render_page(html, n_blocks, keep, w, options, out, at)
            title_at = _write_title(html, w, titles, title_at)
            for row in range(meta.shape[1]):
                for k in range(2):
                    meta[p, row, k] = w.meta[row, k]
        out_offsets[p + 1] = at
        title_offsets[p + 1] = title_at


def extract_native(
    contents: pa.Array,
    charsets: pa.Array | None,
    *,
    focus: str = "balanced",
    keep_links: bool = False,
    markdown: bool = False,
    selector: Selector | None = None,
) -> Extracted:
    """Extract a batch of pages (Arrow binary); see `extract_pages` for what comes back."""
    pages = _prepare(contents, charsets)
    n = len(pages.usable)
    sizes = np.abs(pages.ends - pages.starts) * pages.usable
    w = _own_workspace(int(sizes.max(initial=0)))
    options = MARKDOWN * markdown | LINKS * keep_links
    size = int(sizes.sum())
    factor = MARKED_FACTOR if options else PLAIN_FACTOR
    out = np.empty(factor * size + OUTPUT_SLACK * (n + 1), np.uint8)
    titles = np.empty(n * (MAX_TITLE_BYTES + 64), np.uint8)
    out_offsets, title_offsets = np.zeros(n + 1, np.int32), np.zeros(n + 1, np.int32)
    meta = np.full((n, len(META_ROWS), 2), -1, np.int64)
    keep = np.empty(w.blocks.shape[0], np.uint8)
    extract_batch(
        pages.data,
        pages.decoded,
        pages.starts,
        pages.ends,
        pages.usable,
        selector or load_selector(),
        THRESHOLDS[focus],
        options,
        w,
        keep,
        out,
        out_offsets,
        titles,
        title_offsets,
        meta,
    )
    for p in np.flatnonzero((np.diff(out_offsets) == 0) & (pages.usable == 1)):
        pages.problems[p] = "no_text"
    return Extracted(_string_array(out, out_offsets), _string_array(titles, title_offsets), pages, meta)


def compile_from_the_end(is_done: Callable[[], bool]) -> None:
    """Compile what `extract_batch` calls, the last first, without running it, until `is_done`.

    For a process beside one that compiles all of it: that one finds on disk what it has not come to.
    """
    w, selector = make_workspace(LEAST_WORKSPACE_BYTES), load_selector()
    html, keep, out = np.frombuffer(b" ", np.uint8), np.empty(1, np.uint8), np.empty(1, np.uint8)
    calls: tuple[tuple[Any, tuple[Any, ...]], ...] = (
        (_write_title, (html, w, out, 0)),
        (render_page, (html, 0, keep, w, 0, out, 0)),
        (choose_blocks, (0, 0, 0.0, w, keep)),
        (score_blocks, (w.features, 0, selector, w.row, w.scores)),
        (describe_page, (w, selector.table)),
    )
    for called, arguments in calls:
        if is_done():
            return
        called.compile(tuple(typeof(argument) for argument in arguments))


_LOCAL = threading.local()


def _own_workspace(max_html_bytes: int) -> Workspace:
    """This thread's workspace, kept from batch to batch: the system zeroes fresh memory, which took a third of the time.

    One for very large pages is not kept.
    """
    kept: Workspace | None = getattr(_LOCAL, "workspace", None)
    if kept is not None and kept.text.size >= max_text_bytes(max_html_bytes):
        return kept
    made = make_workspace(max(max_html_bytes, LEAST_WORKSPACE_BYTES))
    if max_html_bytes <= MAX_KEPT_BYTES:
        _LOCAL.workspace = made
    return made


def _prepare(contents: pa.Array, charsets: pa.Array | None) -> Prepared:
    """Find the pages that are UTF-8 as they came, and decode the others."""
    contents = contents.cast(pa.large_binary())
    n = len(contents)
    buffers = contents.buffers()
    offsets = np.zeros(n + 1, np.int64)
    if n:
        offsets[:] = np.frombuffer(buffers[1], np.int64)[contents.offset : contents.offset + n + 1]
    data = np.frombuffer(buffers[2] if n and buffers[2] is not None else b"", np.uint8)
    data.setflags(
        write=False
    )  # Arrow's buffers can be writable, which numba would compile everything anew for
    plain = np.zeros(n, np.uint8)
    if n:
        find_plain_pages(data, offsets, plain)
    valid = contents.is_valid().to_numpy(zero_copy_only=False)
    sizes = np.diff(offsets)
    problems: list[str | None] = [None] * n
    usable = np.ones(n, np.uint8)
    starts, ends = offsets[:-1].copy(), offsets[1:].copy()
    decoded: list[bytes] = []
    n_decoded_bytes = 0
    for p in np.flatnonzero(~valid | (plain == 0) | (sizes > MAX_HTML_BYTES)):
        page, problem = b"", None
        if not valid[p]:
            problem = "no_content"
        elif sizes[p] > MAX_HTML_BYTES:
            problem = "html_too_large"
        else:
            charset = charsets[p].as_py() if charsets is not None else None
            page, problem = _decode_page(contents[p].as_py(), charset)
        problems[p] = problem
        usable[p] = problem is None
        starts[p] = -1 - n_decoded_bytes  # a place in the decoded pages
        ends[p] = starts[p] - len(page)
        decoded.append(page)
        n_decoded_bytes += len(page)
    return Prepared(data, np.frombuffer(b"".join(decoded), np.uint8), starts, ends, usable, problems)


def _decode_page(content: bytes, charset: str | None) -> tuple[bytes, str | None]:
    html = decode_text(content, charset)
    if is_broken(html):
        return b"", "undecodable"
    page = html.encode()
    return (b"", "html_too_large") if len(page) > MAX_HTML_BYTES else (page, None)


def _string_array(data: NDArray[np.uint8], offsets: NDArray[np.int32]) -> pa.Array:
    """An Arrow string array over a copy of what was written, null where nothing was."""
    present = pa.array(np.diff(offsets) > 0)
    buffers = [present.buffers()[1], pa.py_buffer(offsets), pa.py_buffer(data[: offsets[-1]].copy())]
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)
