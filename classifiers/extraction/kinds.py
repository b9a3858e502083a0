# ruff: noqa: E501, F541  (markup reads best on one line; nothing here is secret)
"""Made-up pages of kinds that silver labels teach wrongly or that fitting pages lack, with their main text known.

Forum threads, questions and answers, wikis, documentation, code, product pages, recipes, listings, comment
threads below posts, old table layouts, pages of one pre: the markup follows what widely used software writes
(class and id names), the words are random. Every page comes with the set of its texts that are main text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

SYLLABLES = "ba be bo da de di do fa fe ga go ka ke ko la le li lo ma me mi mo na ne no pa pe ra re ri ro sa se so ta te ti to va ve vi".split()
ENDS = ["", "", "", "n", "s", "r", "l", "t"]
CJK = "春夏秋冬山川水火木金土日月年時分人口手足目耳心力男女子父母兄弟友学校先生本文字語英数理科社会国家都市町村道路車船飛行機電話写真音楽映画新聞雑誌"
ARABIC = (
    "كتاب مدرسة بيت مدينة شارع سيارة ماء طعام شمس قمر ليل نهار رجل امرأة ولد بنت صديق عمل وقت يوم".split()
)
CYRILLIC = (
    "река город вода мельница дорога мост зима весна школа книга слово день ночь рука голос поле лес гора "
    "время работа стоит идёт видит знает старый новый большой малый вверх после между который потому".split()
)
THAI = "แม่น้ำ เมือง น้ำ ถนน สะพาน โรงเรียน หนังสือ คำ วัน คืน มือ เสียง ป่า ภูเขา เวลา งาน เดิน เห็น รู้ เก่า ใหม่ ใหญ่ เล็ก ขึ้น หลัง".split()
GREEK = "ποταμός πόλη νερό δρόμος γέφυρα χειμώνας σχολείο βιβλίο λέξη μέρα νύχτα χέρι φωνή δάσος βουνό χρόνος εργασία παλιός νέος μεγάλος".split()
HINDI = "नदी नगर पानी सड़क पुल सर्दी विद्यालय पुस्तक शब्द दिन रात हाथ आवाज़ वन पर्वत समय काम पुराना नया बड़ा".split()
SCRIPTS = {"arabic": ARABIC, "cyrillic": CYRILLIC, "thai": THAI, "greek": GREEK, "hindi": HINDI}
MENU = "Home About Contact News Blog Shop Products Services Login Register Search Help FAQ Archive Support Forum Events Team Jobs Press".split()
LEGAL = "Privacy|Terms of use|Imprint|Cookie settings|Sitemap|RSS|Newsletter|Accessibility|Advertise".split(
    "|"
)


class Page:
    """A page in the making: `gold` marks text as main text, `junk` does not."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.golden: set[str] = set()
        self.script = rng.choices(
            ["latin", "cjk", "arabic", "cyrillic", "thai", "greek", "hindi"],
            [0.7, 0.08, 0.06, 0.06, 0.04, 0.03, 0.03],
        )[0]
        self.lexicon = [self._word() for _ in range(400)]

    def _word(self) -> str:
        if self.script == "cjk":
            return "".join(self.rng.choices(CJK, k=self.rng.randint(1, 4)))
        if self.script in SCRIPTS:
            return self.rng.choice(SCRIPTS[self.script])
        return "".join(self.rng.choices(SYLLABLES, k=self.rng.randint(1, 4))) + self.rng.choice(ENDS)

    def words(self, low: int, high: int) -> str:
        joint = "" if self.script in ("cjk", "thai") else " "
        return joint.join(self.rng.choices(self.lexicon, k=self.rng.randint(low, high)))

    def title(self, low: int = 2, high: int = 9) -> str:
        return self.words(low, high).capitalize()

    def sentence(self) -> str:
        comma, stop = {
            "cjk": ("、", "。"),
            "arabic": ("، ", "."),
            "thai": (" ", " "),
            "hindi": (", ", "।"),
        }.get(self.script, (", ", "."))
        parts = [self.words(3, 9) for _ in range(self.rng.choice([1, 1, 2, 2, 3]))]
        return comma.join(parts).capitalize() + (
            self.rng.choice("?!") if self.rng.random() < 0.08 and self.script != "thai" else stop
        )

    def prose(self, low: int = 1, high: int = 6) -> str:
        return (
            ("" if self.script == "cjk" else " ")
            .join(self.sentence() for _ in range(self.rng.randint(low, high)))
            .strip()
        )

    def gold(self, text: str) -> str:
        self.golden.add(text)
        return text

    def name(self) -> str:
        return (
            self.rng.choice(SYLLABLES).capitalize()
            + self.rng.choice(SYLLABLES)
            + str(self.rng.choice(["", "", self.rng.randint(1, 99)]))
        )

    def date(self) -> str:
        r = self.rng
        return r.choice(
            [
                f"{r.randint(1, 28)}.{r.randint(1, 12)}.{r.randint(2003, 2025)}",
                f"{r.choice(['Jan', 'Mar', 'June', 'Sept'])} {r.randint(1, 28)}, {r.randint(2003, 2025)}",
                f"{r.randint(2, 11)} {r.choice(['hours', 'days', 'years'])} ago",
            ]
        )

    def p(self, low: int = 1, high: int = 6) -> str:
        """A paragraph of main text, at times with a link or bold words within it."""
        text = self.prose(low, high)
        pieces = text.split(" ")
        marked = text
        if len(pieces) > 8 and self.rng.random() < 0.4:
            at = self.rng.randrange(2, len(pieces) - 4)
            tag = self.rng.choice(["a href='/x/y'", "b", "em", "a href='https://e.org/q'", "strong"])
            pieces[at : at + 2] = [f"<{tag}>{pieces[at]} {pieces[at + 1]}</{tag.split()[0]}>"]
            marked = " ".join(pieces)
        self.gold(text)
        return f"<p>{marked}</p>"

    def labels(self, english: Sequence[str], n: int) -> list[str]:
        """`n` words of a menu, in the page's script or, as often happens, in English."""
        if self.script == "latin" or self.rng.random() < 0.2:
            return self.rng.sample(english, min(n, len(english)))
        return [self.title(1, 2) for _ in range(n)]

    def menu(self, n: int | None = None, cls: str = "menu") -> str:
        items = self.labels(MENU, n or self.rng.randint(4, 10))
        return (
            f"<ul class='{cls}'>"
            + "".join(f"<li><a href='/{i.lower()}'>{i}</a></li>" for i in items)
            + "</ul>"
        )

    def teaser(self, cls: str) -> str:
        r = self.rng
        excerpt = f"<p class='excerpt'>{self.prose(1, 2)[:160]}…</p>" if r.random() < 0.6 else ""
        more = "<a href='/m' class='more-link'>Read more</a>" if r.random() < 0.5 else ""
        return f"<div class='{cls}'><h3><a href='/t'>{self.title()}</a></h3>{excerpt}<span class='date'>{self.date()}</span>{more}</div>"

    def tree(self) -> str:
        """Items of a tree of pages, as it stands beside a page of documentation."""
        r = self.rng
        return "".join(
            f"<li class='toctree-l{r.choice([1, 1, 2])}'><a class='reference internal' href='/d'>{self.title(1, 5)}{r.choice(['', f' (<code>{self.words(1, 1)}</code>)'])}</a></li>"
            for _ in range(r.randint(8, 60))
        )

    def here(self) -> str:
        """Items of a page's own contents."""
        return "".join(
            f"<li><a class='reference internal' href='#s'>{self.title(1, 4)}</a></li>" for _ in range(4)
        )

    def sidebar(self) -> str:
        r = self.rng
        boxes = []
        for _ in range(r.randint(1, 4)):
            kind = r.random()
            body = (
                self.menu(cls="widget-list")
                if kind < 0.5
                else f"<p>{self.prose(1, 2)}</p>"
                if kind < 0.75
                else "".join(self.teaser("related-item") for _ in range(3))
            )
            boxes.append(
                f"<div class='{r.choice(['widget', 'box', 'sidebar-block', 'module'])}'><h3>{self.title(1, 3)}</h3>{body}</div>"
            )
        tag = r.choice(
            [
                "aside class='sidebar'",
                "div id='sidebar'",
                "div class='col-right'",
                "div id='secondary' class='widget-area'",
            ]
        )
        return f"<{tag}>" + "".join(boxes) + f"</{tag.split()[0]}>"

    def footer(self) -> str:
        links = " | ".join(f"<a href='/l'>{x}</a>" for x in self.labels(LEGAL, 4))
        tag = self.rng.choice(
            ["footer", "div id='footer'", "footer class='site-footer'", "div", "div class='b'"]
        )
        rights = "All rights reserved." if self.script == "latin" else self.sentence()
        note = f"<p>{self.sentence()} {rights}</p>" if self.rng.random() < 0.5 else ""
        if self.rng.random() < 0.3:
            owner = self.title(1, 3) if self.script != "latin" else self.name()
            return f"<{tag}>© {self.rng.randint(2001, 2025)} {owner}. {rights}</{tag.split()[0]}>"
        return f"<{tag}>{links}{note}<p>© {self.rng.randint(2001, 2025)} {self.name()}</p></{tag.split()[0]}>"

    def header(self) -> str:
        tag = self.rng.choice(
            ["header", "div id='header'", "header class='site-header'", "div class='topbar'"]
        )
        return f"<{tag}><a href='/' class='logo'>{self.name()}</a><p class='tagline'>{self.title(2, 6)}</p><nav>{self.menu()}</nav></{tag.split()[0]}>"

    def comments(self) -> str:
        """A thread of comments below a post: not main text."""
        r = self.rng
        outer, item, body = r.choice(
            [
                (
                    "div id='comments' class='comments-area'",
                    "li class='comment'",
                    "div class='comment-content'",
                ),
                ("section class='comments'", "div class='comment-item'", "div class='comment-body'"),
                ("div id='respond'", "div class='comment'", "p class='comment-text'"),
                ("ul class='comment-list'", "li", "p"),
                ("ol class='commentlist'", "li", "div"),
            ]
        )
        close = [x.split()[0] for x in (outer, item, body)]
        items = "".join(
            f"<{item}><cite class='fn'>{self.name()}</cite> <span class='comment-date'>{self.date()}</span><{body}>{self.prose(1, 5)}</{close[2]}><a href='#r' class='comment-reply-link'>Reply</a></{close[1]}>"
            for _ in range(r.randint(1, 25))
        )
        return f"<{outer}><h3>{r.randint(2, 40)} comments</h3>{items}<h3>Leave a comment</h3><p>Your email address will not be published.</p></{close[0]}>"

    def wrap(self, body: str, title: str, cls: str = "") -> bytes:
        direction = " dir='rtl'" if self.script == "arabic" else ""
        cookie = (
            f"<div class='cookie-banner'><p>We use cookies. {self.sentence()}</p><button>Accept</button></div>"
            if self.rng.random() < 0.3
            else ""
        )
        tail = f"<noscript><p>{self.sentence()}</p></noscript>" if self.rng.random() < 0.15 else ""
        return f"<!doctype html><html{direction}><head><title>{title} - {self.name()}</title><script>var a='<p>x</p>';</script></head><body class='{cls}'>{cookie}{body}{tail}</body></html>".encode()


