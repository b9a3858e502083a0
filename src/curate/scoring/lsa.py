"""Latent semantic analysis: where a page lies on the axes along which web pages differ most in their words.

The TF-IDF row of a zone of the page, projected on the first singular vectors of the TF-IDF matrix of many unlabelled
pages (Deerwester and others, 1990). Word vectors of an encoder know what words mean; these axes know which words stand
together on pages. Fitted by `classifiers.recipe.lsa`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.bundled import classifiers_folder
from curate.errors import SettingError
from curate.scoring.features import KERNEL_VERSIONS, Pages, WordTable, table_of
from curate.scoring.kernels import project_zones
from curate.scoring.storage import check_kernels, read_config, read_weights

LSA_NAME = "lsa"

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class WordAxes:
    """The axes, as the words of a word table lie on them.

    Attributes:
        table: the words.
        axes: int8 (n_words, n_dimensions), quantised.
        scales: float32 (n_words,), idf of the word times its quantisation step.
        sha256: of the weights, as named by classifiers that were fitted on these axes.
    """

    table: WordTable
    axes: NDArray[np.int8]
    scales: Array
    sha256: str


def load_axes() -> WordAxes:
    """Load the bundled word axes."""
    return _load_axes(classifiers_folder() / LSA_NAME)


@lru_cache(maxsize=4)
def _load_axes(folder: Path) -> WordAxes:
    config = read_config(folder)
    if config.get("kind") != "word_axes":
        raise SettingError(f"'{folder}' holds no word axes but a {config.get('kind')}.")
    check_kernels(folder, config, KERNEL_VERSIONS)
    arrays = read_weights(folder, config)
    table = table_of(config["table_sha256"], folder)
    return WordAxes(table, arrays["axes"], table.idf * arrays["steps"], config["weights_sha256"])


@dataclass(frozen=True, slots=True)
class LsaBlock:
    """Positions of zones of a page on the axes, each brought to length 1."""

    axes: WordAxes
    zones: tuple[int, ...] = (0, 300)

    @property
    def n_features(self) -> int:
        """Dimensions times zones."""
        return self.axes.axes.shape[1] * len(self.zones)

    def compute(self, pages: Pages, /) -> Array:
        """Compute float32 (N, n_features)."""
        numbers = pages.number(self.axes.table.vocabulary)
        zones = np.array(self.zones, np.int64)
        return project_zones(numbers, pages.words, zones, self.axes.axes, self.axes.scales)

    def to_config(self) -> dict[str, Any]:
        """Name the axes and the zones."""
        return {"block": "lsa", "zones": list(self.zones), "axes_sha256": self.axes.sha256}
