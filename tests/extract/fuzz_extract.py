"""Run by test_native.py in a process of its own with NUMBA_BOUNDSCHECK=1: extract nasty pages, compare runs.

The test puts the repository and classifiers/extraction on the path. Pages of random pieces; pages as real software writes them, cut off and with bytes changed; and hostile ones.
"""

from __future__ import annotations

import random
import sys
from typing import Any

import pyarrow as pa
from kinds import make_pages

from benchmarks.pages.notation import code_pages, formula_pages
from curate.extract import extract_pages

TAGS = (
    "p div span a b li ul ol dl dt dd table tr td th tbody caption pre code h1 h2 h6 br hr img script style title "
    "math annotation mfrac msup msub munderover mover mroot mtable mtr mtd mi mo mfenced mmultiscripts mprescripts sup sub "
    "listing xmp object canvas dialog template my-part my-other x-tip nobr samp tt figure figcaption foreignObject svg select option textarea noscript form input nav main article section blockquote button body html"
).split()
ATTRIBUTES = (
    "class='comment mathjax' class=x id=a-B9c style='display: none' hidden href=/x alt='{\\displaystyle x}' "
    "class=sr-only class=fragment class=signature type=email class=gutter class=code class='language-c' style='white-space:pre-wrap' rowspan=3 colspan=4 colspan=900 start=9999999 "
    "type=i reversed value=-7 / open=( close=] separators=; linethickness=0 columnalign=right,left data-lang=go "
    "type=math/tex aria-hidden=true role=main alttext='\\alpha' encoding=application/x-tex class='tex' alt=$ alt=\\"
).split(" ")
PIECES = [
    "text", " ", "\n", "\t", "&amp;", "&nbsp;", "&#0;", "&#x110000;", "&#", "&", "&nGt;", "é", "\u00a0", "中文。",
    "\u200b", "😀", "<", "<!", "<!-->", "<!-- x -->", "<!--", "<?x", "</", "</>", ">", '"', "'", "=", "$", "\\(",
    "</math", "<annotation", "{\\displaystyle ", "A sentence, with more than ten words in it, that is prose. ",
]  # fmt: skip


def make_page(rng: random.Random) -> bytes:
    out = []
    for _ in range(rng.randrange(1, 120)):
        kind = rng.random()
        if kind < 0.4:
            attributes = " ".join(rng.choices(ATTRIBUTES, k=rng.randrange(3)))
            out.append(f"<{rng.choice(TAGS)} {attributes}>")
        elif kind < 0.6:
            out.append(f"</{rng.choice(TAGS)}>")
        else:
            out.append(rng.choice(PIECES) * rng.choice([1, 1, 1, 7]))
    page = "".join(out).encode()
    if rng.random() < 0.3:
        page = page[: rng.randrange(len(page) + 1)]
    if rng.random() < 0.2:
        page = bytearray(page)
        for _ in range(rng.randrange(1, 10)):
            if page:
                page[rng.randrange(len(page))] = rng.randrange(256)
    return bytes(page)


def spoil(page: bytes, rng: random.Random) -> bytes:
    """Cut a page off, change some of its bytes, or repeat a stretch of it."""
    spoiled = bytearray(page)
    if rng.random() < 0.5:
        del spoiled[rng.randrange(len(spoiled)) :]
    for _ in range(rng.choice([0, 1, 20, 200])):
        if spoiled:
            spoiled[rng.randrange(len(spoiled))] = rng.choice(
                [0, 34, 38, 39, 47, 60, 62, 0xC3, 0xE2, 0xF0, rng.randrange(256)]
            )
    if rng.random() < 0.3:
        start = rng.randrange(len(spoiled) + 1)
        spoiled[start:start] = spoiled[start : start + rng.randrange(400)] * 9
    return bytes(spoiled)


HOSTILE = [
    b"<div>" * 1_000_000,
    b"<b><i>" * 500_000 + b"x",
    b"<p title='" + b"x" * 10_000_000 + b"'>text",
    b"<p " + b"a=1 " * 500_000 + b">text",
    b"<!--" * 500_000,
    b"<!-- " + b"-" * 1_000_000,
    b"\0" * 1000 + b"<p>a\0b</p>" * 1000,
    b"<p class='\xe2\x82" + b"'>text" * 10,
    b"<p title=\xff\xfe>text</p>" * 100,
    b"<\xc3>text<p \xc3=\xc3>" * 100,
    b"&#x10FFFF;&notanentity;" * 20_000,
    b"<pre>" + b"<br> " * 200_000,
    b"<table>" + b"<tr><td>x<td>y" * 100_000,
    b"<math>" + b"<msup><mover>" * 100_000 + b"</math>",
    b"<math>" + b"<mfrac>" * 100_000 + b"</math>",
    b"<math>" + b"<mi>x</mi>" * 100_000 + b"</math>",
    b"<math>" + b"<mtable><mtr><mtd>" * 40 + b"x</math>",
    b"<table>" + b"<tr><td colspan=60 rowspan=60>x<td>y" * 20_000,
    b"<table><tr>" * 20_000 + b"<td rowspan=9>x" * 20_000,
    b"<ol type=I start=3888><li>x" * 20_000,
    b"<ol reversed>" * 300 + b"<li>x" * 5_000,
    b"<x-a hidden>" * 50_000 + b"</x-a>" * 60_000,
    b"<my-a>A sentence.</my-a>" * 50_000,
    b"<p class=sr-only>" * 50_000 + b"x" * 900,
    b"<code>x\n y" * 50_000,
    b"<a href=#x>#" * 50_000,
    b"x<sup>2" * 50_000,
    b"<math>" * 20_000 + b"<annotation encoding=application/x-tex>" * 20_000,
]


def main(n_pages: int) -> None:
    rng = random.Random(7)
    pages = [make_page(rng) for _ in range(n_pages)]
    whole = [page for _, page, _ in make_pages(24, seed=3)]
    whole += [page.encode() for page in (*code_pages().values(), *formula_pages().values())]
    pages += [spoil(page, rng) for page in whole * (1 + n_pages // 200)]
    pages += HOSTILE
    pages += [
        b"",
        b"<",
        b"&",
        b"<a",
        b"</",
        b"<math>",
        b"<p>" * 3000,
        b"<ul><li>" * 700 + b"x",
        b"<br>x" * 900,
    ]
    pages += [
        b"<table><tr>" + b"<td>x" * 900,
        b"<a href=x>y" * 500,
        b"<li>x" * 900,
        b"<h6>x" * 500,
        b"<pre>x\n" * 300,
    ]
    pages += [
        b"<dl><dt>x<dd>y" * 300,
        b"<td>a" * 2,
        b"<img alt='{\\'>",
        b"<img alt=$>" * 9,
        b"<math alttext=\\>x</math>",
    ]
    for focus, links, markdown in (
        ("balanced", False, "plain"),
        ("recall", True, "markdown"),
        ("precision", True, "plain"),
    ):
        settings: dict[str, Any] = {
            "focus": focus,
            "keep_links": links,
            "text_format": markdown,
            "metadata": True,
        }
        batch = extract_pages(pa.array(pages, pa.binary()), **settings)
        batch.validate(full=True)
        for i in range(0, len(pages), 97):
            alone = extract_pages(pa.array(pages[i : i + 1], pa.binary()), **settings)
            assert alone.slice(0, 1).to_pylist() == batch.slice(i, 1).to_pylist(), pages[i]
    print(len(pages))


if __name__ == "__main__":
    main(int(sys.argv[1]))
