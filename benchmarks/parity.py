"""Parity of the `@peer` rule sets with the peers' own packages: on how many pages keep or drop is the same.

Each peer's filters run in an environment of its own, made on first use; DCLM is no package, so its checkout is
named by `--dclm`. Our side runs in datatrove's, since the sets that follow spaCy's and uniseg's words need
those packages. Peers take hours over all pages: they go piece by piece, and a piece that
was run is kept in `benchmarks/results/scratch/parity`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import DATA, RESULTS, ROOT, read_jsonl
from benchmarks.peers.environments import REQUIREMENTS, peer_environment
from benchmarks.signals import run_peer

PIECE_PAGES = 484
JUDGING = ("apply.py", "lines.py", "model.py", "sets.py")
SCRATCH = RESULTS / "scratch" / "parity"
# Our rule set, and the peer's filter whose decisions it follows.
FOLLOWED = {
    "datatrove": {
        "gopher-quality@datatrove-0.10": "gopher-quality",
        "gopher-repetition@datatrove-0.10": "gopher-repetition",
        "c4@datatrove-0.10": "c4",
        "fineweb@datatrove-0.10": "fineweb",
        "gopher-quality@datatrove-0.10-space": "gopher-quality",
        "gopher-repetition@datatrove-0.10-space": "gopher-repetition",
        "c4@fineweb": "c4@fineweb",
    },
    "dolma": {"gopher-quality@dolma": "gopher-quality", "gopher-repetition@dolma": "gopher-repetition"},
    "dclm": {"gopher-quality@dclm": "gopher-quality", "gopher-repetition@dclm": "gopher-repetition"},
    "c4": {"c4@code": "c4@code", "c4@paper": "c4@paper"},
    # No set follows NeMo Curator, whose most frequent n-gram depends on the hash seed.
    "curator": {"gopher-quality@paper": "gopher-quality", "gopher-repetition@paper": "gopher-repetition"},
}


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks parity")
    parser.add_argument("--pages", type=int, default=1750, help="sample of the pages; 0 for all")
    parser.add_argument("--dclm", help="a checkout of DCLM")
    parser.add_argument("--peers", nargs="*", default=list(FOLLOWED), choices=list(FOLLOWED))
    parser.add_argument("--finished", action="store_true", help="only the pieces that were judged already")
    parser.add_argument("--processes", type=int, default=1, help="pieces at a time")
    options = parser.parse_args(args)
    paths = [*sorted((DATA / "web").glob("*.jsonl.gz")), *sorted((DATA / "annotations").glob("*.jsonl.gz"))]
    texts = [page["text"] for path in paths for page in read_jsonl(path)]
    if options.pages:
        texts = texts[:: max(len(texts) // options.pages, 1)]
    pieces = [texts[start : start + PIECE_PAGES] for start in range(0, len(texts), PIECE_PAGES)]
    rows: list[dict[str, Any]] = []
    not_run: list[str] = []
    for peer in options.peers:
        if peer == "dclm" and not options.dclm:
            not_run.append("dclm: no checkout was named by --dclm")
            continue
        names = tuple(FOLLOWED[peer])
        taken = [
            piece
            for piece in pieces
            if not options.finished
            or (_their_path(peer, piece).exists() and _our_path(names, piece).exists())
        ]
        if not taken:
            not_run.append(f"{peer}: no piece is finished")
            continue
        theirs = _in_pieces(taken, partial(_theirs, peer, options.dclm), options.processes)
        ours = _in_pieces(taken, partial(_ours, names), options.processes)
        rows += [_row(name, theirs[filter_], ours[name]) for name, filter_ in FOLLOWED[peer].items()]
    return {"settings": {"pages": len(texts)}, "rows": rows, "not_run": not_run}


def _in_pieces(pieces: list[list[str]], judge: Any, n_processes: int) -> dict[str, dict[str, list[Any]]]:
    """Judge all pieces, and join what was found for each filter."""
    with ThreadPoolExecutor(n_processes) as pool:
        found = list(pool.map(judge, pieces))
    return {
        name: {key: [value for part in found for value in part[name][key]] for key in ("kept", "why", "left")}
        for name in found[0]
    }


def _theirs(peer: str, checkout: str | None, texts: list[str]) -> dict[str, Any]:
    """What a peer makes of a piece; run once."""
    python = peer_environment(peer)

    def judge() -> dict[str, Any]:
        return run_peer(peer, texts, checkout if peer == "dclm" else None, python)

    return _kept(_their_path(peer, texts), judge)


def _their_path(peer: str, texts: list[str]) -> Path:
    script = (ROOT / "benchmarks" / "peers" / "rules.py").read_text(encoding="utf-8")
    return SCRATCH / f"{peer}-{_digest(texts, REQUIREMENTS[peer], script)}.json"


def _ours(names: tuple[str, ...], texts: list[str]) -> dict[str, Any]:
    """Judge a piece in the environment that has the peers' tokenisers; run once for each state of the sources."""

    def judge() -> dict[str, Any]:
        done = subprocess.run(
            [peer_environment("datatrove"), str(Path(__file__)), *names],
            input=json.dumps(texts), capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        )  # fmt: skip
        return json.loads(done.stdout)

    return _kept(_our_path(names, texts), judge)


