"""Use augmill as it was installed from its wheel; run by `.ci/run` in a clean environment, isolated (-I).

The working directory must be a scratch folder, and away from the checkout. Everything is run from a folder of it that
holds files with the names of augmill's own, each of which ends whatever imports it: nothing that lies where somebody
works is taken for a part of augmill.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("augmill"))
# By its module: Python then has the working directory first on its path, and so have its worker processes.
MODULE = (sys.executable, "-m", "augmill.flows.cli")
HOSTILE = ("tasks.py", "flows/__init__.py", "policies/__init__.py", "expectations.py")

READ = """
import json, sys
import augmill
document = json.load(sys.stdin)
name = f"{document['dataset']}@{document['version']}"
rows = augmill.read(name)
counts = {origin: len(augmill.read(name, origin=origin)) for origin in ("real", "augmented", "synthetic")}
heavy = [module for module in ("prefect", "mlflow", "great_expectations", "sklearn") if module in sys.modules]
resolved = augmill.resolve(name)
print(json.dumps({
    "version": augmill.__version__, "rows": len(rows), "counts": counts, "heavy": heavy, "file": augmill.__file__,
    "files": len(resolved.files), "table_uri": resolved.table_uri, "sys.path[0]": sys.path[0],
}))
"""


def main() -> None:
    """Ask for help, judge the shipped policies, run one of them twice, and read what it made."""
    import augmill.policies

    shipped = Path(augmill.policies.__file__).parent
    installed = Path(str(distribution("augmill").locate_file("augmill"))).resolve()
    check(shipped.parent.resolve() == installed, f"{shipped} is not in {installed}, where the wheel was installed")
    enter_hostile_folder()
    check(run("--version").strip() == f"augmill {version('augmill')}", "--version is not that of the wheel")
    commands = sorted(file.stem for file in (shipped.parent / "flows" / "commands").glob("[!_]*.py"))
    text = run("--help")
    check(all(f"\n  {name.replace('_', '-')} " in text for name in commands), "--help does not list every command")
    run("lint", *(str(file) for file in sorted(shipped.glob("*.yaml"))))
    policy = str(shipped / "breast-cancer.yaml")
    first = json.loads(call(*MODULE, "run", policy, "--runner", "process", "--json"))
    check(first["rows"]["real"] == 569 and first["rows"]["synthetic"] > 0, f"unexpected rows: {first['rows']}")
    check(all(item["success"] for item in first["checks"]), f"a check failed: {first['checks']}")
    check(json.loads(run("run", policy, "--json"))["skipped"], "the second run did not find that nothing changed")
    read(first, shipped.parent)
    print(f"the wheel works: {first['dataset']}@{first['version']}, {first['rows']['synthetic']} synthetic rows")


def enter_hostile_folder() -> None:
    """Go to a folder with files that end whatever imports them; see that they do, where they are meant."""
    for name in HOSTILE:
        file = Path("hostile", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'raise SystemExit("hostile {name} was imported")\n')
    os.chdir("hostile")
    for name in ("tasks", "flows", "policies", "expectations"):
        done = subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True, text=True, check=False)
        check(f"hostile {name}" in done.stderr, f"the hostile {name} is not first on the path: {done.stderr}")


def read(document: dict[str, Any], package: Path) -> None:
    """Read what a run made as a program does that lies beside the hostile files."""
    answer = json.loads(call(sys.executable, "-c", READ, text=json.dumps(document)))
    rows = {origin: document["rows"][origin] for origin in ("real", "augmented", "synthetic")}
    check(Path(answer["file"]).parent == package, f"{answer['file']} was imported, not that of {package}")
    check(answer["sys.path[0]"] == "", f"the working directory is not first on the path: {answer}")
    check(answer["counts"] == rows and answer["rows"] == sum(rows.values()), f"read {answer}, published {rows}")
    check(answer["heavy"] == [], f"reading imports {answer['heavy']}")
    check(answer["version"] == version("augmill"), f"augmill.__version__ is {answer['version']}")
    check(answer["table_uri"] == document["table_uri"] and answer["files"] > 0, f"resolved {answer}")


def run(*arguments: str) -> str:
    """The standard output of one command."""
    return call(PROGRAM, *arguments)


def call(*command: str, text: str = "") -> str:
    """The standard output of a program without settings of ours; anything but exit code 0 ends everything."""
    others = ("AUGMILL_", "PYTHONPATH") if sys.flags.ignore_environment else ("AUGMILL_",)
    settings = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=False, env=settings)
    check(done.returncode == 0, f"exit code {done.returncode}: {' '.join(command[:1] + command[-4:])}")
    return done.stdout


def check(holds: bool, complaint: str) -> None:
    """Stop with the complaint unless it holds."""
    if not holds:
        sys.exit(complaint)


if __name__ == "__main__":
    main()
