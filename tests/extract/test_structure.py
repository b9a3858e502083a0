"""Structure goes with its content: headings, terms, captions, rows and siblings stand with what they belong to."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from curate.extract import extract_pages, extract_text
from curate.extract.features import FEATURES
from curate.extract.model import load_selector
from curate.extract.outline import P_BOX, P_END, P_HEADING, P_UNIT
from curate.extract.select import choose_blocks, is_reference
from curate.extract.structure import keep_structure
from curate.extract.text import B_ELEMENT, B_END, B_INNER_BYTES, B_LINK_BYTES, B_LINKS, B_START
from curate.extract.workspace import describe_page, make_workspace, read_page

PROSE = [
    "Rivers carry more silt in spring, when the snow melts, than in the rest of the year.",
    "The silt settles where the water slows down, and over centuries it builds up a delta.",
    "Farmers prized such land, because a flood left a fresh layer of soil behind every year.",
    "Dams hold back the silt, so that deltas below them sink and the sea moves inland.",
]
BODY = "".join(f"<p>{sentence}</p>" for sentence in PROSE)
MENU = "<nav><ul>" + "".join(f"<li><a href='/{n}'>Section {n}</a></li>" for n in range(8)) + "</ul></nav>"
FOOTER = "<footer><a href='/imprint'>Imprint</a> <a href='/privacy'>Privacy</a><p>© A. Writer</p></footer>"


def article(body: str) -> str:
    return f"<html><head><title>On silt</title></head><body>{MENU}<article><h1>On silt</h1>{BODY}{body}{BODY}</article>{FOOTER}"


def between(body: str) -> str:
    """What the text of an article says between its two copies of the prose."""
    return extract_text(article(body)).split(PROSE[3])[1].split(PROSE[0])[0].strip()


class Read:
    """A page that was read, with its blocks' texts."""

    def __init__(self, body: str) -> None:
        raw = np.frombuffer(f"<html><body>{body}".encode(), np.uint8)
        self.w = make_workspace(raw.size)
        self.n = read_page(raw, self.w)
        self.top = describe_page(self.w, load_selector().table)
        spans = self.w.blocks[: self.n, [B_START, B_END]]
        self.texts = [self.w.text[a:b].tobytes().decode() for a, b in spans]

    def kept(self, scores: list[float], bar: float = 0.0, *, reference: bool = False) -> list[str]:
        """The blocks that stand when those that pass the bar are made whole."""
        self.w.scores[: self.n] = scores
        keep = (self.w.scores[: self.n] > bar).astype(np.uint8)
        keep_structure(self.n, bar, reference, self.w, keep)
        return [text for text, is_kept in zip(self.texts, keep, strict=True) if is_kept]


def introduced(page: Read) -> dict[str, list[str]]:
    """What each heading or term introduces."""
    ends = page.w.places[: page.n, P_END]
    return {page.texts[b]: page.texts[b + 1 : end] for b, end in enumerate(ends) if end > b + 1}


def test_a_heading_introduces_all_down_to_the_next_of_its_level():
    page = Read("<h1>a</h1><p>b</p><h2>c</h2><p>d</p><h3>e</h3><p>f</p><h2>g</h2><p>h</p>")
    assert introduced(page) == {
        "a": ["b", "c", "d", "e", "f", "g", "h"],
        "c": ["d", "e", "f"],
        "e": ["f"],
        "g": ["h"],
    }
    assert [page.texts[b] for b in page.w.places[: page.n, P_HEADING]] == list("aacceegg")


def test_a_heading_introduces_nothing_outside_of_the_element_that_holds_both():
    page = Read("<div><div><h2>a</h2></div><p>b</p></div><p>c</p><section><h2>d</h2></section><p>e</p>")
    assert introduced(page) == {"a": ["b"], "d": ["e"]}


