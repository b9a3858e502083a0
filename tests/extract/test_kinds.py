"""Kinds of pages that once lost their text or gave a wrong one: what hides, tables, listings, tags of unknown names."""

from __future__ import annotations

import numpy as np
import pytest
from test_mathml import texts

from curate.extract.bounds import find_problem
from curate.extract.render import LINKS, MARKDOWN, render_page
from curate.extract.scan import E_NUMBER
from curate.extract.scratch import Workspace
from curate.extract.text import B_ELEMENT, B_LANG_END, B_LANG_START, B_LINK_BYTES, B_PRE, N_BLOCKS
from curate.extract.workspace import make_workspace, read_page

SENTENCES = [
    f"The {nth} mill on the river ground corn for the whole of the valley until the dam was built, and stood empty after."
    for nth in ("first", "second", "third", "fourth")
]
ARTICLE = "<h1>Mills</h1>" + "".join(f"<p>{sentence}</p>" for sentence in SENTENCES)


def read(page: str) -> Workspace:
    raw = np.frombuffer(page.encode(), np.uint8)
    w = make_workspace(raw.size)
    read_page(raw, w)
    return w


@pytest.mark.parametrize(
    "around",
    [
        *(f"<{tag} class='{word}'>" for tag in ("article", "div", "blockquote", "span") for word in ("mathjax", "col gutter", "noprint", "sr-only", "lineno")),
        "<div id='gutter'>", "<div id='linenos'>", "<section itemprop='gutter'>",
        "<div style='--footer-display: none; color: red'>", "<div style='--x:1;x-display:none'>",
        "<div style=\"background: url('display:none')\">", "<div style='content: \"a;display:none\"'>",
        "<div style='display: none; display: block'>", "<div style='visibility:hidden'>",
        "<div hidden id='S:2'>", "<div hidden='until-found'>", "<dialog>", "<dialog open>",
        "<x-root><template shadowrootmode='open'>", "<object data='x'>", "<canvas>", "<noscript>",
        "<template-view>", "<textarea-note>", "<select-one>", "<svg-box>",
        "<svg class='i'/>", "<svg><title/></svg>", "<svg><style/><script/></svg>", "<svg><foreignObject>",
        "<canvas/>", "<object/>", "<video/>", "<audio/>", "<template/>", "<select/>", "<button/>", "<math/>",
        "<title/>", "<textarea/>", "<iframe/>", "<script src='a.js'/>", "<!-- menu --!>", "<!--x--!><!-- y -->",
        "<?xml version='1.0'?><html><head><title/><script/></head><body><div/><select/>",
    ],
)  # fmt: skip
def test_nothing_of_these_swallows_an_article(around):
    assert texts(f"<body><div>{around}{ARTICLE}")[-4:] == SENTENCES


@pytest.mark.parametrize(
    "hidden",
    [
        "<span class='sr-only'>opens in a new tab</span>", "<div class='noprint'>Print this</div>",
        "<td class='gutter'><pre>1\n2\n3</pre></td>", "<span class='lineno'>12&nbsp;</span>",
        "<p style='color:red; DISPLAY : NONE !important'>no</p>", "<p style='visibility: hidden'>no</p>",
        "<dialog>Subscribe to our letter</dialog>", "<x-tip hidden>no <x-tip>no</x-tip> no</x-tip>",
        "<nobr style='display:none'>no</nobr>", "<acronym hidden>no</acronym>", "<o:p hidden>no</o:p>",
        "<div id='onetrust-banner-sdk'><h2>We value you</h2><p>" + "We and our partners store cookies. " * 30 + "</p></div>",
        "<div class='cookie-banner'>We use cookies.</div>", "<svg><title>no</title><text>no</text></svg>",
        "<noscript>You need to enable JavaScript to run this app.</noscript>",
        "<noscript><p>Please turn on <b>Java Script</b> to see the page.</p></noscript>",
        "<mjx-math><mjx-mi>no</mjx-mi></mjx-math>", "<i class='material-icons' aria-hidden='true'>no</i>",
    ],
)  # fmt: skip
def test_what_nobody_sees_is_left_out(hidden):
    assert texts(f"<div><p>before</p>{hidden}<p>after</p></div>") == ["before", "after"]


