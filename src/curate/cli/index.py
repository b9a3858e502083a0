"""`curate index`: what earlier crawls already had, for `curate dedup --against`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from curate.cli.options import with_settings
from curate.cli.say import say
from curate.config import check_input
from curate.jobs.settings import DedupSettings

index_app = typer.Typer(
    name="index", no_args_is_help=True, help="Keep an index of earlier crawls, for 'curate dedup --against'."
)

_Index = Annotated[str, typer.Argument(metavar="INDEX", help="Folder of the index.", show_default=False)]
_OF_FILES = ("input", "text_column", "id_column", "workers", "engine", "ray_address")


@index_app.command("build")
@with_settings(DedupSettings, only=(*_OF_FILES, "jaccard", "recall"))
def build_command(given: dict[str, Any], *, index: _Index) -> None:
    """Make an index of documents in a new folder.

    Example: curate index build seen --input crawl-1/kept
    """
    from curate.jobs.index import build_index

    check_input(given.get("input"))
    built = build_index(index, **given)
    say(f"Indexed {built.n_documents:,} documents in {index}.")


@index_app.command("add")
@with_settings(DedupSettings, only=_OF_FILES)
def add_command(given: dict[str, Any], *, index: _Index) -> None:
    """Add documents to an index: all of them or, after a kill, none.

    Example: curate index add seen --input crawl-2/kept
    """
    from curate.dedup.index import open_index
    from curate.jobs.index import add_to_index

    check_input(given.get("input"))
    before = open_index(index).n_documents
    after = add_to_index(index, **given).n_documents
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
    old: Annotated[str, typer.Option("--from", help="Folder in which the indexed files lay.")],
    new: Annotated[str, typer.Option("--to", help="Folder in which they lie now.")],
) -> None:
    """Say where the indexed files lie now, so that texts are compared and not their signatures.

    Example: curate index relocate seen --from /old/crawl-1 --to /new/crawl-1
    """
    from curate.dedup.index import relocate_texts

    opened, n_found = relocate_texts(index, old, new)
    print(f"Found {n_found:,} files below {new} that are what they were.")
    print(f"Texts within reach: {opened.count_readable():,} of {opened.n_documents:,} documents")