def _our_path(names: tuple[str, ...], texts: list[str]) -> Path:
    folder = ROOT / "src" / "curate"
    paths = [*sorted((folder / "signals").glob("*.py")), *(folder / "rules" / name for name in JUDGING)]
    sources = [path.read_text(encoding="utf-8") for path in paths]
    return SCRATCH / f"curate-{_digest(texts, names, sources)}.json"


def _digest(*parts: Any) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def _kept(path: Path, judge: Any) -> dict[str, Any]:
    """Take a result from the scratch folder, or find it and put it there."""
    if not path.exists():
        found = judge()
        SCRATCH.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(found), encoding="utf-8")
        temporary.rename(path)
    return json.loads(path.read_text(encoding="utf-8"))


def _row(name: str, theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    differing = [i for i, (a, b) in enumerate(zip(theirs["kept"], ours["kept"], strict=True)) if a != b]
    reasons = Counter(f"{theirs['why'][i] or 'kept'} / {ours['why'][i] or 'kept'}" for i in differing)
    triples = zip(theirs["left"], ours["left"], ours["kept"], strict=True)
    both = [(their, our) for their, our, kept in triples if their and kept]
    return {
        "rule_set": name,
        "pages": len(ours["kept"]),
        "peer_keeps": sum(theirs["kept"]),
        "curate_keeps": sum(ours["kept"]),
        "same": len(ours["kept"]) - len(differing),
        "share": round(1 - len(differing) / len(ours["kept"]), 6),
        # Of pages that both keep, where the peer's filter changes texts: how many are left equal.
        "texts": {"kept_by_both": len(both), "equal": sum(their == our for their, our in both)},
        "differing_by_reason": dict(reasons.most_common()),
        "differing": [
            {"page": i, "peer": theirs["why"][i], "curate": ours["why"][i]} for i in differing[:40]
        ],
    }


def _judge(*names: str) -> None:
    """Judge the texts on stdin by rule sets; sets without line rules share one measurement."""
    import pyarrow as pa

    from benchmarks.peers.rules import digest
    from curate.rules import apply_rules, clean_lines, line_rules_of, load_rules, required_signals
    from curate.signals import compute_signals

    texts = pa.array(json.load(sys.stdin), pa.large_string())
    sets = {name: load_rules([name]) for name in names}
    plain = [rules for rule_sets in sets.values() for rules in rule_sets if not line_rules_of(rule_sets)]
    measured = compute_signals(texts, required_signals(plain))
    found = {}
    for name, rule_sets in sets.items():
        line_rules = line_rules_of(rule_sets)
        cleaned, _ = clean_lines(texts, line_rules)
        signals = compute_signals(cleaned, required_signals(rule_sets)) if line_rules else measured
        why = apply_rules(signals, rule_sets)["drop_reason"].to_pylist()
        left = [digest(text) for text in cleaned.to_pylist()]
        kept = [reason is None for reason in why]
        found[name] = {"kept": kept, "why": why, "left": left}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    _judge(*sys.argv[1:])
