"""Where the commands that read labels find text, level and id: options that are alike."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def annotations_option(meaning: str) -> Any:
    """The labels, which each command asks something else of."""
    return typer.Option("--annotations", "-a", help=f"{meaning} Can be repeated.")


def level_option(meaning: str) -> Any:
    """The level's field: of one scorer, or of several."""
    meaning += "  [default: edu_level, level, label or score]"
    return typer.Option("--level-field", "--label-column", help=meaning)


TextField = Annotated[str, typer.Option("--text-field", "--text-column", help="Field of the text.")]
IdField = Annotated[
    str,
    typer.Option(
        "--id-field", "--id-column", help="Field of the page's id, where levels lie apart from texts."
    ),
]
Levels = Annotated[
    str | None, typer.Option(help="Levels as words, from the lowest up: bad,fair,good counts as 0, 1, 2.")
]
Pages = Annotated[
    list[str] | None,
    typer.Option(
        "--pages",
        help="Input as of `curate filter` with the texts of labels that have only an id or url. Can be repeated.",
    ),
]
