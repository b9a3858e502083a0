"""Compiling the kernels before they are needed: `curate warm`, `curate.warm()`."""

from __future__ import annotations

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

    Kernels are compiled when they are first called, two minutes or three in all on a new installation, and kept on disk.
    A service or an image that calls this once at its start, or when it is built, answers its first user at once.
    """
    from curate.pipeline import filter_crawl

    with tempfile.TemporaryDirectory() as folder:
        crawl = Path(folder) / "crawl"
        crawl.mkdir()
        for name, n in (("one", 6), ("two", 7)):
            (crawl / f"{name}.html").write_text(_PAGE.format(_TEXT * n), encoding="utf-8")
        (crawl / "three.txt").write_text(_TEXT * 8, encoding="utf-8")
        (crawl / "mean.py").write_text(_PROGRAM, encoding="utf-8")
        filter_crawl(str(crawl), Path(folder) / "out", workers=1, threshold=0.0, progress=False)
