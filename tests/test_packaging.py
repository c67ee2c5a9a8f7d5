"""What is packed, pinned and stood on: the wheel's files, the locks, the imports, the licences."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from importlib.metadata import distribution, packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from augmill.tasks.rows.provenance import SPLIT
from tests.end_to_end.helpers import GOOD, go, policy, rows, write_csv
from tests.fixtures_prefect import clean_environment

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("flows", "tasks", "expectations", "policies")
LOCKS = tuple(sorted(file.name for file in ROOT.glob("requirements*.txt")))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

PERMISSIVE = {
    *("Apache-2.0", "Apache Software License", "BSD", "BSD License", "3-Clause BSD License", "BSD-2-Clause"),
    *("BSD-3-Clause", "0BSD", "MIT", "MIT License", "MIT-0", "MIT-CMU", "ISC", "ISC License (ISCL)", "Zlib"),
    *("CC0-1.0", "PSF-2.0", "Python Software Foundation License", "CNRI-Python"),
    # Weak copyleft, file by file; we change none of their files.
    *("MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)"),
}
# Metadata that says too little or too much, read by hand.
READ_BY_HAND = {
    "huey": ("", "MIT, in its LICENSE file"),
    "skops": ("OSI Approved", "MIT, in its LICENSE file"),
    "text-unidecode": (
        "Artistic License; GNU General Public License (GPL); GNU General Public License v2 or later (GPLv2+)",
        "a choice of two, of which we take the Artistic License",
    ),
}
DECLARED_BUT_NOT_IMPORTED = {
    "fastapi": "Prefect's server refuses what its own client sends with a later one",
}

IMPORTED_BUT_NOT_DECLARED = {"polars": "only augmill.read(format='polars') asks for it, and says so where it is not"}


def pins(lock: str) -> dict[str, str]:
    """The version of each distribution of a requirements file."""
    found = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def committed() -> list[Path]:
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [file for name in done.stdout.split("\0") if name and (file := ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel):
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    wanted = {"augmill/__init__.py", "augmill/py.typed"} | {
        f"augmill/{file.relative_to(ROOT).as_posix()}"
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert packed == wanted
    for needed in (
        "augmill/policies/policy.schema.json",
        "augmill/policies/digits.yaml",
        "augmill/expectations/digits.yaml",
    ):
        assert needed in packed
    assert {"augmill/flows/servers/prefect_schema.sql", "augmill/tasks/lineage/mlflow_schema.sql"} <= packed


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder into which the wheel was unpacked, which is all that installing it does."""
    folder = tmp_path_factory.mktemp("installed")
    wheel.extractall(folder)
    return folder


def from_wheel(installed, folder, *command):
    """Run a program in a folder, with the wheel's augmill before that of the checkout."""
    settings = clean_environment(PYTHONPATH=str(installed), PYTHONDONTWRITEBYTECODE="1", AUGMILL_HOME=".augmill")
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=settings, capture_output=True, text=True, check=False
    )


def test_the_wheel_reads_a_version_beside_files_that_have_the_names_of_its_own(installed, tmp_path):
    write_csv(tmp_path / "data.csv", GOOD)
    go(policy(tmp_path, "data.csv"), tmp_path / ".augmill" / "lake")
    for name in ("tasks.py", "flows/__init__.py", "policies/__init__.py", "expectations.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('the hostile one was imported')")
    code = (
        "import sys, augmill; rows = augmill.read('made', split='train');"
        "print(augmill.__file__, augmill.__version__, len(rows), augmill.resolve('made').version, sys.path[0] == '')"
    )
    done = from_wheel(installed, tmp_path, "-c", code)
    count = sum(row[SPLIT] == "train" for row in rows(tmp_path / ".augmill" / "lake"))
    assert (done.stdout, done.stderr) == (f"{installed}/augmill/__init__.py {version('augmill')} {count} 0 True\n", "")
    assert "hostile" in from_wheel(installed, tmp_path, "-c", "import tasks").stderr, "they are first on the path"


@pytest.mark.slow
def test_all_that_ci_tries_of_the_wheel_works(installed, tmp_path):
    done = from_wheel(installed, tmp_path, str(ROOT / "infra" / "try_wheel.py"))
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert "the wheel works: breast-cancer@0" in done.stdout


