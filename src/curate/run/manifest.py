"""What a run was asked to do (the plan) and what came of it (the manifest)."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from curate._version import __version__
from curate.config import hashed_settings, stable_hash
from curate.crawl import InputFile
from curate.crawl.find import public_name
from curate.run.funnel import Funnel
from curate.run.settings import FilterSettings

# Packages whose version can change what comes out.
_PACKAGES = ("fastwarc", "fasttext-community", "numba", "numpy", "pyarrow", "resiliparse", "trafilatura")


def build_plan(
    settings: FilterSettings, files: Sequence[InputFile], scorer_fingerprint: str | None, lists_hash: str
) -> dict[str, Any]:
    """Describe a run before it starts: settings, scorer, lists, and the input files by name and size."""
    return {
        "curate_version": __version__,
        "settings": hashed_settings(settings)
        | {"scorer_fingerprint": scorer_fingerprint, "lists_hash": lists_hash},
        "input": [public_name(name) for name in settings.input],
        "input_hash": stable_hash([[file.source, file.size_bytes, _modified_ns(file)] for file in files]),
        "n_input_files": len(files),
    }


def build_manifest(
    plan: dict[str, Any],
    funnel: Funnel,
    *,
    rule_sets: list[dict[str, Any]],
    score: dict[str, Any],
    files: list[dict[str, Any]],
    timings: dict[str, Any],
) -> dict[str, Any]:
    """Put together what `manifest.json` holds."""
    return plan | {
        "funnel": funnel.to_json(),
        "rule_sets": rule_sets,
        "score": score,
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
