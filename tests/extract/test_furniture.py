"""Ways about a site go: links to neighbouring pages, boxes of links, titles of contents lists, subscriptions, signatures."""

from __future__ import annotations

import numpy as np
import pytest
from test_structure import BODY, MENU, PROSE, Read, article, between

from curate.extract import extract_text
from curate.extract.furniture import drop_ways
from curate.extract.measure import C_HASH, N_TITLES

STEPS = [
    "<a href='a.html'>Previous</a> | <a href='b.html'>Next</a>",
    "<a href='a.html'>&lt;-previous</a><a href='t.html'>Table of Contents</a><a href='b.html'>next-&gt;</a>",
    "<a href='a.html'>&lt;&lt;</a> [ Up ] <a href='b.html'>&gt;&gt;</a> <a href='t.html'>Contents</a> <a href='i.html'>Index</a>",
    "<a href='a.html'>Zurück</a> <a href='b.html'>Weiter</a>",
    "<a href='a.html'>前のページ</a> <a href='b.html'>次のページ</a>",
    "<a href='a.html'>Назад</a> | Глава 3 | <a href='b.html'>Вперёд</a>",
    "<a href='#top'>Top</a>",
]


def kept(body: str, left_out: str = "") -> list[str]:
    """The blocks that stay if the selector had kept all but those that begin like `left_out`."""
    page = Read(body)
    keep = np.array([not left_out or not text.startswith(left_out) for text in page.texts], np.uint8)
    drop_ways(page.n, page.w, keep)
    return [text for text, is_kept in zip(page.texts, keep, strict=True) if is_kept]


@pytest.mark.parametrize("holder", ["<p>{}</p>", "<div>{}</div>", "<table><tr><td>{}</td></tr></table>"])
@pytest.mark.parametrize("steps", STEPS)
def test_links_to_neighbouring_pages_go(holder, steps):
    assert kept(BODY + holder.format(steps)) == PROSE


@pytest.mark.parametrize(
    "line",
    [
        "<p><a href='a.html'>Next</a> comes the leat, which leads the water to the mill and back to the river below it.</p>",
        "<p><a href='a.html'>Index</a> of <a href='b.html'>mills</a></p>",
        "<p>Next</p>",
        "<pre><a href='a.html'>next</a> <a href='b.html'>up</a></pre>",
    ],
)
def test_a_line_with_other_words_is_no_way(line):
    assert len(kept(BODY + line)) == len(PROSE) + 1


def box(n_rows: int, n_links: int) -> str:
    links = "".join(f"<a href='/{n}'>Mill of the village {n}</a> " for n in range(n_links))
    return (
        "<table>"
        + "".join(f"<tr><th>Part {row}</th><td>{links}</td></tr>" for row in range(n_rows))
        + "</table>"
    )


def test_a_box_of_links_goes_and_a_table_of_data_whose_cells_are_links_stays():
    assert kept(3 * BODY + box(3, 5)) == 3 * PROSE
    assert len(kept(5 * BODY + box(14, 1))) == 5 * len(PROSE) + 14


def test_a_column_of_links_that_is_mostly_left_out_goes_and_a_table_of_data_does_not():
    column = (
        "<table>"
        + "".join(f"<tr><td><a href='/{n}'>Mill {n}</a></td></tr>" for n in range(8, 23))
        + "</table>"
    )
    assert kept(3 * BODY + column, "Mill 1") == 3 * PROSE
    assert len(kept(3 * BODY + column, "Mill 8")) == 3 * len(PROSE) + 14
    data = column.replace("<td>", "<td>a</td><td>")
    assert len(kept(3 * BODY + data, "a | Mill 1")) == 3 * len(PROSE) + 5


def test_a_box_of_links_that_is_the_page_stays():
    assert len(kept(f"<p>{PROSE[0]}</p>" + box(6, 8))) == 7


CONTENTS = "<ul><li><a href='#a'>Weirs</a><li><a href='#b'>Leats</a><li><a href='#c'>Wheels</a></ul>"


@pytest.mark.parametrize(
    "contents", [f"<h2>Contents</h2>{CONTENTS}", f"<div><p>On this page</p>{CONTENTS}</div>"]
)
def test_a_contents_list_goes_with_its_title(contents):
    assert kept(contents + "<h2>Weirs</h2>" + BODY) == ["Weirs", *PROSE]


def test_what_stands_above_a_contents_list_and_other_text_stays():
    assert kept(f"<h2>Mills</h2>{CONTENTS}{BODY}")[0] == "Mills"
    assert kept(f"<p>On silt</p>{CONTENTS}{BODY}")[0] == "On silt"


FIELD = "<form><input type=email placeholder='Your address'><input type=submit value=Go></form>"


@pytest.mark.parametrize(
    "asks",
    [
        f"<div class=q><div><p>Subscribe to our letters, and never miss a flood, a weir or a mill again.</p></div>{FIELD}</div>",
        f"<div><h3>Stay dry</h3><p>We write on Mondays, and on Fridays if it rains a lot.</p>{FIELD}</div>",
        "<div><p>Letters on rivers, every week, free of charge, for all.</p><input type='EMAIL'></div>",
    ],
)
def test_what_asks_for_an_address_goes(asks):
    assert kept(4 * BODY + asks + BODY) == 5 * PROSE


def test_a_field_for_an_address_takes_no_text_with_it():
    assert kept(f"<div>{3 * BODY}{FIELD}</div>") == 3 * PROSE
    assert kept(f"<div><h1>On silt</h1><p>{PROSE[0]}</p>{FIELD}</div>") == ["On silt", PROSE[0]]


