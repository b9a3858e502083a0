"""One run of the main job in a process of its own, measured pass by pass: `scale_run.py INPUT OUTPUT RESULT [SETTING=VALUE ...]`.

CPU seconds and peak of memory are those of this process in each pass alone: Linux forgets the peak when asked
(/proc/self/clear_refs). What the watching itself takes is not in them.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from curate import pipeline
from curate.run.barrier import KEY_PREFIX
from curate.work.disk import folder_bytes
from curate.work.files import read_arrow

PASSES = {
    "read_pages": "pass 1: read to keys",
    "find_run_duplicates": "barrier",
    "score_survivors": "pass 2: score",
    "survey": "cut",
    "check_parts": "pass 3: write",  # what lies between the survey and this
}


def high_water_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


class Watch:
    """Notes CPU, peak memory and scratch files between one pass and the next."""

    def __init__(self, output: Path) -> None:
        self.rows: list[dict[str, Any]] = []
        self._scratch = output / ".curate" / "dedup"
        self._output = output
        self.peak_bytes = {"keys": 0, "shingles": 0}
        self.disk_bytes = 0
        self._watching_s = 0.0
        self._cpu_s, self._wall_s = self._cpu(), time.perf_counter()
        self._is_looking = False

    def _look(self) -> None:
        while True:
            found = {"keys": 0, "shingles": 0}
            for path in self._scratch.glob("*"):
                with contextlib.suppress(OSError):  # it is gone again
                    found["shingles" if path.name.startswith(("texts", "shingles")) else "keys"] += (
                        path.stat().st_size
                    )
            self.peak_bytes = {name: max(n, found[name]) for name, n in self.peak_bytes.items()}
            self._watching_s = time.thread_time()
            time.sleep(0.05)

    def _cpu(self) -> float:
        return time.process_time() - self._watching_s

    def begin(self) -> None:
        if not self._is_looking:  # a thread any earlier, and workers would not be forks of this process
            threading.Thread(target=self._look, daemon=True).start()
            self._is_looking = True
        Path("/proc/self/clear_refs").write_text("5")
        self._cpu_s, self._wall_s = self._cpu(), time.perf_counter()

    def end(self, name: str) -> None:
        cpu_s, wall_s = self._cpu() - self._cpu_s, time.perf_counter() - self._wall_s
        row = {"pass": name, "cpu_s": round(cpu_s, 2), "wall_s": round(wall_s, 2)}
        self.rows.append(row | {"peak_memory_bytes": high_water_bytes()})
        scratch_bytes = sum(self.peak_bytes.values()) if name == PASSES["find_run_duplicates"] else 0
        self.disk_bytes = max(self.disk_bytes, folder_bytes(self._output) + scratch_bytes)
        self.begin()


def key_bytes(output: Path) -> tuple[int, int]:
    """(bytes of key columns, documents) of the chunks."""
    n_bytes = n = 0
    for path in sorted((output / ".curate" / "documents").glob("*.arrow")):
        documents = read_arrow(path)
        n_bytes += sum(documents[c].nbytes for c in documents.column_names if c.startswith(KEY_PREFIX))
        n += len(documents) - pc.sum(documents["drop_reason"].is_valid()).as_py()
    return n_bytes, n


def main() -> None:
    source, output, result = sys.argv[1:4]
    watch = Watch(Path(output))
    facts: dict[str, Any] = {}

    def watched(function: str, name: str) -> None:
        whole = getattr(pipeline, function)

        def measured(*arguments: Any, **keywords: Any) -> Any:
            if function == "read_pages":
                watch.begin()
            found = whole(*arguments, **keywords)
            watch.end(name)
            if function == "find_run_duplicates":
                facts["key_column_bytes"], facts["n_with_keys"] = key_bytes(Path(output))
                facts["work_bytes"] = folder_bytes(Path(output) / ".curate")
                watch.begin()
            return found

        setattr(pipeline, function, measured)

    for function, name in PASSES.items():
        watched(function, name)
    settings: dict[str, Any] = {"workers": 1, "rules": (), "language": ("any",), "unscored": "score"}
    for pair in sys.argv[4:]:
        name, value = pair.split("=", 1)
        settings[name] = int(value) if value.isdigit() else value
    funnel = pipeline.filter_crawl(source, output, progress=False, **settings)
    facts |= {
        "passes": watch.rows,
        "peak_scratch_bytes": watch.peak_bytes,
        "disk_bytes": watch.disk_bytes,
        "n_read": funnel.read.n_documents,
        "n_duplicates": sum(t.n_documents for (stage, _), t in funnel.dropped.items() if stage == "dedup"),
        "output_bytes": folder_bytes(Path(output)),
    }
    Path(result).write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
