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
_PICTURES = frozenset({"png", "jpeg", "svg", "pdf"})  # how outputs of format 3 hold them
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
        sheets = _list(book.get("worksheets"))
        if not sheets:
            return None
        cells = [cell for sheet in sheets for cell in _list(_dict(sheet).get("cells"))]
    cells = [cell for cell in cells if isinstance(cell, dict)]
    language = _language(_dict(book.get("metadata")), cells)
    mark = "// " if language in _SLASHES else "# "
    parts = [line for cell in cells for line in _cell_lines(cell, mark)]
    return Notebook("\n".join(parts) + "\n" if parts else "", language)


def _language(about: dict[str, Any], cells: list[dict[str, Any]]) -> str:
    """The language that the notebook states, else that of its first code cell: format 3 says it there."""
    first = next((cell for cell in cells if cell.get("cell_type") == "code"), {})
    for holder, name in (
        (_dict(about.get("language_info")), "name"),
        (_dict(about.get("kernelspec")), "language"),
        (first, "language"),
    ):
        if isinstance(holder.get(name), str):
            return holder[name].lower()
    return "python"  # nearly all notebooks that do not say


def _cell_lines(cell: dict[str, Any], mark: str) -> list[str]:
    kind = cell.get("cell_type")
    source = _joined(cell.get("source", cell.get("input"))).strip("\n")
    if not source.strip():
        return []
    if kind == "heading":  # of format 3
        level = cell.get("level")
        source = "#" * (level if isinstance(level, int) and 1 <= level <= 6 else 1) + f" {source}"
    if kind != "code":
        title = f"{mark}%% [{'raw' if kind == 'raw' else 'markdown'}]"
        return [title, *((mark + line).rstrip() for line in source.split("\n")), ""]
    output = "\n".join(_outputs(cell)).strip("\n")
    lines = [f"{mark}%%", source]
    if output.strip() and len(output) <= _MAX_OUTPUT_CHARS:
        lines += [f"{mark}Output:", *((mark + line).rstrip() for line in output.split("\n"))]
    return [*lines, ""]


def _outputs(cell: dict[str, Any]) -> list[str]:
    """The texts of a code cell's outputs; what stands for a picture, as `<Figure size 640x480>`, is none."""
    found: list[str] = []
    for output in map(_dict, _list(cell.get("outputs"))):
        data = _dict(output.get("data"))
        text = output.get("text", data.get("text/plain"))
        is_picture = any(str(kind).startswith("image/") for kind in data) or not _PICTURES.isdisjoint(output)
        if text is not None and not is_picture:
            found.append(_joined(text).strip("\n"))
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _joined(source: Any) -> str:
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return source.replace("\r\n", "\n") if isinstance(source, str) else ""
