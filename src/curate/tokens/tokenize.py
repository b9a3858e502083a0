"""A mixture folder to a token folder: fit or load the tokenizer, encode part by part, join, describe.

Parts are committed one by one under OUTPUT/work, so a run that was killed goes on from them; the manifest
comes last. The bytes do not depend on the number of workers.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from itertools import chain
from os import fspath
from pathlib import Path
from typing import Any, BinaryIO, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from curate.config import parse_bytes, settings_from, stable_hash
from curate.errors import SettingError, UnknownNameError
from curate.tokens.encoder import TextEncoder, load_encoder, train_encoder
from curate.tokens.folder import FORMAT, SPLITS, VERSION, TokenFolder, open_tokens
from curate.tokens.infill import SENTINELS, Infill, encode_infilled, find_sentinels
from curate.tokens.keywords import TokenizeKeywords
from curate.tokens.peers import write_peer
from curate.tokens.sample import sample_texts
from curate.tokens.settings import TokenizeSettings
from curate.tokens.template import NO_TEMPLATE, Template, put_before
from curate.tokens.texts import TextFiles, find_texts, read_split
from curate.work.files import committed, write_json
from curate.work.json_files import check_file_name
from curate.work.output import Layout, opened_output
from curate.work.progress import ProgressDisplay

BEGUN = "settings.json"
_LAYOUT = Layout(
    "curate tokenize",
    re.compile(
        r"(settings|plan|tokenizer|manifest)\.json|(train|validation)/[^/]+\.(bin|idx|bytes)|work/.+|peers/\w+/\w+/[^/]+",
        re.DOTALL,
    ),
    (BEGUN, "manifest.json"),
    lambda record: record.get("format") == FORMAT or {"vocab_size", "train_bytes", "mixture"} <= set(record),
)
ENDINGS = (".bin", ".idx", ".bytes")
_BATCH_ROWS = 1024
_PLAN_FACTS = ("groups", "stages", "budget_tokens", "data_hash")
"""What makes a mixture, in its plan; not where its sources lay."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One Parquet file of the mixture and where its tokens go (a path without ending)."""

    source: Path
    stem: Path
    columns: tuple[str, ...] = ("text",)  # the text's first
    split: str | None = None  # of a file that holds both
    is_infilled: bool = False

    @property
    def is_done(self) -> bool:
        return self.stem.with_suffix(".json").exists()


def tokenize_mixture(
    input: str | Path,  # noqa: A002
    output: str | Path,
    *,
    overwrite: bool = False,
    progress: bool | ProgressDisplay = True,
    **settings: Unpack[TokenizeKeywords],
) -> TokenFolder:
    """Turn a mixture folder into a token folder; run it again to go on after a stop. The same job as `curate tokenize`.

    Args:
        input: a folder that `curate mix` wrote, or any folder of Parquet with a text column (`curate.tokens.texts`).
        output: the token folder.
        overwrite: delete what is in `output` first.
        progress: show progress on stderr; or a display to show it on.
        **settings: the other fields of `curate.tokens.settings.TokenizeSettings`.

    Raises:
        SettingError: a setting is wrong, `input` holds neither a mixture nor Parquet with text, or the tokenizer cannot
            be used.
        ChangedSettingsError: `output` was begun with other settings or another mixture.
    """
    values: dict[str, Any] = settings | {"input": fspath(input), "output": fspath(output)}
    checked = settings_from(TokenizeSettings, values)
    return run_tokenize(checked, overwrite=overwrite, display=ProgressDisplay.of(progress))


def run_tokenize(
    settings: TokenizeSettings, *, overwrite: bool = False, display: ProgressDisplay | None = None
) -> TokenFolder:
    """Run the job with checked settings; see `tokenize_mixture`."""
    display = display or ProgressDisplay()
    mixture, folder = Path(os.path.abspath(settings.input)), Path(settings.output)
    texts = replace(find_texts(mixture), template=_settle_template(settings))
    infill, columns = _settle_infill(settings, texts), texts.columns
    record = _record(settings, texts, infill)
    inputs = [mixture, *([] if settings.tokenizer is None else [settings.tokenizer])]

    def compare(before: dict[str, Any]) -> list[str]:
        names = sorted(record.keys() | (before.keys() & _WHERE_ASKED_FOR))
        return [f"another {name}" for name in names if record.get(name) != before.get(name)]

    with opened_output(folder, _LAYOUT, compare=compare, inputs=inputs, overwrite=overwrite):
        if not (folder / BEGUN).exists():
            write_json(folder / BEGUN, record)
        if not (folder / "manifest.json").exists():
            encoder = _settle_tokenizer(texts, folder, settings)
            if infill.rate:
                find_sentinels(encoder)
            parts = _list_parts(texts, folder, columns, infill)
            waiting = [part for part in chain(*parts.values()) if not part.is_done]
            encode = partial(
                _encode_part,
                tokenizer=folder / "tokenizer.json",
                eos_token=encoder.eos_token,
                template=texts.template,
                infill=infill,
            )
            with settings.start(folder, inputs) as engine:
                display.count("Encoding", engine.map(encode, waiting), len(waiting), "parts")
            _finish(folder, texts.plan, encoder, parts, record)
        shutil.rmtree(folder / "work", ignore_errors=True)
        tokens = open_tokens(folder)
        for peer in settings.peer:
            write_peer(tokens, peer)
    return tokens