def forum(pg: Page) -> bytes:
    """A thread whose posts are all main text; names, ranks, dates, signatures and buttons are not."""
    r = pg.rng
    styles = [
        (
            "div class='post has-profile bg2'",
            "div class='postbody'",
            "dl class='postprofile'",
            "div class='content'",
        ),
        (
            "article class='message message--post'",
            "div class='message-main'",
            "div class='message-cell message-cell--user'",
            "div class='bbWrapper'",
        ),
        (
            "div class='topic-post clearfix regular'",
            "div class='topic-body'",
            "div class='topic-meta-data'",
            "div class='cooked'",
        ),
        (
            "li class='postbitlegacy postbitim'",
            "div class='postbody'",
            "div class='userinfo'",
            "blockquote class='postcontent restore'",
        ),
        ("div class='windowbg'", "div class='post_wrapper'", "div class='poster'", "div class='inner'"),
        ("div class='post'", "div class='postright'", "div class='postleft'", "div class='postmsg'"),
        ("tr class='post-row'", "td class='post-text'", "td class='author-cell'", "div class='message'"),
        ("div class='forum-post'", "div class='forum-post-body'", "div class='author'", "div class='entry'"),
    ]
    outer, main, profile, body = r.choice(styles)
    ends = [x.split()[0] for x in (outer, main, profile, body)]
    title = pg.title(3, 10)
    posts = []
    for _ in range(r.randint(1, 20)):
        text = (
            "".join(pg.p(1, 5) for _ in range(r.choice([1, 1, 2, 3])))
            if r.random() < 0.5
            else "<br><br>".join(pg.gold(pg.prose(1, 5)) for _ in range(r.choice([1, 1, 2, 3])))
        )
        if r.random() < 0.2:
            text = f"<blockquote><cite>{pg.name()} wrote:</cite>{pg.gold(pg.prose(1, 2))}</blockquote>" + text
        user = f"<{profile}><a href='/u'>{pg.name()}</a><br>{r.choice(['Member', 'Senior member', 'Moderator'])}<br>Posts: {r.randint(1, 9999)}<br>Joined: {pg.date()}</{ends[2]}>"
        signature = f"<div class='signature'>{pg.words(3, 10)}</div>" if r.random() < 0.3 else ""
        buttons = (
            "<ul class='post-buttons'><li><a href='#'>Quote</a></li><li><a href='#'>Report</a></li></ul>"
        )
        posts.append(
            f"<{outer}>{user}<{main}><p class='author'>by {pg.name()} » {pg.date()}</p><{body}>{text}</{ends[3]}>{signature}{buttons}</{ends[1]}></{ends[0]}>"
        )
    crumbs = "<div class='breadcrumbs'><a href='/'>Board index</a> » <a href='/f'>General</a></div>"
    rows = "".join(posts)
    rows = (
        f"<table class='thread'>{rows}</table>"
        if ends[0] == "tr"
        else f"<ol id='posts'>{rows}</ol>"
        if ends[0] == "li"
        else rows
    )
    similar = "".join(f"<li><a href='/t'>{pg.title()}</a> {r.randint(1, 99)} replies</li>" for _ in range(5))
    body = f"{pg.header()}{crumbs}<div id='page-body'><h1>{pg.gold(title)}</h1>{rows}<div class='similar'><h3>Similar topics</h3><ul>{similar}</ul></div></div>{pg.footer()}"
    return pg.wrap(body, title, "forum")


