"""URL rules: pages whose address is on a list. No list is shipped; its source is the user's choice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.batch import whole
from curate.errors import SettingError
from curate.text.lines import read_text_lines

_HOST = r"^(?:(?:[a-z][a-z0-9+.-]*:)?//)?(?:[^/?#@\s]*@)?(?P<host>\[[^\]]*\]|[^/?#:@\s]*)"
KINDS = ("host", "domain", "path", "substring")
_FOLDER_FILES = {"domains": "domain:", "urls": "path:"}
"""What a category of the UT1 lists holds (dsi.ut-capitole.fr/blacklists): domains, and addresses without their scheme."""


@dataclass(frozen=True, slots=True)
class UrlRules:
    """What an address must not be, all in lower case.

    Args:
        hosts: exact host names (`url_host`).
        domains: host names with everything below them (`url_domain`).
        paths: hosts with a path, `example.com/a`: what lies at or below it (`url_path`); a leading `www.` does not count.
        substrings: what an address must not hold (`url_substring`).
    """

    hosts: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    substrings: tuple[str, ...] = ()
    paths: frozenset[str] = frozenset()
    _longest: int = field(init=False, repr=False, compare=False, default=0)

    reasons = tuple(f"url_{kind}" for kind in KINDS)

    def __post_init__(self) -> None:
        longest = max((len(entry) for entries in (self.domains, self.paths) for entry in entries), default=0)
        object.__setattr__(self, "_longest", longest)

    @classmethod
    def from_lines(cls, lines: Iterable[str], where: str = "blocklist") -> UrlRules:
        """Read entries, one a line: `domain:example.com` or bare `example.com`, `host:…`, `path:example.com/a`, `substring:…`.

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
            if kind == "path":
                value = _path_entry(value)
            has_slash = kind in {"host", "domain"} and "/" in value
            if (
                kind not in KINDS
                or not value
                or has_slash
                or (kind != "substring" and re.search(r"\s", value))
            ):
                raise SettingError(
                    f"{where}, line {number}: '{line.strip()}' is not an entry. "
                    "Write host:, domain:, path: or substring: and a value, or a bare domain."
                )
            found[kind].add(value.rstrip(".") if kind in {"host", "domain"} else value)
        return cls(
            frozenset(found["host"]),
            frozenset(found["domain"]),
            tuple(sorted(found["substring"])),
            frozenset(found["path"]),
        )

    @classmethod
    def from_files(cls, paths: Sequence[str]) -> UrlRules:
        """Read and join blocklist files, and folders in the layout of the UT1 lists: `adult/domains`, `adult/urls`.

        A folder may be one category or hold several. Its `expressions` are regular expressions for a proxy and are not read.

        Raises:
            SettingError: a file cannot be read, a line is no entry, or a folder holds no such list.
        """
        parts: list[UrlRules] = []
        for path in paths:
            for file, kind in list_files(path):
                lines = read_text_lines(file)
                if kind:
                    lines = [
                        f"{kind}{line.split('#')[0].strip()}" for line in lines if line.split("#")[0].strip()
                    ]
                parts.append(cls.from_lines(lines, where=file))
        return cls(
            frozenset().union(*(part.hosts for part in parts)),
            frozenset().union(*(part.domains for part in parts)),
            tuple(sorted({text for part in parts for text in part.substrings})),
            frozenset().union(*(part.paths for part in parts)),
        )

    def match(self, urls: pa.Array | pa.ChunkedArray) -> pa.RecordBatch:
        """Match N addresses; null matches nothing.

        Returns:
            `drop_reason` (string, null where nothing matches) and `entry` (string, the entry that did).

        >>> UrlRules.from_lines(["example.com"]).match(pa.array(["https://www.example.com/a"])).to_pylist()
        [{'drop_reason': 'url_domain', 'entry': 'example.com'}]
        """
        urls = whole(urls)
        lowered = pc.utf8_lower(urls.cast(pa.string()).fill_null(""))
        hosts = host_of(urls)
        distinct = hosts.dictionary_encode()
        names = distinct.dictionary.to_pylist()
        entries: dict[str, pa.Array] = {
            "host": _spread([name if name in self.hosts else None for name in names], distinct),
            "domain": _spread([_parent(name, self.domains, self._longest) for name in names], distinct),
            "path": _find_paths(hosts, lowered, self.paths, self._longest),
            "substring": _first_substring(lowered, self.substrings),
        }
        reason, entry = pa.nulls(len(urls), pa.string()), pa.nulls(len(urls), pa.string())
        for kind, found in entries.items():
            is_new = pc.and_(pc.is_valid(found), pc.is_null(reason))
            reason = pc.if_else(is_new, pa.scalar(f"url_{kind}"), reason)
            entry = pc.if_else(is_new, found, entry)
        return pa.RecordBatch.from_arrays([reason, entry], names=["drop_reason", "entry"])