def test_a_term_introduces_its_definitions():
    page = Read("<dl><dt>a<dt>b<dd>c<dd><p>d<p>e<dt>f<dd><dl><dt>g<dd>h</dl></dl><p>i")
    assert introduced(page) == {"b": ["c", "d", "e"], "f": ["g", "h"], "g": ["h"]}


def test_boxes_and_units_are_those_that_hold_more_than_the_block():
    page = Read("<div><div><span>a</span></div><div><p>b</p></div></div><table><tr><td>c<tr><td>d</table>")
    places, elements = page.w.places, page.w.elements
    assert places[0, P_BOX] == places[1, P_BOX] != page.w.blocks[0, B_ELEMENT]
    assert places[0, P_UNIT] == -1 < places[2, P_UNIT] == places[3, P_UNIT]
    assert elements.shape[0] > places[:4, : P_UNIT + 1].max()


@pytest.mark.parametrize(
    ("body", "scores", "kept"),
    [
        ("<h2>a</h2><p>b</p>", [-1, 1], "ab"),  # a heading with what it introduces
        ("<h2>a</h2><p>b</p>", [-1, -1], ""),
        ("<h2>a</h2><p>b</p>", [-4, 1], "b"),  # ruled out
        ("<h2>a</h2><p>b c d e f g</p><p>h</p>", [-1, -1, 1], "h"),  # the smaller part of its section
        ("<nav><h2>a</h2></nav><nav><p>b</p></nav>", [-1, 1], "b"),
        ("<dl><dt>a<dd>b<dt>c<dd>d</dl>", [-2, 1, -2, 1], "abcd"),
        ("<dl><dt>a<dt>b<dd>c</dl>", [-2, -2, 1], "abc"),  # two terms of one definition
        ("<div><p>a</p><p>b</p><p>c</p></div>", [1, -0.9, 1], "abc"),  # siblings between kept siblings
        ("<div><p>a</p><p>b</p><p>c</p></div>", [1, -2, 1], "ac"),
        ("<div><p>a</p><p><a href=/x>b</a></p><p>c</p></div>", [1, -0.9, 1], "ac"),  # but links
        ("<div><p>a</p><p class=x>b</p><p>c</p></div>", [1, -0.9, 1], "ac"),  # and others
        ("<div><p>a</p></div><div><p>b</p></div><div><p>c</p></div>", [1, -0.9, 1], "abc"),  # in sections alike
        ("<div><p>a</p></div><div class=x><p>b</p></div><div><p>c</p></div>", [1, -0.9, 1], "ac"),
        ("<div><p>a</p><blockquote><p>b</p></blockquote><p>c</p></div>", [1, -0.9, 1], "abc"),  # a quote
        ("<h2>a</h2><p>b</p>", [1, -1], ""),  # a heading of nothing that is kept
        ("<h1>a</h1><p>b</p>", [1, -1], "a"),  # but for a title,
        ("<h2>a</h2><p>b</p>", [3, -1], "a"),  # one that the selector is sure of,
        ("<h2>a b c d e f g h i j k</h2><p>l</p>", [1, -1], "a b c d e f g h i j k"),  # and a standfirst
        ("<ul><li>a<li>b<li>c</ul>", [1, 1, -1.4], "abc"),  # the greater part of a list
        ("<ul><li>a<li>b<li>c</ul>", [1, -1.4, -1.4], "a"),
        ("<p>a</p><pre>b</pre><p>c</p>", [1, -3, -3], "ab"),  # a listing beside what is kept
        ("<p>a</p><figure><figcaption>b c d e f g.</figcaption></figure><p>h</p>", [1, -0.9, 1], "ab c d e f g.h"),  # a caption
        ("<p>a</p><figure><figcaption>b c</figcaption></figure><p>d</p>", [1, -0.9, 1], "ad"),  # but whose picture it is
        ("<p>a</p><figure><figcaption>b c d e f g.</figcaption></figure>", [1, -0.9], "a"),  # and not at the end
        ("<figure><figcaption><p>a</p></figcaption><pre>b</pre></figure>", [-2.9, 1], "ab"),  # a listing with its name
        ("<p>a:</p><ul><li>b</ul>", [-0.9, 1], "a:b"),  # a lead-in
        ("<p>a</p><ul><li>b</ul>", [-0.9, 1], "b"),
        ("<p>a</p><div>$x=1$</div><p>c</p>", [1, -5, 1], "a$x=1$c"),  # displayed formulas between kept blocks
        ("<p>a</p><div>$x=1$</div><div>\\[y=2\\]</div><p>c</p>", [1, -5, -5, 1], "a$x=1$\\[y=2\\]c"),
        ("<p>a</p><div>$x=1$, and (3.2)</div>", [1, -5], "a$x=1$, and (3.2)"),  # or behind the last
        ("<p>a</p><div>$x=1$</div><p>c</p>", [-1, -5, 1], "c"),
        ("<p>a</p><div>$5 to $6</div><p>c</p>", [1, -5, 1], "ac"),  # prices
        ("<p>a</p><div>$x=1$ is what the whole of the text says</div><p>c</p>", [1, -5, 1], "ac"),
        ("<p>a</p><nav><p>$x=1$</p></nav><p>c</p>", [1, -5, 1], "ac"),
    ],
)  # fmt: skip
def test_what_belongs_to_kept_blocks_is_kept(body, scores, kept):
    assert "".join(Read(body).kept(scores)) == kept


