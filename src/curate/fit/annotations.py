"""Annotated pages: texts with a level on some ordinal scale, and what is known of how they were chosen.

A row is one reading of one page. A page may be read often: by several annotators, by several readers of one, or by one
reader again. Which rows are readings of one page is told by their text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.crawl import find_kept
from curate.errors import SettingError
from curate.fit.label_files import read_pages, read_sources
from curate.fit.sites import site_of

LEVEL_FIELDS = ("edu_level", "level", "label", "score")
_OF_A_READING = ("annotator", "reader", "reason", "weight", "propensity")
_YES_AND_NO = {"true": 1, "false": 0, "yes": 1, "no": 0}


_MOST_WORDS = 12

Named = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Source:
    """What was read of a file of labels.

    Attributes:
        name: of the file.
        n_rows: in it.
        n_readings: rows that are used.
        level_fields: the fields that their levels are from.
        levels: lowest and highest; None where no row is used.
        n_annotators: whose levels are used.
        n_pages: rows that gave their text to other rows.
        skipped: reason -> rows that could not be used.
    """

    name: str
    n_rows: int
    n_readings: int
    level_fields: tuple[str, ...]
    levels: tuple[float, float] | None
    n_annotators: int
    n_pages: int
    skipped: dict[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """N readings of annotated pages.

    Attributes:
        texts: Arrow strings (N,).
        levels: float64 (N,), the annotator's level.
        annotators: (N,), who or what gave the level; "" where unknown.
        readers: (N,), which of the readers that go under the annotator's name; "" where unknown.
        sites: (N,), host of the page's address, or what else holds pages together; "" where unknown.
        weights: float64 (N,), how much a page counts in fitting.
        propensity: float64 (N,), the chance the page had of being chosen; 1 where unknown.
        topics: (N,), "" where unknown.
        domains: (N,), what kind of collection the page is from; "" where unknown.
        skipped: reason -> rows that could not be used.
        words: what the levels 0, 1, 2 are called, where they were words.
        sources: what was read of each file.
    """

    texts: pa.Array
    levels: NDArray[np.float64]
    annotators: tuple[str, ...]
    sites: tuple[str, ...]
    weights: NDArray[np.float64]
    propensity: NDArray[np.float64]
    topics: tuple[str, ...]
    skipped: dict[str, int] = field(default_factory=dict[str, int])
    readers: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()

    def __repr__(self) -> str:
        return f"<Annotations: {len(self.levels):,} pages of {len(set(self.sites)):,} sites>"

    def __post_init__(self) -> None:
        """Take readers and domains that are not stated for unknown."""
        for name in ("readers", "domains"):
            if not getattr(self, name):
                object.__setattr__(self, name, ("",) * len(self.levels))

    def __len__(self) -> int:
        return len(self.levels)

    def take(self, rows: NDArray[np.int64]) -> Annotations:
        """Keep the pages at `rows`, in that order."""
        return Annotations(
            self.texts.take(pa.array(rows)),
            self.levels[rows],
            tuple(self.annotators[row] for row in rows),
            tuple(self.sites[row] for row in rows),
            self.weights[rows],
            self.propensity[rows],
            tuple(self.topics[row] for row in rows),
            self.skipped,
            tuple(self.readers[row] for row in rows),
            tuple(self.domains[row] for row in rows),
            self.words,
            self.sources,
        )


AnnotationSource = (
    str
    | Path
    | Iterable[str | Path]
    | Iterable[Mapping[str, Any]]
    | Mapping[str, Sequence[Any]]
    | pa.Table
    | Annotations
)


@dataclass(frozen=True, slots=True)
class _Fields:
    text: str
    level: str | None
    id: str
    annotator: str
    words: tuple[str, ...]

    def level_of(self, row: Mapping[str, Any]) -> str | None:
        """The field of the row's level: the one named, the one that the row itself names, or the first that is known."""
        if self.level is not None:
            return self.level if self.level in row else None
        named = row.get("level_field")
        if isinstance(named, str) and named in row:
            return named
        # In a row of `curate annotate` a score is what the page was chosen by, not what it was given.
        known = LEVEL_FIELDS[:-1] if "prompt" in row else LEVEL_FIELDS
        return next((name for name in known if name in row), None)

    def read_level(self, value: Any) -> float | None:
        """The number that a value stands for; null where it stands for none."""
        if not self.words:
            return _level(value)
        word = str(value).strip().lower()
        return float(self.words.index(word)) if word in self.words else None


