"""`curate serve` beside the library call: pages per second and per CPU second, on the same pages, batch by batch.

The client sends JSON over loopback from one thread, so that the figure holds JSON on both sides and HTTP. CPU seconds are of
server and client together, which are one process here.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import Any

from benchmarks.harness import DATA, read_jsonl
from curate.scoring import load_scorer
from curate.serve.run import make_server
from curate.serve.settings import ServeSettings

BATCH_PAGES = 128
ROUNDS = 3


def run(args: list[str]) -> dict[str, Any]:  # noqa: ARG001
    texts = [row["text"] for row in read_jsonl(DATA / "web" / "c4.jsonl.gz")]
    batches = [texts[start : start + BATCH_PAGES] for start in range(0, len(texts), BATCH_PAGES)]
    server, bound = make_server(ServeSettings(scorer=("edu",), port=0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{bound.getsockname()[1]}/score"
    scorer = load_scorer("edu")
    ways = {
        "library": lambda batch: scorer.score(batch).tolist(),
        "serve": lambda batch: _ask(address, batch),
    }
    best: dict[str, dict[str, float]] = {}
    for number in range(ROUNDS + 1):  # the first warms up; the two alternate
        for name, ask in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            for batch in batches:
                ask(batch)
            took = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
            if number and took["cpu_s"] < best.get(name, {"cpu_s": float("inf")})["cpu_s"]:
                best[name] = took
    server.should_exit = True
    thread.join()
    rows = [
        {
            "way": name,
            "pages_per_s": round(len(texts) / took["wall_s"]),
            "pages_per_cpu_s": round(len(texts) / took["cpu_s"]),
        }
        for name, took in best.items()
    ]
    n_bytes = sum(len(text.encode()) for text in texts)
    return {
        "pages": len(texts),
        "mean_bytes": round(n_bytes / len(texts)),
        "batch_pages": BATCH_PAGES,
        "rows": rows,
    }


def _ask(address: str, batch: list[str]) -> Any:
    body = json.dumps({"texts": batch}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())
