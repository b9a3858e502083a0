"""Every setting of `curate tokenize`, with its meaning, default and bounds. Loads no tokenizer."""

from __future__ import annotations

from dataclasses import dataclass

from curate.config import check, parse_bytes, setting
from curate.errors import SettingError
from curate.work.engine import EngineSettings

PEER_NAMES = ("datatrove", "megatron")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizeSettings(EngineSettings):
    """The settings of `tokenize_mixture` and `curate tokenize`; wrong ones are refused when this is built."""

    input: str = setting(
        "",
        "Mixture from 'curate mix', or a folder of Parquet with text, as a filter result.",
        section="files",
    )
    output: str = setting("tokens", "Folder for the tokens.", section="files", in_hash=False)

    vocab_size: int = setting(
        32_000, "Tokens of the byte-level BPE that is fitted on the mixture.", section="tokenizer", low=257
    )
    tokenizer: str | None = setting(
        None, "A tokenizer.json to use instead of fitting one.", section="tokenizer"
    )
    eos_token: str | None = setting(
        None,
        "The token of the tokenizer that ends documents; the first known name it has if left out.",
        section="tokenizer",
    )
    train_bytes: str | int = setting("256MB", "Text to fit the tokenizer on.", section="tokenizer")

    template: str | None = setting(
        None,
        "What stands before a text: columns in braces, at the end {text}, as in '# {path}\\n{text}'. A document that lacks "
        "one of the columns stays as it is; \\n and \\t are a new line and a tab.",
        section="text",
    )
    template_rate: float = setting(
        1.0,
        "Share of the documents that get it; drawn by their text and the seed.",
        section="text",
        low=0,
        high=1,
    )
    fim_rate: float = setting(
        0.0,
        "Share of training documents cut into prefix, suffix and middle (arXiv 2207.14255: 0.5).",
        section="text",
        low=0,
        high=1,
    )
    fim_spm_rate: float = setting(
        0.5,
        "Share of these in the order suffix, prefix, middle; the others keep prefix first.",
        section="text",
        low=0,
        high=1,
    )
    fim_source: tuple[str, ...] = setting(
        (), "A source of the mixture that fim_rate is for; all if left out.", section="text"
    )
    seed: int = setting(0, "Of what fim_rate and template_rate draw.", section="text", low=0, high=2**60)

    peer: tuple[str, ...] = setting(
        (), "Also write the layout of: datatrove, megatron.", section="run", in_hash=False, known=PEER_NAMES
    )

    def __post_init__(self) -> None:
        check(self)
        if not self.input:
            raise SettingError("No input. Give --input with a mixture, or a folder of Parquet with text.")
        if not self.output or "://" in self.output:
            raise SettingError(
                f"The output must be a local folder, not '{self.output}'. Give --output with a folder, on a cluster one that "
                "every node sees, and copy it to the store when it is done."
            )
        parse_bytes(self.train_bytes)
