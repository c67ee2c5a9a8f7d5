"""Set up this checkout and use it; Python 3.11 and a network, or pip's own offline configuration, are all it takes.

    python3 infra/dev.py run POLICY [options]      run a policy, as `augmill run` does
    python3 infra/dev.py test [pytest options]     run the tests
    python3 infra/dev.py install                   only set up, for running and testing
    python3 infra/dev.py new transform tabular.NAME    write a transform that works, and its test; or image.NAME
    python3 infra/dev.py new expectation NAME          write an expectation that works, and its test
    python3 infra/dev.py new dataset NAME              write a policy that runs, and its suite

Everything goes into `.venv` (and `.venv-ministack`, an S3 server for the tests), in the exact versions and with the
hashes of the requirements files. What is there already is not installed again.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from string import Template

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
MINISTACK = ROOT / ".venv-ministack"
PACKAGES = ("flows", "tasks", "expectations", "policies")
TEMPLATES = Path(__file__).resolve().parent / "templates"
OLDEST = (3, 11)
# Without -qq pip warns once a package about each configured location that is missing.
PIP = ("-m", "pip", "install", "-qq", "--no-input", "--disable-pip-version-check", "--no-deps", "--no-compile")


def main(arguments: list[str]) -> None:
    """Do what the first argument says; the rest is passed on."""
    use_a_python_that_is_new_enough()
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if verb == "run":
        install(VENV, "requirements.txt", project=True)
        execute("augmill", "run", *rest)
    elif verb == "test":
        install_for_tests()
        execute("pytest", "-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile", *rest)
    elif verb == "install":
        install_for_tests()
    elif verb == "new" and len(rest) == 2 and rest[0] in ("transform", "expectation", "dataset"):
        {"transform": new_transform, "expectation": new_expectation, "dataset": new_dataset}[rest[0]](rest[1])
    else:
        sys.exit(str(__doc__))


def use_a_python_that_is_new_enough() -> None:
    """Go on under a newer Python of PATH if this one is too old; without one, say so and stop."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(OLDEST[1], 20):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, *sys.argv])
    sys.exit(
        f"augmill needs Python 3.11 or later; this is {sys.version.split()[0]} at {sys.executable}.\n"
        f"  remedy: install Python 3.11, then run python3.11 {' '.join(sys.argv)}"
    )


def new_transform(use: str) -> None:
    """A transform of a modality and its test."""
    modalities = sorted(file.name[len("transform_") : -len(".py.txt")] for file in TEMPLATES.glob("transform_*.py.txt"))
    modalities = [modality for modality in modalities if not modality.endswith("_test")]
    modality, _, name = use.partition(".")
    if modality not in modalities or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        sys.exit(f"{use} is no MODALITY.NAME: one of {', '.join(modalities)}, then lower-case letters, digits and _.")
    code, test = f"tasks/transforms/{modality}/{name}.py", f"tests/tasks/transforms/{modality}/test_{name}.py"
    write({code: f"transform_{modality}.py.txt", test: f"transform_{modality}_test.py.txt"}, name=name)
    laws = {"tabular": "table", "image": "image"}[modality]
    say(f"Next: make {code} do what you want, docstring first, and put `{use}` with its first line in README.md.")
    say(f"Then: python3 infra/dev.py test tests/contracts/test_{laws}_transforms.py {test} tests/test_readme.py")


def new_expectation(name: str) -> None:
    """An expectation and its test."""
    stem = name if name.startswith("expect_") else f"expect_{name}"
    if not re.fullmatch(r"expect(_[a-z][a-z0-9]*)+", stem):
        sys.exit(f"{name} is no name of an expectation: words of lower-case letters and digits, with _ between.")
    code, test = f"expectations/{stem}.py", f"tests/expectations/test_{stem}.py"
    class_name = "".join(word.capitalize() for word in stem.split("_"))
    write({code: "expectation.py.txt", test: "expectation_test.py.txt"}, name=stem, class_name=class_name)
    say(f"Next: make {code} expect what you want; a suite then lists it as {{type: {stem}, kwargs: {{column: ...}}}}.")
    say(f"Then: python3 infra/dev.py test {test}")