def test_the_wheel_says_what_it_is_and_may_not_be_uploaded(wheel):
    name = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
    metadata = Parser().parsestr(wheel.read(name).decode())
    assert (metadata["Name"], metadata["Requires-Python"]) == ("augmill", ">=3.11")
    assert "Private :: Do Not Upload" in metadata.get_all("Classifier")
    assert metadata["Description-Content-Type"] == "text/markdown"
    scripts = wheel.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert scripts.split() == ["[console_scripts]", "augmill", "=", "augmill.flows.cli:program"]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_exact_and_hashed_and_names_no_index(lock):
    for line in (ROOT / lock).read_text().splitlines():
        assert re.fullmatch(r"#.*|[\w.-]+(\[[\w,]+\])?==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line), (
            line
        )
    assert len(pins(lock)) >= 5


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements.txt", PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["checkout"]),
        ("requirements-dev.txt", PROJECT["dependency-groups"]["dev"]),
        ("requirements-ministack.txt", PROJECT["dependency-groups"]["ministack"]),
        ("requirements-server.txt", PROJECT["dependency-groups"]["server"]),
        ("requirements-audit.txt", PROJECT["dependency-groups"]["audit"]),
    ],
)
def test_the_locks_hold_what_the_project_asks_for(lock, wanted):
    locked = pins(lock)
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_the_tests_run_on_exactly_what_is_run():
    run, tests, server = (
        pins(lock) for lock in ("requirements.txt", "requirements-dev.txt", "requirements-server.txt")
    )
    assert {name: version for name, version in run.items() if tests.get(name) != version} == {}
    assert {name: version for name, version in server.items() if run.get(name, version) != version} == {}


def imported_distributions() -> dict[str, set[str]]:
    """The distributions that shipped code imports, each with the names it may be declared by, and where."""
    where: dict[str, set[str]] = {}
    for file in (file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            names = [item.name for item in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level and node.module else []
            for name in names:
                where.setdefault(name.split(".")[0], set()).add(file.relative_to(ROOT).as_posix())
    return {name: files for name, files in where.items() if name not in {*sys.stdlib_module_names, "augmill"}}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["project"]["dependencies"]}
    owners = packages_distributions()
    used, missing = set(), {}
    for module, files in imported_distributions().items():
        found = {canonicalize_name(owner) for owner in owners.get(module, [])} & declared
        used |= found
        if not found:
            missing[module] = sorted(files)
    assert missing.keys() == IMPORTED_BUT_NOT_DECLARED.keys()
    assert declared - used == set(DECLARED_BUT_NOT_IMPORTED)


def licence(name: str) -> str:
    metadata = distribution(name).metadata
    classifiers = [
        text.split(" :: ")[-1] for text in metadata.get_all("Classifier") or [] if text.startswith("License")
    ]
    first_line = (metadata.get("License") or "").strip().partition("\n")[0]
    return metadata.get("License-Expression") or "; ".join(classifiers) or first_line


def test_everything_we_stand_on_is_under_a_licence_that_asks_for_nothing_but_credit():
    refused = {}
    # What only installs a checkout is no part of the product; async-timeout is for Python before 3.11.3.
    others = {Requirement(text).name for text in PROJECT["dependency-groups"]["checkout"]} | {"async-timeout"}
    for name in (pins("requirements.txt").keys() | pins("requirements-server.txt").keys()) - others:
        text = licence(name)
        if name in READ_BY_HAND:
            assert text == READ_BY_HAND[name][0], f"{name} now says {text!r}: read it again"
        elif not set(re.split(r" AND | OR |; |[()]", text)) - {""} <= PERMISSIVE and text not in PERMISSIVE:
            refused[name] = text
    assert refused == {}


def test_no_committed_file_names_a_machines_folder_or_a_package_index():
    # Not as /home/<somebody>, which stands in examples and tests as a folder that is nobody's.
    folder = re.compile(r"(?<![\w.~{}-])/(work|opt|root)/")
    index = re.compile(
        r"pypi\.org|python[h]osted|--(extra-)?[i]ndex-url|--[f]ind-links|https?://[^\s\"']*/simple\b", re.IGNORECASE
    )
    named = []
    for file in committed():
        text = file.read_bytes().decode("utf-8", "replace")
        named += [f"{file.relative_to(ROOT)}: {found[0]}" for found in folder.finditer(text)]
        named += [f"{file.relative_to(ROOT)}: {found[0]}" for found in index.finditer(text)]
    assert named == []