def test_a_table_of_data_stands_as_a_whole_and_one_of_layout_does_not():
    data = Read("<table>" + "".join(f"<tr><td>a{n}<td>b" for n in range(4)) + "</table>")
    assert len(data.kept([1, 1, 1, -1.4])) == 4
    layout = Read("<table><tr><td><p>a</p><p>b</p></td></tr><tr><td>c</td></tr></table>")
    assert layout.kept([1, 1, -1.4]) == ["a", "b"]


def test_a_table_of_data_between_kept_blocks_stands():
    page = Read("<p>a</p><table><tr><td>b<td>c<tr><td>d<td>e</table><p>f</p>")
    assert page.kept([1, -1.4, -1.4, 1]) == ["a", "b | c", "d | e", "f"]
    assert page.kept([1, -1.4, -1.4, -1]) == ["a"]


def test_a_table_of_data_stands_beside_prose_in_a_page_laid_out_as_a_table():
    data = "<table><tr><td>a<td>b<tr><td>c<td>d</table>"
    page = Read(f"<table><tr><td>{data}</td><td><p>{PROSE[0]}</p></td></tr></table>")
    assert page.kept([-1.2, -1.2, 1]) == ["a | b", "c | d", PROSE[0]]
    page = Read(f"{data}<p>{PROSE[0]}</p>")
    assert page.kept([-1.2, -1.2, 1]) == [PROSE[0]]


@pytest.mark.parametrize(
    "body",
    [
        "<figure><figcaption>a</figcaption><table><tr><td>b<td>c<tr><td>d<td>e</table></figure>",
        "<table><caption>a</caption><tr><td>b<td>c<tr><td>d<td>e</table>",
    ],
)
def test_a_table_of_data_stands_below_its_caption(body):
    page = Read(body)
    assert page.kept([1, -1.4, -1.4]) == ["a", "b | c", "d | e"]
    assert page.kept([-1, -1.4, -1.4]) == []


