"""The plan of a mixture as others read it: checked, since its groups' names become files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curate.errors import SettingError
from curate.work.json_files import NUMBER, check_file_name, check_shape, read_json

_SPLIT = {"n_documents?": int, "n_bytes": int, "n_tokens?": int}
_WEIGHTS = {"*": NUMBER}
PLAN_SHAPE: dict[str, Any] = {
    "format": {"curate-mixture"},
    "version": int,
    "budget_tokens": (int, float, type(None)),
    "bytes_per_token?": NUMBER,
    "groups": [
        {
            "name": str,
            "source": str,
            "domain": str,
            "bucket": str,
            "max_passes?": (int, float, type(None)),
            "share?": NUMBER,
            "train?": _SPLIT,
            "validation?": _SPLIT,
        }
    ],
    "stages": [
        {
            "name": str,
            "share": NUMBER,
            "sources?": _WEIGHTS,
            "domains?": _WEIGHTS,
            "buckets?": _WEIGHTS,
            "upsample?": _WEIGHTS,
            "n_tokens?": {"*": int},
        }
    ],
    "removed?": {"*": {"*": int}},
}


def read_plan(mixture: Path) -> dict[str, Any]:
    """Read the plan of a finished mixture folder.

    Raises:
        SettingError: there is none, or it is damaged, or a group's name is none that a mixture gives.
    """
    if (mixture / "manifest.json").exists():  # a token folder holds a copy of the plan
        raise SettingError(f"{mixture} holds tokens already. Give the mixture folder that they were made of.")
    plan = read_json(mixture / "plan.json")
    if not plan:
        raise SettingError(
            f"{mixture} is not a finished mixture folder: it has no plan.json. Make one with: "
            f"curate mix --config mixture.toml --output {mixture}"
        )
    return check_plan(plan, mixture / "plan.json")


def check_plan(plan: dict[str, Any], source: Path) -> dict[str, Any]:
    """Refuse a plan whose shape or names are wrong, by a SettingError that names `source`; return any other."""
    check_shape(plan, PLAN_SHAPE, source)
    names = [check_file_name(group["name"], source) for group in plan["groups"]]
    if len(set(names)) < len(names) or not names:
        raise SettingError(f"{source} is damaged: it has no groups, or two of one name.")
    return plan
