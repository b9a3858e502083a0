"""`curate tokenize`: a mixture to token files that a trainer maps into memory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from curate.cli.options import with_settings
from curate.cli.say import make_console
from curate.config import read_toml, settings_from
from curate.tokens.settings import TokenizeSettings


@with_settings(TokenizeSettings)
def tokenize_command(
    given: dict[str, Any],
    *,
    config: Annotated[Path | None, typer.Option(help="Settings from a TOML file; flags go before.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete the earlier tokens in the output folder first.")
    ] = False,
) -> int:
    """Tokenize a mixture: a flat file of uint16 or uint32 tokens for each group, with an index of documents.

    A special token that stands in a text stays text: nothing in a page can end a document. Run the same
    command again to go on after a stop.

    Example: curate tokenize --input mixture --output tokens --vocab-size 32000
    """
    settings = settings_from(TokenizeSettings, (read_toml(config) if config else {}) | given)
    from curate.tokens import run_tokenize

    tokens = run_tokenize(settings, overwrite=overwrite)
    console = make_console()
    for split, groups in (("train", tokens.train), ("validation", tokens.validation)):
        n_tokens, n_bytes = (
            sum(getattr(group, name) for group in groups) for name in ("n_tokens", "n_bytes")
        )
        n_documents = sum(group.n_documents for group in groups)
        per_token = f", {n_bytes / n_tokens:.2f} bytes a token" if n_tokens else ""
        console.print(f"{split}: {n_tokens:,} tokens of {n_documents:,} documents{per_token}", markup=False)
    console.print(
        f"Result: {settings.output} ({tokens.dtype.name}, fingerprint {tokens.fingerprint})", markup=False
    )
    return 0
