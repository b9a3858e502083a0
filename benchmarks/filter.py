"""The main job: documents per CPU second, whole and by stage, beside datatrove and websieve; workers and memory.

`python -m benchmarks filter [--repeats N] [--only peers,steady,memory] [--quick] [--before COMMIT]`

    peers    web text, repeated with a line of its own in each copy (so that copies are near-duplicates), and raw HTML; a
             sample for the peers, since they are slow. CPU seconds of whole commands, start-up included
    steady   start-up, and web text and raw HTML that are repeated and varied so that no copy is a duplicate, by one
             worker and two: CPU and wall seconds, and documents per CPU second beyond the start-up
    memory   peak of all processes together, by documents and workers
    before   with `--before` alone: start-up and the sets of `steady` by this version and that of a commit, in turn

What is not measured is left in the result as it was; `measured` says when and where each part was. `--quick` takes smaller sets
for `steady` and `memory`, once each.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import (
    DATA,
    RESULTS,
    ROOT,
    Spent,
    alternate,
    circumstances,
    read_jsonl,
    run_command,
)
from benchmarks.peers.environments import peer_or_none

HTML = DATA / "html" / "pages"
N_SAMPLE = 1000
PARTS = ("peers", "steady", "memory")
N_ROUNDS = 2
N_BEFORE_ROUNDS = 4


STEADY = (("web text", 9_986), ("web text", 50_000), ("raw HTML", 5_000))
QUICK = (("web text", 9_986), ("raw HTML", 1_000))
QUICK_MEMORY = ((10_000, 1), (10_000, 2))
MEMORY = ((50_000, 1), (200_000, 1), (50_000, 2), (200_000, 2))


def run(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks filter")
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--only", default="peers,steady,memory", help="parts, with commas")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--before", help="a commit to run in turn with this one, in this environment")
    options = parser.parse_args(arguments)
    parts = options.only.split(",")
    before = RESULTS / "filter.json"
    known = json.loads(before.read_text(encoding="utf-8")) if before.exists() else {}
    kept = ("n_rounds", "rows", "stages", "steady", "memory", "before", "measured")
    result = {key: known[key] for key in kept if key in known}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "peers" in parts:
            text = write_text(folder, options.repeats)
            rows = [
                *compare("web text, large", {"curate": curate_on(folder, text["large"])}, text["large"]),
                *compare("web text, sample", text_contenders(folder, text["sample"]), text["sample"]),
                *compare("raw HTML", html_contenders(folder), html_facts()),
            ]
            result |= {"n_rounds": N_ROUNDS, "rows": rows, "stages": stages(folder)}
        if "steady" in parts:
            result["steady"] = steady(folder, QUICK, 1) if options.quick else steady(folder, STEADY, N_ROUNDS)
        if options.before:
            result["before"] = before_and_now(folder, QUICK if options.quick else STEADY, options.before)
        if "memory" in parts:
            result["memory"] = memory(folder, QUICK_MEMORY if options.quick else MEMORY)
    now = [part for part in PARTS if part in parts] + ["before"] * bool(options.before)
    return result | {"measured": result.get("measured", {}) | dict.fromkeys(now, circumstances())}


def steady(folder: Path, sets: tuple[tuple[str, int], ...], n_rounds: int) -> dict[str, Any]:
    """Start-up, then each corpus by one worker and two in turn: least CPU and wall seconds, and what is beyond the start-up."""
    starts = [curate_on(folder, write_one_line(folder))() for _ in range(4)][1:]
    start_up = {"cpu_s": min(each.cpu_s for each in starts), "wall_s": min(each.wall_s for each in starts)}
    rows: list[dict[str, Any]] = []
    for corpus, n in sets:
        facts = write_varied(folder / f"varied-{corpus.replace(' ', '-')}-{n}", corpus, n)
        ways = {
            str(workers): curate_on(folder, facts, *_options(corpus), workers=workers, tag=f"{n}-{workers}")
            for workers in (1, 2)
        }
        ways["1"]()  # the first run may compile, and fills the page cache
        for workers, runs in alternate(ways, n_rounds).items():
            cpu_s, wall_s = min(each.cpu_s for each in runs), min(each.wall_s for each in runs)
            row = {
                "corpus": corpus,
                "n_documents": n,
                "mb": round(facts["n_bytes"] / 1e6),
                "workers": int(workers),
                "cpu_s": round(cpu_s, 2),
                "wall_s": round(wall_s, 2),
                "docs_per_cpu_s": round(n / cpu_s),
                "docs_per_cpu_s_steady": round(n / (cpu_s - start_up["cpu_s"])),
            }
            rows.append(row)
            print(row, flush=True)
        shutil.rmtree(facts["path"])
    return {"start_up": {name: round(value, 2) for name, value in start_up.items()}, "rows": rows}


def before_and_now(folder: Path, sets: tuple[tuple[str, int], ...], commit: str) -> dict[str, Any]:
    """Start-up and each corpus by two versions in turn: least CPU seconds of each, and their ratio beyond the start-up."""
    checkout = folder / "before"
    subprocess.run(["git", "-C", ROOT, "worktree", "add", "--detach", checkout, commit], check=True)
    try:
        starts: dict[str, float] = {}
        rows: list[dict[str, Any]] = []
        for corpus, n in (("one line", 1), *sets):
            facts = write_one_line(folder) if n == 1 else write_varied(folder / f"in-turn-{n}", corpus, n)
            ways = {
                "before": curate_on(folder, facts, *_options(corpus), source=checkout),
                "now": curate_on(folder, facts, *_options(corpus)),
            }
            for way in ways.values():
                way()  # compiles
            runs = alternate(ways, N_BEFORE_ROUNDS)
            least = {name: min(each.cpu_s for each in found) for name, found in runs.items()}
            starts = starts or least
            row = {"corpus": corpus, "n_documents": n} | {
                f"cpu_s_{name}": round(cpu_s, 2) for name, cpu_s in least.items()
            }
            if n > 1:
                steady_s = {name: least[name] - starts[name] for name in least}
                row["steady_ratio"] = round(steady_s["now"] / steady_s["before"], 3)
            rows.append(row)
            print(row, flush=True)
        return {"commit": commit, "rows": rows}
    finally:
        subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", checkout], check=True)


def memory(folder: Path, sets: tuple[tuple[int, int], ...]) -> list[dict[str, Any]]:
    """Peak memory of all processes of a run together, by size and workers."""
    rows: list[dict[str, Any]] = []
    for n, workers in sets:
        facts = write_varied(folder / f"memory-{n}", "web text", n)
        spent = curate_on(folder, facts, workers=workers, with_memory=True)()
        rows.append(
            {"n_documents": n, "workers": workers, "peak_mb": round(spent.peak_memory_bytes / 1e6)}
            | {"cpu_s": round(spent.cpu_s, 1), "wall_s": round(spent.wall_s, 1)}
        )
        print(rows[-1], flush=True)
    return rows


def write_one_line(folder: Path) -> dict[str, Any]:
    """Write one line of text: a run over it is all start-up."""
    path = folder / "one"
    path.mkdir(exist_ok=True)
    (path / "one.jsonl").write_text(json.dumps({"text": "One line of text, that is all there is."}) + "\n")
    return {"path": path}


def _options(corpus: str) -> tuple[str, ...]:
    return ("--language", "any") if corpus == "raw HTML" else ()


def write_varied(path: Path, corpus: str, n: int) -> dict[str, Any]:
    """Write `n` documents, from the second round on with every seventh word turned round: none is a duplicate of another."""
    facts: dict[str, Any] = {"path": path, "n_documents": n, "n_bytes": 0}
    if path.exists():
        return facts
    path.mkdir()
    draw = random.Random(0)
    if corpus == "raw HTML":
        pages = [gzip.decompress(page.read_bytes()) for page in sorted(HTML.glob("*.html.gz"))]
        with (path / "pages.warc.gz").open("wb") as file:
            for number in range(n):
                page = pages[number % len(pages)]
                if number >= len(pages):
                    page = _BETWEEN_TAGS.sub(lambda found: _turned(found[0], draw.randrange(7)), page)
                file.write(gzip.compress(_warc_record(number, page), 1))
                facts["n_bytes"] += len(page)
        return facts
    texts = [row["text"] for file in sorted((DATA / "web").glob("*.jsonl.gz")) for row in read_jsonl(file)]
    with gzip.open(path / "text.jsonl.gz", "wb", compresslevel=1) as file:
        for number in range(n):
            text = texts[number % len(texts)].encode()
            if number >= len(texts):
                other = texts[draw.randrange(len(texts))].encode()
                text = _turned(text[: len(text) // 2] + other[len(other) // 2 :], draw.randrange(7))
            row = {"id": str(number), "url": f"https://site{number % 977}.example/{number}"}
            file.write(json.dumps(row | {"text": text.decode(errors="replace")}).encode() + b"\n")
            facts["n_bytes"] += len(text)
    return facts


_BETWEEN_TAGS = re.compile(rb">[^<>]{40,}<")


def _turned(text: bytes, first: int) -> bytes:
    """A text with every seventh word the other way round."""
    words = text.split(b" ")
    words[first::7] = [word[::-1] if word.isalpha() else word for word in words[first::7]]
    return b" ".join(words)


def _warc_record(number: int, page: bytes) -> bytes:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=UTF-8\r\n\r\n" + page
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Date: 2024-05-18T01:02:03Z\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012d}>\r\n"
        f"WARC-Target-URI: http://site{number % 97}.example/{number}\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def write_text(folder: Path, n_repeats: int) -> dict[str, dict[str, Any]]:
    """Write the corpus and a sample of it as JSON lines."""
    documents = [row for path in sorted((DATA / "web").glob("*.jsonl.gz")) for row in read_jsonl(path)]
    sets = {
        "large": [
            (f"{n}-{copy}", row["text"]) for copy in range(n_repeats) for n, row in enumerate(documents)
        ],
        "sample": [(str(n), row["text"]) for n, row in enumerate(documents[:: len(documents) // N_SAMPLE])],
    }
    facts = {}
    for name, rows in sets.items():
        path = folder / name / "text.jsonl.gz"
        path.parent.mkdir()
        with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
            for key, body in rows:
                mark = f"\nThis is copy {key} of the page." if name == "large" else ""
                file.write(json.dumps({"id": key, "text": body + mark}) + "\n")
        n_bytes = sum(len(body.encode()) for _, body in rows)
        facts[name] = {"path": path.parent, "n_documents": len(rows), "n_bytes": n_bytes}
    return facts


def html_facts() -> dict[str, Any]:
    pages = sorted(HTML.glob("*.html.gz"))
    n_bytes = sum(len(gzip.decompress(page.read_bytes())) for page in pages)
    return {"path": HTML, "n_documents": len(pages), "n_bytes": n_bytes}


def curate_on(
    folder: Path,
    facts: dict[str, Any],
    *options: str,
    workers: int = 1,
    tag: str | None = None,
    with_memory: bool = False,
    source: Path = ROOT,
):
    """The command on a corpus, by the version whose checkout is `source`."""

    def contend() -> Spent:
        out = folder / "curate-out"
        shutil.rmtree(out, ignore_errors=True)
        command = [
            sys.executable,
            "-m",
            "curate",
            "filter",
            "--input",
            str(facts["path"]),
            "--output",
            str(out),
        ]
        spent = run_command(
            [*command, "--workers", str(workers), *options],
            with_memory=with_memory,
            env=os.environ | {"PYTHONPATH": str(source / "src")},
        )
        shutil.copy(out / "manifest.json", folder / f"manifest-{tag or facts['path'].name}.json")
        return spent

    return contend


def peer_on(folder: Path, venv: str, *command: str):
    python = peer_or_none(venv)

    def contend() -> Spent:
        out = folder / f"{venv}-out"
        shutil.rmtree(out, ignore_errors=True)
        return run_command([str(python), *(str(out) if part == "OUT" else part for part in command)])

    return contend if python else None


def text_contenders(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    script = str(ROOT / "benchmarks" / "peers" / "filter_datatrove.py")
    return {
        "curate": curate_on(folder, facts),
        "curate, no score": curate_on(folder, facts, "--scorer", "none"),
        "datatrove": peer_on(folder, "datatrove", script, "text", str(facts["path"]), "OUT"),
    }


def html_contenders(folder: Path) -> dict[str, Any]:
    pages = folder / "pages"
    shutil.copytree(html_facts()["path"], pages)
    lines = folder / "pages.jsonl"
    with lines.open("w", encoding="utf-8") as file:
        for page in sorted(pages.glob("*.html.gz")):
            html = gzip.decompress(page.read_bytes()).decode("utf-8", "replace")
            file.write(json.dumps({"id": page.name, "url": f"https://{page.name}", "html": html}) + "\n")
    script = str(ROOT / "benchmarks" / "peers" / "filter_datatrove.py")
    websieve = ROOT / ".venv-websieve" / "bin" / "websieve"
    return {
        "curate": curate_on(folder, html_facts(), *_options("raw HTML")),
        "datatrove": peer_on(folder, "datatrove", script, "html", str(pages), "OUT"),
        "websieve": peer_on(folder, "websieve", str(websieve), "build", str(lines), "--output", "OUT"),
    }


def compare(corpus: str, contenders: dict[str, Any], facts: dict[str, Any]) -> list[dict[str, Any]]:
    spent = alternate({name: contend for name, contend in contenders.items() if contend}, N_ROUNDS)
    ours = min(run.cpu_s for run in spent["curate"])
    rows = []
    for name, runs in spent.items():
        cpu_s = min(run.cpu_s for run in runs)
        rows.append(
            {
                "corpus": corpus,
                "tool": name,
                "n_documents": facts["n_documents"],
                "mb": round(facts["n_bytes"] / 1e6, 1),
                "cpu_s": round(cpu_s, 2),
                "docs_per_cpu_s": round(facts["n_documents"] / cpu_s, 1),
                "mb_per_cpu_s": round(facts["n_bytes"] / 1e6 / cpu_s, 2),
                "times_curate": round(cpu_s / ours, 1),
                "peak_mb": round(max(run.peak_memory_bytes for run in runs) / 1e6),
            }
        )
        print(rows[-1], flush=True)
    return rows


def stages(folder: Path) -> dict[str, dict[str, float]]:
    """CPU seconds by stage, from the manifests of the last runs."""
    found = {}
    for path in sorted(folder.glob("manifest-*.json")):
        found[path.stem.removeprefix("manifest-")] = json.loads(path.read_text())["timings"]["cpu_s"]
    return found
