"""The pages to choose from: whatever curate reads, as a table of id, url, text and, where known, topic."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
import pyarrow as pa
import xxhash

from curate.annotate.settings import AnnotateSettings
from curate.crawl import find_kept, refuse_as_output
from curate.errors import SettingError
from curate.fit.label_files import read_pages

SCHEMA = pa.schema(
    [("id", pa.string()), ("url", pa.string()), ("topic", pa.string()), ("text", pa.large_string())]
)


@dataclass(frozen=True, slots=True)
class Pool:
    """Pages to choose from, in the order of the input.

    Attributes:
        pages: table with `SCHEMA`; ids are unique.
        n_read: pages with text in the input; more than `pages` where a sample was taken.
        passed_over: reason -> pages without text, or with an id that an earlier page has.
    """

    pages: pa.Table
    n_read: int
    passed_over: dict[str, int]


def read_pool(settings: AnnotateSettings) -> Pool:
    """Read the pages of the input; of more than `max_pool`, those whose hash of seed and id is smallest.

    Which pages are sampled does not depend on their order.

    Raises:
        SettingError: The input does not exist, or no page of it has text.
    """
    passed_over: Counter[str] = Counter()
    kept: list[tuple[int, int, tuple[str, str | None, str | None, str]]] = []  # (-hash, -number, page)
    seen: set[int] = set()
    n_read = 0
    for page in _read_pages(settings, passed_over):
        place = xxhash.xxh3_64_intdigest(page[0].encode("utf-8", "replace"), seed=settings.seed)
        if place in seen:
            passed_over["same_id"] += 1
            continue
        seen.add(place)
        entry = (-place, -n_read, page)
        n_read += 1
        if len(kept) < settings.max_pool:
            heapq.heappush(kept, entry)
        else:
            heapq.heappushpop(kept, entry)
    if not kept:
        raise SettingError(f"No page with text in {', '.join(settings.input)} ({dict(passed_over)}).")
    rows = [page for _, _, page in sorted(kept, key=lambda entry: -entry[1])]
    columns = list(zip(*rows, strict=True))
    table = pa.table(
        [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )
    return Pool(table, n_read, dict(sorted(passed_over.items())))


def _read_pages(
    settings: AnnotateSettings, passed_over: Counter[str]
) -> Iterator[tuple[str, str | None, str | None, str]]:
    files = find_kept(settings.input)
    refuse_as_output([settings.output, f"{settings.output}.manifest.json", settings.cache_path], files)
    pages = read_pages(files, settings.text_column, extractor=settings.extractor, passed_over=passed_over)
    for page in pages:
        yield page["id"], page["url"], _topic(page["extra"]), page["text"]


def _topic(extra: str | None) -> str | None:
    topic = orjson.loads(extra).get("topic") if extra else None
    return topic if isinstance(topic, str) else None
