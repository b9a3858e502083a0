"""`curate index`: what earlier crawls already had, for `curate dedup --against`."""

from __future__ import annotations

from typing import Annotated

import typer

from curate.cli.say import say
from curate.config import ENGINE, RAY_ADDRESS, check_input

index_app = typer.Typer(
    name="index",
    no_args_is_help=True,
    help="Keep an index of earlier crawls, for 'curate dedup --against'.",
)

_Index = Annotated[str, typer.Argument(metavar="INDEX", help="Folder of the index.", show_default=False)]
_Input = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        help="File, folder or glob of documents, as OUT/kept. Also without the flag, and several after it.",
        show_default=False,
    ),
]
_TextColumn = Annotated[
    str | None, typer.Option(help="Column with the text.  [default: found by name]", show_default=False)
]
_IdColumn = Annotated[
    str | None,
    typer.Option(help="Column with the document's id.  [default: found by name]", show_default=False),
]
_Workers = Annotated[
    int | None, typer.Option(help="Worker processes.  [default: all cores]", show_default=False)
]

_Engine = Annotated[str, typer.Option(help=ENGINE)]
_RayAddress = Annotated[str | None, typer.Option(help=RAY_ADDRESS, show_default=False)]


@index_app.command("build")
def build_command(
    index: _Index,
    *,
    input: _Input = None,  # noqa: A002
    jaccard: Annotated[float, typer.Option(help="Similarity that the bands are made for.")] = 0.8,
    recall: Annotated[float, typer.Option(help="Chance that a pair at that similarity is found.")] = 0.999,
    text_column: _TextColumn = None,
    id_column: _IdColumn = None,
    workers: _Workers = None,
    engine: _Engine = "local",
    ray_address: _RayAddress = None,
) -> None:
    """Make an index of documents in a new folder.

    Example: curate index build seen --input crawl-1/kept
    """
    from curate.jobs.index import build_index

    built = build_index(
        index,
        _require(input),
        jaccard=jaccard,
        recall=recall,
        text_column=text_column,
        id_column=id_column,
        workers=workers,
        engine=engine,
        ray_address=ray_address,
    )
    say(f"Indexed {built.n_documents:,} documents in {index}.")


@index_app.command("add")
def add_command(
    index: _Index,
    *,
    input: _Input = None,  # noqa: A002
    text_column: _TextColumn = None,
    id_column: _IdColumn = None,
    workers: _Workers = None,
    engine: _Engine = "local",
    ray_address: _RayAddress = None,
) -> None:
    """Add documents to an index: all of them or, after a kill, none.

    Example: curate index add seen --input crawl-2/kept
    """
    from curate.dedup.index import open_index
    from curate.jobs.index import add_to_index

    before = open_index(index).n_documents
    after = add_to_index(
        index,
        _require(input),
        text_column=text_column,
        id_column=id_column,
        workers=workers,
        engine=engine,
        ray_address=ray_address,
    ).n_documents
    if after == before:
        say(
            f"These files are in {index} already, as they are now: nothing was added to its {after:,} documents."
        )
    else:
        say(f"Added {after - before:,} documents to {index}; it has {after:,}.")


@index_app.command("info")
def info_command(index: _Index) -> None:
    """Check an index against its checksums and say what is in it.

    Example: curate index info seen
    """
    from curate.dedup.index import open_index

    opened = open_index(index)
    manifest, plan = opened.manifest, opened.plan
    say(f"{opened.n_documents:,} documents in {len(manifest['segments'])} segments; all checksums are right")
    say(f"Jaccard {plan.jaccard:g}, recall {plan.recall:g}: {plan.n_bands} bands of {plan.n_rows} rows")
    say(f"Shingles of {plan.shingle_words} words, seed {plan.seed}")
    say(
        f"Versions: format {manifest['format']}, keys {manifest['keys_version']}, "
        f"words {manifest['words_version']}, Unicode {manifest['unicode_version']}"
    )
    n_readable = opened.count_readable()
    say(f"Texts within reach for exact comparison: {n_readable:,} of {opened.n_documents:,} documents")


@index_app.command("relocate")
def relocate_command(
    index: _Index,
    *,
    old: Annotated[
        str, typer.Option("--from", help="Folder in which the indexed files lay.", show_default=False)
    ],
    new: Annotated[str, typer.Option("--to", help="Folder in which they lie now.", show_default=False)],
) -> None:
    """Say where the indexed files lie now, so that texts are compared and not their signatures.

    Example: curate index relocate seen --from /old/crawl-1 --to /new/crawl-1
    """
    from curate.dedup.index import relocate_texts

    opened, n_found = relocate_texts(index, old, new)
    print(f"Found {n_found:,} files below {new} that are what they were.")
    print(f"Texts within reach: {opened.count_readable():,} of {opened.n_documents:,} documents")


def _require(inputs: list[str] | None) -> list[str]:
    check_input(inputs)
    return inputs or []
