"""Writes the typed keywords of the jobs from their settings classes: `python tests/typed_keywords.py`.

A test compares the files with what this writes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from curate.annotate.settings import AnnotateSettings
from curate.fit.recipe import MemberRecipe, Recipe
from curate.fit.settings import EvaluateSettings
from curate.jobs.settings import DedupSettings, ScoreSettings
from curate.mixture.settings import MixtureSettings
from curate.run.settings import FilterSettings
from curate.tokens.settings import TokenizeSettings
from curate.train.settings import TrainSettings

SOURCE = Path(__file__).resolve().parents[1] / "src" / "curate"
# File -> (name of the keywords, settings, fields that are parameters of the job by themselves).
FILES: dict[str, list[tuple[str, Any, set[str]]]] = {
    "run/keywords.py": [("FilterKeywords", FilterSettings, {"input", "output", "scorer", "code_scorer"})],
    "jobs/keywords.py": [
        ("DedupKeywords", DedupSettings, {"input", "output"}),
        ("ScoreKeywords", ScoreSettings, {"input", "output", "scorer"}),
    ],
    "mixture/keywords.py": [("MixtureKeywords", MixtureSettings, set())],
    "fit/keywords.py": [
        ("RecipeKeywords", Recipe, set()),
        ("EvaluateKeywords", EvaluateSettings, set()),
    ],
    "annotate/keywords.py": [("AnnotateKeywords", AnnotateSettings, {"input", "output"})],
    "tokens/keywords.py": [("TokenizeKeywords", TokenizeSettings, {"input", "output"})],
    "train/keywords.py": [("TrainKeywords", TrainSettings, {"tokens", "output"})],
}
# A path may be given as one, a number of bytes as a number, and numbers for several scorers as a dictionary.
BY_NAME = {
    "memory": "str | int",
    "shard_size": "str | int",
    "target_tokens": "str | int | None",
    "threshold": "float | str | Sequence[str] | Mapping[str, float] | None",
    "weights": "str | Sequence[str] | Mapping[str, float]",
}


def write(kind: Any) -> str:
    """A field's type as callers may give it: a list as any sequence, and one text where a list of texts is meant."""
    if isinstance(kind, UnionType):
        parts = [part for each in get_args(kind) for part in write(each).split(" | ")]
        parts = [part for part in dict.fromkeys(parts) if part != "None"]
        return " | ".join([*parts, "None"] if NoneType in get_args(kind) else parts)
    if get_origin(kind) is tuple:
        (item, *_) = get_args(kind)
        inner = write(item)
        if item is str:
            return "str | PathLike[str] | Sequence[str | PathLike[str]]"
        return "Sequence[str]" if item is MemberRecipe else f"Sequence[{inner}]"
    if get_origin(kind) in {Mapping, dict}:
        key, value = get_args(kind)
        return f"Mapping[{write(key)}, {write(value)}]"
    return "None" if kind is NoneType else kind.__name__


def render(file: str) -> str:
    """The text of a file of keywords."""
    blocks: list[str] = []
    for name, settings, apart in FILES[file]:
        hints = get_type_hints(settings)
        lines = [
            f"class {name}(TypedDict, total=False):",
            f'    """The fields of `{settings.__name__}`."""',
            "",
        ]
        names = [field.name for field in dataclasses.fields(settings) if field.name not in apart]
        kinds = {each: write(hints[each]) for each in names}
        lines += [
            f"    {each}: {kind if kind == 'float' else BY_NAME.get(each, kind)}"
            for each, kind in kinds.items()
        ]
        blocks.append("\n".join(lines))
    body = "\n\n\n".join(blocks)
    imports = []
    names = [name for name in ("Mapping", "Sequence") if f"{name}[" in body]
    if names:
        imports.append(f"from collections.abc import {', '.join(names)}")
    if "PathLike" in body:
        imports.append("from os import PathLike")
    imports.append("from typing import TypedDict")
    sources = sorted({word for word in ("Source", "Stage") if f"[{word}]" in body})
    own = f"\n\nfrom curate.mixture.settings import {', '.join(sources)}" if sources else ""
    head = (
        '"""What a job takes by name, for type checkers and editors; written from its settings by '
        'tests/typed_keywords.py."""\n\nfrom __future__ import annotations\n\n'
    )
    return head + "\n".join(imports) + own + "\n\n\n" + body + "\n"


if __name__ == "__main__":
    for file in FILES:
        (SOURCE / file).write_text(render(file), encoding="utf-8")
