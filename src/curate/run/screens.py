"""What stands beside the rules: blocklists of addresses and words, redaction, benchmarks to keep out, adult pages.

The screen for adult pages is on by default; all else is off, since the lists are the user's choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from curate.batch import add_columns, drop_rows, live_rows, take_rows, whole
from curate.rules import BadWords, Decontaminator, UrlRules
from curate.rules.own import ask_screen, load_screen, screen_fingerprint
from curate.rules.urls import list_files
from curate.run.adult import REASON as ADULT
from curate.run.adult import find_adult
from curate.run.lanes import PROSE, is_of_kind
from curate.run.settings import FilterSettings
from curate.text.words import Words

OWN_COLUMNS = (
    "id",
    "url",
    "date",
    "source",
    "position",
    "kind",
    "title",
    "text",
    "language",
    "language_confidence",
)
"""What a screen of the user's own sees, beside the signals."""
MARKED = "marked"  # the column of the text as Markdown, in runs that write it
STAYS = pa.scalar(None, pa.string())


@dataclass(frozen=True, slots=True)
class Screens:
    """The optional stages of one run; None where not asked for."""

    urls: UrlRules | None
    words: BadWords | None
    benchmarks: Decontaminator | None
    drops_contaminated: bool
    redacts_pii: bool
    redacts_secrets: bool
    own: tuple[str, ...] = ()
    drops_adult: bool = True

    def add_address(self, documents: pa.Table) -> pa.Table:
        """Drop documents whose address is on a list."""
        if self.urls is None:
            return documents
        rows = live_rows(documents)
        found = self.urls.match(documents["url"].take(rows))
        return _drop(documents, rows, found["drop_reason"], found["entry"])

    def add_redaction(self, documents: pa.Table) -> pa.Table:
        """Replace secrets and addresses in text and title; count those of the text in `n_secrets`, `n_emails`, `n_ips`."""
        if not (self.redacts_pii or self.redacts_secrets):
            return documents
        rows = live_rows(documents)
        texts, counts = self._redacted(documents["text"].take(rows))
        found = {"text": texts.cast(pa.string())} | counts
        if MARKED in documents.column_names:
            found[MARKED] = self._redacted(documents[MARKED].take(rows))[0].cast(pa.string())
        documents = add_columns(documents, rows, found)
        titles = whole(documents["title"])
        redacted = pc.if_else(pc.is_null(titles), None, self._redacted(titles)[0].cast(titles.type))
        return documents.set_column(documents.schema.get_field_index("title"), "title", redacted)

    def _redacted(self, texts: pa.Array | pa.ChunkedArray) -> tuple[Any, dict[str, pa.Array]]:
        return redact(texts, pii=self.redacts_pii, secrets=self.redacts_secrets)

    def add_words(self, documents: pa.Table) -> pa.Table:
        """Drop documents that hold a listed word."""
        if self.words is None:
            return documents
        rows = live_rows(documents)
        found = self.words.match(take_rows(documents["text"], rows))
        return _drop(documents, rows, pc.if_else(pc.is_valid(found), BadWords.reason, STAYS), found)

    def add_adult(self, documents: pa.Table, words: Words) -> pa.Table:
        """Drop pages made for sexual arousal; see `curate.run.adult`. `words` are those of every row."""
        if not self.drops_adult:
            return documents
        rows = live_rows(documents)
        rows = rows[is_of_kind(documents["kind"].take(pa.array(rows)), PROSE)]
        urls, titles, languages = (take_rows(documents[name], rows) for name in ("url", "title", "language"))
        texts = documents["text"]
        found = find_adult(urls, titles, lambda at: take_rows(texts, rows[at]), languages, words.take(rows))
        return _drop(documents, rows, pc.if_else(pc.is_valid(found), ADULT, STAYS), found)

    def add_contamination(self, documents: pa.Table, words: Words) -> pa.Table:
        """Name the benchmark that a document shares an n-gram with, and drop it if that is asked for.

        `words` are those of every row.
        """
        if self.benchmarks is None:
            return documents
        rows = live_rows(documents)
        found = self.benchmarks.match(documents["text"].take(rows), words.take(rows))
        names = {"benchmark": found["benchmark"], "benchmark_ngram": found["ngram"]}
        documents = add_columns(documents, rows, names)
        if not self.drops_contaminated:
            return documents
        reasons = pc.if_else(pc.is_valid(found["benchmark"]), "contaminated", STAYS)
        detail = pc.binary_join_element_wise(found["benchmark"], found["ngram"], ": ")
        return _drop(documents, rows, reasons, detail)

    def add_own(self, documents: pa.Table, signals: Sequence[str]) -> pa.Table:
        """Drop what the user's own functions name; each sees what the ones before it left.

        They see the columns of `curate.rules.own` and `signals`.
        """
        for name in self.own:
            rows = live_rows(documents)
            if not len(rows):
                continue
            seen = documents.select([*OWN_COLUMNS, *signals]).take(rows).combine_chunks().to_batches()[0]
            reasons = ask_screen(name, load_screen(name), seen)
            documents = _drop(documents, rows, reasons, pa.array([name] * len(rows)))
        return documents

    def warnings(self) -> list[str]:
        """Say what the screens could not look for."""
        return [] if self.benchmarks is None else self.benchmarks.warnings()

    def columns(self) -> list[tuple[str, str]]:
        """Names and types of the columns that the screens add to every row."""
        columns: list[tuple[str, str]] = []
        if self.redacts_secrets:
            columns.append(("n_secrets", "int32"))
        if self.redacts_pii:
            columns += [("n_emails", "int32"), ("n_ips", "int32")]
        if self.benchmarks is not None:
            columns += [("benchmark", "string"), ("benchmark_ngram", "string")]
        return columns