def test_of_a_pair_for_eyes_and_ears_one_is_kept():
    pair = "<span aria-hidden='true'>{}</span><span class='visually-hidden'>{}</span>"
    assert texts(f"<p>It costs {pair.format('$5', '5 dollars')} a day") == ["It costs $5 a day"]
    assert texts(f"<p>Add {pair.format('¼', 'one quarter')} cup") == ["Add ¼ cup"]
    assert texts("<p><span aria-hidden=true>T</span><span class=sr-only>The</span>he mill") == ["The mill"]


@pytest.mark.parametrize(
    "link", ["<a href='/x'>", "<a href='x>link</a><p>foo 'bar'</p>", "<a href='/x'><a href='/y'>"]
)
def test_a_link_that_is_never_closed_makes_no_menu(link):
    w = read(f"<div>{link}{ARTICLE}</div>")
    assert not w.blocks[: w.state[N_BLOCKS], B_LINK_BYTES].any()


def test_a_card_is_a_link_still():
    w = read(f"<a href='/x'><h3>A mill</h3><p>{SENTENCES[0]}</p></a>")
    assert w.blocks[:2, B_LINK_BYTES].tolist() == [6, len(SENTENCES[0])]


def test_links_back_in_headings_and_permalinks_make_no_menu():
    w = read("<h2><a href='#toc'>Mills</a> <a href='#mills'>¶</a></h2><h3>Dams<a href='#d'>#</a></h3>")
    assert w.blocks[:2, B_LINK_BYTES].tolist() == [0, 0]
    assert texts(
        "<h2><a href='#toc'>Mills</a> <a href='#mills'>¶</a></h2><h3>Dams<a href='#d'>#</a></h3>"
    ) == ["Mills", "Dams"]
    assert texts("<p>see <a href='#c'>C</a> and <a href='/sharp'>#</a>") == ["see C and #"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("<tr><th>Town<th>1800<th>1900<tr><td>Ulm<td><td>7<tr><td>Kehl<td>3<td>", ["Town | 1800 | 1900", "Ulm | | 7", "Kehl | 3 |"]),
        ("<tr><td></td><th>1800<th>1900<tr><td>Ulm<td>2<td>7", ["| 1800 | 1900", "Ulm | 2 | 7"]),
        ("<tr><td>Ulm<td>&nbsp;<td>7<tr><td>&#160;<td>\u00a0<td>8", ["Ulm | | 7", "| | 8"]),
        ("<tr><td>Ulm<td>1<tr><td><td>2<tr><td>only<td>", ["Ulm | 1", "| 2", "only"]),
        ("<tr><td rowspan=2>Ulm<td>1800<td>2<tr><td>1900<td>7<tr><td>Kehl<td>1900<td>3", ["Ulm | 1800 | 2", "| 1900 | 7", "Kehl | 1900 | 3"]),
        ("<tr><th>Town<th colspan=2>Mills<th>Dams<tr><td>Ulm<td>2<td>3<td>1", ["Town | Mills | | Dams", "Ulm | 2 | 3 | 1"]),
        ("<tr><th>Town<th colspan=2>Mills<tr><td>Ulm<td>2<td>3", ["Town | Mills |", "Ulm | 2 | 3"]),
        ("<tr><td>a<td rowspan=3>b<td>c<tr><td>d<td>e<tr><td>f<td>g", ["a | b | c", "d | | e", "f | | g"]),
        ("<tr><td>Ulm<td>upper<br>lower<td>7", ["Ulm | upper lower | 7"]),
        ("<tr><td>Ulm<td><p>upper</p><p>lower</p><td>7", ["Ulm | upper lower | 7"]),
        ("<tr><td>Ulm<td><ul><li>upper<li>lower</ul><td>7", ["Ulm | upper lower | 7"]),
        ("<tr><td>Ulm<td style='display:none'>no<td>7", ["Ulm | 7"]),
        (f"<tr><td>Ulm<td>{SENTENCES[0]} {SENTENCES[1]}<td>7", [f"Ulm | {SENTENCES[0]} {SENTENCES[1]} | 7"]),
        ("<tr><td>Ulm<td><a href=/x>upper mill</a><tr><td>Kehl<td><a href=/y>lower</a>", ["Ulm | upper mill", "Kehl | lower"]),
        (f"<tr><td>&nbsp;<td>{ARTICLE}", ["Mills", *SENTENCES]),
        ("<tr><td>alone<tr><td><td>too", ["alone", "too"]),
        ("<tr><td colspan=99999>a<td>b", ["a" + " |" * 63 + " | b"]),
    ],
)  # fmt: skip
def test_cells_keep_their_place_and_rows_are_one_line(rows, expected):
    page = "<table>" + rows + "</table>" + "<p>x" * 200
    assert [text for text in texts(page) if text != "x"] == expected