def _settle_infill(settings: TokenizeSettings, texts: TextFiles) -> Infill:
    known = {group["source"] for group in texts.plan["groups"]}
    for name in settings.fim_source:
        if name not in known:
            raise UnknownNameError("source of the mixture", name, known)
    return Infill(settings.fim_rate, settings.fim_spm_rate, settings.seed, settings.fim_source)


def _settle_template(settings: TokenizeSettings) -> Template:
    if settings.template is None:
        return NO_TEMPLATE
    return Template.parse(settings.template, settings.template_rate, settings.seed)


_WHERE_ASKED_FOR = {"infill", "template"}


def _record(settings: TokenizeSettings, texts: TextFiles, infill: Infill) -> dict[str, Any]:
    """What decides the bytes of the result."""
    fits = settings.tokenizer is None
    facts = {name: value for name, value in texts.plan.items() if name in _PLAN_FACTS}
    record: dict[str, Any] = {
        "vocab_size": settings.vocab_size if fits else None,
        "tokenizer": None if settings.tokenizer is None else _hash_file(Path(settings.tokenizer)),
        "eos_token": settings.eos_token,
        "train_bytes": parse_bytes(settings.train_bytes) if fits else None,
        "mixture": stable_hash(facts),
        "format": VERSION,
    }
    if infill.rate:
        record["infill"] = asdict(infill) | {"sources": list(infill.sources)}
    if settings.template is not None:
        record["template"] = [settings.template, settings.template_rate, settings.seed]
    return record


def write_tokens(
    output: str | Path,
    texts: Mapping[str, Mapping[str, Sequence[str]]],
    encoder: TextEncoder,
    *,
    max_passes: float | None = None,
) -> TokenFolder:
    """Write a token folder from texts in memory: `texts["train"]["web"]` is a list of documents.

    Each name is a source of one group; the mixture is their union. For experiments; `curate mix` has the
    rest.
    """
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted({name for split in SPLITS for name in texts.get(split, {})})
    for name in names:
        check_file_name(name, "texts")
    properties = [{"name": name, "source": name, "domain": "all", "bucket": "all"} for name in names]
    plan = {
        "format": "curate-mixture",
        "version": 1,
        "budget_tokens": None,
        "groups": [group | {"max_passes": max_passes} for group in properties],
        "stages": [{"name": "main", "share": 1.0}],
    }
    with committed(folder / "tokenizer.json") as temporary:
        temporary.write_text(encoder.tokenizer.to_str(pretty=True), encoding="utf-8")
    parts: dict[tuple[str, str], list[_Part]] = {}
    for split in SPLITS:
        for name in names:
            part = _Part(folder, folder / "work" / split / name / "part-00000")
            parts[split, name] = [part]
            documents = pa.array(texts.get(split, {}).get(name, ()), pa.large_string())
            batches = ((documents[i : i + _BATCH_ROWS], []) for i in range(0, len(documents), _BATCH_ROWS))
            _write_part(part, batches, encoder)
    _finish(folder, plan, encoder, parts, {"format": VERSION, "texts": names})
    shutil.rmtree(folder / "work", ignore_errors=True)
    return open_tokens(folder)


def _settle_tokenizer(texts: TextFiles, folder: Path, settings: TokenizeSettings) -> TextEncoder:
    """Fit or load the tokenizer, and commit it to the folder."""
    target = folder / "tokenizer.json"
    if not target.exists():
        if settings.tokenizer is None:
            sample = sample_texts(texts, parse_bytes(settings.train_bytes))
            special = SENTINELS if settings.fim_rate else ()
            encoder = train_encoder(sample, settings.vocab_size, special)
        else:
            encoder = load_encoder(settings.tokenizer, settings.eos_token)
        with committed(target) as temporary:
            temporary.write_text(encoder.tokenizer.to_str(pretty=True), encoding="utf-8")
    return load_encoder(target, settings.eos_token)


def _list_parts(
    texts: TextFiles, folder: Path, columns: tuple[str, ...], infill: Infill
) -> dict[tuple[str, str], list[_Part]]:
    source_of = {group["name"]: group["source"] for group in texts.plan["groups"]}
    parts: dict[tuple[str, str], list[_Part]] = {}
    for (split, name), files in texts.files.items():
        work = folder / "work" / split / name
        is_infilled = infill.applies_to(split, source_of[name])
        if texts.is_split:
            parts[split, name] = [
                _Part(file, work / file.stem, columns, is_infilled=is_infilled) for file in files
            ]
        else:
            parts[split, name] = [
                _Part(file, work / f"part-{number:05d}", columns, split, is_infilled)
                for number, file in enumerate(files)
            ]
    return parts


