"""A document as it was before line rules: read again from the input, line by line beside what the run made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.config import Paths, input_paths
from curate.crawl import InputFile, ReadOptions, find_files, plan_splits, read_chunks
from curate.errors import SettingError
from curate.pipeline import add_text, start_documents
from curate.run.screens import redact
from curate.run.settings import EXTRACTORS, FOCUSES

Line = tuple[str, bool]
"""A line, and whether the run took it out."""


def original_lines(settings: Mapping[str, Any], document: Mapping[str, Any], source: Paths) -> list[Line]:
    """Read a document again and mark its lines that are not in the run's text; blank ones are left out.

    Args:
        settings: those of the run, of which only what concerns reading and extraction is heeded: a run may be a stranger's.
        document: its output row: `source`, `position` and `text`.
        source: the input that the run read, as the caller names it.

    Raises:
        SettingError: `source` has no such file, or no page there.
    """
    files = [file for file in find_files(input_paths(source)) if file.source == document["source"]]
    if not files:
        raise SettingError(f"'{document['source']}' is not in the input that --from names.")
    whole = _read_text(settings, files[0], document["position"])
    asked = {name: settings.get(f"redact_{name}") is True for name in ("pii", "secrets")}
    whole = redact(pa.array([whole]), **asked)[0][0].as_py()
    left = [line.strip() for line in (document["text"] or "").splitlines() if line.strip()]
    marked: list[Line] = []
    at = 0
    for line in (line.strip() for line in whole.splitlines()):
        if not line:
            continue
        stays = at < len(left) and line == left[at]
        at += stays
        marked.append((line, not stays))
    return marked


def _read_text(settings: Mapping[str, Any], file: InputFile, position: int) -> str:
    options = ReadOptions.of(settings)
    for split in plan_splits([file]):
        for chunk in read_chunks(split, options):
            pages = chunk.pages.filter(pc.equal(chunk.pages["position"], position))
            if not len(pages):
                continue
            documents = add_text(
                start_documents(pages),
                pages,
                extractor=_known(settings, "extractor", EXTRACTORS),
                focus=_known(settings, "extract_focus", FOCUSES),
                keep_links=settings.get("keep_links") is True,
            )
            return documents["text"][0].as_py() or ""
    raise SettingError(
        f"'{file.source}' has no page at record {position}: it is not the file that the run read."
    )


def _known(settings: Mapping[str, Any], name: str, known: tuple[str, ...]) -> str:
    return settings[name] if settings.get(name) in known else known[0]