def question(pg: Page) -> bytes:
    """A question with answers: both are main text, remarks below them are not."""
    r = pg.rng
    title = pg.title(5, 14)

    def post(cls: str) -> str:
        code = (
            f"<pre><code>{pg.gold('def ' + pg.rng.choice(SYLLABLES) + '(x):')}\n    return x + {r.randint(1, 99)}</code></pre>"
            if r.random() < 0.4
            else ""
        )
        text = "".join(pg.p(1, 4) for _ in range(r.randint(1, 4)))
        remarks = "".join(
            f"<li class='comment'><span class='comment-copy'>{pg.sentence()}</span> – <a href='/u'>{pg.name()}</a> <span>{pg.date()}</span></li>"
            for _ in range(r.choice([0, 0, 1, 3]))
        )
        return f"<div class='{cls}'><div class='votecell'><button>up</button><div class='js-vote-count'>{r.randint(0, 300)}</div></div><div class='postcell'><div class='{r.choice(['s-prose js-post-body', 'post-text', 'body', 'answer-body'])}'>{text}{code}</div><div class='post-signature'>answered {pg.date()} <a href='/u'>{pg.name()}</a> {r.randint(1, 99)}k</div><ul class='comments-list'>{remarks}</ul></div></div>"

    answers = "".join(
        post(r.choice(["answer js-answer", "answer accepted-answer"])) for _ in range(r.randint(0, 6))
    )
    side = "".join(f"<li><a href='/q'>{pg.title(4, 12)}</a></li>" for _ in range(8))
    body = f"{pg.header()}<div id='content'><div id='question-header'><h1><a href='/q'>{pg.gold(title)}</a></h1></div><div>Asked {pg.date()} Viewed {r.randint(2, 900)}k times</div>{post('question')}<h2>{r.randint(0, 9)} Answers</h2>{answers}</div><div id='sidebar'><h4>Related</h4><ul>{side}</ul></div>{pg.footer()}"
    return pg.wrap(body, title, "question-page")


def wiki(pg: Page) -> bytes:
    """An article of MediaWiki: prose, lists and data tables, not contents, edit links, categories, tools."""
    r = pg.rng
    title = pg.title(1, 3)
    sections = [pg.p(2, 6) for _ in range(r.randint(1, 3))]
    box = "".join(
        f"<tr><th scope='row'>{pg.title(1, 2)}</th><td>{pg.words(1, 4)}</td></tr>"
        for _ in range(r.randint(3, 9))
    )
    heads = [pg.title(1, 4) for _ in range(r.randint(2, 8))]
    toc = "".join(
        f"<li class='toclevel-1'><a href='#s'><span class='tocnumber'>{i + 1}</span> <span class='toctext'>{h}</span></a></li>"
        for i, h in enumerate(heads)
    )
    for head in heads:
        sections.append(
            f"<h2><span class='mw-headline'>{pg.gold(head)}</span><span class='mw-editsection'>[<a href='/e'>edit</a>]</span></h2>"
        )
        if r.random() < 0.2:
            sections.append(
                f"<div class='hatnote navigation-not-searchable'>Main article: <a href='/w'>{pg.title(1, 3)}</a></div>"
            )
        sections += [pg.p(2, 7) for _ in range(r.randint(1, 4))]
        if r.random() < 0.3:
            sections.append(
                "<ul>"
                + "".join(f"<li>{pg.gold(pg.words(2, 14))}</li>" for _ in range(r.randint(2, 8)))
                + "</ul>"
            )
        if r.random() < 0.2:
            sections.append(
                "<table class='wikitable'>"
                + "".join(
                    f"<tr><td>{pg.gold(pg.words(1, 3))}</td><td>{r.randint(1, 999)}</td></tr>"
                    for _ in range(6)
                )
                + "</table>"
            )
    refs = "".join(
        f"<li><span class='reference-text'><a href='https://e.org'>{pg.words(3, 9)}</a>. {pg.name()}. {pg.date()}</span></li>"
        for _ in range(r.randint(2, 30))
    )
    cats = "".join(f"<li><a href='/c'>{pg.title(1, 3)}</a></li>" for _ in range(5))
    navbox = (
        "<table class='navbox'><tr><td>"
        + " · ".join(f"<a href='/w'>{pg.title(1, 2)}</a>" for _ in range(20))
        + "</td></tr></table>"
    )
    tools = f"<div id='mw-navigation'><div id='mw-panel'><h3>Navigation</h3>{pg.menu()}<h3>Tools</h3>{pg.menu()}</div></div>"
    content = f"<div class='mw-parser-output'><table class='infobox'>{box}</table>{''.join(sections[:2])}<div id='toc' class='toc'><h2>Contents</h2><ul>{toc}</ul></div>{''.join(sections[2:])}<h2><span class='mw-headline'>References</span></h2><div class='reflist'><ol class='references'>{refs}</ol></div>{navbox}</div>"
    body = f"<div id='content' class='mw-body' role='main'><h1 id='firstHeading' class='firstHeading'>{pg.gold(title)}</h1><div id='bodyContent'><div id='siteSub'>From {pg.name()}</div><div id='mw-content-text' class='mw-body-content'>{content}</div><div id='catlinks' class='catlinks'>Categories: <ul>{cats}</ul></div></div></div>{tools}<div id='footer' role='contentinfo'><ul id='footer-info'><li>This page was last edited on {pg.date()}.</li><li>Text is available under a licence; additional terms may apply.</li></ul>{pg.menu(4)}</div>"
    return pg.wrap(body, title, "mediawiki ltr ns-0 page")