LOOP = "while wet:\n    dig()\n\ndry()"
LINES = LOOP.split("\n")


@pytest.mark.parametrize(
    "markup",
    [
        f"<pre>{LOOP}</pre>", f"<listing>{LOOP}</listing>", f"<xmp>{LOOP}</xmp>", f"<pre>{LOOP.replace(chr(10), chr(13))}</pre>",
        f"<pre>{LOOP.replace(chr(10), chr(13) + chr(10))}</pre>",
        f"<div style='white-space: pre-wrap'>{LOOP}</div>", f"<div style='font: x; white-space:pre'>{LOOP}</div>",
        f"<p>Text:</p><code class='block'>{LOOP}</code><p>more</p>", f"<code style='display:block; white-space:pre'>{LOOP}</code>",
        f"<div class='code'>{LOOP}</div>", f"<div class='w3-code'>{'<br>'.join(line.replace('    ', '&nbsp;&nbsp;&nbsp;&nbsp;') or '&nbsp;' for line in LINES)}</div>",
        "<div class='CodeMirror-code'>" + "".join(f"<div><div class='CodeMirror-linenumber'>{n}</div><pre class='CodeMirror-line'>{line}</pre></div>" for n, line in enumerate(LINES)) + "</div>",
        "<div class='view-lines'>" + "".join(f"<div class='view-line'><span>{line}</span></div>" for line in LINES) + "</div>",
        "<table class='highlight'>" + "".join(f"<tr><td class='blob-num' data-line-number='{n}'></td><td class='blob-code blob-code-inner'>{line or chr(10)}</td></tr>" for n, line in enumerate(LINES)) + "</table>",
        "<pre><table>" + "".join(f"<tr><td class='hljs-ln-numbers'>{n}</td><td class='hljs-ln-code'>{line}</td></tr>" for n, line in enumerate(LINES)) + "</table></pre>",
        "<pre>" + "".join(f"<div class='line'>{line}</div>" for line in LINES) + "</pre>",
        "<figure class='frame'><pre><code>" + "".join(f"<div class='ec-line'><div class='code'>{line}</div></div>" for line in LINES) + "</code></pre></figure>",
    ],
)  # fmt: skip
def test_listings_keep_lines_and_indentation_without_pre_too(markup):
    found = [text for text in texts(f"<div>{markup}</div>") if text not in ("Text:", "more")]
    if "<br>" in markup:  # a blank line between breaks ends a block
        assert "\n\n".join(found).replace("\n\n\n", "\n\n") in (LOOP, LOOP.replace("\n\n", "\n"))
    else:
        assert found == [LOOP]


def test_markup_in_an_xmp_is_its_text():
    assert texts("<xmp><b>&amp;</b></xmp>after") == ["<b>&amp;</b>", "after"]


def test_code_that_is_all_links_is_no_menu():
    w = read("<pre><a href='/d/open'>open</a>(<a href='/d/path'>path</a>)</pre>")
    assert w.blocks[0, [B_PRE, B_LINK_BYTES]].tolist() == [1, 0]


def test_a_word_of_code_in_a_sentence_is_no_block():
    assert texts("<p>Call <code>f(x)\n  y</code> now. <code style='white-space:pre-wrap'>g</code> too.") == [
        "Call f(x) y now. g too."
    ]
    assert texts("<p><code>f(x)</code> is called.") == ["f(x) is called."]
    assert texts(f"<div style='white-space:pre-wrap'>{ARTICLE}</div>") == ["Mills", *SENTENCES]


