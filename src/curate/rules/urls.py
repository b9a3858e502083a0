"""URL rules: pages whose address is on a list. No list is shipped; its source is the user's choice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import SettingError
from curate.text.lines import read_text_lines

_HOST = r"^(?:(?:[a-z][a-z0-9+.-]*:)?//)?(?:[^/?#@\s]*@)?(?P<host>\[[^\]]*\]|[^/?#:@\s]*)"
KINDS = ("host", "domain", "substring")


@dataclass(frozen=True, slots=True)
class UrlRules:
    """What an address must not be, all in lower case.

    Args:
        hosts: exact host names (`url_host`).
        domains: host names with everything below them (`url_domain`).
        substrings: what an address must not hold (`url_substring`).
    """

    hosts: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    substrings: tuple[str, ...] = ()

    reasons = tuple(f"url_{kind}" for kind in KINDS)

    @classmethod
    def from_lines(cls, lines: Iterable[str], where: str = "blocklist") -> UrlRules:
        """Read entries, one a line: `domain:example.com` or bare `example.com`, `host:…`, `substring:…`.

        Text behind ` #` and blank lines are comments. `||example.com^`, as ad blockers write, is a domain.

        Raises:
            SettingError: a line is none of these.
        """
        found: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for number, line in enumerate(lines, 1):
            entry = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip().lower()
            if not entry:
                continue
            kind, _, value = entry.partition(":") if ":" in entry else ("domain", "", entry)
            value = value.strip().removeprefix("||").removesuffix("^")
            if kind not in KINDS or not value or (kind != "substring" and re.search(r"[\s/]", value)):
                raise SettingError(
                    f"{where}, line {number}: '{line.strip()}' is not an entry. "
                    "Write host:, domain: or substring: and a value, or a bare domain."
                )
            found[kind].add(value.rstrip(".") if kind != "substring" else value)
        return cls(frozenset(found["host"]), frozenset(found["domain"]), tuple(sorted(found["substring"])))

    @classmethod
    def from_files(cls, paths: Sequence[str]) -> UrlRules:
        """Read and join blocklist files.

        Raises:
            SettingError: a file cannot be read or a line is no entry.
        """
        joined = cls()
        for path in paths:
            rules = cls.from_lines(read_text_lines(path), where=path)
            joined = cls(
                joined.hosts | rules.hosts,
                joined.domains | rules.domains,
                tuple(sorted({*joined.substrings, *rules.substrings})),
            )
        return joined

    def match(self, urls: pa.Array | pa.ChunkedArray) -> pa.RecordBatch:
        """Match N addresses; null matches nothing.

        Returns:
            `drop_reason` (string, null where nothing matches) and `entry` (string, the entry that did).

        >>> UrlRules.from_lines(["example.com"]).match(pa.array(["https://www.example.com/a"])).to_pylist()
        [{'drop_reason': 'url_domain', 'entry': 'example.com'}]
        """
        if isinstance(urls, pa.ChunkedArray):
            urls = urls.combine_chunks()
        lowered = pc.utf8_lower(urls.cast(pa.string()).fill_null(""))
        hosts = pc.utf8_rtrim(pc.struct_field(pc.extract_regex(lowered, _HOST), "host"), ".").fill_null("")
        distinct = hosts.dictionary_encode()
        names = distinct.dictionary.to_pylist()
        entries: dict[str, pa.Array] = {
            "host": _spread([name if name in self.hosts else None for name in names], distinct),
            "domain": _spread([_parent(name, self.domains) for name in names], distinct),
            "substring": _first_substring(lowered, self.substrings),
        }
        reason, entry = pa.nulls(len(urls), pa.string()), pa.nulls(len(urls), pa.string())
        for kind, found in entries.items():
            is_new = pc.and_(pc.is_valid(found), pc.is_null(reason))
            reason = pc.if_else(is_new, pa.scalar(f"url_{kind}"), reason)
            entry = pc.if_else(is_new, found, entry)
        return pa.RecordBatch.from_arrays([reason, entry], names=["drop_reason", "entry"])


def _spread(of_distinct: list[str | None], distinct: pa.DictionaryArray) -> pa.Array:
    """What was found for each distinct host, for every row."""
    return pa.array(of_distinct, pa.string()).take(distinct.indices)


def _parent(host: str, domains: frozenset[str]) -> str | None:
    """The host itself, or the nearest domain above it that is listed."""
    while host and host not in domains:
        host = host.partition(".")[2]
    return host or None


def _first_substring(urls: pa.Array, substrings: Sequence[str]) -> pa.Array:
    if not substrings:
        return pa.nulls(len(urls), pa.string())
    # Longer ones first: RE2 takes the first alternative that matches.
    ordered = sorted(substrings, key=lambda text: (-len(text), text))
    pattern = "(?P<entry>" + "|".join(map(re.escape, ordered)) + ")"
    return pc.struct_field(pc.extract_regex(urls, pattern), "entry")
