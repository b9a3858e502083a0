"""The arena: one raw pool through this pipeline, its parts and other pipelines; small models on equal tokens of what each keeps.

The pool holds web pages as text, documentation and some textbooks as HTML, program files, and as noise pages of every kind as
their servers sent them. Held out of it and judged on: five textbooks, an encyclopedia, whole packages of documentation and of programs,
whole sites of news and of forum talk. HTML that is judged is read by resiliparse without its formulas, which no arm uses as it stands
there, so that no arm is judged on text of its own extractor.

An arm takes what its pipeline takes: `raw`, Dolma's and C4's rules all text of a page (as in WET files), datatrove's chain
trafilatura's, ours our own. Peers run as released with their published limits; languages are identified by the same model for all.

    python -m benchmarks arena --data FOLDER [--arm "rules, no score" ...]

plays it with other data: FOLDER/pool holds what every arm is given, FOLDER/judges/NAME what models are judged on, a file or a folder for
each domain, both in any format that `curate filter` reads. docs/proof.md names public data sets for it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from benchmarks import cloze
from benchmarks.harness import DATA, ROOT, measured, read_jsonl, run_command
from benchmarks.peers.environments import peer_environment
from benchmarks.signals import run_peer
from curate.ablate import AblateSettings, Ablation, ablate, draw_svg, read_texts
from curate.crawl import find_files, plan_splits, read_chunks
from curate.errors import SettingError
from curate.extract import decode_text
from curate.language import identify_languages

LEARN = ("economics", "chemistry", "contemporary-mathematics")
BOOKS = ("calculus", "world-history", "business-ethics", "microbiology")
NEWS, FORUM = {10, 13}, {4, 17}
"""WebOrganizer's formats: News Article and News (Organization); Comment Section and Q&A Forum."""
TASK = "task: "
ONE_MODULE_IN = 10
"""Textbook modules are some hundredths of a percent of a crawl and would be half of what is kept: so many are left out."""
ONE_FILE_IN = 2
"""The same for program files and pages of documentation."""
ONE_IN = 4
"""Packages and sites whose hash falls into one part of so many are held out."""
PEER_LANGUAGE_CONFIDENCE = 0.65
"""FineWeb's limit (arXiv 2406.17557)."""
PLOT = ROOT / "docs" / "images" / "arena.svg"
ARMS = (
    "raw", "English, exact duplicates", "datatrove FineWeb", "Dolma Gopher", "C4", "default", "default and quality",
    "default, prose alone", "rules, no score", "strict rules and score", "score alone", "random, size of default",
)  # fmt: skip
FEW = ("raw", "datatrove FineWeb", "default", "default, prose alone", "strict rules and score", "score alone")
MOST_NOTATION = 0.1
"""Share of lines of a text that counts as prose alone."""
LARGER = {"layers": 5, "width": 384}
"""10 million weights."""
ALWAYS = ("raw", "default", "random, size of default")
"""Arms that others are compared with, or mixed of."""
NOTES = (
    "The web pages were extracted and filtered once by their publishers; the pool's share of lessons is higher than a crawl's.",
    "The scorers saw levels of some pages of the pool and of held-out documentation; of the textbooks none where --edu was fitted so.",
    "Copies of evaluation text are left out of every arm.",
    "Dolma's arm is its Gopher tagger with its limits, C4's its page cleaning; neither has its own deduplication but by exact text.",
    "Intervals are over training text (seeds share none) and evaluation documents, not widened for the number of arms.",
)

Texts = list[str]