def test_on_a_page_of_reference_a_list_of_terms_stands_between_kept_blocks_and_a_line_below_its_heading():
    terms = Read("<p>a</p><dl><dt>b<dd><a href='/c'>c</a></dl><p>d</p>")
    assert terms.kept([1, -2, -2, 1], reference=True) == ["a", "b", "c", "d"]
    assert terms.kept([1, -2, -2, 1]) == ["a", "d"]
    line = Read("<h2>a</h2><p>b</p><h2>c</h2><h3>d</h3><p><a href='/e'>e</a></p>")
    assert line.kept([1, -2.5, 1, 1, -2], reference=True) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("holder", "n_terms", "n_kept"), [("div", 9, 19), ("div", 7, 0), ("nav", 9, 0), ("footer", 9, 0)]
)
def test_an_index_is_its_page_though_its_definitions_are_links(holder, n_terms, n_kept):
    terms = "".join(f"<dt>term {n}<dd><a href='/{n}'>page {n}</a>" for n in range(n_terms))
    page = Read(f"<{holder}><h2>Index</h2><dl>{terms}</dl></{holder}>")
    page.w.scores[: page.n] = -2.0
    keep = np.zeros(page.n, np.uint8)
    choose_blocks(page.n, page.top, 0.2, page.w, keep)
    assert keep.sum() == n_kept


@pytest.mark.parametrize("scores", [[1, 1, -0.3], [-0.3, 1, 1]])
def test_prose_that_nearly_passed_stays_at_either_end_of_its_kind(scores):
    prose = Read("<div>" + "".join(f"<p>{sentence}</p>" for sentence in PROSE[:3]) + "</div>")
    assert prose.kept(scores) == PROSE[:3]
    assert len(Read("<div><p>a</p><p>b</p><p>c</p></div>").kept(scores)) == 2


def test_structure_reaches_further_on_a_page_of_reference():
    page = Read("<h2>a</h2><p>b</p>")
    assert page.kept([-2.2, 1]) == ["b"]
    assert page.kept([-2.2, 1], reference=True) == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>x x x x</p>", False),
        ("<p>x x x x</p><pre>yy</pre>", True),
        ("<dl><dt>yy<dd>x x x x</dl>", True),
        ("<table><tr><td>a<td>b</table>", True),
    ],
)
def test_listings_terms_and_rows_make_a_page_a_reference(body, expected):
    page = Read(body)
    page.w.scores[: page.n] = 1.0
    assert is_reference(page.n, 0.0, page.w) == expected


def test_links_on_the_page_are_no_way_off_it():
    body = "<p><a href='#x'>inner</a> <a href='/y#x'>other</a> <a href='#'>menu</a> <a href='#!z'>app</a> <a name=q>none</a></p>"
    page = Read(body)
    assert page.w.blocks[0, B_INNER_BYTES] == len("inner")
    assert page.w.blocks[0, B_LINK_BYTES] == len("othermenuapp")
    assert page.w.blocks[0, B_LINKS] == 3


@pytest.mark.parametrize("sign", ["#", "¶", "§", "🔗"])
@pytest.mark.parametrize("heading", ["<h2>Of silt {}</h2>", "<h2>{} Of silt</h2>", "<h2>Of {} silt</h2>"])
@pytest.mark.parametrize("address", ["#silt", "/page#silt"])
def test_a_permalink_sign_is_no_text(sign, heading, address):
    assert Read(heading.format(f"<a class=q href='{address}'>{sign}</a>")).texts == ["Of silt"]