@lru_cache(maxsize=1)
def _load_once(tokenizer: Path, eos_token: str, _modified_ns: int) -> TextEncoder:
    return load_encoder(tokenizer, eos_token)


def _encode_part(part: _Part, *, tokenizer: Path, eos_token: str, template: Template, infill: Infill) -> None:
    encoder = _load_once(tokenizer, eos_token, tokenizer.stat().st_mtime_ns)
    batches = read_split(part.source, part.columns, part.split, _BATCH_ROWS, template)
    _write_part(part, batches, encoder, infill)


def _write_part(
    part: _Part,
    batches: Iterator[tuple[pa.Array, list[str]]],
    encoder: TextEncoder,
    infill: Infill | None = None,
) -> None:
    """Encode texts to a part's tokens, document lengths and bytes, and commit its counts last."""
    lengths, n_bytes = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    with committed(part.stem.with_suffix(".bin")) as temporary, temporary.open("wb") as file:
        for texts, heads in batches:
            whole = put_before(heads, texts)
            if infill is not None and part.is_infilled:
                tokens, some = encode_infilled(encoder, texts, heads, infill)
            else:
                tokens, some = encoder.encode_joined(whole)
            file.write(tokens.tobytes())
            lengths.append(some)
            n_bytes.append(
                pc.fill_null(pc.binary_length(whole), 0).to_numpy(zero_copy_only=False).astype(np.int64)
            )
    for ending, numbers in ((".idx", lengths), (".bytes", n_bytes)):
        with committed(part.stem.with_suffix(ending)) as temporary:
            temporary.write_bytes(np.concatenate(numbers).astype("<u8").tobytes())
    write_json(
        part.stem.with_suffix(".json"),
        {"n_documents": int(sum(map(len, lengths))), "n_tokens": int(sum(some.sum() for some in lengths))},
    )


def _finish(
    folder: Path,
    plan: dict[str, Any],
    encoder: TextEncoder,
    parts: dict[tuple[str, str], list[_Part]],
    settings: dict[str, Any],
) -> None:
    """Join the parts of every group, and commit plan and manifest."""
    splits: dict[str, list[dict[str, Any]]] = {
        split: [_join(folder / split, group, parts[split, group["name"]]) for group in plan["groups"]]
        for split in SPLITS
    }
    fingerprints = {
        "tokenizer": _hash_file(folder / "tokenizer.json"),
        "data": stable_hash(splits),
        "settings": stable_hash(settings),
    }
    write_json(folder / "plan.json", plan)
    write_json(
        folder / "manifest.json",
        {
            "format": FORMAT,
            "version": VERSION,
            "fingerprint": stable_hash(fingerprints),
            "fingerprints": fingerprints,
            "tokenizer": {
                "vocab_size": encoder.vocab_size,
                "eos_token": encoder.eos_token,
                "eos_id": encoder.eos_id,
            },
            "dtype": encoder.dtype.name,
            "settings": settings,
            "splits": splits,
        },
    )


def _join(folder: Path, group: dict[str, Any], parts: Sequence[_Part]) -> dict[str, Any]:
    """Join the parts of one group in one split; what is joined already stays as it is."""
    stem = folder / group["name"]
    done = folder.parent / "work" / f"{folder.name}-{group['name']}.json"
    if done.exists():
        return json.loads(done.read_text(encoding="utf-8"))
    digest = xxhash.xxh3_64()
    lengths, n_bytes = (_concatenate(parts, ending) for ending in (".idx", ".bytes"))
    with committed(stem.with_name(stem.name + ".bin")) as temporary, temporary.open("wb") as file:
        for part in parts:
            _append(part.stem.with_suffix(".bin"), file, digest)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype("<u8")
    for ending, numbers in ((".idx", offsets), (".bytes", n_bytes)):
        digest.update(numbers.tobytes())
        with committed(stem.with_name(stem.name + ending)) as temporary:
            temporary.write_bytes(numbers.tobytes())
    entry = {name: group[name] for name in ("name", "source", "domain", "bucket")} | {
        "n_documents": len(lengths),
        "n_tokens": int(offsets[-1]),
        "n_bytes": int(n_bytes.sum()),
        "hash": digest.hexdigest(),
    }
    write_json(done, entry)
    for part in parts:  # the group has them now
        for ending in ENDINGS:
            part.stem.with_suffix(ending).unlink(missing_ok=True)
    return entry


def _concatenate(parts: Sequence[_Part], ending: str) -> Any:
    numbers = [np.fromfile(part.stem.with_suffix(ending), "<u8") for part in parts]
    return np.concatenate([np.empty(0, "<u8"), *numbers]).astype("<u8")


def _append(source: Path, target: BinaryIO, digest: Any) -> None:
    with source.open("rb") as file:
        while data := file.read(8 << 20):
            target.write(data)
            digest.update(data)


def _hash_file(path: Path) -> str:
    try:
        return xxhash.xxh3_64_hexdigest(path.read_bytes())
    except OSError as error:
        raise SettingError(f"Cannot read the tokenizer {path}: {error.strerror}.") from error
