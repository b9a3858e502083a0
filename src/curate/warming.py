"""Compiling the kernels before they are needed: `curate warm`, `curate.warm()`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

_PAGE = "<html><body><article><h1>Water</h1><p>{}</p></article></body></html>"
_TEXT = (
    "The sun warms the sea, and water rises as vapour. It cools to clouds, and falls as rain on the land. "
)
_PROGRAM = '''"""Means of numbers."""


def mean(values):
    """The arithmetic mean of a list that is not empty."""
    total = 0
    for value in values:  # one after the other
        total += value
    return total / len(values)


if __name__ == "__main__":
    print("The mean of these numbers is", mean([3, 5, 8, 13]))
'''


def warm() -> None:
    """Run the main job on made-up pages and a program; every kernel of the default settings is compiled on the way.

    Kernels are compiled when they are first called, two minutes or three in all on a new installation, and kept on disk. Where
    there are two cores a process beside this one takes two thirds of the work, the extractor.
    A service or an image that calls this once at its start, or when it is built, answers its first user at once.
    """
    from curate.extract.native import compile_from_the_end, extract_batch
    from curate.pipeline import filter_crawl

    texts = {"three.txt": _TEXT * 8, "four.txt": _TEXT * 9, "mean.py": _PROGRAM}
    pages = {f"{name}.html": _PAGE.format(_TEXT * n) for name, n in (("one", 6), ("two", 7))}

    def run(name: str, files: dict[str, str]) -> None:
        crawl = Path(folder) / name
        crawl.mkdir()
        for file, text in files.items():
            (crawl / file).write_text(text, encoding="utf-8")
        filter_crawl(str(crawl), Path(folder) / f"{name}-out", workers=1, threshold=0.0, progress=False)

    with tempfile.TemporaryDirectory() as folder:
        if (os.cpu_count() or 1) > 1 and sys.executable and not extract_batch.is_kept():
            nowhere = subprocess.DEVNULL
            beside = subprocess.Popen(
                [sys.executable, "-c", _COMPILE_EXTRACTOR], stdout=nowhere, stderr=nowhere
            )
            try:
                run("texts", texts)
                compile_from_the_end(lambda: beside.poll() is not None)
                beside.wait()  # whatever became of it: what it has not compiled is compiled below
            finally:
                beside.kill()
                beside.wait()
        run("all", pages | texts)


_COMPILE_EXTRACTOR = f"import curate; curate.extract_text({_PAGE.format(_TEXT * 6)!r})"