# Frames of documentation generators: what stands before the main part, its tags, what stands after it. {tree} is a list
# of pages, {here} one of the sections of this page, {title} its title, {before} and {after} its neighbours' titles.
DOCUMENTATION_FRAMES = [
    (
        "<div class='related' role='navigation'><h3>Navigation</h3><ul><li class='right'><a href='/g'>index</a></li><li class='right'><a href='/n'>next</a> |</li><li class='nav-item nav-item-0'><a href='/'>{name} documentation</a> »</li><li class='nav-item nav-item-this'><a href=''>{title}</a></li></ul></div><div class='document'><div class='documentwrapper'><div class='bodywrapper'>",
        "div class='body' role='main'",
        "</div></div><div class='sphinxsidebar' role='navigation'><div class='sphinxsidebarwrapper'><h3><a href='/c'>Table of Contents</a></h3><ul>{here}</ul><h4>Previous topic</h4><p class='topless'><a href='/p'>{before}</a></p><h4>Next topic</h4><p class='topless'><a href='/n'>{after}</a></p><div role='note'><h3>This Page</h3><ul class='this-page-menu'><li><a href='/b'>Report a Bug</a></li><li><a href='/s'>Show Source</a></li></ul></div></div></div></div><div class='related' role='navigation'><h3>Navigation</h3><ul><li class='nav-item nav-item-0'><a href='/'>{name} documentation</a> »</li><li class='nav-item nav-item-this'><a href=''>{title}</a></li></ul></div><div class='footer'>© <a href='/c'>Copyright</a> {name}.<br>This page is licensed under a licence of its own.<br>{note}<br>Last updated on {date}. Created using <a href='/x'>Sphinx</a> 5.3.0.</div>",
    ),
    (
        "<nav class='wy-nav-side' data-toggle='wy-nav-shift'><div class='wy-side-scroll'><div class='wy-side-nav-search'><a href='/' class='icon icon-home'>{name}</a></div><div class='wy-menu wy-menu-vertical' role='navigation'><p class='caption'><span class='caption-text'>Contents:</span></p><ul>{tree}</ul></div></div></nav><section class='wy-nav-content-wrap'><div class='wy-nav-content'><div class='rst-content'><div role='navigation'><ul class='wy-breadcrumbs'><li><a href='/'>Home</a></li><li class='breadcrumb-item active'>{title}</li></ul><hr></div>",
        "div role='main' class='document' itemprop='articleBody'",
        "<footer><div class='rst-footer-buttons' role='navigation'><a href='/p' class='btn btn-neutral float-left'>Previous</a><a href='/n' class='btn btn-neutral float-right'>Next</a></div><hr><div role='contentinfo'><p>© Copyright 2020, {name}. {note}</p></div>Built with <a href='/x'>Sphinx</a> using a theme.</footer></div></div></section>",
    ),
    (
        "<aside class='sidebar-drawer'><div class='sidebar-container'><div class='sidebar-sticky'><a class='sidebar-brand' href='/'><span class='sidebar-brand-text'>{name} documentation</span></a><div class='sidebar-scroll'><div class='sidebar-tree'><ul>{tree}</ul></div></div></div></div></aside><div class='main'><div class='content'><div class='article-container'><a href='#' class='back-to-top muted-link'><span>Back to top</span></a>",
        "article role='main'",
        "</div><footer><div class='related-pages'><a class='next-page' href='/n'><div class='page-info'><div class='context'><span>Next</span></div><div class='title'>{after}</div></div></a><a class='prev-page' href='/p'><div class='page-info'><div class='context'><span>Previous</span></div><div class='title'>{before}</div></div></a></div><div class='bottom-of-page'><div class='left-details'><div class='copyright'>Copyright © 2022, {name}</div>Made with <a href='/x'>Sphinx</a> and a theme<div class='last-updated'>Last updated on {date}</div></div></div></footer></div><aside class='toc-drawer'><div class='toc-sticky toc-scroll'><div class='toc-title-container'><span class='toc-title'>On this page</span></div><div class='toc-tree-container'><div class='toc-tree'><ul>{here}</ul></div></div></div></aside></div>",
    ),
    (
        "<nav class='navbar bd-navbar' id='navbar-main'><ul class='navbar-nav'>{here}</ul></nav><div class='container-xl'><div class='row'><div class='bd-sidebar'><nav class='bd-links' id='bd-docs-nav'><div class='bd-toc-item active'><ul class='nav bd-sidenav'>{tree}</ul></div></nav></div><div class='bd-toc'><div class='tocsection onthispage'>On this page</div><nav id='bd-toc-nav'><ul class='visible nav section-nav flex-column'>{here}</ul></nav></div>",
        "main class='bd-content' role='main'",
        "<div class='prev-next-area'><a class='left-prev' href='/p'><div class='prev-next-info'><p class='prev-next-subtitle'>previous</p><p class='prev-next-title'>{before}</p></div></a><a class='right-next' href='/n'><div class='prev-next-info'><p class='prev-next-subtitle'>next</p><p class='prev-next-title'>{after}</p></div></a></div></div></div><footer class='footer'><div class='footer-item'><p class='copyright'>© Copyright 2008-2023, {name}.<br></p></div></footer>",
    ),
    (
        "<div class='md-sidebar md-sidebar--primary'><nav class='md-nav md-nav--primary'><ul class='md-nav__list'>{tree}</ul></nav></div>",
        "article class='md-content__inner md-typeset'",
        "<div class='md-sidebar md-sidebar--secondary'><nav class='md-nav md-nav--secondary'><label class='md-nav__title'>Table of contents</label><ul class='md-nav__list'>{here}</ul></nav></div><footer class='md-footer'><a href='/n' class='md-footer__link--next'>Next {after}</a></footer>",
    ),
    (
        "<aside class='theme-doc-sidebar-container'><ul class='theme-doc-sidebar-menu menu__list'>{tree}</ul></aside><nav class='theme-doc-breadcrumbs'><ul class='breadcrumbs'><li>{title}</li></ul></nav>",
        "div class='theme-doc-markdown markdown'",
        "<footer class='theme-doc-footer'><div class='theme-last-updated'>Last updated on {date}</div></footer><nav class='pagination-nav'><a class='pagination-nav__link' href='/n'><div class='pagination-nav__sublabel'>Next</div><div class='pagination-nav__label'>{after}</div></a></nav>",
    ),
    (
        "<div class='repository-sidebar'><ul>{tree}</ul></div>",
        "article class='markdown-body entry-content'",
        "<div class='footer'>{note}</div>",
    ),
    (
        "<div class='docs-nav'><ul>{tree}</ul></div>",
        "main class='content'",
        "<div class='related'><a href='/p'>Previous: {before}</a> <a href='/n'>Next: {after}</a></div>",
    ),
]


