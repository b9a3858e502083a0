"""Mutated copies of every kind of folder that the program reads: each loads, or says why not in one line.

Seeds are fixed; a failure names the folder, the file and the mutation.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate
from curate.bundled import classifiers_folder
from curate.dedup.index import _hash_manifest, open_index
from curate.errors import CurateError
from curate.jobs.index import build_index
from curate.mixture import MixtureSettings, Source, mix
from curate.results.overview import read_overview
from curate.scoring import load_scorer
from curate.scoring.load import load_classes
from curate.tokens import open_tokens, tokenize_mixture
from curate.tokens.plan import read_plan
from curate.train.folders import read_shape
from curate.train.shape import PRESETS

TEXTS = [f"A page about number {n}, its square {n * n} and why the two differ. " * 4 for n in range(40)]
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    2**70,
    1.5,
    float("nan"),
    "",
    "x" * 300,
    "../../x",
    "/etc/passwd",
    'a"b',
    [],
    {},
    [[]],
]
N_MUTATIONS = 60


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items)[:12]:
        yield from places(inner, (*path, key))


def mutations(value: Any, seed: int) -> Iterator[tuple[str, Any]]:
    """The value with one place taken out, or replaced by something else."""
    draw = random.Random(seed)
    every = [path for path in places(value) if path]
    for _ in range(N_MUTATIONS):
        path, changed = draw.choice(every), copy.deepcopy(value)
        inner = changed
        for key in path[:-1]:
            inner = inner[key]
        if draw.random() < 0.3 and isinstance(inner, dict):
            del inner[path[-1]]
            yield f"without {path}", changed
        else:
            inner[path[-1]] = new = draw.choice(VALUES)
            yield f"{path} = {new!r:.40}", changed


def broken_files(content: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    """The file cut short, with a byte flipped, or something else altogether."""
    draw = random.Random(seed)
    yield from (
        ("empty", b""),
        ("a list", b"[]"),
        ("null", b"null"),
        ("deep", b"[" * 100_000),
        ("not UTF-8", b'{"a": "\xff"}'),
    )
    for _ in range(12):
        at = draw.randrange(len(content))
        yield f"cut at {at}", content[:at]
        yield f"flipped at {at}", content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]


def check(open_folder: Callable[[Path], Any], folder: Path, what: str) -> None:
    try:
        open_folder(folder)
    except CurateError as error:
        assert "\n" not in str(error), what  # noqa: PT017
    except Exception as error:  # noqa: BLE001
        pytest.fail(f"{what}: {type(error).__name__}: {error}")


def use_run(folder: Path) -> None:
    read_overview(folder)
    curate.explain(folder, "nothing")


def use_scorer(folder: Path) -> None:
    load_scorer(folder).score(TEXTS[:2])


def use_classes(folder: Path) -> None:
    load_classes(folder).label(TEXTS[:2])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, curated: Path) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("folders")
    pq.write_table(pa.table({"id": [str(n) for n in range(40)], "text": TEXTS}), root / "pages.parquet")
    build_index(root / "index", str(root / "pages.parquet"), workers=1, progress=False)
    settings = MixtureSettings(
        sources=(Source("web", (str(root / "pages.parquet"),)),), validation_fraction=0.2
    )
    mix(settings, root / "mixture", workers=1)
    tokenize_mixture(root / "mixture", root / "tokens", vocab_size=300, workers=1)
    shutil.copytree(curated, root / "run")
    for name in ("edu", "topic"):
        shutil.copytree(classifiers_folder() / name, root / name)
    (root / "cascade").mkdir()
    parts = {"name": "both", "first": "edu", "second": "edu", "low": 0.1, "high": 0.9}
    (root / "cascade" / "config.json").write_text(json.dumps({"format": 1, "kind": "cascade", **parts}))
    shape = dataclasses.asdict(next(iter(PRESETS.values())))
    for name, file, said in (
        ("checkpoint", "state.json", {"step": 3, "eos_id": 0, "settings": {}, "shape": shape}),
        ("model", "config.json", HUGGING_FACE),
    ):
        (root / name).mkdir()
        (root / name / file).write_text(json.dumps(said))
    return {path.name: path for path in root.iterdir() if path.is_dir()}


HUGGING_FACE = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "intermediate_size": 128,
    "vocab_size": 320,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    "tie_word_embeddings": True,
}

KINDS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "run": ("manifest.json", use_run),
    "index": ("manifest.json", open_index),
    "mixture": ("plan.json", read_plan),
    "tokens": ("manifest.json", open_tokens),
    "edu": ("config.json", use_scorer),
    "topic": ("config.json", use_classes),
    "cascade": ("config.json", use_scorer),
    "checkpoint": ("state.json", read_shape),
    "model": ("config.json", read_shape),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_any_value_in_what_a_folder_says_of_itself(
    folders: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    name, open_folder = KINDS[kind]
    folder = Path(shutil.copytree(folders[kind], tmp_path / "copy"))
    whole = json.loads((folder / name).read_text())
    open_folder(folder) if kind != "run" else read_overview(folder)
    for what, changed in mutations(whole, seed=1):
        if kind == "index" and isinstance(changed, dict):
            changed["checksum"] = _hash_manifest(changed)  # as somebody would who means harm
        (folder / name).write_text(json.dumps(changed))
        check(open_folder, folder, f"{kind}/{name}: {what}")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_any_damage_to_what_a_folder_says_of_itself(
    folders: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    name, open_folder = KINDS[kind]
    folder = Path(shutil.copytree(folders[kind], tmp_path / "copy"))
    for what, content in broken_files((folder / name).read_bytes(), seed=2):
        (folder / name).write_bytes(content)
        check(open_folder, folder, f"{kind}/{name}: {what}")


ARRAYS = {
    "run": ["kept/part-00000.parquet", "dropped/part-00000.parquet"],
    "index": ["segment-00000/keys.arrow"],
    "tokens": ["plan.json", "tokenizer.json", "train/*.idx"],
    "edu": ["weights.safetensors"],
    "topic": ["weights.safetensors"],
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in ARRAYS.items() for name in names])
def test_any_damage_to_the_arrays_of_a_folder(
    folders: dict[str, Path], tmp_path: Path, kind: str, name: str
) -> None:
    main, open_folder = KINDS[kind]
    folder = Path(shutil.copytree(folders[kind], tmp_path / "copy"))
    name = next(folder.glob(name)).relative_to(folder).as_posix()
    whole = json.loads((folder / main).read_text())
    for what, content in broken_files((folder / name).read_bytes(), seed=3):
        (folder / name).write_bytes(content)
        changed = copy.deepcopy(whole)  # with the digest that it then needs
        if "weights_sha256" in changed:
            changed["weights_sha256"] = hashlib.sha256(content).hexdigest()
        if kind == "index":
            import xxhash

            changed["segments"][0]["files"]["keys.arrow"] = xxhash.xxh3_128_hexdigest(content)
            changed["checksum"] = _hash_manifest(changed)
        (folder / main).write_text(json.dumps(changed))
        check(open_folder, folder, f"{kind}/{name}: {what}")


@pytest.mark.parametrize("name", ["/tmp/x", "../x", "a/b", ".hidden", "", "a\x00b", "x" * 300])
def test_no_name_in_a_plan_leads_out_of_the_folder(
    folders: dict[str, Path], tmp_path: Path, name: str
) -> None:
    precious = tmp_path / "precious.bin"
    precious.write_text("mine")
    mixture = Path(shutil.copytree(folders["mixture"], tmp_path / "mixture"))
    plan = json.loads((mixture / "plan.json").read_text())
    plan["groups"][0]["name"] = str(precious.with_suffix("")) if name == "/tmp/x" else name
    (mixture / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(CurateError, match="names a file"):
        tokenize_mixture(mixture, tmp_path / "tokens", vocab_size=300, workers=1)
    tokens = Path(shutil.copytree(folders["tokens"], tmp_path / "copy"))
    manifest = json.loads((tokens / "manifest.json").read_text())
    manifest["splits"]["train"][0]["name"] = name
    (tokens / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CurateError, match="names a file"):
        open_tokens(tokens)
    assert precious.read_text() == "mine"


def test_no_overwrite_deletes_what_is_not_its_own(folders: dict[str, Path], tmp_path: Path) -> None:
    """Each command, on the folders of all others, on its own input, and on a folder of the user's."""
    copies = {name: Path(shutil.copytree(path, tmp_path / name)) for name, path in folders.items()}
    (tmp_path / "photos" / "kept").mkdir(parents=True)
    for name in ("kept/a.jpg", "manifest.json", "settings.json", "report.html"):
        (tmp_path / "photos" / name).write_text("{}")
    copies["photos"] = tmp_path / "photos"
    pages = str(folders["index"].parent / "pages.parquet")
    settings = MixtureSettings(sources=(Source("web", (pages,)),), validation_fraction=0.2)
    commands = {
        "run": lambda output: curate.filter_crawl(pages, output, overwrite=True, workers=1, progress=False),
        "mixture": lambda output: mix(settings, output, workers=1, overwrite=True),
        "tokens": lambda output: tokenize_mixture(
            folders["mixture"], output, vocab_size=300, workers=1, overwrite=True
        ),
    }
    before = {name: sorted(path.rglob("*")) for name, path in copies.items()}
    for command, run in commands.items():
        for name, folder in copies.items():
            if name != command:
                with pytest.raises(CurateError):
                    run(folder)
                assert sorted(folder.rglob("*")) == before[name], (command, name)
    for kind, inner in (("run", "kept"), ("mixture", "train")):
        with pytest.raises(CurateError, match="lies in the output folder|not empty"):
            curate.filter_crawl(
                f"{copies[kind]}/{inner}", copies[kind], overwrite=True, workers=1, progress=False
            )
        assert sorted(copies[kind].rglob("*")) == before[kind]