@pytest.mark.parametrize(
    ("markup", "language"),
    [
        ("<pre><code class='hljs language-Rust'>x</code></pre>", b"Rust"), ("<pre class='brush: java; x'>x</pre>", b"java"),
        ("<div class='highlight-c++ notranslate'><pre>x</pre></div>", b"c++"), ("<pre data-lang='go'>x</pre>", b"go"),
        ("<div class='highlight highlight-source-shell'><pre>x</pre></div>", b"shell"), ("<pre class='sourceCode haskell'>x</pre>", b"haskell"),
        ("<figure class='highlight ruby'><pre>x</pre></figure>", b"ruby"), ("<pre class='language-none'>x</pre>", b""),
        ("<div class='highlight'><pre>x</pre></div>", b""), ("<pre class='language-c'>y</pre><pre>x</pre>", b""),
    ],
)  # fmt: skip
def test_code_knows_the_language_that_the_page_names(markup, language):
    w = read(markup)
    last = w.blocks[w.state[N_BLOCKS] - 1]
    assert markup.encode()[last[B_LANG_START] : last[B_LANG_END]] == language


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<my-p>It is dry.</my-p><my-p>It was wet.</my-p>", ["It is dry.", "It was wet."]),
        ("<my-title>Mills</my-title><my-p>It was wet.</my-p>", ["Mills", "It was wet."]),
        ("<p>The <x-term>weir</x-term>s of old. <x-term>Weirs</x-term> are low.", ["The weirs of old. Weirs are low."]),
        ("<div>It is dry.<x-note>It was wet.</x-note></div>", ["It is dry. It was wet."]),
        ("<x-tag>mill</x-tag><x-tag>dam</x-tag>", ["mill dam"]),
        ("<widget><gadget>mill</gadget><gadget>dam</gadget></widget>", ["mill dam"]),
        ("<p>w<nobr>ei</nobr>r", ["weir"]),
        ("<p>Press <button>Save</button> to end.", ["Press Save to end."]),
        ("<p>Read on.</p><button>Share</button>", ["Read on."]),
        ("R&ampD &pound5 &copy2001 &lt3 caf&eacutes &notit; ?a=1&copy=2 &unknown", ["R&D £5 ©2001 <3 cafés ¬it; ?a=1&copy=2 &unknown"]),
        ("<p>a<br>&nbsp;&nbsp;b<br>c", ["a\n  b\nc"]),
        ("<p>&nbsp;&nbsp;a b", ["a b"]),
    ],
)  # fmt: skip
def test_words_are_neither_glued_nor_torn(page, expected):
    assert texts(page) == expected


@pytest.mark.parametrize(
    ("markup", "numbers"),
    [
        ("<ol><li>a<li>b</ol>", [1, 2]), ("<ol start=7><li>a<li>b</ol>", [7, 8]), ("<ol><li value=4>a<li>b</ol>", [4, 5]),
        ("<ol reversed><li>a<li>b<li>c</ol>", [3, 2, 1]), ("<ol reversed start=9><li>a<li>b</ol>", [9, 8]),
        ("<ol><li>a<ul><li>x</ul><li>b</ol>", [1, 0, 2]), ("<ol><li>a<ol><li>x<li>y</ol><li>b</ol>", [1, 1, 2, 2]),
        ("<ol start=-1><li>a<li>b<li>c</ol>", [-1, 0, 1]), ("<ol start=99999999999><li>a</ol>", [9_999_999]),
    ],
)  # fmt: skip
def test_items_of_ordered_lists_know_their_numbers(markup, numbers):
    w = read(markup)
    assert [int(w.elements[b[B_ELEMENT], E_NUMBER]) for b in w.blocks[: w.state[N_BLOCKS]]] == numbers


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("so <span class='MathJax_Preview'>p</span><span class='MathJax' id='MathJax-Element-1-Frame'><nobr>p</nobr><span class='MJX_Assistive_MathML'><math><mi>p</mi></math></span></span> <script type='math/tex'>p_1</script> is", "so $p_1$ is"),
        ("so <span class='MathJax' data-mathml='x'><nobr>p</nobr><span class='MJX_Assistive_MathML'><math><mi>p</mi></math></span></span> is", "so $p$ is"),
        ("so <mjx-container class='MathJax'><mjx-math><mjx-mi>p</mjx-mi></mjx-math><mjx-assistive-mml><math><mi>p</mi></math></mjx-assistive-mml></mjx-container> is", "so $p$ is"),
        ("so <mjx-container jax='SVG'><svg><text>p</text></svg><mjx-assistive-mml><math><mfrac><mi>p</mi><mn>2</mn></mfrac></math></mjx-assistive-mml></mjx-container> is", r"so $\frac{p}{2}$ is"),
        ("so <span class='katex'><span class='katex-mathml'><math><semantics><mi>p</mi><annotation encoding='application/x-tex'>p_2</annotation></semantics></math></span><span class='katex-html' aria-hidden='true'><span class='base'>p2</span></span></span> is", "so $p_2$ is"),
    ],
)  # fmt: skip
def test_a_typeset_formula_comes_out_once_as_its_source(page, expected):
    assert texts(f"<p>{page}") == [expected]


