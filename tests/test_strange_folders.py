"""Mutated copies of every kind of folder that the program reads: each loads, or says why not in one line.

Seeds are fixed; a failure names the folder, the file and the mutation. With --run-slow each test goes on with other
seeds (`strange.SLOW_S`).
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

import curate
from curate.annotate.agreement import measure_agreement
from curate.annotate.batches import batch_states
from curate.annotate.labels import read_labels
from curate.annotate.prompt import load_prompt
from curate.bundled import classifiers_folder
from curate.craft import CraftSettings, craft_batches
from curate.craft.recipe import load_recipe
from curate.craft.run import STAGED, check_output
from curate.craft.settings import store_of
from curate.craft.stage import SCHEMA, state_reasons
from curate.dedup.index import _hash_manifest, open_index
from curate.errors import CurateError
from curate.fit import fit_classifier, read_annotations
from curate.fit.evaluating import count_fitted_on
from curate.jobs.dedup import dedup_files
from curate.jobs.index import build_index
from curate.jobs.score import score_files
from curate.llm.store import Store
from curate.mixture import MixtureSettings, Source, mix
from curate.mixture.settings import read_mixture_settings
from curate.pipeline import run_filter
from curate.results.overview import read_overview
from curate.results.training import write_training_report
from curate.rules.decontaminate import Decontaminator
from curate.rules.load import load_rules
from curate.rules.urls import UrlRules
from curate.run.settings import FilterSettings
from curate.scoring import load_scorer
from curate.scoring.load import load_classes
from curate.tokens import open_tokens, tokenize_mixture
from curate.tokens.encoder import load_encoder
from curate.tokens.plan import read_plan
from curate.train.folders import read_shape
from curate.train.shape import PRESETS
from labelled_pages import make_pages
from strange import (
    broken_bytes,
    changed_lines,
    changed_tables,
    changed_values,
    check,
    other_kinds_of_file,
    rounds,
)

TEXTS = [f"A page about number {n}, its square {n * n} and why the two differ. " * 4 for n in range(40)]


def use_run(folder: Path) -> None:
    read_overview(folder)
    curate.explain(folder, "nothing")


def use_scorer(folder: Path) -> None:
    load_scorer(folder).score(TEXTS[:2])


def use_classes(folder: Path) -> None:
    load_classes(folder).label(TEXTS[:2])


def use_crafted(folder: Path) -> None:
    check_output(CraftSettings(output=str(folder), model="m", topics="t.txt", api_key_env="HOME"))
    craft_batches(str(folder))
    use_run(folder)


def use_fitted(folder: Path) -> None:
    scorer = load_scorer(folder)
    scorer.score(TEXTS[:2])
    count_fitted_on(scorer, ANNOTATIONS)


def use_cache(path: Path) -> None:
    batch_states(path)
    with Store(path) as store:
        store.spent(), store.held(), store.totals(), store.answered_keys(), store.waiting_keys()
        store.last_replies(["k"])


def use_labels(path: Path) -> None:
    measure_agreement(read_labels(path))
    read_annotations(str(path))


ROWS = make_pages(60)
ANNOTATIONS = read_annotations(ROWS)


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
    shape = dataclasses.asdict(next(iter(PRESETS.values())))
    for name, file, said in (
        ("checkpoint", "state.json", {"step": 3, "eos_id": 0, "settings": {}, "shape": shape}),
        ("model", "config.json", HUGGING_FACE),
    ):
        (root / name).mkdir()
        (root / name / file).write_text(json.dumps(said))
    members = ["own_tfidf:ridge", "fasttext:softmax:n_epochs=1", "shape:forest:n_trees=2"]
    fit_classifier(ROWS, root / "fitted", members=members, n_resamples=2, progress=False)
    craft_a_run(root / "crafted")
    write_files(root)
    return {path.name: path for path in root.iterdir() if path.is_dir()}


def craft_a_run(output: Path) -> None:
    """What `curate craft` leaves: a store, the replies, and a run of them."""
    store_of(str(output)).parent.mkdir()
    note_a_batch(store_of(str(output)), {"output": str(output), "topics": "t.txt"})
    rows = [
        {field.name: value_of(field.type, n) for field in SCHEMA}
        | {"text": TEXTS[n], "id": str(n), "craft_reason": None, "craft_value": None, "craft_limit": None, "craft_detail": None}
        for n in range(8)
    ]  # fmt: skip
    staged = store_of(str(output)).parent / STAGED
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), staged)
    job = FilterSettings(
        input=(str(staged),), output=str(output), text_column="text", id_column="id", scorer="none", rules=(),
        language=("any",), workers=1,
    )  # fmt: skip
    run_filter(job, first_stage=state_reasons)


def note_a_batch(path: Path, settings: dict[str, Any]) -> None:
    request = {"key": "k", "model": "m", "prompt": "p", "text_hash": "h", "n_prompt_bytes": 3}
    note = {"settings": {"model": "m", "api_key_env": "HOME"} | settings, "requests": [request]}
    with Store(path) as store:
        store.end_batch(store.begin_batch("n", json.dumps(note), [("k", 5)]), "lost", [], message="x")


def value_of(kind: pa.DataType, n: int) -> Any:
    return f"x{n}" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else n


def write_files(root: Path) -> None:
    """Single files that come with folders, or are passed on."""
    folder = root / "files"
    folder.mkdir()
    note_a_batch(folder / "labels.jsonl.cache.sqlite", {"output": "labels.jsonl", "input": ["x"]})
    (folder / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[:30]))
    (folder / "benchmark.jsonl").write_text(
        "".join(json.dumps({"q": text, "n": [1]}) + "\n" for text in TEXTS[:4])
    )
    pq.write_table(pa.table({"q": TEXTS[:4], "choices": [["a", "b"]] * 4}), folder / "benchmark.parquet")
    (folder / "list.txt").write_text(
        "host:host.example\ndomain.example # why\nsubstring:/ads/\npath:x.example/a/b\n||ads.example^\n"
    )
    shutil.copy(root / "tokens" / "tokenizer.json", folder)
    steps = [
        {
            "step": n,
            "loss": 5.0 / n,
            "learning_rate": 0.1,
            "passes": {"web": 0.1 * n},
            "bits_per_byte": {"all": 2.0},
        }
        for n in range(1, 6)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps))
    (folder / "rules.toml").write_text(RULES)
    (folder / "mixture.toml").write_text(
        f'seed = 1\nbudget_tokens = 100\n[sources.web]\npath = "{root}/pages.parquet"\nweight = 2\n'
    )
    for name, kind in (("recipes/exercises", "craft"), ("prompts/edu", "annotate")):
        text = (Path(curate.__file__).parent / kind / f"{name}.toml").read_text()
        (folder / f"{kind}.toml").write_text(text)


RULES = """name = "mine"
source = "here"
[[rules]]
reason = "mine_words"
signal = "n_words"
low = 3
high = 1000
[[rules]]
reason = "mine_upper"
signal = "frac_number_chars"
high = 0.5
hard = true
languages = ["en"]
[line_rules]
prefix = "mine"
min_words = 3
end_marks = ".!"
[[line_rules.substrings]]
check = "cookies"
any_of = ["we use cookies"]
"""


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
    "crafted": ("manifest.json", use_crafted),
    "index": ("manifest.json", open_index),
    "mixture": ("plan.json", read_plan),
    "tokens": ("manifest.json", open_tokens),
    "edu": ("config.json", use_scorer),
    "fitted": ("config.json", use_fitted),
    "topic": ("config.json", use_classes),
    "checkpoint": ("state.json", read_shape),
    "model": ("config.json", read_shape),
}
HEAVY = {"run", "crafted"}
"""Take a tenth of a second to look at: fewer mutations a round."""


def with_digests(
    folder: Path, kind: str, whole: dict[str, Any], name: str = "", content: bytes = b""
) -> dict[str, Any]:
    """What the folder says of itself, with the digests that a changed file then needs: as somebody would who means harm."""
    changed = copy.deepcopy(whole)
    if "weights_sha256" in changed and name.endswith("weights.safetensors"):
        changed["weights_sha256"] = hashlib.sha256(content).hexdigest()
    if kind == "index" and isinstance(changed, dict):
        if name:
            changed["segments"][0]["files"]["keys.arrow"] = xxhash.xxh3_128_hexdigest(content)
        changed["checksum"] = _hash_manifest(changed)
    return changed


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_any_value_in_what_a_folder_says_of_itself(
    folders: dict[str, Path], tmp_path: Path, pytestconfig: pytest.Config, kind: str
) -> None:
    name, open_folder = KINDS[kind]
    folder = copy_of(folders, kind, tmp_path)
    whole = json.loads((folder / name).read_text())
    open_folder(folder) if kind not in HEAVY else read_overview(folder)
    for seed in rounds(pytestconfig):
        for what, changed in changed_values(whole, seed, 8 if kind in HEAVY else 30):
            (folder / name).write_text(json.dumps(with_digests(folder, kind, changed)))
            check(open_folder, folder, f"{kind}/{name}, seed {seed}: {what}")


def copy_of(folders: dict[str, Path], kind: str, tmp_path: Path) -> Path:
    """With what lies beside the folder, where a command looks for it there."""
    if kind == "crafted":
        shutil.copytree(store_of(str(folders[kind])).parent, store_of(str(tmp_path / kind)).parent)
    return Path(shutil.copytree(folders[kind], tmp_path / kind))


FILES_OF = {
    "run": ["manifest.json", "kept/part-00000.parquet", "dropped/part-00000.parquet"],
    "crafted": ["manifest.json", "kept/part-00000.parquet"],
    "index": ["manifest.json", "segment-00000/keys.arrow"],
    "mixture": ["plan.json"],
    "tokens": ["manifest.json", "plan.json", "tokenizer.json", "train/*.idx", "train/*.bin", "train/*.bytes"],
    "edu": ["config.json", "weights.safetensors"],
    "fitted": ["config.json", "weights.safetensors", "fitted_on.safetensors"],
    "topic": ["config.json", "weights.safetensors"],
    "checkpoint": ["state.json"],
    "model": ["config.json"],
}
OF_FOLDERS = [(kind, name) for kind, names in FILES_OF.items() for name in names]


@pytest.mark.parametrize(("kind", "name"), OF_FOLDERS)
def test_any_damage_to_a_file_of_a_folder(
    folders: dict[str, Path], tmp_path: Path, pytestconfig: pytest.Config, kind: str, name: str
) -> None:
    main, open_folder = KINDS[kind]
    folder = copy_of(folders, kind, tmp_path)
    name = next(folder.glob(name)).relative_to(folder).as_posix()
    whole, content = json.loads((folder / main).read_text()), (folder / name).read_bytes()
    for seed in rounds(pytestconfig):
        for what, broken in broken_bytes(content, seed, 1 if kind in HEAVY else 2):
            (folder / name).write_bytes(broken)
            if name != main:
                (folder / main).write_text(json.dumps(with_digests(folder, kind, whole, name, broken)))
            check(open_folder, folder, f"{kind}/{name}, seed {seed}: {what}")


@pytest.mark.parametrize(("kind", "name"), OF_FOLDERS)
@pytest.mark.timeout(60)
def test_another_kind_of_file_in_the_place_of_one(
    folders: dict[str, Path], tmp_path: Path, kind: str, name: str
) -> None:
    folder = copy_of(folders, kind, tmp_path)
    place = next(folder.glob(name))
    for what in other_kinds_of_file(place):
        check(KINDS[kind][1], folder, f"{kind}/{name}: {what}")


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, name in OF_FOLDERS if name.endswith((".parquet", ".arrow"))],
)
def test_any_other_columns_in_the_tables_of_a_folder(
    folders: dict[str, Path], tmp_path: Path, pytestconfig: pytest.Config, kind: str, name: str
) -> None:
    main, open_folder = KINDS[kind]
    folder = copy_of(folders, kind, tmp_path)
    path, whole = folder / name, json.loads((folder / main).read_text())
    is_parquet = name.endswith(".parquet")
    table = pq.ParquetFile(path).read() if is_parquet else pa.ipc.open_file(path).read_all()
    for seed in rounds(pytestconfig):
        for what, changed in changed_tables(table, seed, 6 if kind in HEAVY else 20):
            try:
                write_parquet(changed, path) if is_parquet else write_arrow(changed, path)
            except pa.ArrowException:  # of a type that the format does not hold
                continue
            said = with_digests(folder, kind, whole, name, path.read_bytes())
            if kind == "index":
                said["segments"][0]["n_documents"] = len(changed)
                said["checksum"] = _hash_manifest(said)
            (folder / main).write_text(json.dumps(said))
            check(open_folder, folder, f"{kind}/{name}, seed {seed}: {what}")


def write_parquet(table: pa.Table, path: Path) -> None:
    with pq.ParquetWriter(path, table.schema) as writer:  # of no rows: no row group
        if len(table):
            writer.write_table(table)


def write_arrow(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)


FILES: dict[str, Callable[[Path], Any]] = {
    "labels.jsonl": use_labels,
    "benchmark.jsonl": lambda path: Decontaminator.from_files((str(path),), 13),
    "benchmark.parquet": lambda path: Decontaminator.from_files((str(path),), 13),
    "tokenizer.json": load_encoder,
    "mixture.toml": lambda path: mix(read_mixture_settings(path), None, workers=1, progress=False),
    "craft.toml": lambda path: load_recipe(str(path)),
    "annotate.toml": lambda path: load_prompt(str(path)),
    "labels.jsonl.cache.sqlite": use_cache,
    "metrics.jsonl": lambda path: write_training_report(path.parent),
    "list.txt": lambda path: UrlRules.from_files((str(path),)),
    "rules.toml": lambda path: load_rules((str(path),)),
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_any_damage_to_a_file_that_is_passed_on(
    folders: dict[str, Path], tmp_path: Path, pytestconfig: pytest.Config, name: str
) -> None:
    path = Path(shutil.copy(folders["files"] / name, tmp_path))
    content = path.read_bytes()
    FILES[name](path)
    for seed in rounds(pytestconfig):
        found = list(broken_bytes(content, seed, 2))
        if name.endswith((".toml", ".txt")):
            found += changed_lines(content.decode(), seed)
        elif name.endswith(".json"):
            found += [
                (what, json.dumps(value).encode())
                for what, value in changed_values(json.loads(content), seed)
            ]
        elif name.endswith(".jsonl"):
            rows = [json.loads(line) for line in content.splitlines()]
            for what, changed in changed_values(rows, seed):
                found.append((what, b"".join(json.dumps(row).encode() + b"\n" for row in changed)))
        for what, broken in found:
            for beside in path.parent.glob(f"{name}-*"):
                beside.unlink()  # SQLite's
            path.write_bytes(broken)
            check(FILES[name], path, f"{name}, seed {seed}: {what}")


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.timeout(60)
def test_another_kind_of_file_in_the_place_of_one_that_is_passed_on(
    folders: dict[str, Path], tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    for what in other_kinds_of_file(path):
        check(FILES[name], path, f"{name}: {what}")


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
            if name != command and (command, name) != (
                "run",
                "crafted",
            ):  # which is a run: of replies that are kept
                with pytest.raises(CurateError):
                    run(folder)
                assert sorted(folder.rglob("*")) == before[name], (command, name)
    for kind, inner in (("run", "kept"), ("mixture", "train")):
        with pytest.raises(CurateError, match="lies in the output folder|not empty"):
            curate.filter_crawl(
                f"{copies[kind]}/{inner}", copies[kind], overwrite=True, workers=1, progress=False
            )
        assert sorted(copies[kind].rglob("*")) == before[kind]


# What other seeds found, once.


WIDTHS = [("llama", "head_dim", 10**400), ("phi", "head_dim", 10**400), ("phi", "partial_rotary_factor", 1e308),
          ("llama", "vocab_size", 2**40)]  # fmt: skip


@pytest.mark.parametrize(("family", "name", "value"), WIDTHS, ids=lambda value: str(value)[:24])
def test_a_width_beyond_any_number_is_no_width(
    folders: dict[str, Path], tmp_path: Path, family: str, name: str, value: float
) -> None:
    folder = copy_of(folders, "model", tmp_path)
    config = HUGGING_FACE | {"model_type": family, "layer_norm_eps": 1e-5, name: value}
    config |= {"hidden_act": "gelu_new", "rope_parameters": None} if family == "phi" else {}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CurateError, match=r"from 1 to|no model has|more than 64 bits"):
        read_shape(folder)


def test_the_name_of_a_class_is_text(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = copy_of(folders, "topic", tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["classes"][2] = "\ud800"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CurateError, match="has a class"):
        load_classes(folder)


def test_a_column_of_dictionaries_without_values_is_none_of_an_index(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = copy_of(folders, "index", tmp_path)
    path, said = folder / "segment-00000" / "keys.arrow", json.loads((folder / "manifest.json").read_text())
    table = pa.ipc.open_file(path).read_all()
    at = table.schema.get_field_index("text_file")
    nothing = pa.nulls(len(table), pa.dictionary(pa.int8(), pa.string()))
    write_arrow(table.set_column(at, "text_file", nothing), path)
    said = with_digests(folder, "index", said, path.name, path.read_bytes())
    (folder / "manifest.json").write_text(json.dumps(said))
    with pytest.raises(CurateError, match="not those of an index"):
        open_index(folder)


def test_a_cache_whose_tables_have_names_that_are_no_text_is_no_cache(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "x.sqlite"
    content = (folders["files"] / "labels.jsonl.cache.sqlite").read_bytes()
    path.write_bytes(content.replace(b"about", b"ab\xebut").replace(b"CREATE TABLE", b"CREATE TABEL"))
    with pytest.raises(CurateError, match="no cache of curate"):
        batch_states(path)


def test_a_tokenizer_on_which_the_package_panics_is_none(folders: dict[str, Path], tmp_path: Path) -> None:
    said = json.loads((folders["files"] / "tokenizer.json").read_text())
    said["model"]["continuing_subword_prefix"] = "x" * 300
    (tmp_path / "tokenizer.json").write_text(json.dumps(said))
    with pytest.raises(CurateError, match="not a tokenizer.json"):
        load_encoder(tmp_path / "tokenizer.json")


def test_a_pipe_in_an_input_holds_up_no_command(tmp_path: Path) -> None:
    """It is named, or refused in one line; a run goes on without it, also when it is given again."""
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    (crawl / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS[:8]))
    os.mkfifo(crawl / "pipe.jsonl")
    quiet: dict[str, Any] = {"workers": 1, "progress": False}
    for _ in range(2):
        funnel = curate.filter_crawl(
            str(crawl), tmp_path / "out", scorer="none", rules=[], language=["any"], **quiet
        )
        assert funnel.kept.n_documents == 8
    problem = dedup_files(str(crawl), tmp_path / "dedup", **quiet).problems[0]
    assert (problem.source, problem.reason) == ("pipe.jsonl", "not_a_file")
    refusing: list[Callable[[], Any]] = [
        lambda: score_files(str(crawl), tmp_path / "scored", scorer="edu", **quiet),
        lambda: mix({"web": crawl}, tmp_path / "mixture", **quiet),
        lambda: build_index(tmp_path / "index", str(crawl), **quiet),
    ]
    for job in refusing:
        with pytest.raises(CurateError, match="a pipe, a socket or a device"):
            job()
