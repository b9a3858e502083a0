"""`python -m curate.cli.warm`: compile the kernels now and cache them, so that the first run starts at once."""

from __future__ import annotations

import tempfile
from pathlib import Path

_PAGE = "<html><body><article><h1>Water</h1><p>{}</p></article></body></html>"
_TEXT = (
    "The sun warms the sea, and water rises as vapour. It cools to clouds, and falls as rain on the land. "
)


def warm() -> None:
    """Run the main job on two made-up pages; every kernel of the default settings is compiled on the way."""
    from curate.pipeline import filter_crawl

    with tempfile.TemporaryDirectory() as folder:
        crawl = Path(folder) / "crawl"
        crawl.mkdir()
        for name, n in (("one", 6), ("two", 7)):
            (crawl / f"{name}.html").write_text(_PAGE.format(_TEXT * n), encoding="utf-8")
        filter_crawl(
            str(crawl),
            Path(folder) / "out",
            rules=("c4", "fineweb"),
            workers=1,
            threshold=0.0,
            progress=False,
        )


if __name__ == "__main__":
    warm()