@dataclass(frozen=True)
class Pool:
    """The raw pool on disk, laid out as a user would have it: `texts.jsonl`, `pages/`, `src/`."""

    folder: Path

    @cached_property
    def texts(self) -> Texts:
        """Text of every document as a pipeline without an extractor of its own finds it: all text of a page."""
        from resiliparse.extract.html2text import extract_plain_text

        pages = (decode_text(gzip.decompress(path.read_bytes())) for path in self._files("pages"))
        return [
            *(row["text"] for row in read_jsonl(self.folder / "texts.jsonl")),
            *(extract_plain_text(page, main_content=False) for page in pages),
            *self.programs,
        ]

    @cached_property
    def programs(self) -> Texts:
        return [decode_text(path.read_bytes()) for path in self._files("src")]

    def _files(self, part: str) -> Iterator[Path]:
        return (path for path in sorted((self.folder / part).rglob("*")) if path.is_file())


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks arena")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="of a trigram run")
    parser.add_argument("--transformer-tokens", type=int, default=300_000)
    parser.add_argument("--eval-tokens", type=int, default=50_000, help="of each domain")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", default="trigram,transformer")
    parser.add_argument(
        "--transformer-arm",
        action="append",
        choices=ARMS,
        help=f"arm for the transformers; by default {', '.join(FEW)}. Repeat.",
    )
    parser.add_argument(
        "--larger-arm",
        action="append",
        choices=ARMS,
        default=[],
        help="arm for transformers of 10 million weights, 16 CPU minutes each. Repeat.",
    )
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "arena", help="finished runs are kept here"
    )
    parser.add_argument(
        "--edu",
        default="edu",
        help="scorer in place of the bundled one, which was fitted on modules of the books that are judged on: "
        "`python -m classifiers.recipe.bundled edu --without ...` makes one that was not",
    )
    parser.add_argument(
        "--data",
        type=Path,
        help="folder with `pool` and `judges`, in place of the data that figures in docs are of",
    )
    parser.add_argument(
        "--arm",
        action="append",
        choices=ARMS,
        help=f"of the arms, beside {', '.join(ALWAYS)}; all by default. Repeat.",
    )
    parser.add_argument("--layers", type=int, default=4, help="of the transformer")
    parser.add_argument("--width", type=int, default=128, help="of the transformer")
    asked = parser.parse_args(args)
    shutil.rmtree(asked.folder / "pool", ignore_errors=True)
    pool, evaluation = (
        build(asked.folder / "pool") if asked.data is None else read_data(asked.data, asked.folder / "pool")
    )
    wanted = {*ALWAYS, *(asked.arm or ARMS)}
    arms, facts = choose(pool, asked.folder, asked.edu, wanted)
    amounts: dict[str, Any] = {
        "layers": asked.layers,
        "width": asked.width,
        "tokens": asked.tokens,
        "transformer_tokens": asked.transformer_tokens,
        "eval_tokens": asked.eval_tokens,
        "seeds": asked.seeds,
    }

    tasks = cloze.items()
    judged = evaluation | {f"{TASK}{name}": cloze.documents(task) for name, task in tasks.items()}

    def compare(some: dict[str, Texts], **changes: Any) -> Ablation:
        return ablate(
            some,
            judged,
            AblateSettings(**(amounts | changes)),
            output=asked.folder,
            report=lambda line: print(line, flush=True),
        )

    def transformers(names: Sequence[str], **changes: Any) -> Ablation | None:
        few = {name: arms[name] for name in names if name in wanted}
        return compare(few, model=("transformer",), **changes) if few else None

    with measured() as spent:
        judges = {
            "trigram": (found := compare(arms, model=("trigram",))),
            "transformer": transformers(asked.transformer_arm or FEW)
            if "transformer" in asked.models
            else None,
            "larger transformer": transformers(asked.larger_arm, **LARGER),
        }
        mixed = compare(mixtures(asked.folder / "default", arms), model=("trigram",))
    plot = PLOT if asked.data is None else asked.folder / "arena.svg"
    plot.write_text(draw_svg(found, "One pool, equal tokens of what each pipeline keeps"), encoding="utf-8")
    if asked.data is not None:
        print("\n\n".join(each.table() for each in judges.values() if each is not None))
    for name, fact in facts.items():
        n_tokens = found.facts["arms"][name]["n_tokens"]
        fact["cpu_s_per_million_tokens"] = round(fact["cpu_s"] / n_tokens * 1e6, 2) if fact["cpu_s"] else None
    return {
        "settings": vars(asked)
        | {"folder": asked.folder.name, "data": None if asked.data is None else asked.data.name},
        "cpu_s_without_known_runs": spent.cpu_s,
        "notes": NOTES if asked.data is None else NOTES[2:],
        "pool": {"documents": len(pool.texts), "bytes": sum(len(text.encode()) for text in pool.texts)},
        "made": facts,
        "judges": {
            name: each.to_json() | {"ranks": ranks(each), "tasks": answer(each, tasks)}
            for name, each in judges.items()
            if each is not None
        },
        "mixtures": mixed.to_json(),
    }


def answer(found: Ablation, tasks: dict[str, list[cloze.Item]]) -> dict[str, Any]:
    """Share of items of each task that each arm's models get right, and the gain over raw text."""
    by_arm = next(iter(found.nats.values()))
    return {
        name: cloze.accuracy({arm: of[f"{TASK}{name}"] for arm, of in by_arm.items()}, len(task), "raw")
        for name, task in tasks.items()
    }


