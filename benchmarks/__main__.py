"""`python -m benchmarks NAME [ARGUMENTS]`: run one benchmark and write its result."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from benchmarks.harness import write_result

NAMES = sorted(
    path.stem
    for path in Path(__file__).parent.glob("*.py")
    if path.stem not in {"__init__", "__main__", "harness", "tables"}
)


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        print(
            f"usage: python -m benchmarks NAME [ARGUMENTS]; NAME is one of {', '.join(NAMES)}",
            file=sys.stderr,
        )
        return 2
    name = sys.argv[1]
    result = importlib.import_module(f"benchmarks.{name}").run(sys.argv[2:])
    print(f"Wrote {write_result(name, result)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