def read_annotations(
    source: AnnotationSource,
    *,
    text_field: str = "text",
    level_field: str | None = None,
    id_field: str = "id",
    annotator_field: str = "annotator",
    words: Sequence[str] = (),
    pages: Sequence[str | Path] = (),
    annotator_weights: Mapping[str, float] | None = None,
) -> Annotations:
    """Read annotated pages.

    Args:
        source: files (JSONL, CSV with a head line, TSV, each also .gz or .zst, or Parquet; patterns allowed), a
            table, a data frame, or dictionaries. Beside text and level a row may hold `annotator`, `reader`, `url` or `site`,
            `weight`, `propensity`, `topic` and `domain`. A row with a level and no text takes the text, and whatever else it
            does not say itself, of the row with its id that has one: levels and pages may lie in files of their own.
        text_field: field of the text.
        level_field: field of the level; by default the one that the row names in `level_field` (as `curate annotate` writes),
            else the first of edu_level, level, label, score that the row has. Each file may have another.
            True and False, also as words, and yes and no count as 1 and 0.
        id_field: field of the page's id.
        annotator_field: field of who gave the level.
        words: levels as words, from the lowest up: the first counts as 0, the next as 1.
        pages: inputs as of `curate filter`, for levels without a text: a page is found by its id, else by its url.
        annotator_weights: how much an annotator's pages count, by the annotator's name.

    Returns:
        The readings that have text and a level; the other rows are counted in `skipped`. Equal readings all count; a
        file that is named twice is read once.

    Raises:
        SettingError: A file does not exist or is of no known kind, or no page can be used.
    """
    if isinstance(source, Annotations):
        return source
    words = tuple(word.strip().lower() for word in words)
    if len(set(words)) < len(words) or len(words) == 1 or "" in words:
        raise SettingError("Levels as words need two words or more, each once, as in --levels bad,fair,good.")
    fields = _Fields(text_field, level_field, id_field, annotator_field, words)
    rows = [(name, row) for name, found in read_sources(source) for row in found]
    _check_fields(rows, fields)
    # A page of an input says only what it is, never what was read of it: its place in the list is last.
    more = [("pages", page) for page in _find_pages(pages, rows, fields)] if pages else []
    joined = _join_texts(rows, more, fields)
    selected = _select(joined, fields)
    kept = selected.kept
    sources = _count_sources(rows, selected)
    if not kept:
        raise SettingError(_nothing_found(rows, selected, fields))
    weights = [_weight(row, annotator_field, annotator_weights or {}) for row in kept]
    return Annotations(
        texts=pa.array([_utf8(row[text_field]) for row in kept], pa.large_string()),
        levels=np.array(selected.levels, np.float64),
        annotators=tuple(str(_or_empty(row.get(annotator_field))) for row in kept),
        sites=tuple(str(row.get("site") or "") or site_of(row.get("url")) for row in kept),
        weights=np.array(weights, np.float64),
        propensity=np.array([_share(row.get("propensity"), 1.0) for row in kept], np.float64),
        topics=tuple(str(row.get("topic") or "") for row in kept),
        skipped=dict(selected.skipped),
        readers=tuple(str(_or_empty(row.get("reader"))) for row in kept),
        domains=tuple(str(row.get("domain") or "") for row in kept),
        words=words,
        sources=sources,
    )


def _check_fields(rows: Sequence[Named], fields: _Fields) -> None:
    """Refuse a field that was named and that no row has."""
    known = {name for _, row in rows for name in row}
    for name, default, flag in (
        (fields.id, "id", "--id-column"),
        (fields.annotator, "annotator", "--annotator-column"),
    ):
        if rows and name != default and name not in known:
            raise SettingError(
                f"No row has a field '{name}' ({flag}). Their fields are {', '.join(sorted(known))}."
            )