def ranks(found: Ablation) -> list[dict[str, Any]]:
    """By model and domain: the best arm, and how far the default is from it, with its interval."""
    rows: list[dict[str, Any]] = []
    for model in found.nats:
        for domain in (domain for domain in found.domains if not domain.startswith(TASK)):
            means = {arm: float(found.bits_per_byte(model, domain, arm).mean()) for arm in found.arms}
            best = min(means, key=lambda arm: means[arm])
            gap = found.gap(model, domain, "default", best) if best != "default" else None
            rows.append(
                {
                    "model": model,
                    "domain": domain,
                    "best": best,
                    "default_behind": [round(x, 4) for x in (gap.gap, gap.low, gap.high) if x is not None]
                    if gap
                    else [0.0],
                    "default_within_interval": gap is None or not gap.clear,
                }
            )
    return rows


# -- the pool --


def build(folder: Path) -> tuple[Pool, dict[str, Texts]]:
    """Write the raw pool, and give the texts that are held out of it by domain."""
    (folder / "pages").mkdir(parents=True)
    held: dict[str, Texts] = {}
    with (folder / "texts.jsonl").open("w", encoding="utf-8") as lines:
        for row in _web_rows():
            domain = "news" if row.get("format_id") in NEWS else "forum talk"
            if _is_held(urlsplit(row.get("url") or "").hostname or ""):
                if row.get("format_id") in NEWS | FORUM:
                    held.setdefault(domain, []).append(row["text"])
                continue
            lines.write(json.dumps({"url": row.get("url"), "text": row["text"]}) + "\n")
    for book in LEARN:
        for row in read_jsonl(DATA / "textbooks" / f"{book}.html.jsonl.gz"):
            if _falls(row["id"], ONE_MODULE_IN):
                _write_page(folder, f"{book}-{row['id']}", row["html"].encode())
    for row in read_jsonl(DATA / "lessons" / "docs.jsonl.gz"):
        if not _is_held(row["source"].split("/")[0]):
            if _falls(row["id"], ONE_FILE_IN):
                _write_page(folder, f"docs-{row['id']}", row["html"].encode())
        elif not re.search(r"/(?:de|fr|ja|ko|es|tr|da|zh-cn|pt-br)/", row["source"]):
            held.setdefault("documentation", []).append(_judged(row["html"]))
    _write_noise(folder)
    for row in read_jsonl(DATA / "code" / "files.jsonl.gz"):
        if _is_held(row["package"]):
            held.setdefault("programs", []).append(row["text"])
            continue
        if not _falls(row["path"], ONE_FILE_IN):
            continue
        path = folder / "src" / row["package"] / row["path"].lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(row["text"], encoding="utf-8")
    for book in BOOKS:
        rows = read_jsonl(DATA / "textbooks" / f"{book}.html.jsonl.gz")
        held[f"textbook: {book}"] = [_judged(row["html"]) for row in rows]
    held["textbook: statistics"] = read_texts(DATA / "textbooks" / "osbooks-statistics.jsonl.gz")
    held["encyclopedia"] = read_texts(DATA / "textbooks" / "enwiki.jsonl.gz")
    return Pool(folder), {
        domain: [text for text in texts if text.strip()] for domain, texts in sorted(held.items())
    }


def read_data(data: Path, folder: Path) -> tuple[Pool, dict[str, Texts]]:
    """Write the raw pool of one's own data, laid out as that of `build`, and read what is judged, by domain.

    Raises:
        SettingError: `pool` or `judges` holds nothing.
    """
    (folder / "pages").mkdir(parents=True)
    (folder / "src").mkdir()
    with (folder / "texts.jsonl").open("w", encoding="utf-8") as lines:
        for number, (kind, path, url, content) in enumerate(_documents(data / "pool")):
            if kind == "html":
                _write_page(folder, f"{number:07d}", content)
            elif kind == "code":
                file = (
                    folder
                    / "src"
                    / f"{number // 1000:04d}"
                    / f"{number:07d}-{Path(path or 'file').name[-100:]}"
                )
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(content)
            else:
                lines.write(json.dumps({"url": url, "text": decode_text(content)}) + "\n")
    judges = sorted((data / "judges").iterdir()) if (data / "judges").is_dir() else []
    held = {path.name.split(".")[0]: list(_judged_texts(path)) for path in judges}
    if not any(path.is_file() for path in folder.rglob("*") if path.stat().st_size) or not any(held.values()):
        raise SettingError(f"{data} needs documents in both 'pool' and 'judges/NAME' (docs/proof.md).")
    return Pool(folder), {domain: texts for domain, texts in held.items() if texts}


