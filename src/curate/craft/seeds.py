"""Seeds: kept pages by topic and score, or a list of topics; which ones does not depend on their order."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import xxhash

from curate.craft.settings import CraftSettings
from curate.crawl import ReadOptions, find_kept, plan_splits, read_chunks
from curate.errors import SettingError
from curate.llm.quoting import break_closing_tag

_LICENSES = ("license", "licence")
_TOPIC_LEAD = "Subject: "
_PAGE_LEAD = "The subject is that of this extract, quoted between <page> and </page>:"


@dataclass(frozen=True, slots=True)
class Seed:
    """What a passage is written from: a page, or a topic, whose `text` is then empty."""

    id: str
    text: str
    url: str | None = None
    topic: str | None = None
    score: float | None = None
    license: str | None = None

    def prompt(self, n_chars: int) -> str:
        """The seed as a prompt shows it; a closing tag within the page cannot end its quotation."""
        if not self.text:
            return _TOPIC_LEAD + (self.topic or "")
        shown = break_closing_tag(self.text[:n_chars])
        return f"{_PAGE_LEAD}\n<page>\n{shown}\n</page>"


@dataclass(frozen=True, slots=True)
class Pool:
    """The seeds of a run.

    Attributes:
        chosen: in the order in which they are written from.
        texts: of every page that could have been a seed: what is written must not be near any.
        n_read: pages or topics read.
        passed_over: reason -> how many were no seed.
    """

    chosen: list[Seed]
    texts: list[str]
    n_read: int
    passed_over: dict[str, int]


def read_seeds(settings: CraftSettings) -> Pool:
    """Read the seeds and choose among them, by a hash of their ids.

    Raises:
        SettingError: the input does not exist, or holds no seed.
    """
    passed_over: Counter[str] = Counter()
    found = _read_topics(settings.topics) if settings.topics else read_pages(settings, passed_over)
    kept: list[tuple[int, int, Seed]] = []  # (-hash, -number, seed): the smallest hashes stay
    seen: set[int] = set()
    n_read = 0
    for seed in found:
        place = xxhash.xxh3_64_intdigest(seed.id.encode("utf-8", "replace"), seed=settings.seed)
        if place in seen:
            passed_over["same_id"] += 1
            continue
        seen.add(place)
        n_read += 1
        push = heapq.heappush if len(kept) < settings.max_pool else heapq.heappushpop
        push(kept, (-place, -n_read, seed))
    pool = [seed for _, _, seed in sorted(kept, key=lambda entry: -entry[0])]
    chosen = list(_within_quotas(settings, pool, passed_over))
    if not chosen:
        where = settings.topics or ", ".join(settings.input)
        raise SettingError(f"No seed in {where} ({dict(passed_over)}).")
    return Pool(chosen, [seed.text for seed in pool if seed.text], n_read, dict(sorted(passed_over.items())))


def _within_quotas(
    settings: CraftSettings, pool: Sequence[Seed], passed_over: Counter[str]
) -> Iterator[Seed]:
    topics: Counter[str] = Counter()
    hosts: Counter[str] = Counter()
    for seed in pool:
        host = urlsplit(seed.url).hostname if seed.url and "://" in seed.url else None
        if not has_fit_score(settings, seed):
            passed_over["score"] += 1
        elif settings.only_topic and seed.topic not in settings.only_topic:
            passed_over["topic"] += 1
        elif settings.per_topic and seed.topic and topics[seed.topic] >= settings.per_topic:
            passed_over["topic_quota"] += 1
        elif settings.per_domain and host and hosts[host] >= settings.per_domain:
            passed_over["domain_quota"] += 1
        else:
            topics[seed.topic or ""] += 1
            hosts[host or ""] += 1
            yield seed


def has_fit_score(settings: CraftSettings, seed: Seed) -> bool:
    """Whether a seed's score is within the limits; a page without one is where there are none."""
    if seed.score is None:
        return not seed.text or (settings.min_score == 0 and settings.max_score == 1)
    return settings.min_score <= seed.score <= settings.max_score


def _read_topics(path: str) -> Iterator[Seed]:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"Cannot read the topics {path}: {error}.") from error
    for line in lines:
        topic = " ".join(line.split())
        if topic and not topic.startswith("#"):
            yield Seed(f"topic-{xxhash.xxh3_64_hexdigest(topic.encode())}", "", topic=topic)


def read_pages(settings: CraftSettings, passed_over: Counter[str]) -> Iterator[Seed]:
    """Pages that are text: what `curate filter` kept, or files of text; HTML goes through `curate filter` first."""
    for split in plan_splits(find_kept(settings.input)):
        for chunk in read_chunks(split, ReadOptions()):
            pages = chunk.pages.select(["id", "url", "kind", "content", "extra", "drop_reason"]).to_pylist()
            for page in pages:
                text = (page["content"] or b"").decode("utf-8", "replace")
                reason = page["drop_reason"] or ("html" if page["kind"] == "html" else None)
                if reason or not text.strip():
                    passed_over[reason or "no_text"] += 1
                    continue
                extra = orjson.loads(page["extra"]) if page["extra"] else {}
                yield _seed(settings, page, text, extra)


def _seed(settings: CraftSettings, page: dict[str, Any], text: str, extra: dict[str, Any]) -> Seed:
    column = settings.score_column or next((name for name in extra if name.endswith("_score")), "")
    score, topic = extra.get(column), extra.get(settings.topic_column)
    named = next((extra[name] for name in _LICENSES if isinstance(extra.get(name), str)), None)
    return Seed(
        page["id"],
        text,
        page["url"],
        topic if isinstance(topic, str) else None,
        float(score) if isinstance(score, int | float) and not isinstance(score, bool) else None,
        named,
    )