def host_of(urls: pa.Array) -> pa.Array:
    """The host of N addresses in lower case, without user and port; empty where there is none.

    >>> host_of(pa.array(["https://me@Shop.Example:8080/a", "/a", None])).to_pylist()
    ['shop.example', '', '']
    """
    lowered = pc.utf8_lower(urls.cast(pa.string()).fill_null(""))
    return pc.utf8_rtrim(pc.struct_field(pc.extract_regex(lowered, _HOST), "host"), ".").fill_null("")


def list_files(path: str) -> list[tuple[str, str]]:
    """The files of a blocklist, each with what its lines are, '' where they say so themselves.

    Raises:
        SettingError: a folder holds no list.
    """
    if not Path(path).is_dir():
        return [(path, "")]
    folders = [Path(path), *sorted(each for each in Path(path).iterdir() if each.is_dir())]
    found = [
        (str(folder / name), kind)
        for folder in folders
        for name, kind in _FOLDER_FILES.items()
        if (folder / name).is_file()
    ]
    if not found:
        raise SettingError(
            f"The folder '{path}' holds no blocklist: a file 'domains' or 'urls', or folders with these, are looked for."
        )
    return found


def _path_entry(value: str) -> str:
    """A host with its path, as it is compared: without scheme, `www.` and the last slash."""
    return re.sub(r"^(?:[a-z][a-z0-9+.-]*:)?//", "", value).removeprefix("www.").rstrip("/")


def _find_paths(hosts: pa.Array, urls: pa.Array, paths: frozenset[str], longest: int) -> pa.Array:
    """The listed host and path at or above each address; none has more than `longest` characters."""
    if not paths:
        return pa.nulls(len(urls), pa.string())
    listed = pa.array(sorted({path.partition("/")[0] for path in paths}), pa.string())
    bare = pc.replace_substring_regex(hosts, r"^www\.", "")
    rows = np.flatnonzero(pc.is_in(bare, listed).to_numpy(zero_copy_only=False))
    found: list[str | None] = [None] * len(urls)
    for row in rows.tolist():
        host, url = bare[row].as_py(), urls[row].as_py()
        rest = re.split(r"[?#]", url.partition("//")[2] or url, maxsplit=1)[0].partition("/")[2]
        entry = f"{host}/{rest}".rstrip("/")
        if len(entry) > longest:  # else an address of a million slashes is cut a million times
            entry = entry[: longest + 1].rpartition("/")[0]
        while entry not in paths and "/" in entry:
            entry = entry.rpartition("/")[0]
        found[row] = entry if entry in paths else None
    return pa.array(found, pa.string())


def _spread(of_distinct: list[str | None], distinct: pa.DictionaryArray) -> pa.Array:
    """What was found for each distinct host, for every row."""
    return pa.array(of_distinct, pa.string()).take(distinct.indices)


def _parent(host: str, domains: frozenset[str], longest: int) -> str | None:
    """The host itself, or the nearest domain above it that is listed; none has more than `longest` characters."""
    if len(host) > longest:
        host = host[-longest - 1 :].partition(".")[2]
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