def documentation(pg: Page) -> bytes:
    """A page of documentation with code, signatures and notes; the tree of pages beside it is not main text.

    Reference pages often hold one signature and a sentence, far less than what stands around them.
    """
    r = pg.rng
    title = pg.title(2, 5)
    parts = [f"<h1>{pg.gold(title)}<a class='headerlink' href='#t'>¶</a></h1>"]
    if r.random() < 0.4:
        parts += [_signature(pg) for _ in range(r.choice([1, 1, 1, 3]))]
    else:
        for _ in range(r.randint(1, 6)):
            parts.append(f"<h2>{pg.gold(pg.title(1, 5))}<a class='headerlink' href='#x'>¶</a></h2>")
            parts += [pg.p(1, 4) for _ in range(r.randint(0, 3))]
            parts.append(r.choice([_example, _signature, _options, _points])(pg))
            if r.random() < 0.3:
                parts.append(
                    f"<div class='admonition note'><p class='admonition-title'>Note</p>{pg.p(1, 2)}</div>"
                )
    tree, here = pg.tree(), pg.here()
    before, main, after = r.choice(DOCUMENTATION_FRAMES)
    names = {
        "tree": tree,
        "here": here,
        "title": title,
        "name": pg.name(),
        "date": pg.date(),
        "note": pg.sentence(),
    }
    names |= {"before": pg.title(1, 3), "after": pg.title(1, 3)}
    body = f"{before.format(**names)}<{main}><section>{''.join(parts)}</section></{main.split()[0]}>{after.format(**names)}"
    return pg.wrap(body, title, "wy-body-for-nav")


def _example(pg: Page) -> str:
    """A block of code as highlighters write it."""
    r = pg.rng
    name = r.choice(SYLLABLES) + "_" + r.choice(SYLLABLES)
    head = pg.gold(f"import {name}")
    lines = [head, "", f"for i in range({r.randint(2, 99)}):", f"    {name}.{r.choice(SYLLABLES)}(i)"]
    code = "\n".join(lines)
    numbers = "\n".join(str(k + 1) for k in range(len(lines)))
    return r.choice(
        [
            f"<div class='highlight-python notranslate'><div class='highlight'><pre><span></span>{code}</pre></div></div>",
            f"<pre><code class='language-python'>{code}</code></pre>",
            f"<table class='highlighttable'><tr><td class='linenos'><div class='linenodiv'><pre>{numbers}</pre></div></td><td class='code'><div class='highlight'><pre>{code}</pre></div></td></tr></table>",
        ]
    )


def _signature(pg: Page) -> str:
    """A function with its parameters, as Sphinx writes it."""
    r = pg.rng
    name = r.choice(SYLLABLES) + "_" + r.choice(SYLLABLES)
    call = pg.gold(f"{name}(x, y={r.randint(0, 9)})")
    source = "<a class='reference internal' href='/m'><span class='viewcode-link'>[source]</span></a>"
    fields = "".join(
        f"<dt>{pg.gold(pg.words(1, 1) + ' : float, optional')}</dt><dd>{pg.p(1, 1)}</dd>"
        for _ in range(r.randint(1, 4))
    )
    listed = (
        f"<dl class='field-list simple'><dt class='field-odd'>Parameters:</dt><dd><dl>{fields}</dl></dd></dl>"
    )
    return f"<dl class='py function'><dt class='sig sig-object py'>{call}{r.choice(['', source])}<a class='headerlink' href='#f'>¶</a></dt><dd>{pg.p(1, 2)}{r.choice(['', listed])}</dd></dl>"


def _options(pg: Page) -> str:
    """A table of options."""
    rows = "".join(
        f"<tr><td><code>{pg.gold('--' + pg.words(1, 1) + str(pg.rng.randint(1, 99)))}</code></td><td>{pg.gold(pg.sentence())}</td></tr>"
        for _ in range(pg.rng.randint(2, 7))
    )
    return f"<table class='docutils'>{rows}</table>"


def _points(pg: Page) -> str:
    """A list of points."""
    items = "".join(f"<li>{pg.gold(pg.words(2, 15))}</li>" for _ in range(pg.rng.randint(2, 7)))
    return f"<ul>{items}</ul>"


def product(pg: Page) -> bytes:
    """A product: its name, description and data are main text; prices of others, reviews' stars, baskets are not."""
    r = pg.rng
    title = pg.title(2, 7)
    data = "".join(
        f"<tr><th>{pg.gold(pg.title(1, 2))}</th><td>{pg.gold(pg.words(1, 4))}</td></tr>"
        for _ in range(r.randint(0, 8))
    )
    bullets = "".join(f"<li>{pg.gold(pg.words(3, 12))}</li>" for _ in range(r.randint(0, 7)))
    description = "".join(pg.p(1, 4) for _ in range(r.randint(1, 4)))
    others = "".join(
        f"<li class='product'><a href='/p'><h3>{pg.title(2, 5)}</h3></a><span class='price'>€{r.randint(3, 900)}.99</span><a class='button add_to_cart_button' href='/c'>Add to cart</a></li>"
        for _ in range(r.randint(3, 12))
    )
    outer, box = r.choice(
        [
            ("div class='product type-product'", "div class='woocommerce-Tabs-panel'"),
            ("div class='product-single'", "div class='product-single__description rte'"),
            ("main id='product'", "div id='productDescription'"),
            ("div itemtype='http://schema.org/Product'", "div itemprop='description'"),
        ]
    )
    body = f"{pg.header()}<div class='breadcrumb'><a href='/'>Home</a> / <a href='/c'>{pg.title(1, 2)}</a></div><{outer}><h1 class='product_title'>{pg.gold(title)}</h1><p class='price'>€{r.randint(3, 900)}.00</p><p class='stock'>In stock</p><form class='cart'><label>Quantity</label><button>Add to cart</button></form><{box}>{description}<ul>{bullets}</ul><table class='shop_attributes'>{data}</table></{box.split()[0]}></{outer.split()[0]}><section class='related products'><h2>You may also like</h2><ul class='products'>{others}</ul></section>{pg.footer()}"
    return pg.wrap(body, title, "single-product woocommerce")


def recipe(pg: Page) -> bytes:
    """A recipe: introduction, ingredients and steps are main text."""
    r = pg.rng
    title = pg.title(2, 6)
    ingredients = "".join(
        f"<li class='{r.choice(['wprm-recipe-ingredient', 'ingredient'])}'>{pg.gold(f'{r.randint(1, 500)} g ' + pg.words(1, 4))}</li>"
        for _ in range(r.randint(4, 14))
    )
    steps = "".join(f"<li>{pg.gold(pg.prose(1, 3))}</li>" for _ in range(r.randint(3, 9)))
    intro = "".join(pg.p(1, 5) for _ in range(r.randint(0, 6)))
    body = f"{pg.header()}<article class='post'><h1 class='entry-title'>{pg.gold(title)}</h1><div class='entry-meta'>By {pg.name()} {pg.date()}</div><a href='#r' class='jump'>Jump to recipe</a><div class='entry-content'>{intro}<div class='recipe-card'><h3>{pg.gold('Ingredients')}</h3><ul>{ingredients}</ul><h3>{pg.gold('Instructions')}</h3><ol>{steps}</ol></div></div><div class='share'><a href='#'>Pin</a> <a href='#'>Share</a></div></article>{pg.comments() if r.random() < 0.6 else ''}{pg.sidebar()}{pg.footer()}"
    return pg.wrap(body, title, "single-post")