def test_a_sign_without_a_place_stays():
    assert Read("<p>Press <a href='/k'>#</a> twice, see <a href='#p'>#1</a></p>").texts == [
        "Press # twice, see #1"
    ]


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ("<tr><th>A<th>B<th>C<tr><td>1<td><td>3<tr><td><td>5<td>6", "A | B | C\n1 | | 3\n| 5 | 6"),
        ("<tr><td><th>A<th>B<tr><td>x<td>&nbsp;<td>2", "| A | B\nx | | 2"),
        ("<tr><th>A<th colspan=2>B<th>C<tr><td>1<td>2<td>3<td>4", "A | B | | C\n1 | 2 | 3 | 4"),
        ("<tr><th>A<th>B<tr><td rowspan=2>1<td>2<tr><td>3", "A | B\n1 | 2\n| 3"),
        ("<tr><th>A<th>B<tr><td>1<td>Upper<br>Lower", "A | B\n1 | Upper Lower"),
        ("<tr><th>A<th>B<th>C<tr><td>1<td><p>Upper</p><p>Lower</p></td><td>3", "A | B | C\n1 | Upper Lower | 3"),
        ("<tr><th>A<th>B<th>C<tr><td>1<td><ul><li>Upper<li>Lower</ul><td>3", "A | B | C\n1 | Upper Lower | 3"),
        ("<tr><th>A<th>B<tr><td colspan=999>1<tr><td>2<td rowspan=x>3", "A | B\n1\n2 | 3"),
    ],
)  # fmt: skip
def test_cells_stay_in_their_columns(rows, lines):
    assert "\n".join(Read(f"<table>{rows}</table>").texts) == lines


def test_an_underscore_within_a_name_is_no_sign_of_a_menu():
    page = Read("<p>D_0 a_{n+1} read_page __init__</p><p>Home _ News _ Archive_ _</p>")
    assert page.w.features[:2, FEATURES.index("n_symbols")].tolist() == [5, 4]


def test_an_empty_cell_beside_an_article_leaves_no_mark():
    texts = Read(f"<table><tr><td>&nbsp;</td><td>{BODY}</td></tr></table>").texts
    assert texts == PROSE


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("<h2><a href='#top'>What dams do</a></h2>" + BODY[:200], "What dams do"),
        ("<dl><dt><a href='/w'>weir</a></dt><dd>a low dam across a river</dd><dt><a href='/l'>leat</a></dt><dd>a channel that leads water to a mill</dd></dl>",
         "weir\na low dam across a river\nleat\na channel that leads water to a mill"),
        ("<table><tr><th>Town<th>Mill</tr><tr><td>Alby<td><a href='/a'>Upper mill</a></tr><tr><td>Borby<td><a href='/b'>Lower mill</a></tr></table>",
         "Town | Mill\nAlby | Upper mill\nBorby | Lower mill"),
        ("<figure><img src=x><figcaption>The mill weir in the year 1702, drawn by A. Rowe.</figcaption></figure>",
         "The mill weir in the year 1702, drawn by A. Rowe."),
    ],
)  # fmt: skip
def test_headings_terms_rows_and_captions_of_links_come_out_with_what_they_name(body, written):
    assert written in between(body)


@pytest.mark.parametrize(
    "name", ["tags", "meta", "social-text", "tiptap", "menu-text", "promo-free", "longform-unstyled"]
)
def test_running_text_has_no_holes_whatever_its_class_is_called(name):
    rng = np.random.default_rng(3)
    words = " ".join(PROSE).replace(",", "").replace(".", "").lower().split()
    texts = [" ".join(rng.choice(words, rng.integers(10, 20))).capitalize() + "." for _ in range(40)]
    text = extract_text(
        article("".join(f"<div class='{name}'><div><span>{t}</span></div></div>" for t in texts))
    )
    assert sum(t in text for t in texts) >= 39


@pytest.mark.parametrize("name", ["comment", "reply", "post", "message"])
def test_a_thread_without_an_article_is_the_page(name):
    posts = "".join(f"<div class='{name}'><p>{sentence} Or so I think.</p></div>" for sentence in PROSE)
    text = extract_text(f"<html><body>{MENU}<h1>What is silt?</h1>{posts}{FOOTER}")
    assert all(sentence in text for sentence in PROSE)


def test_readers_comments_below_a_short_article_are_not():
    readers = "".join(f"<li>{sentence} I like it, really.</li>" for sentence in PROSE[1:])
    page = f"<html><body>{MENU}<article><h1>On silt</h1><p>{PROSE[0]}</p></article><ul class='comment-list'>{readers}</ul>{FOOTER}"
    assert extract_text(page) == f"On silt\n\n{PROSE[0]}"


