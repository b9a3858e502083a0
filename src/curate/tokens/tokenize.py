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
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from curate.config import parse_bytes, stable_hash
from curate.errors import SettingError, UnknownNameError
from curate.tokens.encoder import TextEncoder, load_encoder, train_encoder
from curate.tokens.folder import FORMAT, SPLITS, VERSION, TokenFolder, open_tokens
from curate.tokens.infill import SENTINELS, Infill, encode_infilled, find_sentinels
from curate.tokens.peers import PEERS, write_peer
from curate.tokens.sample import sample_texts
from curate.tokens.texts import TextFiles, find_texts, read_split
from curate.work.cores import available_cores
from curate.work.engine import make_engine
from curate.work.files import committed, write_json
from curate.work.json_files import check_file_name
from curate.work.output import Layout, opened_output
from curate.work.progress import Counted, ProgressDisplay

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
    column: str = "text"
    split: str | None = None  # of a file that holds both
    is_infilled: bool = False

    @property
    def is_done(self) -> bool:
        return self.stem.with_suffix(".json").exists()


def tokenize_mixture(
    input: str | Path,  # noqa: A002
    output: str | Path,
    *,
    vocab_size: int = 32_000,
    tokenizer: str | Path | None = None,
    eos_token: str | None = None,
    train_bytes: str | int = "256MB",
    infill: Infill | None = None,
    peers: Sequence[str] = (),
    workers: int | None = None,
    engine: str = "local",
    overwrite: bool = False,
    progress: ProgressDisplay | None = None,
) -> TokenFolder:
    """Turn a mixture folder into a token folder; run it again to go on after a stop.

    Args:
        input: a folder that `curate mix` wrote, or any folder of Parquet with a text column (`curate.tokens.texts`).
        output: the token folder.
        vocab_size: of the byte-level BPE that is fitted on the mixture, when no `tokenizer` is given.
        tokenizer: a tokenizer.json to use instead.
        eos_token: the token of `tokenizer` that ends documents; without it, the first known name it has.
        train_bytes: text to fit the tokenizer on, taken from the groups by their planned shares.
        infill: reorders some training documents so that a model learns to fill in the middle.
        peers: other layouts to write beside ours: 'datatrove', 'megatron'.
        workers: processes; null for one for each core.
        engine: 'local' or 'ray'.
        overwrite: delete what is in `output` first.
        progress: shows it; null for silence.

    Raises:
        SettingError: `input` holds neither a mixture nor Parquet with text, or the tokenizer cannot be used.
        ChangedSettingsError: `output` was begun with other settings or another mixture.
    """
    mixture, folder = Path(os.path.abspath(input)), Path(output)
    texts = find_texts(mixture)
    plan = texts.plan
    for peer in peers:
        if peer not in PEERS:
            raise SettingError(f"Unknown layout '{peer}'. Known: {', '.join(PEERS)}.")
    infill = infill or Infill()
    known = {group["source"] for group in plan["groups"]}
    for name in infill.sources:
        if name not in known:
            raise UnknownNameError("source of the mixture", name, sorted(known))
    settings = {
        "vocab_size": vocab_size if tokenizer is None else None,
        "tokenizer": None if tokenizer is None else _hash_file(Path(tokenizer)),
        "eos_token": eos_token,
        "train_bytes": parse_bytes(train_bytes) if tokenizer is None else None,
        "mixture": stable_hash({name: value for name, value in plan.items() if name in _PLAN_FACTS}),
        "format": VERSION,
        **({"infill": asdict(infill) | {"sources": list(infill.sources)}} if infill.rate else {}),
    }
    inputs = [mixture, *([] if tokenizer is None else [tokenizer])]

    def compare(before: dict[str, Any]) -> list[str]:
        return [f"another {name}" for name in sorted(settings) if settings[name] != before.get(name)]

    with opened_output(folder, _LAYOUT, compare=compare, inputs=inputs, overwrite=overwrite):
        if not (folder / BEGUN).exists():
            write_json(folder / BEGUN, settings)
        if not (folder / "manifest.json").exists():
            encoder = _settle_tokenizer(texts, folder, settings, tokenizer)
            if infill.rate:
                find_sentinels(encoder)
            parts = _list_parts(texts, folder, plan, infill)
            waiting = [part for part in chain(*parts.values()) if not part.is_done]
            encode = partial(
                _encode_part, tokenizer=folder / "tokenizer.json", eos_token=encoder.eos_token, infill=infill
            )
            counted = Counted(len(waiting), "parts")
            display = progress or ProgressDisplay(quiet=True)
            n_workers = workers or available_cores()
            with display.step("Encoding", len(waiting), counted.look), make_engine(engine, n_workers) as pool:
                for _ in pool.map(encode, waiting):
                    counted.n_done += 1
            _finish(folder, plan, encoder, parts, settings)
        shutil.rmtree(folder / "work", ignore_errors=True)
        tokens = open_tokens(folder)
        for peer in peers:
            write_peer(tokens, peer)
    return tokens


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
            batches = (documents[i : i + _BATCH_ROWS] for i in range(0, len(documents), _BATCH_ROWS))
            _write_part(part, batches, encoder)
    _finish(folder, plan, encoder, parts, {"format": VERSION, "texts": names})
    shutil.rmtree(folder / "work", ignore_errors=True)
    return open_tokens(folder)


