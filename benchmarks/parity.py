"""Parity of the `@peer` rule sets with the peers' own packages: on how many pages keep or drop is the same.

Each peer's filters run in its own environment (`.venv-datatrove`, `.venv-dolma`); DCLM is no package, so its
checkout is named by `--dclm`. Our side runs in datatrove's environment as well (it needs numba there), since
the sets that follow spaCy's and uniseg's words need those packages.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import DATA, ROOT, peer_python, read_jsonl
from benchmarks.signals import run_peer

SETS = {
    "datatrove": (
        "gopher-quality@datatrove-0.10", "gopher-repetition@datatrove-0.10", "c4@datatrove-0.10",
        "fineweb@datatrove-0.10", "gopher-quality@datatrove-0.10-space",
        "gopher-repetition@datatrove-0.10-space", "c4@fineweb",
    ),
    "dolma": ("gopher-quality@dolma", "gopher-repetition@dolma"),
    "dclm": ("gopher-quality@dclm", "gopher-repetition@dclm"),
}  # fmt: skip


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks parity")
    parser.add_argument("--pages", type=int, default=1750, help="sample of the pages; 0 for all")
    parser.add_argument("--dclm", help="a checkout of DCLM")
    parser.add_argument("--peers", nargs="*", default=list(SETS))
    options = parser.parse_args(args)
    paths = [*sorted((DATA / "web").glob("*.jsonl.gz")), *sorted((DATA / "annotations").glob("*.jsonl.gz"))]
    texts = [page["text"] for path in paths for page in read_jsonl(path)]
    if options.pages:
        texts = texts[:: max(len(texts) // options.pages, 1)]
    rows: list[dict[str, Any]] = []
    for peer in options.peers:
        python = peer_python("datatrove" if peer == "dclm" else peer)
        if not python or (peer == "dclm" and not options.dclm):
            continue
        theirs = run_peer(peer, texts, options.dclm if peer == "dclm" else None, python)
        ours = _ours(texts, SETS[peer])
        rows += [
            _row(name, theirs.get(name) or theirs[name.split("@")[0]], ours[name]) for name in SETS[peer]
        ]
    return {"settings": {"pages": len(texts)}, "rows": rows}


def _row(name: str, theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    differing = [i for i, (a, b) in enumerate(zip(theirs["kept"], ours["kept"], strict=True)) if a != b]
    return {
        "rule_set": name,
        "pages": len(ours["kept"]),
        "peer_keeps": sum(theirs["kept"]),
        "curate_keeps": sum(ours["kept"]),
        "same": len(ours["kept"]) - len(differing),
        "share": round(1 - len(differing) / len(ours["kept"]), 6),
        "differing": [
            {"page": i, "peer": theirs["why"][i], "curate": ours["why"][i]} for i in differing[:20]
        ],
    }


def _ours(texts: list[str], names: tuple[str, ...]) -> dict[str, Any]:
    """Judge the texts in the environment that has the peers' tokenisers, else in this one."""
    python = peer_python("datatrove") or sys.executable
    with tempfile.TemporaryDirectory() as folder:
        pages, out = Path(folder, "pages.jsonl"), Path(folder, "out.json")
        pages.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
        subprocess.run(
            [python, str(Path(__file__)), str(pages), str(out), *names],
            check=True, env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        )  # fmt: skip
        return json.loads(out.read_text(encoding="utf-8"))


def _judge(pages: str, out: str, *names: str) -> None:
    import pyarrow as pa

    from curate.rules import apply_rules, clean_lines, line_rules_of, load_rules, required_signals
    from curate.signals import compute_signals

    texts = pa.array([json.loads(line) for line in Path(pages).read_text(encoding="utf-8").splitlines()])
    found = {}
    for name in names:
        rule_sets = load_rules([name])
        cleaned, _ = clean_lines(texts, line_rules_of(rule_sets))
        verdict = apply_rules(compute_signals(cleaned, required_signals(rule_sets)), rule_sets)
        why = verdict["drop_reason"].to_pylist()
        found[name] = {"kept": [reason is None for reason in why], "why": why}
    Path(out).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    _judge(*sys.argv[1:])