def _judged_texts(path: Path) -> Iterator[str]:
    for kind, _, _, content in _documents(path):
        text = _judged(decode_text(content)) if kind == "html" else decode_text(content)
        if text.strip():
            yield text


def _documents(path: Path) -> Iterator[tuple[str, str | None, str | None, bytes]]:
    """(kind, path, address, content) of every document that could be read."""
    for split in plan_splits(find_files([str(path)])):
        for chunk in read_chunks(split):
            pages = chunk.pages.filter(pc.is_valid(chunk.pages["content"]))
            columns = (pages[name].to_pylist() for name in ("kind", "path", "url", "content"))
            yield from zip(*columns, strict=True)


def _web_rows() -> Iterator[dict[str, Any]]:
    for path in [*sorted((DATA / "web").glob("*.jsonl.gz")), DATA / "lessons" / "web.jsonl.gz"]:
        yield from (row for row in read_jsonl(path) if row["text"].strip())


def _is_held(name: str) -> bool:
    return bool(name) and _falls(name, ONE_IN)


def _falls(name: str, one_in: int) -> bool:
    return xxhash.xxh3_64_intdigest(name.encode()) % one_in == 0


def _judged(html: str) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    return extract_plain_text(re.sub(r"(?is)<math\b.*?</math\s*>", " ", html), main_content=True)


def _write_page(folder: Path, name: str, content: bytes) -> None:
    (folder / "pages" / f"{name}.html.gz").write_bytes(gzip.compress(content, mtime=0))


def _write_noise(folder: Path) -> None:
    """Pages as their servers sent them, listings and broken ones among them, in many languages."""
    number = 0
    for path in (*sorted((DATA / "crawl").glob("*.warc.gz")), DATA / "html" / "pages"):
        for kind, _, _, content in _documents(path):
            if kind == "html":
                _write_page(folder, f"noise-{number:05d}", content)
                number += 1


# -- the arms --


def choose(
    pool: Pool, folder: Path, edu: str, wanted: AbstractSet[str] = frozenset(ARMS)
) -> tuple[dict[str, Texts], dict[str, dict[str, Any]]]:
    """What each pipeline that is wanted keeps of the pool, and what it took."""
    english = _english(pool.texts)
    makers: dict[str, Callable[[], tuple[Texts, float]]] = {
        "raw": lambda: (pool.texts, 0.0),
        "English, exact duplicates": lambda: _ours(
            pool, folder / "english", "--rules", "none", "--dedup", "exact", "--scorer", "none", "--code-scorer", "none"
        ),
        "datatrove FineWeb": lambda: _datatrove(pool, folder / "datatrove"),
        "Dolma Gopher": lambda: _by_rules("dolma", english),
        "C4": lambda: _c4(english),
        "default": lambda: _ours(pool, folder / "default", "--scorer", edu),
        "default and quality": lambda: _ours(
            pool, folder / "quality", "--scorer", edu, "--scorer", "quality",
            "--threshold", "edu=0.5", "--threshold", "quality=0.4",
        ),
        "default, prose alone": lambda: (_prose(folder / "default"), facts["default"]["cpu_s"]),
        "rules, no score": lambda: _ours(pool, folder / "rules", "--scorer", "none", "--code-scorer", "none"),
        "strict rules and score": lambda: _ours(
            pool, folder / "strict", "--scorer", edu, "--rules", "gopher,c4,fineweb", "--spare-above", "none"
        ),
        "score alone": lambda: _ours(pool, folder / "score", "--scorer", edu, "--rules", "none"),
    }  # fmt: skip
    arms: dict[str, Texts] = {}
    facts: dict[str, dict[str, Any]] = {}
    for name in (name for name in makers if name in wanted):
        arms[name], cpu_s = makers[name]()
        facts[name] = {"documents": len(arms[name]), "cpu_s": round(cpu_s, 1)}
        print(f"{name}: {len(arms[name]):,} documents, {cpu_s:.1f} CPU s", flush=True)
    places = np.random.default_rng(0).permutation(len(pool.texts))[: len(arms["default"])]
    name = "random, size of default"
    arms[name] = [pool.texts[i] for i in places.tolist()]
    facts[name] = {"documents": len(places), "cpu_s": 0.0}
    return {name: arms[name] for name in ARMS if name in arms}, facts