def listing(pg: Page) -> bytes:
    """A home page or archive: teasers of other pages, no main text but at times an introduction."""
    r = pg.rng
    title = pg.title(1, 4)
    cls = r.choice(["post-preview", "teaser", "card", "entry", "article-item", "grid-item", "story", "media"])
    n = r.randint(8, 40)
    items = "".join(pg.teaser(cls) for _ in range(n))
    intro = pg.p(2, 4) if r.random() < 0.3 else ""
    more = "<div class='pagination'><a href='/2'>2</a> <a href='/3'>3</a> <a href='/n'>Next</a></div>"
    main = r.choice(["main", "div id='content'", "div class='posts'", "section class='archive'"])
    body = f"{pg.header()}<{main}><h1>{title}</h1>{intro}{items}{more}</{main.split()[0]}>{pg.sidebar()}{pg.footer()}"
    return pg.wrap(body, title, "home blog archive")


def post_with_comments(pg: Page) -> bytes:
    """A short post below which a long thread of comments stands."""
    r = pg.rng
    title = pg.title(3, 9)
    article, content = r.choice(
        [
            ("article class='post type-post hentry'", "div class='entry-content'"),
            ("div class='post'", "div class='post-body'"),
            ("main", "div class='article-body'"),
            ("div id='main'", "div class='text'"),
        ]
    )
    text = "".join(pg.p(1, 5) for _ in range(r.choice([1, 1, 2, 3, 5, 8])))
    date = f"<div class='entry-meta'>{pg.date()} by <a href='/a'>{pg.name()}</a></div>"
    tags = (
        f"<div class='tags'>Tags: <a href='/t'>{pg.title(1, 1)}</a>, <a href='/t'>{pg.title(1, 1)}</a></div>"
    )
    related = (
        f"<div class='related-posts'><h3>Related posts</h3>{''.join(pg.teaser('related') for _ in range(4))}</div>"
        if r.random() < 0.5
        else ""
    )
    body = f"{pg.header()}<{article}><h1 class='entry-title'>{pg.gold(title)}</h1>{date}<{content}>{text}</{content.split()[0]}>{tags}{related}</{article.split()[0]}>{pg.comments()}{pg.sidebar()}{pg.footer()}"
    return pg.wrap(body, title, "single single-post")


def one_pre(pg: Page) -> bytes:
    """A text file shown as a page."""
    lines = "\n".join(pg.gold(pg.words(6, 12)) for _ in range(pg.rng.randint(8, 80)))
    head = f"<a href='/'>Index</a> <a href='/raw'>Raw</a><hr>" if pg.rng.random() < 0.4 else ""
    return pg.wrap(f"{head}<pre>{lines}</pre>", pg.title(1, 3))


def old_layout(pg: Page) -> bytes:
    """A page of the nineties: a layout table, font and center elements, breaks instead of paragraphs."""
    r = pg.rng
    title = pg.title(2, 6)
    menu = "<br>".join(f"<a href='{m}.htm'>{m}</a>" for m in r.sample(MENU, 8))
    parts = [pg.gold(pg.prose(2, 6)) for _ in range(r.randint(2, 9))]
    text = r.choice(["<br><br>", "<p>"]).join(parts)
    return pg.wrap(
        f"<center><font size=5><b>{pg.gold(title)}</b></font></center><table width=100% border=0><tr><td width=150 valign=top bgcolor=#cccccc>{menu}</td><td><font face=Arial>{text}</font></td></tr></table><hr><center><a href='/'>Home</a> | <a href='mailto:x'>Mail</a><br>Last update {pg.date()}</center>",
        title,
    )


def data_table(pg: Page) -> bytes:
    """A page whose main text is a table of figures."""
    r = pg.rng
    title = pg.title(3, 8)
    n = r.randint(3, 6)
    head = "".join(f"<th>{pg.gold(pg.title(1, 2))}</th>" for _ in range(n))
    rows = "".join(
        "<tr><td>"
        + pg.gold(pg.words(1, 3))
        + "</td>"
        + "".join(f"<td>{r.randint(1, 99999)}</td>" for _ in range(n - 1))
        + "</tr>"
        for _ in range(r.randint(6, 40))
    )
    body = f"{pg.header()}<div class='{r.choice(['content', 'main-content', 'page-content'])}'><h1>{pg.gold(title)}</h1>{pg.p(1, 4)}<table class='{r.choice(['data', 'table table-striped', ''])}'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{pg.p(1, 2)}</div>{pg.footer()}"
    return pg.wrap(body, title)


def short_page(pg: Page) -> bytes:
    """A notice of a sentence or two among much navigation."""
    title = pg.title(2, 6)
    body = f"{pg.header()}<div class='{pg.rng.choice(['content', 'node', 'page', 'entry'])}'><h1>{pg.gold(title)}</h1>{''.join(pg.p(1, 2) for _ in range(pg.rng.randint(1, 2)))}</div>{pg.sidebar()}{pg.footer()}"
    return pg.wrap(body, title, "page")