@pytest.mark.parametrize(("kind", "mark"), [("ul", "- "), ("ol", "1. "), ("ol type=a", "a. ")])
def test_a_field_for_an_address_changes_no_mark_of_an_item(kind, mark):
    item = (
        6 * "The miller answers letters in winter, when the wheel stands still in the ice. "
        + "<input type=email>"
    )
    assert between(f"<{kind}><li>{item}</{kind.split()[0]}>").startswith(f"{mark}The miller answers")


def test_a_signature_below_a_post_goes_and_a_functions_stays():
    signature = "<{} class='signature'>Still waters run deep, and mills grind slowly.</{}>"
    assert "mills grind" not in extract_text(article(signature.format("div", "div")))
    assert Read(signature.format("h4", "h4")).texts == ["Still waters run deep, and mills grind slowly."]
    assert Read("<div class='signature'><code>grind(corn)</code></div>").texts == ["grind(corn)"]
    assert Read(f"<div class='signature'>{3 * BODY}</div>").texts == 3 * PROSE


def test_parts_of_a_title_after_its_separators_are_known():
    page = Read("<p>x</p>")
    assert (page.w.titles == -1).all()
    page = Read("<title>Mills: weirs - leats</title><p>weirs - leats</p><p>leats</p><p>Mills</p>")
    hashes = page.w.counts[: page.n, C_HASH].tolist()
    assert page.w.titles[N_TITLES:].tolist() == hashes[:2]


MEMBERS = (
    "<h2>Members</h2><table>"
    + "".join(f"<tr><td>int</td><td>wheel_{n} of the mill</td></tr>" for n in range(6))
    + "</table>"
)
BANNER = "<div><table><tr><td><div>Mill library</div><div>A library for mills</div></td></tr></table><ul><li><a href='/a'>Main</a><li><a href='/b'>Classes</a></ul></div>"


@pytest.mark.parametrize(
    "title",
    [
        "<div><div>mill_wheel Struct Reference</div></div>",
        "<h1>Struct <a href='m'>mill</a>_<a href='w'>wheel</a></h1>",
    ],
)
def test_the_title_of_a_reference_stays_whatever_it_is_marked_up_as(title):
    page = f"<html><head><title>Mill library: mill_wheel Struct Reference</title><body>{BANNER}{title}{MEMBERS}{BODY}<address>Made today</address>"
    text = extract_text(page)
    assert "mill_wheel" in text.split("\n")[0]
    assert "Mill library" not in text


def test_a_doxygen_title_stays_though_a_long_text_follows():
    page = f"<html><head><title>Mill library: On wheels</title><body>{BANNER}<div><div class='title'>On wheels</div></div>{{}}{9 * BODY}"
    assert extract_text(page.format("")).split("\n")[0] == "On wheels"
    sections = f"{MEMBERS}{BODY}<h1>The wheel</h1>{BODY}<h1>The axle</h1>"
    assert extract_text(page.format(sections)).split("\n")[0] == "On wheels"


def test_a_comment_that_documents_a_program_is_no_readers():
    members = "".join(
        f"<li><h4>def grind_{n}(corn)</h4><div class='KIND'><p>{sentence}</p></div>"
        for n, sentence in enumerate(PROSE)
    )
    page = f"<html><head><title>Mill</title><body>{MENU}<h1>Mill</h1><p>A class of mills, in two kinds.</p><ol>{members}</ol>"
    assert all(sentence in extract_text(page.replace("KIND", "comment cmt")) for sentence in PROSE)


LINES = ["while (wet) {", "    dig();", "", "    rest();", "}"]


def test_lines_that_are_elements_of_a_fragment_are_a_listing():
    lines = "".join(f"<div class='line'>{line}</div>" for line in LINES)
    assert between(f"<div class='fragment'>{lines}</div>") == "\n".join(LINES)
    long = "".join(f"<div class='line'>dig({n});  // until the water comes</div>" for n in range(1200))
    assert len(Read(f"<div class='fragment'>{long}</div>").texts) == 1
    weir = "A weir holds the water back, so that the mill has enough of it in summer."
    assert between(f"<div class='fragment'><p>{weir}</p></div>") == weir


def test_a_row_of_signs_stays_within_its_table():
    rows = "<tr><td>op</td><td>-&gt;</td><td>varop</td></tr><tr><td></td><td>|</td><td>~</td></tr><tr><td>qop</td><td>-&gt;</td><td>conop</td></tr>"
    assert between(f"<table>{rows}</table>") == "op | -> | varop\n| | | ~\nqop | -> | conop"


def test_a_table_with_a_caption_stands_between_kept_blocks():
    page = Read(
        "<p>a</p><figure><figcaption>b</figcaption><table><tr><td>c<td>d<tr><td>e<td>f</table></figure><p>g</p>"
    )
    assert page.kept([1, -1, -1.2, -1.2, 1]) == ["a", "b", "c | d", "e | f", "g"]


def test_a_heading_that_declares_a_function_stays_on_a_page_of_reference():
    page = Read("<h3>a</h3><h4>int grind(corn)</h4><h4>History</h4><p>b</p><h4>c</h4><p>d</p>")
    scores = [-5, -1.5, -1.5, -5, 1, 1]
    assert page.kept(scores, reference=True) == ["int grind(corn)", "c", "d"]
    assert page.kept(scores) == ["c", "d"]


def test_a_menu_beside_paragraphs_in_a_row_of_layout_stands_apart():
    menu = "<td><a href=a>Main</a><br><a href=b>Pictures</a></td>"
    page = f"<table><tr>{menu}<td><b>History</b><br><br>{PROSE[0]} {PROSE[1]}<br><br>{PROSE[2]}</td></tr></table>"
    assert Read(page).texts == ["Main\nPictures", "History", f"{PROSE[0]} {PROSE[1]}", PROSE[2]]
