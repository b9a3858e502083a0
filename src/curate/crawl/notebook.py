"""Jupyter notebooks -> one text: their cells in order, prose as comments, short outputs, nothing else.

    # %% [markdown]
    # ## Mean and median
    # %%
    numbers = [1, 2, 7]
    sum(numbers) / len(numbers)
    # Output:
    # 3.3333333333333335

The percent format, which editors and jupytext read as a notebook and every language as a program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from curate.text.json_values import parse_json

_MAX_OUTPUT_CHARS = 400
_SLASHES = (
    "javascript",
    "typescript",
    "java",
    "scala",
    "kotlin",
    "rust",
    "go",
    "c++",
    "c",
    "c#",
    "f#",
    "swift",
    "groovy",
)


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook's text, and the language of its kernel as it states it ("" where it does not)."""

    text: str
    language: str


def read_notebook(content: bytes) -> Notebook | None:
    """Read a notebook of format 3 or 4; null where `content` is none; pictures among the outputs are left out."""
    try:
        book = parse_json(content)  # Python writes NaN into notebooks, and halves of surrogate pairs
    except ValueError:
        return None
    if not isinstance(book, dict):
        return None
    cells = book.get("cells")
    if not isinstance(cells, list):
        sheets = book.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else []
        cells = [cell for sheet in sheets if isinstance(sheet, dict) for cell in sheet.get("cells") or ()]
        if not sheets:
            return None
    language = _language(book)
    mark = "// " if language in _SLASHES else "# "
    parts: list[str] = []
    for cell in cells:
        if isinstance(cell, dict):
            parts += _cell_lines(cell, mark)
    return Notebook("\n".join(parts) + "\n" if parts else "", language)


def _language(book: dict[str, Any]) -> str:
    about = book.get("metadata")
    about = about if isinstance(about, dict) else {}
    for key, name in (("language_info", "name"), ("kernelspec", "language")):
        inner = about.get(key)
        if isinstance(inner, dict) and isinstance(inner.get(name), str):
            return inner[name].lower()
    return "python"  # nearly all notebooks that do not say


def _cell_lines(cell: dict[str, Any], mark: str) -> list[str]:
    kind = cell.get("cell_type")
    source = _joined(cell.get("source", cell.get("input"))).strip("\n")
    if not source.strip():
        return []
    if kind != "code":
        title = f"{mark}%% [{'raw' if kind == 'raw' else 'markdown'}]"
        return [title, *((mark + line).rstrip() for line in source.split("\n")), ""]
    output = "\n".join(_outputs(cell)).strip("\n")
    lines = [f"{mark}%%", source]
    if output.strip() and len(output) <= _MAX_OUTPUT_CHARS:
        lines += [f"{mark}Output:", *((mark + line).rstrip() for line in output.split("\n"))]
    return [*lines, ""]


def _outputs(cell: dict[str, Any]) -> list[str]:
    outputs = cell.get("outputs")
    found: list[str] = []
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict):
            data = output.get("data")
            data = data if isinstance(data, dict) else {}
            text = output.get("text", data.get("text/plain"))
            if text is not None and not any(str(kind).startswith("image/") for kind in data):
                found.append(_joined(text).strip("\n"))
    return found


def _joined(source: Any) -> str:
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return source.replace("\r\n", "\n") if isinstance(source, str) else ""