def new_dataset(name: str) -> None:
    """A policy and its suite."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        sys.exit(f"{name} is no name of a dataset: words of lower-case letters and digits, with - between.")
    policy, suite = f"policies/{name}.yaml", f"expectations/{name}.yaml"
    write({policy: "dataset.yaml.txt", suite: "suite.yaml.txt"}, name=name)
    say(f"Next: set description, owner, source, label and steps of {policy} to yours, and say in {suite} what holds.")
    say(f"Then: python3 infra/dev.py run {policy}")


def write(template_by_file: dict[str, str], **values: str) -> None:
    """Write each file from its template; none of them where one exists already."""
    existing = [file for file in template_by_file if (ROOT / file).exists()]
    if existing:
        sys.exit(f"{' and '.join(existing)} exists already; nothing was written.\n  remedy: choose another name.")
    for file, template in template_by_file.items():
        (ROOT / file).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / file).write_text(Template((TEMPLATES / template).read_text()).substitute(values))
        say(f"Wrote {file}.")


def install_for_tests() -> None:
    """Whatever the tests and checks need."""
    install(VENV, "requirements-dev.txt", project=True, includes="requirements.txt")
    install(MINISTACK, "requirements-ministack.txt")


def install(venv: Path, requirements: str, *, project: bool = False, includes: str | None = None) -> None:
    """Bring a virtual environment to what a requirements file says, and this project into it if asked to."""
    make(venv)
    python = str(venv / "bin" / "python")
    lock_file = ROOT / requirements
    if not stamped(venv, lock_file):
        count = lock_file.read_text().count("==")
        say(f"Installing {count} pinned packages into {venv.name}; once, for some minutes.")
        began = time.monotonic()
        call(python, *PIP, "--require-hashes", "-r", str(lock_file))
        # pip would compile on one core; and without compiled code every start would take twice as long.
        call(python, "-m", "compileall", "-qq", "-j", "0", str(venv / "lib"), may_fail=True)
        say(f"Installed in {time.monotonic() - began:.0f} s.")
        stamp(venv, lock_file, *([ROOT / includes] if includes else []))
    if project:
        metadata = ROOT / "pyproject.toml"
        if not stamped(venv, metadata):
            call(python, *PIP, "--no-build-isolation", "--editable", str(ROOT))
            stamp(venv, metadata)
        for package in PACKAGES:
            compileall.compile_dir(str(ROOT / package), quiet=2)


def make(venv: Path) -> None:
    """Make the virtual environment, anew where it is of another Python or was left half made."""
    label = venv / ".python"
    if label.exists() and label.read_text() == sys.version:
        return
    command = [sys.executable, "-m", "venv", "--clear", str(venv)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}  remedy: install the venv module (Debian: apt install python3-venv).")
    label.write_text(sys.version)


def stamped(venv: Path, file: Path) -> bool:
    """Whether what the file asks for is installed, in its present wording."""
    label = venv / f".{file.name}"
    return label.exists() and label.read_text() == digest(file)


def stamp(venv: Path, *files: Path) -> None:
    """Remember that what the files ask for is installed."""
    for file in files:
        (venv / f".{file.name}").write_text(digest(file))


def digest(file: Path) -> str:
    """The SHA-256 of a file's content."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def call(*command: str, may_fail: bool = False) -> None:
    """Run a command to its end; stop with its exit code if it failed, having shown what it said."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, cwd=ROOT, check=False)
    if done.returncode and not may_fail:
        sys.exit(f"failed with exit code {done.returncode}: {' '.join(command)}")


def execute(program: str, *arguments: str) -> None:
    """Become a program of the virtual environment, its exit code included."""
    path = str(VENV / "bin" / program)
    os.execv(path, [path, *arguments])


def say(text: str) -> None:
    """One line on standard error, which leaves standard output to what is run."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