def test_menus_and_notices_of_copyright_in_another_script_are_no_text():
    menu = "<div class=a><a href=/>Главная</a> <a href=/n>Новости</a> <a href=/k>Контакты</a></div>"
    prose = "".join(
        f"<p>Лодки доходили до верхнего города только весной, когда вода стояла высоко, {n} раз.</p>"
        for n in range(5)
    )
    text = extract_text(
        f"<html><body>{menu}<div><h1>Река и мельницы</h1>{prose}</div><div class=b>© 2024 Речное общество. Все права защищены.</div>"
    )
    assert text.startswith("Река и мельницы\n\nЛодки")
    assert text.endswith("4 раз.")


def test_thai_text_counts_as_words_and_sentences():
    sentence = "แม่น้ำพาทรายและหินก้อนเล็กลงมาจากเนินเขาทุกฤดูใบไม้ผลิ"
    page = Read(f"<p>{sentence}</p>")
    at = FEATURES.index("n_words"), FEATURES.index("n_stops")
    assert page.w.features[0, at[0]] >= 10
    assert page.w.features[0, at[1]] == 1


@pytest.mark.parametrize(
    "html",
    [
        "<h2>a" * 400_000,
        "<dl>" + "<dt>a" * 400_000,
        "<div>" * 500 + "<h2>a<p>b" * 200_000,
        "<p>a</p>" * 500_000,
        "<table><tr>" + "<td colspan=32 rowspan=99>x" * 200_000,
        "<table>" + "<tr><td rowspan=99>x<td><td>y" * 100_000,
    ],
)
def test_outlines_of_hostile_pages_are_drawn_in_one_pass(html):
    # a pass that were not linear would take hours
    batch = extract_pages(pa.array([html.encode()]))
    batch.validate(full=True)


def test_a_kept_menu_draws_nothing_to_it():
    page = Read(f"{MENU}<div>{BODY}</div>")
    keep = np.zeros(page.n, np.uint8)
    page.w.scores[: page.n] = [-3.0] * (page.n - 4) + [2.0] * 4
    choose_blocks(page.n, page.top, 0.2, page.w, keep)
    assert keep.sum() == 4


@pytest.mark.parametrize(("holder", "n_kept"), [("nav", 0), ("div", 8)])
def test_links_in_a_nav_need_more_than_others_to_pass(holder, n_kept):
    page = Read(MENU.replace("nav>", f"{holder}>"))
    keep = np.zeros(page.n, np.uint8)
    page.w.scores[: page.n] = 0.5
    choose_blocks(page.n, page.top, 0.2, page.w, keep)
    assert keep.sum() == n_kept


def test_a_list_of_links_to_places_on_the_page_is_its_contents():
    items = "".join(f"<li><a href='#s{n}'>Section {n}</a></li>" for n in range(3))
    page = Read(f"<ul>{items}</ul><p>a</p><ul><li><a href='#b'>b</a> says more than its name<li>c</ul>")
    assert page.kept([1.0] * page.n) == ["a", "b says more than its name", "c"]
    nested = Read(
        "<ul><li><a href='#a'>A</a><ul><li><a href='#b'>B</a></ul><li><a href='#c'>C</a></ul><p>d</p>"
    )
    assert nested.kept([1.0] * nested.n) == ["d"]


def test_names_in_a_declaration_that_are_links_make_no_menu():
    page = Read(
        "<p><tt>function <a href=/c>count</a>: <a href=/n>Number</a></tt></p><p><code><a href=/c>count</a></code></p>"
    )
    assert page.w.blocks[: page.n, B_LINKS].tolist() == [0, 1]


