"""Writes examples/crawl: a small crawl in four formats, in which every page is made for one fate.

Run it with `python examples/build_crawl.py [FOLDER]`; it always writes the same bytes.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pages

# What becomes of each page at the default threshold, by its URL, or its file where it has none: the drop
# reason, None for kept pages. Beside them, one line of forum.jsonl is no JSON.
FATES: dict[str, str | None] = {
    "https://lessons.example/photosynthesis": None,
    "water-cycle.html": None,
    "https://lessons.example/newton": None,
    "https://lessons.example/vaccines": None,
    "https://lessons.example/fractions": None,
    "https://lessons.example/binary-search": None,
    "supply-and-demand.txt": None,
    "https://diary.example/lake": "below_threshold",
    "https://kitchens.example/": "below_threshold",
    "https://mirror.example/vaccines": "exact_duplicate",
    "https://copy.example/photosynthesis": "near_duplicate",
    "https://lernen.example/photosynthese": "language",
    "https://old.example/moved": "curate_n_words",
    "https://new.example/": "curate_lorem_ipsum",
    "https://rooms.example/": "curate_repetition",
    "https://races.example/results": "curate_title_words",
    "https://travel.example/deals": "curate_unique_words",
    "https://parts.example/bolts": "curate_stop_words",
    "https://notes.example/bullets": "curate_word_entropy",
    "https://news.example/teasers": "below_threshold",
    "https://library.example/": "below_threshold",
    "https://snippets.example/button": "below_threshold",
    "https://empty.example/": "no_text",
    "https://forum.example/deleted": "json_no_text",
}

_DATE = "2026-11-01T12:00:00Z"


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "crawl")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lessons.warc.gz").write_bytes(
        b"".join(gzip.compress(record, mtime=0) for record in warc_records())
    )
    (folder / "forum.jsonl").write_text("".join(f"{line}\n" for line in json_lines()), encoding="utf-8")
    (folder / "water-cycle.html").write_text(html("The water cycle", pages.WATER_CYCLE), encoding="utf-8")
    (folder / "supply-and-demand.txt").write_text(pages.SUPPLY_AND_DEMAND, encoding="utf-8")


def warc_records() -> list[bytes]:
    """A WARC file: pages, and the records around them that are no pages."""
    lessons = {
        "https://lessons.example/photosynthesis": ("Photosynthesis", pages.PHOTOSYNTHESIS),
        "https://lessons.example/newton": ("Newton's laws of motion", pages.NEWTON),
        "https://lessons.example/vaccines": ("How vaccines work", pages.VACCINES),
        "https://lessons.example/fractions": ("Adding fractions", pages.FRACTIONS),
        "https://lessons.example/binary-search": ("Binary search", pages.BINARY_SEARCH),
        "https://diary.example/lake": ("A weekend at the lake", pages.DIARY),
        "https://kitchens.example/": ("Kitchens at fair prices", pages.SHOP),
        "https://lernen.example/photosynthese": ("Photosynthese", pages.GERMAN),
        "https://rooms.example/": ("Rooms by the sea", pages.REPEATED_LINES),
        "https://library.example/": ("The library", pages.MENU_LINES),
        "https://empty.example/": ("", ""),
    }
    records = [
        warc_record("warcinfo", "", b"software: examples/build_crawl.py\r\n", "application/warc-fields")
    ]
    records += [
        response(url, "200 OK", "text/html; charset=utf-8", html(*page).encode())
        for url, page in lessons.items()
    ]
    records += [
        response("https://lessons.example/robots.txt", "200 OK", "text/plain", b"User-agent: *\nAllow: /\n"),
        response("https://lessons.example/leaf.png", "200 OK", "image/png", b"\x89PNG\r\n\x1a\n"),
        response("https://lessons.example/lost", "404 Not Found", "text/html", b"<h1>Not found</h1>"),
        response("https://lessons.example/", "301 Moved Permanently", "text/html", b""),
        warc_record("revisit", "https://lessons.example/newton", b"", "application/http; msgtype=response"),
    ]
    return records


def json_lines() -> list[str]:
    """A JSON-lines file with ids, a column of the user's own, and two broken lines."""
    near_copy = pages.PHOTOSYNTHESIS.replace("why leaves look green to us", "why most leaves look green")
    texts = {
        "https://mirror.example/vaccines": "How vaccines work\n" + pages.VACCINES,
        "https://copy.example/photosynthesis": near_copy,
        "https://races.example/results": pages.NAMES,
        "https://parts.example/bolts": pages.PARTS,
        "https://old.example/moved": pages.SHORT,
        "https://notes.example/bullets": pages.BULLETS,
        "https://news.example/teasers": pages.ELLIPSES,
        "https://travel.example/deals": pages.KEYWORDS,
        "https://new.example/": pages.LOREM_IPSUM,
        "https://snippets.example/button": pages.CODE_PAGE,
    }
    lines = [
        json.dumps({"id": f"forum-{n}", "url": url, "text": text, "likes": 3 * n})
        for n, (url, text) in enumerate(texts.items())
    ]
    return [
        *lines,
        json.dumps({"id": "forum-99", "url": "https://forum.example/deleted", "likes": 0}),
        '{"id": "fo',
    ]


def html(title: str, text: str) -> str:
    """A page with the usual things around its text."""
    blocks = [f"<p>{line}</p>" for line in text.split("\n") if line]
    main_part = f"<article><h1>{title}</h1>{''.join(blocks)}</article>" if text else ""
    return (
        f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>{title}</title>"
        "<style>nav { color: green }</style></head><body>"
        "<nav><a href='/'>Home</a> <a href='/about'>About</a> <a href='/contact'>Contact</a></nav>"
        f"{main_part}<footer><a href='/terms'>Terms</a></footer><script>var x = 1;</script></body></html>"
    )


def response(url: str, status: str, mime: str, body: bytes) -> bytes:
    """A response record."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {mime}\r\nContent-Length: {len(body)}\r\n\r\n"
    return warc_record("response", url, head.encode() + body, "application/http; msgtype=response")


def warc_record(kind: str, url: str, block: bytes, mime: str) -> bytes:
    """One WARC/1.0 record."""
    target = f"WARC-Target-URI: {url}\r\n" if url else ""
    number = sum(url.encode()) + len(block)
    return (
        (
            f"WARC/1.0\r\nWARC-Type: {kind}\r\n{target}WARC-Date: {_DATE}\r\n"
            f"WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-{number:012d}>\r\n"
            f"Content-Type: {mime}\r\nContent-Length: {len(block)}\r\n\r\n"
        ).encode()
        + block
        + b"\r\n\r\n"
    )


if __name__ == "__main__":
    main()
