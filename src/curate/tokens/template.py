r"""What stands before a text: a template of columns, as `# {path}\n{text}`, so that a model learns what a file is called.

StarCoder put the repository, the file name and the stars before a file, each with probability 0.2, so that the model works
without them too (Li et al. 2023, arXiv 2305.06161, section 5.1); here `rate` is that probability, of the whole template.
A document that lacks one of the columns stays as it is: pages have no path, and so one template serves a mixture of kinds.
Whether a document gets it depends on its text and the seed alone.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from curate.errors import SettingError, UnknownNameError
from curate.text.json_values import dump_json, parse_json

TEXT = "text"
PROVENANCE = "provenance"
"""The column of a mixture that holds further columns of the source, as a JSON object."""
_ESCAPES = {"\\n": "\n", "\\t": "\t"}
_EXAMPLE = "'# {path}\\n{text}'"


@dataclass(frozen=True, slots=True)
class Template:
    """A template, read.

    Attributes:
        parts: (what stands before a column, its name), in order.
        last: what stands between the last of them and the text.
        rate: share of the documents that get it.
        seed: of what is drawn.
    """

    parts: tuple[tuple[str, str], ...] = ()
    last: str = ""
    rate: float = 1.0
    seed: int = 0

    @classmethod
    def parse(cls, template: str, rate: float = 1.0, seed: int = 0) -> Template:
        r"""Read a template; `{{` and `}}` are braces.

        >>> Template.parse(r"# {path}\n{text}").parts
        (('# ', 'path'),)

        Raises:
            SettingError: it is no template, or the text is not its end.
        """
        for written, meant in _ESCAPES.items():
            template = template.replace(written, meant)
        try:
            found = list(string.Formatter().parse(template))
        except ValueError:
            raise SettingError(
                f"template has a brace without its partner. Write columns as in {_EXAMPLE}; a brace itself twice."
            ) from None
        names = [name for _, name, _, _ in found if name is not None]
        if any(spec or conversion or not name for _, name, spec, conversion in found if name is not None):
            raise SettingError(f"template takes the names of columns in its braces alone, as in {_EXAMPLE}.")
        if names.count(TEXT) != 1 or found[-1][1] != TEXT:
            raise SettingError(f"template must end with {{text}}, and name it once, as in {_EXAMPLE}.")
        # Formatter gives what stands before `{{` apart from what follows.
        parts: list[tuple[str, str]] = []
        waiting = ""
        for literal, name, _, _ in found:
            waiting += literal
            if name is not None:
                parts.append((waiting, name))
                waiting = ""
        return cls(tuple(parts[:-1]), parts[-1][0], rate, seed)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, each once."""
        return tuple(dict.fromkeys(name for _, name in self.parts))

    def find_columns(self, files: Sequence[Path], column: str) -> tuple[str, ...]:
        """The columns of the files that the template needs, beside that of the text.

        A name that no file has as a column is looked for in `provenance`.

        Raises:
            SettingError: a name is nowhere, or its column holds no text or numbers.
        """
        kinds: dict[str, pa.DataType] = {}
        for file in files:
            kinds |= {field.name: field.type for field in pq.read_schema(file)}
        missing = [name for name in self.names if name not in kinds]
        for name in missing:
            if not _is_in_provenance(name, files):
                raise UnknownNameError("column of template", name, kinds.keys() - {column})
        for name in self.names:
            kind = kinds.get(name, pa.string())
            if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
                raise SettingError(f"template: the column '{name}' holds no text or numbers ({kind}).")
        return (*(name for name in self.names if name in kinds), *([PROVENANCE] if missing else []))

    def write_heads(self, batch: pa.RecordBatch, texts: pa.Array) -> list[str]:
        """What stands before each of N texts; "" where a column is missing, null or empty, and where the draw says so."""
        if not self.parts and not self.last:
            return [""] * len(batch)
        values = [_read_column(batch, name) for name in self.names]
        heads: list[str] = []
        for row, text in enumerate(texts.to_pylist()):
            known = dict(zip(self.names, (column[row] for column in values), strict=True))
            wanted = text and all(known.values()) and self._draws(text)
            head = "".join(before + (known[name] or "") for before, name in self.parts) if wanted else ""
            heads.append(head + self.last if wanted else "")
        return heads

    def _draws(self, text: str) -> bool:
        if self.rate >= 1:
            return True
        digest = xxhash.xxh3_64_intdigest(
            b"template\0" + text.encode("utf-8", "surrogatepass"), seed=self.seed
        )
        return digest / 2.0**64 < self.rate


NO_TEMPLATE = Template()


def _is_in_provenance(name: str, files: Sequence[Path]) -> bool:
    """Whether a document of the files states `name`; reads until one does."""
    key = dump_json(name) + ":"
    for file in files:
        with pq.ParquetFile(file) as opened:
            if PROVENANCE not in opened.schema_arrow.names:
                continue
            for batch in opened.iter_batches(columns=[PROVENANCE]):
                if pc.any(pc.match_substring(batch.column(0).cast(pa.large_string()), key)).as_py():
                    return True
    return False


def _read_column(batch: pa.RecordBatch, name: str) -> list[str | None]:
    """The values of a column as text; null where there is none."""
    if name in batch.schema.names:
        return batch[name].cast(pa.large_string()).to_pylist()
    if PROVENANCE not in batch.schema.names:
        return [None] * len(batch)
    values = (parse_json(text).get(name) if text else None for text in batch[PROVENANCE].to_pylist())
    return [value if value is None or isinstance(value, str) else dump_json(value) for value in values]


def put_before(heads: Sequence[str], texts: pa.Array) -> pa.Array:
    """Put heads before N texts; null stays null."""
    if not any(heads):
        return texts
    return pc.binary_join_element_wise(
        pa.array(heads, pa.large_string()), texts.cast(pa.large_string()), pa.scalar("", pa.large_string())
    )