# What stands before and after the text of a reference page, the element of the text, of a section and its heading,
# and of an entry, as widely used generators write them.
REFERENCE_STYLES = {
    "docbook": (
        "<div class='navheader'><table width='100%' summary='Navigation header'><tr><th colspan='3' align='center'>{title}</th></tr><tr><td width='20%' align='left'><a accesskey='p' href='p.html'>Prev</a>&nbsp;</td><th width='60%' align='center'>{before}</th><td width='20%' align='right'>&nbsp;<a accesskey='n' href='n.html'>Next</a></td></tr></table><hr></div>",
        "div class='refentry'", "div class='refsect1'", "h2", "div class='refsect2'",
        "<div class='navfooter'><hr><table width='100%' summary='Navigation footer'><tr><td width='40%' align='left'><a accesskey='p' href='p.html'>Prev</a>&nbsp;</td><td width='20%' align='center'><a accesskey='u' href='u.html'>Up</a></td><td width='40%' align='right'>&nbsp;<a accesskey='n' href='n.html'>Next</a></td></tr><tr><td>{before}&nbsp;</td><td><a accesskey='h' href='index.html'>Home</a></td><td>&nbsp;{after}</td></tr></table></div>",
    ),
    "texinfo": (
        "<div class='header'><p>Next: <a href='n.html' accesskey='n' rel='next'>{after}</a>, Previous: <a href='p.html' rel='prev'>{before}</a>, Up: <a href='u.html' rel='up'>{name}</a> &nbsp; [<a href='c.html' rel='contents'>Contents</a>][<a href='i.html' rel='index'>Index</a>]</p></div><hr>",
        "div class='section'", "div class='subsection'", "h4", "div",
        "<hr><div class='header'><p>Next: <a href='n.html' rel='next'>{after}</a>, Previous: <a href='p.html' rel='prev'>{before}</a>, Up: <a href='u.html' rel='up'>{name}</a> &nbsp; [<a href='c.html' rel='contents'>Contents</a>]</p></div>",
    ),
    "info": (
        "<div class='header'><p>Next: <a href='#n' accesskey='n' rel='next'>{after}</a>, Previous: <a href='#p' accesskey='p' rel='prev'>{before}</a>, Up: <a href='#u' accesskey='u' rel='up'>{name}</a> &nbsp; [<a href='#c' rel='contents'>Contents</a>][<a href='#i' rel='index'>Index</a>]</p></div>",
        "div", "div class='section'", "h3 class='section'", "div",
        "<div class='header'><p>Next: <a href='#n' rel='next'>{after}</a>, Up: <a href='#u' rel='up'>{name}</a> &nbsp; [<a href='#c' rel='contents'>Contents</a>][<a href='#i' rel='index'>Index</a>]</p></div><p><a href='#u'>{name}</a>, {date}</p>",
    ),
    "gtk": (
        "<table class='navigation' id='top' width='100%'><tr valign='middle'><td width='100%' align='left' class='shortcuts'><a href='#' class='shortcut'>Top</a><span id='nav_description'>  <span class='dim'>|</span> <a href='#d' class='shortcut'>Description</a></span></td><td><a accesskey='h' href='index.html'>Home</a></td><td><a accesskey='n' href='n.html'>Next</a></td></tr></table>",
        "div class='refentry'", "div class='refsect1'", "h2", "div class='refsect2'",
        "<div class='footer'><hr>Generated by {name} V1.{date}</div>",
    ),
    "java": (
        "<header role='banner'><nav role='navigation'><div class='top-nav'><ul class='nav-list' title='Navigation'>{here}</ul></div><div class='sub-nav'><ul class='sub-nav-list'><li>Summary: </li><li>Nested | </li><li>Field | </li><li>Constr | </li><li><a href='#m'>Method</a></li></ul></div></nav></header>",
        "main role='main'", "section class='details'", "h2", "section class='detail'",
        "<footer role='contentinfo'><hr><p class='legal-copy'><small>Copyright © 2001, {name}. All rights reserved.</small></p></footer>",
    ),
    "doxygen": (
        "<div id='top'><div id='titlearea'><table><tbody><tr><td id='projectalign'><div id='projectname'>{name}</div></td></tr></tbody></table></div><div id='main-nav'>{here}</div><div class='header'><div class='summary'><a href='#f'>Functions</a></div></div></div>",
        "div class='contents'", "div class='section'", "h2 class='groupheader'", "div class='memitem'",
        "<hr class='footer'><address class='footer'><small>Generated by <a href='/'>{name}</a> 1.9</small></address>",
    ),
    "manual": (
        "<table class='head'><tr><td class='head-ltitle'>{name}(1)</td><td class='head-vol'>General Commands Manual</td><td class='head-rtitle'>{name}(1)</td></tr></table>",
        "div class='manual-text'", "section class='Sh'", "h1 class='Sh'", "div",
        "<table class='foot'><tr><td class='foot-date'>{date}</td><td class='foot-os'>{name}</td></tr></table>",
    ),
    "pod": ("<ul id='index'>{here}</ul>", "div", "div", "h1", "div", ""),
    "php": (
        "<nav class='navbar'><ul>{here}</ul></nav><div class='breadcrumbs'><a href='/'>{before}</a> » <a href='/'>{name}</a></div>",
        "div class='refentry'", "div class='refsect1 description'", "h3 class='title'", "div class='example'",
        "<aside class='layout-menu'><ul class='parent-menu-list'>{tree}</ul></aside>",
    ),
    "bare": ("<p><a href='i.html'>Index</a> | <a href='p.html'>{before}</a> | <a href='n.html'>{after}</a></p><hr>", "div", "div", "h2", "div", "<hr><address>{name}, {date}</address>"),
    "tables": (
        "<table class='header' border='0'><tr><td>[<a href='p.html#p' title='Previous'> &lt;&lt; </a>]</td><td>[<a href='#s' title='Section'> &lt; </a>]</td><td>[<a href='u.html' title='Up'> Up </a>]</td><td>[<a href='#n' title='Next'> &gt; </a>]</td><td> &nbsp; </td><td>[<a href='t.html'>Top</a>]</td><td>[<a href='c.html'>Contents</a>]</td><td>[<a href='i.html'>Index</a>]</td></tr></table>",
        "blockquote", "div", "h3", "div", "<p><font size='-1'>This document was generated on <em>{date}</em></font></p>",
    ),
}  # fmt: skip


def reference(pg: Page) -> bytes:
    """A page of a manual as other generators than Sphinx write it: entries with signatures, terms, tables, short notes.

    A third of them have class words of no meaning, and a third no classes at all, so that names alone teach nothing.
    """
    r = pg.rng
    title = pg.title(1, 4)
    style = r.choice(sorted(REFERENCE_STYLES))
    before, main, section, heading, entry, after = REFERENCE_STYLES[style]
    names = {"tree": pg.tree(), "here": pg.here(), "title": title, "name": pg.name(), "date": pg.date()}
    names |= {"before": pg.title(1, 3), "after": pg.title(1, 3)}
    parts = [f"<h1>{pg.gold(title)}</h1>"]
    if r.random() < 0.5:
        parts.append(f"<p>{pg.gold(title + ' — ' + pg.words(3, 9))}</p>")
    if r.random() < 0.3:
        parts.append(f"<ul class='toc'>{pg.here()}</ul>")
    for _ in range(r.randint(1, 5)):
        content = "".join(_reference_part(pg, entry) for _ in range(r.randint(1, 4)))
        sign = r.choice(["", "", "<a class='anchor' href='#s'>#</a>", "<a name='s'></a>"])
        parts.append(
            f"<{section}><{heading}>{pg.gold(pg.title(1, 3))}{sign}</{heading.split()[0]}>{content}</{section.split()[0]}>"
        )
    body = f"{before.format(**names)}<{main}>{''.join(parts)}</{main.split()[0]}>{after.format(**names)}"
    manner = r.random()
    if manner < 0.3:
        body = re.sub(r" (?:class|id|role)='[^']*'", "", body)
    elif manner < 0.6:
        own = {word: pg.words(1, 1) for word in re.findall(r" class='([^']*)'", body)}
        body = re.sub(r" (class)='([^']*)'", lambda m: f" class='{own[m[2]]}'", body)
    return pg.wrap(body, title)


