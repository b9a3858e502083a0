"""What a run was asked to do (the plan) and what came of it (the manifest)."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from curate._version import __version__
from curate.config import hashed_settings, stable_hash
from curate.crawl import InputFile
from curate.run.cut import LaneCut, ScoredKinds
from curate.run.funnel import Funnel
from curate.run.settings import UNSCORED, FilterSettings
from curate.work.urls import public_name

# Packages whose version can change what comes out.
_PACKAGES = ("fastwarc", "fasttext-community", "numba", "numpy", "pyarrow", "resiliparse", "trafilatura")


MANIFEST_FIELDS = {
    "curate_version": "version that wrote the folder",
    "settings": "every setting that decides bytes, and under `contents` a hash of each scorer, list and rule file",
    "input": "the inputs as they were named, without passwords and signatures",
    "input_hash": "hash of the input files' names and sizes",
    "input_modified": "hash of the input files' times; where they alone have changed, contents are compared",
    "n_input_files": "how many files were read",
    "funnel": (
        "`read` and `kept`: documents and bytes of text; `dropped`: the same by stage and reason; `spared` by the rule "
        "that a score overruled; `kinds` and `languages`: the same for each; `n_scored`, `n_kept_scored`; `cut` and "
        "`limits`: what had to be reached; `lines_removed` by reason, `n_chars_removed`; `records_not_read` by kind; "
        "`problems`: files that could not be read whole, with `source`, `position`, `problem` and `detail`; `warnings`"
    ),
    "rule_sets": "every rule set as it was applied: name, version, source, rules with their limits, line rules",
    "score": (
        "`score_column` and `level_column` of the first scorer; `scored`: which kinds each scorer scored; `cuts`: what "
        "each kind had to reach"
    ),
    "input_files": "each file's `source`, `n_bytes` and `hash` (XXH3, 128 bits)",
    "timings": "`cpu_s` by stage, summed over workers, and `peak_memory_bytes` of the largest process",
    "versions": "of Python and of the packages that decide bytes",
}
"""Every field of manifest.json, in words."""


@dataclass(frozen=True, slots=True)
class ScoreFacts:
    """What a manifest says of a run's scores.

    Attributes:
        scored: kinds of documents that are scored alike, with their scorers.
        cuts: what they must reach.
        level_columns: names of the columns of levels.
    """

    scored: tuple[ScoredKinds, ...]
    cuts: tuple[LaneCut, ...]
    level_columns: tuple[str, ...]

    @property
    def score_columns(self) -> list[str]:
        """Every score column, the first one that of the first scorer."""
        return list(dict.fromkeys(name for cut in self.cuts for name in cut.scores))

    def to_json(self) -> dict[str, Any]:
        """The facts as they stand in the manifest; the first scorer's columns have their own names there."""
        first = self.score_columns[0] if self.cuts else None
        level = None if first is None else first.removesuffix("_score") + "_level"
        return {
            "score_column": first,
            "level_column": level if level in self.level_columns else None,
            "cut": self.cuts[0].limits[0].least if self.cuts else None,
            "level_columns": list(self.level_columns),
            "scored": [
                {
                    "kinds": list(each.kinds),
                    "scorers": list(each.scorers),
                    "spare_above": each.spare_above,
                    "unscored": each.unscored,
                    "languages": None if each.languages is None else list(each.languages),
                    "floors": dict(each.floors),
                }
                for each in self.scored
            ],
            "cuts": [cut.to_json() for cut in self.cuts],
        }

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> ScoreFacts:
        """Read the facts of a finished run's manifest."""
        data = manifest["score"]
        return cls(
            tuple(_read_scored(kinds) for kinds in data["scored"]),
            tuple(LaneCut.from_json(cut) for cut in data["cuts"]),
            tuple(data["level_columns"]),
        )


def _read_scored(data: Mapping[str, Any]) -> ScoredKinds:
    languages = data.get("languages")
    return ScoredKinds(
        tuple(data["kinds"]),
        tuple(data["scorers"]),
        data["spare_above"],
        data.get("unscored", UNSCORED[0]),
        None if languages is None else tuple(languages),
        data.get("floors", {}),
    )


def build_plan(
    settings: FilterSettings,
    files: Sequence[InputFile],
    contents: Mapping[str, str | None],
) -> dict[str, Any]:
    """Describe a run before it starts: settings, what their names stand for, and the input files by name and size.

    `contents` are hashes of scorers, lists and rule files by their names.
    """
    return {
        "curate_version": __version__,
        "settings": hashed_settings(settings) | {"contents": dict(contents)},
        "input": [public_name(name) for name in settings.input],
        "input_hash": stable_hash([[file.source, file.size_bytes] for file in files]),
        "input_modified": stable_hash([_modified_ns(file) for file in files]),
        "n_input_files": len(files),
    }


def build_manifest(
    plan: dict[str, Any],
    funnel: Funnel,
    *,
    rule_sets: list[dict[str, Any]],
    score: ScoreFacts,
    files: list[dict[str, Any]],
    timings: dict[str, Any],
) -> dict[str, Any]:
    """Put together what `manifest.json` holds."""
    return plan | {
        "funnel": funnel.to_json(),
        "rule_sets": rule_sets,
        "score": score.to_json(),
        "input_files": files,
        "timings": timings,
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
    }


def _modified_ns(file: InputFile) -> int | None:
    return os.stat(file.path).st_mtime_ns if os.path.exists(file.path) else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
