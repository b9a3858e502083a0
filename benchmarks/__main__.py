"""`python -m benchmarks NAME [ARGUMENTS]`: run one benchmark and write its result."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from benchmarks.harness import DATA, write_result
from curate.errors import SettingError

NAMES = sorted(
    path.stem
    for path in Path(__file__).parent.glob("*.py")
    if path.stem not in {"__init__", "__main__", "cloze", "harness", "tables"}
)


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        print(
            f"usage: python -m benchmarks NAME [ARGUMENTS]; NAME is one of {', '.join(NAMES)}",
            file=sys.stderr,
        )
        return 2
    name = sys.argv[1]
    module = importlib.import_module(f"benchmarks.{name}")
    is_theirs = any(word.split("=")[0] == "--data" for word in sys.argv)  # arena on one's own data
    if not is_theirs and not DATA.is_dir() and not vars(module).keys().isdisjoint({"DATA", "SHARED"}):
        print(
            f"{name} is measured on real pages and levels, which are no part of the project; there is no folder {DATA}. "
            "Name yours in CURATE_TEST_DATA. Without any: pii, dedup, scale, reliability, craft and others on made-up text.",
            file=sys.stderr,
        )
        return 2
    try:
        print(f"Wrote {write_result(name, module.run(sys.argv[2:]))}")
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