def test_peers_see_the_page_after_a_comment_that_ends_oddly_and_long_names():
    assert find_problem(b"<!-- x --!>" + b"<div>" * 1001) == "html_too_deep"
    assert find_problem(b"<textarea-note>" + b"<div>" * 1001) == "html_too_deep"


@pytest.mark.parametrize(
    "unit",
    [
        "<div class='sr-only'>", "<span class='mathjax'>x", "<div class='gutter'>1", "<noscript>x", "<code>x\n y</code>", "<code>x\ny",
        "<div class='code'>x<br>", "<table><tr><td>x<td>", "<tr><td rowspan=99>x<td colspan=9>y", "<x-a hidden>", "<x-a>A stop.</x-a>",
        "<ol reversed><li>x", "x<sup>2</sup>", "<svg><foreignObject>x", "<p style='display:none;", "<a href='#x'>#</a>", "<title/>",
        "<mml:math>", "<td class='blob-code'>x", "<dialog>x", "<div class='highlight-c'><pre>x",
    ],
)  # fmt: skip
def test_pages_of_one_kind_by_the_hundred_thousand_are_read_to_their_end(unit):
    # A pass that looked ahead from each of them to its end would take hours.
    w = read(unit * 100_000)
    assert w.state[N_BLOCKS] >= 0


def written(page: str, options: int = 0) -> str:
    """All blocks of a page as they are written."""
    w, out = read(page), np.empty(10_000, np.uint8)
    keep = np.ones(w.blocks.shape[0], np.uint8)
    n = render_page(np.frombuffer(page.encode(), np.uint8), w.state[N_BLOCKS], keep, w, options, out, 0)
    return out[:n].tobytes().decode()


GRID = """<div>before</div><div class='summary-table two'>
<div class='table-header col-first'>Type</div><div class='table-header col-last'>Method</div>
<div class='col-first odd'><code><a href='/i'>int</a></code></div><div class='col-last odd'><div class='block'>Counts<br>up</div><p>all | both</p></div>
<div class='col-first'>void</div><div class='col-last'>&nbsp;</div></div><p>after"""


def test_a_grid_of_javadoc_is_written_as_rows():
    assert written(GRID).split("\n\n") == [
        "before",
        "Type | Method\nint | Counts up all | both\nvoid",
        "after",
    ]
    rows = ["| Type | Method |", "| --- | --- |", r"| int | Counts up all \| both |", "| void |"]
    assert written(GRID, MARKDOWN).split("\n\n") == ["before", "\n".join(rows), "after"]
    assert "\n[int](/i) | Counts up" in written(GRID, LINKS)


def test_a_grid_in_an_item_of_a_list_is_written_as_rows():
    grid = "<div class='summary-table'><div class='col-first'>x</div><div>y</div></div>"
    assert written(f"<ul><li><h2>a</h2>{grid}</ul>") == "- a\nx | y"


def test_a_row_of_cells_by_their_roles_is_written_as_a_row():
    rows = "".join(
        f"<div role='row'><div role='cell'>{a}</div><div role='cell'><p>{b}</p></div></div>"
        for a, b in ("xy", "zw")
    )
    assert written(f"<div role='table'>{rows}</div>") == "x | y\nz | w"


@pytest.mark.parametrize(
    ("cell", "lines"),
    [
        ("<pre>a\nb</pre>", ["x", "a\nb", "y"]),
        ("<ul><li>a<li>b</ul>", ["x", "- a\n- b", "y"]),
        ("<table><tr><td>a<td>b</table>", ["x", "a | b", "y"]),
        ("<h3>a</h3>", ["x", "a", "y"]),
        ("b" * 601, ["x", "b" * 601, "y"]),
        ("b" * 600, ["x | " + "b" * 600, "y"]),
    ],
)
def test_code_lists_tables_headings_and_long_text_stand_outside_of_a_grids_row(cell, lines):
    page = f"<div class='summary-table'><div class='col-first'>x</div><div>{cell}</div></div><p>y"
    assert written(page).split("\n\n") == lines


def test_children_of_a_grid_before_a_first_column_stay_blocks():
    assert written("<div class='summary-table'><div>x</div><div>y</div></div>") == "x\n\ny"