def _ours(pool: Pool, output: Path, *flags: str) -> tuple[Texts, float]:
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-m", "curate", "filter", str(pool.folder), "--output", str(output)]
    spent = run_command([*command, "--workers", "1", *flags])
    return read_texts(output), spent.cpu_s


def _english(texts: Sequence[str]) -> Texts:
    """Texts in English at FineWeb's confidence, exact duplicates once."""
    unique = list(dict.fromkeys(text for text in texts if text.strip()))
    found = identify_languages(pa.array(unique, pa.large_string()))
    sure = found["language_confidence"].to_numpy() >= PEER_LANGUAGE_CONFIDENCE
    codes = found["language"].to_pylist()
    return [
        text
        for text, code, is_sure in zip(unique, codes, sure.tolist(), strict=True)
        if code == "en" and is_sure
    ]


def _datatrove(pool: Pool, output: Path) -> tuple[Texts, float]:
    """datatrove's FineWeb filters and MinHash, over texts and program files, and over pages after trafilatura; run once for a pool."""
    texts = [*(row["text"] for row in read_jsonl(pool.folder / "texts.jsonl")), *pool.programs]
    known, key = output / "known.json", xxhash.xxh3_64_hexdigest("\0".join(texts).encode())
    if known.exists() and (fact := json.loads(known.read_text(encoding="utf-8")))["texts"] == key:
        kept = [text for path in sorted(output.glob("*/kept")) for text in read_texts(path)]
        return _english(kept), fact["cpu_s"]
    shutil.rmtree(output, ignore_errors=True)
    (output / "texts").mkdir(parents=True)
    with gzip.open(output / "texts" / "texts.jsonl.gz", "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(texts))
    script = str(ROOT / "benchmarks" / "peers" / "filter_datatrove.py")
    cpu_s, kept = 0.0, Texts()
    sources = {"text": output / "texts", "html": pool.folder / "pages"}
    for kind, source in ((kind, source) for kind, source in sources.items() if any(source.iterdir())):
        done = run_command([peer_environment("datatrove"), script, kind, str(source), str(output / kind)])
        cpu_s += done.cpu_s
        kept += read_texts(output / kind / "kept")
    known.write_text(json.dumps({"texts": key, "cpu_s": cpu_s}), encoding="utf-8")
    return _english(kept), cpu_s


def _by_rules(peer: str, texts: Texts) -> tuple[Texts, float]:
    found = run_peer(peer, texts)
    kept = np.all([one["kept"] for one in found.values()], axis=0)
    return [text for text, stays in zip(texts, kept.tolist(), strict=True) if stays], sum(
        one["cpu_s"] for one in found.values()
    )


def _c4(texts: Texts) -> tuple[Texts, float]:
    found = run_peer("c4", texts, with_texts=True)["c4@code"]
    return [text for text in found["texts"] if text], found["cpu_s"]


def _prose(default: Path) -> Texts:
    """What the default keeps of pages and texts that are hardly program and formula."""
    import duckdb

    rows = duckdb.execute(
        f"select text from '{default}/kept/*.parquet' where kind != 'code' "
        f"and frac_program_lines + frac_formula_lines <= {MOST_NOTATION} order by id"
    ).fetchall()
    return [text for (text,) in rows]


def mixtures(default: Path, arms: dict[str, Texts]) -> dict[str, Texts]:
    """Other mixtures of what the default keeps: kinds of equal size, the best more than once, with raw web text."""
    import duckdb

    rows = duckdb.execute(
        f"select text, kind, coalesce(code_score, edu_score) as score from '{default}/kept/*.parquet' order by id"
    ).fetchall()
    by_kind: dict[str, Texts] = {}
    for text, kind, _ in rows:
        by_kind.setdefault(kind, []).append(text)
    largest = max(sum(map(len, texts)) for texts in by_kind.values())
    best = [text for text, _, _ in sorted(rows, key=lambda row: -(row[2] or 0.0))]
    size = len(best)
    return {
        "default": arms["default"],
        "kinds equal": [
            text
            for texts in by_kind.values()
            for text in texts * math.ceil(largest / sum(map(len, texts)) - 0.5)
        ],
        "best half twice": [*best[: size // 2], *best[: size // 2]],
        "best quarter four times": best[: size // 4] * 4,
        "default and random web": [*arms["default"], *arms["random, size of default"]],
    }