@dataclass(slots=True)
class _Selected:
    """Rows that can be used with their levels, and the others by reason, in all and by source."""

    kept: list[Mapping[str, Any]]
    levels: list[float]
    skipped: Counter[str]
    of_source: dict[str, tuple[list[float], Counter[str], set[str], set[str]]]
    unread: Counter[str]


def _select(rows: Sequence[Named], fields: _Fields) -> _Selected:
    found = _Selected([], [], Counter(), {}, Counter())
    text_field = fields.text
    for name, row in rows:
        own = found.of_source.setdefault(name, ([], Counter(), set(), set()))
        level_field = fields.level_of(row)
        text, stated = row.get(text_field), None if level_field is None else row.get(level_field)
        level = fields.read_level(stated)
        is_odd = level is None and not _is_missing(stated)
        why = None
        if not isinstance(text, str):
            why = f"no {text_field}"
        elif not text.strip():
            why = f"empty {text_field}"
        elif is_odd:
            why = f"{level_field} is none of --levels" if fields.words else f"{level_field} is no number"
        elif level is None:
            why = f"no {level_field or fields.level or LEVEL_FIELDS[0]}"
        elif _share(row.get("propensity"), 1.0) is None:
            why = "propensity is no share from 0 to 1 (5% is 0.05)"
        elif _positive(row.get("weight"), 1.0) is None:
            why = "weight is no number from 0 up"
        if is_odd:
            found.unread[repr(stated)[:40]] += 1
        if why is not None or level is None:
            found.skipped[str(why)] += 1
            own[1][str(why)] += 1
            continue
        found.kept.append(row)
        found.levels.append(level)
        own[0].append(level)
        own[2].add(str(level_field))
        own[3].add(str(_or_empty(row.get(fields.annotator))))
    return found


def _nothing_found(rows: Sequence[Named], selected: _Selected, fields: _Fields) -> str:
    names = sorted({name for _, row in rows[:100] for name in row})
    counts = ", ".join(f"{reason}: {n}" for reason, n in selected.skipped.items()) or "no rows"
    hint = ""
    if selected.unread:
        first = next(iter(selected.unread))
        field = fields.level or next(
            (found for _, row in rows if (found := fields.level_of(row))), LEVEL_FIELDS[0]
        )
        some = list(selected.unread)[:6]
        hint = f" {field} is {first} somewhere, which is no number."
        if 2 <= len(selected.unread) <= _MOST_WORDS and not fields.words:
            listed = ",".join(sorted(word.strip("'") for word in some))
            hint += f" Name its words from the lowest up, as in --levels {listed}."
    if selected.skipped.get(f"no {fields.text}") and any(fields.level_of(row) for _, row in rows):
        hint += " If the texts lie elsewhere, give their files too (-a), or any input of filter (--pages), with the same ids."
    return (
        f"No annotated page was found among {len(rows)} rows ({counts}).{hint} Their fields are "
        f"{', '.join(names) or 'none'}: name those of text and level with --text-field and --level-field."
    )


def _count_sources(rows: Sequence[Named], selected: _Selected) -> tuple[Source, ...]:
    n_rows = Counter(name for name, _ in rows)
    found: list[Source] = []
    for name, n in n_rows.items():
        levels, skipped, level_fields, annotators = selected.of_source.get(
            name, ([], Counter(), set(), set())
        )
        n_pages = n - len(levels) - sum(skipped.values())
        found.append(
            Source(
                name,
                n,
                len(levels),
                tuple(sorted(level_fields)),
                (min(levels), max(levels)) if levels else None,
                len(annotators),
                n_pages,
                dict(skipped),
            )
        )
    return tuple(found)


