"""`curate tokenize`: a mixture to token files that a trainer maps into memory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curate.cli.say import make_console


def tokenize_command(
    *,
    input: Annotated[  # noqa: A002
        Path,
        typer.Option(
            "--input",
            "-i",
            help="Mixture from 'curate mix', or a folder of Parquet with text, as a filter result.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the tokens.")] = Path("tokens"),
    vocab_size: Annotated[
        int, typer.Option(help="Tokens of the byte-level BPE that is fitted on the mixture.")
    ] = 32_000,
    tokenizer: Annotated[
        Path | None, typer.Option(help="A tokenizer.json to use instead of fitting one.", show_default=False)
    ] = None,
    eos_token: Annotated[
        str | None,
        typer.Option(
            help="The token of --tokenizer that ends documents.  [default: the first known name it has]",
            show_default=False,
        ),
    ] = None,
    train_bytes: Annotated[str, typer.Option(help="Text to fit the tokenizer on.")] = "256MB",
    fim_rate: Annotated[
        float,
        typer.Option(
            help="Share of training documents cut into prefix, suffix and middle, 0 to 1 (arXiv 2207.14255: 0.5)."
        ),
    ] = 0.0,
    fim_spm_rate: Annotated[
        float,
        typer.Option(
            help="Share of these in the order suffix, prefix, middle; the others keep prefix first."
        ),
    ] = 0.5,
    fim_source: Annotated[
        list[str] | None,
        typer.Option(
            help="A source of the mixture that --fim-rate is for; all if left out. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what --fim-rate draws.")] = 0,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            help="Also write the layout of: datatrove, megatron. Can be repeated.", show_default=False
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Worker processes; does not change the result.  [default: all cores]", show_default=False
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete the earlier tokens in the output folder first.")
    ] = False,
) -> int:
    """Tokenize a mixture: a flat file of uint16 or uint32 tokens for each group, with an index of documents.

    A special token that stands in a text stays text: nothing in a page can end a document. Run the same
    command again to go on after a stop.

    Example: curate tokenize --input mixture --output tokens --vocab-size 32000
    """
    from curate.tokens import Infill, tokenize_mixture
    from curate.work.progress import ProgressDisplay

    tokens = tokenize_mixture(
        input,
        output,
        vocab_size=vocab_size,
        tokenizer=tokenizer,
        eos_token=eos_token,
        train_bytes=train_bytes,
        infill=Infill(rate=fim_rate, spm_rate=fim_spm_rate, seed=seed, sources=tuple(fim_source or ())),
        peers=peer or (),
        workers=workers,
        overwrite=overwrite,
        progress=ProgressDisplay(),
    )
    console = make_console()
    for split, groups in (("train", tokens.train), ("validation", tokens.validation)):
        n_tokens, n_bytes = (
            sum(getattr(group, name) for group in groups) for name in ("n_tokens", "n_bytes")
        )
        n_documents = sum(group.n_documents for group in groups)
        per_token = f", {n_bytes / n_tokens:.2f} bytes a token" if n_tokens else ""
        console.print(f"{split}: {n_tokens:,} tokens of {n_documents:,} documents{per_token}", markup=False)
    console.print(f"Result: {output} ({tokens.dtype.name}, fingerprint {tokens.fingerprint})", markup=False)
    return 0
