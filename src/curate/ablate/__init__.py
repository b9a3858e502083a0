"""Did curation help? Small models on equal amounts of each text, judged on text named beforehand.

What compares texts by training on them belongs here; the trainer that users run is `curate.train`, and nothing here
changes a text.

from curate.ablate import AblateSettings, ablate
found = ablate({"raw": raw_texts, "curated": curated_texts}, {"textbooks": textbook_texts})
print(found.table())

Importing this package reads settings only; the rest is loaded when asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate._lazy import lazy
from curate.ablate.settings import AblateSettings

if TYPE_CHECKING:
    from curate.ablate.grid import Grid, find_weights
    from curate.ablate.plot import draw_svg, write_ablation
    from curate.ablate.result import Ablation, Gap
    from curate.ablate.run import ablate
    from curate.mixture.texts import read_texts

_HOME = {
    "Ablation": "curate.ablate.result",
    "Gap": "curate.ablate.result",
    "Grid": "curate.ablate.grid",
    "ablate": "curate.ablate.run",
    "draw_svg": "curate.ablate.plot",
    "find_weights": "curate.ablate.grid",
    "read_texts": "curate.mixture.texts",
    "write_ablation": "curate.ablate.plot",
}

__all__ = [
    "AblateSettings",
    "Ablation",
    "Gap",
    "Grid",
    "ablate",
    "draw_svg",
    "find_weights",
    "read_texts",
    "write_ablation",
]


# Hidden from type checkers, for which every mistyped name would be there.
if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, _HOME)
