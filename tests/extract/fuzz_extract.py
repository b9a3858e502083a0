"""Run by test_native.py in a process of its own with NUMBA_BOUNDSCHECK=1: extract nasty pages, compare runs."""

from __future__ import annotations

import random
import sys

import pyarrow as pa

from curate.extract import extract_pages

TAGS = (
    "p div span a b li ul ol dl dt dd table tr td th tbody caption pre code h1 h2 h6 br hr img script style title "
    "math annotation svg select option textarea noscript form nav main article section blockquote button body html"
).split()
ATTRIBUTES = (
    "class='comment mathjax' class=x id=a-B9c style='display: none' hidden href=/x alt='{\\displaystyle x}' "
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


def main(n_pages: int) -> None:
    rng = random.Random(7)
    pages = [make_page(rng) for _ in range(n_pages)]
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
        ("balanced", False, False),
        ("recall", True, True),
        ("precision", True, False),
    ):
        settings = {"focus": focus, "keep_links": links, "markdown": markdown, "metadata": True}
        batch = extract_pages(pa.array(pages, pa.binary()), **settings)
        batch.validate(full=True)
        for i in range(0, len(pages), 97):
            alone = extract_pages(pa.array(pages[i : i + 1], pa.binary()), **settings)
            assert alone.slice(0, 1).to_pylist() == batch.slice(i, 1).to_pylist(), pages[i]
    print(len(pages))


if __name__ == "__main__":
    main(int(sys.argv[1]))
