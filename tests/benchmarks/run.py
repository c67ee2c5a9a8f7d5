"""Measure what the issue promises, each figure beside its yardstick in one run, and print one table.

    python tests/benchmarks/run.py                 everything (10 minutes on 2 idle cores)
    python tests/benchmarks/run.py start images    some of it
    python tests/benchmarks/run.py --small         the same on small data, to see that it still runs (CI)

Figures are for reading, not for failing: machines differ, so ratios count. Exit code 1 only if something broke.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NAMES = ("start", "images", "smote", "gates", "trust", "ci", "deployed")


def main() -> int:
    """Run the benchmarks asked for and print their lines as one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="which; default: all")
    parser.add_argument("--small", action="store_true", help="small data")
    asked = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(HERE)]
    lines = []
    for name in asked.names or NAMES:
        lines += importlib.import_module(f"bench_{name}").measure(small=asked.small)
    widths = [max(len(str(line[at])) for line in [HEAD, *lines]) for at in range(len(HEAD))]
    for line in [HEAD, *lines]:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0


HEAD = ("what", "measured", "yardstick", "ratio", "bar", "met")

if __name__ == "__main__":
    raise SystemExit(main())