def render_sources(pages: Annotations) -> str:
    """Render what was read of each file, and what was passed over, as a Markdown table."""
    lines = [
        "| labels of | rows | readings | level | from-to | annotators | texts for other rows | passed over |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in pages.sources:
        reach = "" if row.levels is None else f"{row.levels[0]:g}-{row.levels[1]:g}"
        passed = "; ".join(f"{n:,} {reason}" for reason, n in row.skipped.items())
        lines.append(
            f"| {row.name} | {row.n_rows:,} | {row.n_readings:,} | {', '.join(row.level_fields)} | {reach} "
            f"| {row.n_annotators or ''} | {f'{row.n_pages:,}' if row.n_pages else ''} | {passed} |"
        )
    if pages.words:
        lines += [
            "",
            "Levels: " + ", ".join(f"{word} = {number}" for number, word in enumerate(pages.words)) + ".",
        ]
    return "\n".join(lines)


def _find_pages(
    pages: Sequence[str | Path], rows: Sequence[Named], fields: _Fields
) -> list[Mapping[str, Any]]:
    """Read the pages of the inputs that rows without a text name by id or url."""
    wanted = {
        key
        for _, row in rows
        if not row.get(fields.text)
        for key in (_key(row, fields), str(row.get("url") or ""))
    }
    wanted.discard("")
    found: list[Mapping[str, Any]] = []
    for page in read_pages(find_kept(pages), fields.text):
        key = next((key for key in (page["id"], page["url"]) if key and str(key) in wanted), None)
        if key is not None:
            found.append({fields.id: str(key), "url": page["url"], fields.text: page["text"]})
    return found


def _join_texts(rows: Sequence[Named], more: Sequence[Named], fields: _Fields) -> list[Named]:
    """Join levels without a text to the row of their page, and leave out the rows of pages that served for that."""
    text_field = fields.text

    def has_level(row: Mapping[str, Any]) -> bool:
        name = fields.level_of(row)
        return name is not None and not _is_missing(row.get(name))

    wanted = {
        key for _, row in rows if not row.get(text_field) and has_level(row) for key in _keys(row, fields)
    } - {""}
    if not wanted:
        return list(rows)
    pages: dict[str, Mapping[str, Any]] = {}
    for _, row in [*rows, *more]:
        for key in _keys(row, fields) if row.get(text_field) else ():
            if key in wanted:
                pages.setdefault(key, row)
    serving = {id(row) for row in pages.values()}
    joined: list[Named] = []
    for name, row in rows:
        page = next((pages[key] for key in _keys(row, fields) if key in pages), None)
        if row.get(text_field):
            if id(row) not in serving or has_level(row):
                joined.append((name, row))
        elif page is None:
            joined.append((name, row))
        else:
            # What only a reading can say is not taken from a page that was itself read.
            own = {fields.level_of(page), *LEVEL_FIELDS, *_OF_A_READING, fields.annotator}
            about = {k: v for k, v in page.items() if k not in own}
            joined.append((name, about | {k: v for k, v in row.items() if not _is_missing(v)}))
    return joined


def _key(row: Mapping[str, Any], fields: _Fields) -> str:
    value = row.get(fields.id)
    # Parquet and data frames make floats of whole numbers where one is missing.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(_or_empty(value))


def _keys(row: Mapping[str, Any], fields: _Fields) -> tuple[str, str]:
    return _key(row, fields), str(row.get("url") or "")


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and not np.isfinite(value))


def _or_empty(value: Any) -> Any:
    return "" if _is_missing(value) else value


def _level(value: Any) -> float | None:
    if isinstance(value, str):
        value = _YES_AND_NO.get(value.strip().lower(), value)
    try:
        level = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return level if np.isfinite(level) else None


def _share(value: Any, default: float) -> float | None:
    """The chance in a field: `default` where it says nothing, null where it is none."""
    share = default if _is_missing(value) else _level(value)
    return share if share is not None and 0 < share <= 1 else None


def _positive(value: Any, default: float) -> float | None:
    number = default if _is_missing(value) else _level(value)
    return number if number is not None and number >= 0 else None


def _weight(row: Mapping[str, Any], annotator_field: str, annotator_weights: Mapping[str, float]) -> float:
    weight = _positive(row.get("weight"), 1.0) or 0.0
    return weight * annotator_weights.get(str(_or_empty(row.get(annotator_field))), 1.0)


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