def test_members_of_a_reference_keep_their_descriptions_and_listings_of_an_article_draw_nothing():
    member = "<li class=m><h4>f{0}</h4><pre>int f{0}(int a)</pre><div>Gives {0}.</div><p>See also the list.</p></li>"
    page = Read("<ul>" + "".join(member.format(n) for n in range(3)) + "</ul>")
    scores = [1.0 if text.startswith("int") else -1.5 for text in page.texts]
    assert page.kept(scores, reference=True) == page.texts
    assert [text for text in page.kept(scores) if text.startswith("Gives")] == []
    shared = Read("<div><pre>a = 1</pre><p>A teaser</p><pre>b = 2</pre><p>Another teaser</p></div>")
    scores = [1.0 if "=" in text else -1.5 for text in shared.texts]
    assert shared.kept(scores, reference=True) == ["a = 1", "b = 2"]
    alone = Read("<ul>" + member.format(0) + "</ul>")
    scores = [1.0 if text.startswith("int") else -1.5 for text in alone.texts]
    assert "See also the list." not in alone.kept(scores, reference=True)


def test_a_function_named_above_its_description_stays_in_a_reference():
    page = Read("<div><div>def send(self): (source)</div><div><p>Sends it.</p></div></div>")
    assert page.kept([-0.9, 1.0], reference=True) == page.texts
    assert page.kept([-0.9, 1.0]) == ["Sends it."]
    counted = Read("<div><div>Comments (3)</div><div><p>Sends it.</p></div></div>")
    assert counted.kept([-0.9, 1.0], reference=True) == ["Sends it."]


def test_a_line_below_a_references_title_that_says_its_name_again_stays():
    page = Read("<h1>Class Silt</h1><div>org.Mud</div><div>public class Silt</div><p>b</p><p>c</p>")
    scores = [1, -1, -1, 1, 1]
    assert page.kept(scores, reference=True) == ["Class Silt", "public class Silt", "b", "c"]
    assert page.kept(scores) == ["Class Silt", "b", "c"]


@pytest.mark.parametrize(
    ("body", "n_kept"),
    [
        ("<h4>int depth</h4><h4>int width</h4>", 2),
        ("<h4>int depth</h4>", 0),
        ("<h4>How deep?</h4><h4>And how wide?</h4>", 0),
        ("<h4><a href='/t'>Type</a> get(<a href='/v'>Value</a>)</h4>", 1),
        ("<h4><a href='/t'>Type</a> of <a href='/v'>Values</a></h4>", 0),
    ],
)
def test_headings_that_declare_stay_in_a_reference_though_nothing_stands_below_them(body, n_kept):
    page = Read(f"<div><p>a</p>{body}</div><div><h4>Other</h4><p>b</p></div>")
    scores = [1.0] + [-1.0] * (page.n - 3) + [1.0, 1.0]
    assert len(page.kept(scores, reference=True)) == 3 + n_kept
    assert len(page.kept(scores)) == 3


def test_a_declaration_half_a_link_stays_between_two_of_its_kind_in_a_reference():
    page = Read(
        "".join(
            f"<div><div class='head'>{name} = <a href='/s'>(source)</a></div><p>b</p></div>"
            for name in ("width", "lie", "depth")
        )
    )
    scores = [1, 1, -1, 1, 1, 1]
    assert page.kept(scores, reference=True) == page.texts
    assert page.kept(scores) == page.texts[:2] + page.texts[3:]


@pytest.mark.parametrize(
    ("header", "n_kept"),
    [
        ("<p>Example 2.1</p>", 3),
        ("<p>Example 2.1</p><p>By A. Writer</p>", 2),
        ("<p><a href='/e'>Example 2.1</a></p>", 2),
    ],
)
def test_the_only_line_of_a_boxs_header_titles_it(header, n_kept):
    page = Read(f"<p>a</p><div><header>{header}</header><p>b</p></div>")
    assert len(page.kept([1.0] + [-1.0] * (page.n - 2) + [1.0])) == n_kept
    assert page.kept([1.0] + [-1.0] * (page.n - 1)) == ["a"]
