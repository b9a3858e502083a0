"""The main job: documents per CPU second, whole and by stage, beside datatrove and websieve.

`python -m benchmarks filter [N_REPEATS]`: web text of the test data for curate, repeated with a line of its
own in each copy (so that copies are near-duplicates); a sample of it for the peers, since they are slow. CPU
seconds of whole commands, start-up included.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import DATA, ROOT, Spent, alternate, read_jsonl, run_command
from benchmarks.peers.environments import peer_or_none

N_SAMPLE = 1000
N_ROUNDS = 2


def run(arguments: list[str]) -> dict[str, Any]:
    n_repeats = int(arguments[0]) if arguments else 4
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = write_text(folder, n_repeats)
        rows = [
            *compare("web text, large", {"curate": curate_on(folder, text["large"])}, text["large"]),
            *compare("web text, sample", text_contenders(folder, text["sample"]), text["sample"]),
            *compare("raw HTML", html_contenders(folder), html_facts()),
        ]
        return {"n_rounds": N_ROUNDS, "rows": rows, "stages": stages(folder)}


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
    pages = sorted((DATA / "html" / "pages").glob("*.html.gz"))
    n_bytes = sum(len(gzip.decompress(page.read_bytes())) for page in pages)
    return {"path": DATA / "html" / "pages", "n_documents": len(pages), "n_bytes": n_bytes}


def curate_on(folder: Path, facts: dict[str, Any], *options: str):
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
        spent = run_command([*command, "--workers", "1", *options])
        shutil.copy(out / "manifest.json", folder / f"manifest-{facts['path'].name}.json")
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
        "curate": curate_on(folder, html_facts(), "--language", "any"),
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