def redact(texts: pa.Array | pa.ChunkedArray, *, pii: bool, secrets: bool) -> tuple[Any, dict[str, pa.Array]]:
    """Replace what is asked for in N texts, as a run does, and count it by column."""
    counts: dict[str, pa.Array] = {}
    if secrets:  # first: `:password@host` is no address of a person
        from curate.rules import redact_secrets

        texts, counts["n_secrets"] = redact_secrets(texts)
    if pii:
        from curate.rules import redact_pii

        texts, counts["n_emails"], counts["n_ips"] = redact_pii(texts)
    return texts, counts


def load_screens(settings: FilterSettings) -> Screens:
    """Read the lists that the settings name.

    Raises:
        SettingError: a list cannot be read or is empty.
    """
    return Screens(
        urls=_load_urls(settings.url_blocklist),
        words=_load_words(settings.bad_words),
        benchmarks=_load_benchmarks(settings.decontaminate),
        drops_contaminated=not settings.flag_contaminated,
        redacts_pii=settings.redact_pii,
        redacts_secrets=settings.redact_secrets,
        own=_load_own(settings.screen),
        drops_adult=not settings.allow_adult,
    )


def hash_lists(settings: FilterSettings) -> dict[str, str | None]:
    """Hash every list, rule file and screen, by its name, so that one with other contents counts as a changed setting."""
    rule_files = tuple(name for name in (*settings.rules, *settings.code_rules) if name.endswith(".toml"))
    blocklists = [file for path in settings.url_blocklist for file, _ in list_files(path)]
    paths = (*blocklists, *settings.bad_words, *settings.decontaminate, *rule_files)
    paths += (settings.tokenizer,) if settings.tokenizer else ()
    hashes: dict[str, str | None] = {
        path: xxhash.xxh3_64_hexdigest(Path(path).read_bytes()) for path in paths
    }
    return hashes | {f"the screen {name}": screen_fingerprint(name) for name in settings.screen}


# Read once in each process: a worker meets the same lists in every chunk.
@cache
def _load_urls(paths: tuple[str, ...]) -> UrlRules | None:
    return UrlRules.from_files(paths) if paths else None


def _load_own(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        load_screen(name)
    return names


@cache
def _load_words(paths: tuple[str, ...]) -> BadWords | None:
    return BadWords.from_files(paths) if paths else None


@cache
def _load_benchmarks(paths: tuple[str, ...]) -> Decontaminator | None:
    return Decontaminator.from_files(paths) if paths else None


def _drop(documents: pa.Table, rows: NDArray[np.int64], reasons: pa.Array, detail: pa.Array) -> pa.Table:
    at = pc.is_valid(reasons).to_numpy(zero_copy_only=False)
    documents = add_columns(documents, rows[at], {"drop_detail": detail.filter(pa.array(at))})
    return drop_rows(documents, rows, "rules", reasons)