def _settle_tokenizer(
    texts: TextFiles, folder: Path, settings: dict[str, Any], tokenizer: str | Path | None
) -> TextEncoder:
    """Fit or load the tokenizer, and commit it to the folder."""
    target = folder / "tokenizer.json"
    if not target.exists():
        if tokenizer is None:
            sample = sample_texts(texts, settings["train_bytes"])
            special = SENTINELS if "infill" in settings else ()
            encoder = train_encoder(sample, settings["vocab_size"], special)
        else:
            encoder = load_encoder(tokenizer, settings["eos_token"])
        with committed(target) as temporary:
            temporary.write_text(encoder.tokenizer.to_str(pretty=True), encoding="utf-8")
    return load_encoder(target, settings["eos_token"])


def _list_parts(
    texts: TextFiles, folder: Path, plan: dict[str, Any], infill: Infill
) -> dict[tuple[str, str], list[_Part]]:
    source_of = {group["name"]: group["source"] for group in plan["groups"]}
    parts: dict[tuple[str, str], list[_Part]] = {}
    for (split, name), files in texts.files.items():
        work = folder / "work" / split / name
        is_infilled = infill.applies_to(split, source_of[name])
        if texts.is_split:
            parts[split, name] = [_Part(file, work / file.stem, is_infilled=is_infilled) for file in files]
        else:
            parts[split, name] = [
                _Part(file, work / f"part-{number:05d}", texts.column, split, is_infilled)
                for number, file in enumerate(files)
            ]
    return parts


@lru_cache(maxsize=1)
def _load_once(tokenizer: Path, eos_token: str, _modified_ns: int) -> TextEncoder:
    return load_encoder(tokenizer, eos_token)


def _encode_part(part: _Part, *, tokenizer: Path, eos_token: str, infill: Infill) -> None:
    encoder = _load_once(tokenizer, eos_token, tokenizer.stat().st_mtime_ns)
    _write_part(part, read_split(part.source, part.column, part.split, _BATCH_ROWS), encoder, infill)


def _write_part(
    part: _Part, batches: Iterator[pa.Array], encoder: TextEncoder, infill: Infill | None = None
) -> None:
    """Encode texts to a part's tokens, document lengths and bytes, and commit its counts last."""
    lengths, n_bytes = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    with committed(part.stem.with_suffix(".bin")) as temporary, temporary.open("wb") as file:
        for texts in batches:
            if infill is not None and part.is_infilled:
                tokens, some = encode_infilled(encoder, texts, infill)
            else:
                tokens, some = encoder.encode_joined(texts)
            file.write(tokens.tobytes())
            lengths.append(some)
            n_bytes.append(
                pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False).astype(np.int64)
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
