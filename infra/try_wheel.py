"""Use augmill as it was installed from its wheel; run by `.ci/run` with the interpreter of a clean environment.

The working directory must be a scratch folder, and away from the checkout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("augmill")


def main() -> None:
    """Ask for help, judge the shipped policies, and run one of them twice."""
    import augmill.policies

    shipped = Path(augmill.policies.__file__).parent
    check(shipped.is_relative_to(sys.prefix), f"{shipped} is not in the clean environment {sys.prefix}")
    check(augmill("--version").strip() == f"augmill {version('augmill')}", "--version is not that of the wheel")
    commands = sorted(file.stem for file in (shipped.parent / "flows" / "commands").glob("[!_]*.py"))
    text = augmill("--help")
    check(all(f"\n  {name.replace('_', '-')} " in text for name in commands), "--help does not list every command")
    augmill("lint", *(str(file) for file in sorted(shipped.glob("*.yaml"))))
    first = run(shipped / "breast-cancer.yaml")
    check(first["rows"]["real"] == 569 and first["rows"]["synthetic"] > 0, f"unexpected rows: {first['rows']}")
    check(all(item["success"] for item in first["checks"]), f"a check failed: {first['checks']}")
    check(run(shipped / "breast-cancer.yaml")["skipped"] is True, "the second run did not find that nothing changed")
    print(f"the wheel works: {first['dataset']}@{first['version']}, {first['rows']['synthetic']} synthetic rows")


def run(policy: Path) -> dict[str, Any]:
    """What `augmill run --json` answers."""
    document: dict[str, Any] = json.loads(augmill("run", str(policy), "--json"))
    return document


def augmill(*arguments: str) -> str:
    """The standard output of one command; anything but exit code 0 ends everything."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("AUGMILL_", "PYTHONPATH"))}
    done = subprocess.run([PROGRAM, *arguments], stdout=subprocess.PIPE, text=True, check=False, env=settings)
    check(done.returncode == 0, f"exit code {done.returncode}: augmill {' '.join(arguments)}")
    return done.stdout


def check(holds: bool, complaint: str) -> None:
    """Stop with the complaint unless it holds."""
    if not holds:
        sys.exit(complaint)


if __name__ == "__main__":
    main()