def _reference_part(pg: Page, entry: str) -> str:
    """One thing that reference pages are made of."""
    r = pg.rng
    kind = r.randrange(9)
    name = f"{r.choice(SYLLABLES)}_{r.choice(SYLLABLES)}{r.choice(SYLLABLES)}"
    if kind == 0:
        return pg.p(1, 3)
    if kind == 1:
        return f"<pre class='synopsis'>{pg.gold(f'{pg.words(1, 2)} {name}({pg.words(1, 2)} *{r.choice(SYLLABLES)});')}</pre>"
    if kind == 2:
        items = "".join(
            f"<dt><code>{pg.gold(r.choice(['--', '-', '', '$']) + pg.words(1, 1) + r.choice(['', ' (x)', '[]', ' → n']))}</code></dt><dd>{r.choice([pg.gold(pg.words(2, 12)), pg.p(1, 1)])}</dd>"
            for _ in range(r.randint(1, 6))
        )
        return f"<dl class='variablelist'>{items}</dl>"
    if kind == 3:
        rows = "".join(
            f"<tr><td class='parameter_name'>{pg.gold(pg.words(1, 1))}</td><td class='parameter_description'>{pg.gold(pg.words(2, 8) + '.')}</td></tr>"
            for _ in range(r.randint(1, 5))
        )
        return f"<h4>{pg.gold(pg.title(1, 1))}</h4><div class='informaltable'><table class='informaltable'>{rows}</table></div>"
    if kind == 4:
        notes = "".join(
            f"<p class='since'>{pg.gold(pg.title(1, 1) + ': ' + pg.words(1, 2))}</p>"
            for _ in range(r.randint(1, 3))
        )
        return f"<{entry}><h3>{pg.gold(name + ' ()')}</h3><pre class='programlisting'>{pg.gold(f'void {name} (void);')}</pre>{pg.p(1, 1)}{notes}</{entry.split(maxsplit=1)[0]}>"
    if kind == 5:
        items = "".join(
            f"<li><code>{pg.words(1, 1)}</code> <a class='type' href='/t#x'>&lt;{pg.words(1, 1)}&gt;</a> {pg.gold(pg.words(2, 9))}</li>"
            for _ in range(r.randint(2, 6))
        )
        return f"<ul>{items}</ul>"
    if kind == 6:
        n = r.randint(2, 4)
        head = "".join(f"<th>{pg.gold(pg.title(1, 1))}</th>" for _ in range(n))
        rows = "".join(
            f"<tr><td><a href='#f'>{pg.gold(pg.words(1, 1) + str(r.randint(1, 99)))}</a></td>"
            + "".join(f"<td>{r.choice(['', pg.gold(pg.words(1, 4))])}</td>" for _ in range(n - 1))
            + "</tr>"
            for _ in range(r.randint(2, 7))
        )
        return f"<table class='summary'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    if kind == 7:
        return _example(pg)
    return f"<p class='title'><b>{pg.gold(pg.title(1, 3) + ':')}</b></p>{_points(pg)}"


def lesson(pg: Page) -> bytes:
    """A chapter or course page: headings, short paragraphs, captions of figures and tables, exercises in lists."""
    r = pg.rng
    title = pg.title(2, 5)
    parts = []
    for _ in range(r.randint(2, 6)):
        parts.append(f"<h2>{pg.gold(pg.title(1, 5))}</h2>")
        for _ in range(r.randint(1, 4)):
            kind = r.randrange(6)
            caption = pg.gold(
                f"{r.choice(['Figure', 'Table', 'Fig.'])} {r.randint(1, 30)}: {pg.words(3, 12)}"
            )
            if kind <= 1:
                parts.append(pg.p(1, 4))
            elif kind == 2:
                parts.append(
                    f"{pg.p(1, 2)}<figure><img src='/f.png'><figcaption>{caption}</figcaption></figure>"
                )
            elif kind == 3:
                rows = "".join(
                    f"<tr><td>{pg.gold(pg.words(1, 2))}</td><td>{r.randint(1, 99)}</td></tr>"
                    for _ in range(r.randint(2, 6))
                )
                parts.append(f"<table><caption>{caption}</caption>{rows}</table>")
            elif kind == 4:
                items = "".join(
                    f"<li>{pg.gold(pg.words(2, 14) + r.choice(['?', '.', '']))}</li>"
                    for _ in range(r.randint(2, 7))
                )
                parts.append(f"<h3>{pg.gold(pg.title(1, 2))}</h3><ol>{items}</ol>")
            else:
                parts.append(f"<div class='note'><h4>{pg.gold(pg.title(1, 2))}</h4>{pg.p(1, 2)}</div>")
    outer = r.choice(["main", "div class='content'", "article", "div", "div id='main'", "td"])
    inner = f"<{outer}><h1>{pg.gold(title)}</h1>{''.join(parts)}</{outer.split()[0]}>"
    inner = f"<table><tr>{inner}</tr></table>" if outer == "td" else inner
    return pg.wrap(f"{pg.header()}{inner}{r.choice([pg.sidebar(), ''])}{pg.footer()}", title)


def thread(pg: Page) -> bytes:
    """A page that is nothing but a thread: its posts are main text, whatever their classes call them."""
    r = pg.rng
    title = pg.title(3, 9)
    item, inner = r.choice(
        [
            ("div class='comment'", "div class='comment-body'"),
            ("div class='reply'", "p"),
            ("tr class='athing comtr'", "td class='default'"),
            ("li class='comment'", "div class='md'"),
        ]
    )
    posts = "".join(
        f"<{item}><{inner}><span class='comhead'><a class='user' href='/u'>{pg.name()}</a> {pg.date()}</span><div class='commtext'>{pg.p(1, 3)}</div></{inner.split()[0]}></{item.split()[0]}>"
        for _ in range(r.randint(3, 20))
    )
    outer = (
        "table class='comment-tree'"
        if item.startswith("tr")
        else r.choice(["div id='comments'", "div class='comments'", "div", "main"])
    )
    body = f"{pg.header()}<h1>{pg.gold(title)}</h1><{outer}>{posts}</{outer.split()[0]}>{pg.footer()}"
    return pg.wrap(body, title)


KINDS: dict[Callable[[Page], bytes], int] = {
    forum: 4,
    question: 3,
    wiki: 3,
    documentation: 4,
    reference: 9,
    lesson: 3,
    thread: 2,
    product: 3,
    recipe: 2,
    listing: 4,
    post_with_comments: 4,
    one_pre: 1,
    old_layout: 2,
    data_table: 2,
    short_page: 2,
}


def make_pages(n: int, seed: int = 0) -> list[tuple[str, bytes, set[str]]]:
    """`n` pages as (kind, HTML, texts that are main text)."""
    rng = random.Random(seed)
    pages = []
    for kind in rng.choices(list(KINDS), list(KINDS.values()), k=n):
        page = Page(rng)
        html = kind(page)
        pages.append((kind.__name__, html, page.golden))
    return pages
