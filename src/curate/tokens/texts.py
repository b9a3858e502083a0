"""What can be tokenized: a mixture, or any folder of Parquet with a text column, as the result of `curate filter`.

A folder that is no mixture is taken whole as one group, in the order of its files; one document in 200, chosen by the
hash of its text, is for validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from curate.config import stable_hash
from curate.crawl import ReadOptions
from curate.crawl.columns import find_layout
from curate.errors import SettingError
from curate.tokens.folder import SPLITS
from curate.tokens.plan import read_plan
from curate.tokens.template import NO_TEMPLATE, Template

ONE_IN = 200
"""Of so many documents of a folder that is no mixture one is for validation."""
_GROUP = "text"
_PART = "part-*.parquet"


@dataclass(frozen=True, slots=True)
class TextFiles:
    """The files to tokenize.

    Attributes:
        plan: what `plan.json` of a mixture holds.
        files: of each (split, group).
        column: with the text.
        is_split: whether training and validation lie in files of their own; else the hash of a text tells them apart.
        template: what stands before the texts.
        columns: to read, the text's first and then those of the template.
    """

    plan: dict[str, Any]
    files: dict[tuple[str, str], list[Path]]
    column: str
    is_split: bool
    template: Template = NO_TEMPLATE

    @property
    def columns(self) -> tuple[str, ...]:
        """The column of the text, then those that the template needs.

        Raises:
            SettingError: a name of the template is nowhere.
        """
        files = list(dict.fromkeys(chain(*self.files.values())))
        return (self.column, *self.template.find_columns(files, self.column))


def find_texts(folder: Path) -> TextFiles:
    """Find what there is to tokenize in `folder`.

    Raises:
        SettingError: it holds neither a mixture nor Parquet with text; says what it is.
    """
    if (folder / "plan.json").is_file() and not (folder / "manifest.json").exists():
        plan = read_plan(folder)
        files = {
            (split, group["name"]): sorted((folder / split / group["name"]).glob(_PART))
            for split in SPLITS
            for group in plan["groups"]
        }
        return TextFiles(plan, files, "text", is_split=True)
    return _find_plain(folder)


def _find_plain(folder: Path) -> TextFiles:
    if not folder.exists():
        raise SettingError(f"{folder} does not exist. Give a mixture, or a folder of Parquet with text.")
    kept = folder / "kept"
    if (folder / "manifest.json").is_file():
        if not kept.is_dir():
            raise SettingError(
                f"{folder} holds tokens already. Give the mixture folder that they were made of."
            )
        folder = kept
    elif (folder / ".curate").is_dir():
        raise SettingError(f"{folder} holds an unfinished run. Run its command again first.")
    found = [folder] if folder.is_file() else sorted(folder.rglob("*.parquet"))
    files = [
        path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not files or files[0].suffix != ".parquet":
        others = sorted(path.name for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
        holds = f"it holds {others[0]}" if others else "it is empty" if folder.is_dir() else "it is a file"
        raise SettingError(
            f"{folder} is neither a mixture nor a folder of Parquet: {holds}. Make a mixture of JSON lines with: "
            "curate mix --config mixture.toml"
        )
    columns = {path: _text_column(path) for path in files}
    column = columns[files[0]]
    other = next((path for path in files if columns[path] != column), None)
    if other is not None:
        raise SettingError(
            f"The text of {files[0]} stands in column '{column}', of {other} in '{columns[other]}'. Bring them together "
            "with: curate mix --config mixture.toml"
        )
    n_bytes = sum(_column_bytes(path, column) for path in files)
    group = {"name": _GROUP, "source": _GROUP, "domain": "all", "bucket": "all", "max_passes": None}
    plan: dict[str, Any] = {
        "format": "curate-mixture",
        "version": 1,
        "budget_tokens": None,
        "groups": [{**group, "share": 1.0, "train": {"n_bytes": n_bytes}}],
        "stages": [{"name": "main", "share": 1.0}],
        "data_hash": stable_hash(
            [[str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
        ),
    }
    return TextFiles(plan, {(split, _GROUP): files for split in SPLITS}, column, is_split=False)


def _text_column(path: Path) -> str:
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise SettingError(
            f"{path} is not a readable Parquet file: {error}. Replace or remove it."
        ) from error
    layout = find_layout(schema.names, ReadOptions())
    for name, role in layout.contents:
        kind = schema.field(name).type
        if role != "html" and (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            return name
    raise SettingError(f"{path} has no text column; its columns: {', '.join(schema.names)}.")


def _column_bytes(path: Path, column: str) -> int:
    metadata = pq.read_metadata(path)
    names = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
    place = names.index(column)
    return sum(
        metadata.row_group(i).column(place).total_uncompressed_size for i in range(metadata.num_row_groups)
    )


def read_split(
    path: Path, columns: Sequence[str], split: str | None, n_rows: int, template: Template
) -> Iterator[tuple[pa.Array, list[str]]]:
    """Yield texts of a file and what stands before each; with a `split`, only those that fall into it, none empty.

    Of `columns` the first holds the text; the others are what `template` needs, where the file has them.
    """
    with pq.ParquetFile(path) as file:
        found = [name for name in columns if name in file.schema_arrow.names]
        for batch in file.iter_batches(n_rows, columns=found):
            if split is not None:
                batch = batch.filter(pa.array(_in_split(batch[columns[0]], split)))  # noqa: PLW2901
            texts = batch[columns[0]]
            yield texts, template.write_heads(batch, texts)


def _in_split(texts: pa.Array, split: str) -> np.ndarray:
    has_text = pc.fill_null(pc.greater(pc.binary_length(texts), 0), fill_value=False)
    hashes = [xxhash.xxh3_64_intdigest((text or "").encode()) for text in texts.to_pylist()]
    is_validation = np.array(hashes, np.uint64) % np.uint64(ONE_IN) == 0
    wanted = is_validation if split == "validation" else ~is_validation
    return has_text.to_numpy(zero_copy_only=False) & wanted
