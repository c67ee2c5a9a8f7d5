"""What `import augmill` offers: its names and their types, and policies judged, planned and run."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import augmill
from augmill.flows.cli import main
from augmill.policies.errors import DataError, PolicyError
from tests.end_to_end.helpers import DATASET, GOOD, HEADER, ROOT, environment, exactly, go, policy, write_csv

CHECKOUT = ROOT / "infra" / "checkout"
INIT = CHECKOUT / "augmill" / "__init__.py"
FUNCTIONS = ("explain", "lint", "plan", "read", "resolve", "run", "versions")
# What no two runs have in common: when, how long, under which id, and in which home.
VOLATILE = {
    *("seconds", "cpu_seconds", "started_unix", "ended_unix", "run_id", "tracking_uri", "table_uri", "latency"),
    *("report", "rejections", "lineage", "card", "croissant"),
}


def command(capsys, *args):
    """The JSON document of a command and its exit code."""
    capsys.readouterr()
    code = main([*map(str, args), "--json"])
    return json.loads(capsys.readouterr().out), code


def steady(value):
    """The document as JSON holds it, without what differs from run to run."""
    if isinstance(value, dict):
        timed = str(value.get("name", "")).startswith(("latency_", "cost_"))
        return {k: steady(v) for k, v in value.items() if k not in VOLATILE and not (timed and k == "observed")}
    return [steady(each) for each in value] if isinstance(value, list | tuple) else value


def outside(code: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program of a user of the library in a process of its own."""
    settings = environment(folder / "home", PYTHONPATH=str(CHECKOUT), PYTHONDONTWRITEBYTECODE="1", **more)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=False, cwd=folder, env=settings, capture_output=True, text=True)


def changed_since(before: dict[str, str]) -> set[str]:
    """The variables of this process that are not as they were, but for what libraries set at their import."""
    names = {name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)}
    return {name for name in names if not name.startswith(("KMP_", "_RJEM_"))}


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A policy over a hundred rows, and an empty home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    write_csv(tmp_path / "data.csv", GOOD)
    return policy(tmp_path, "data.csv")


# The names


def test_the_names_are_those_that_type_checkers_see():
    tree = ast.parse(INIT.read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert list(augmill.__all__) == sorted(augmill.__all__)
    assert sorted([*typed, "__version__"]) == augmill.__all__
    assert typed == augmill._MODULES
    assert set(augmill.__all__) <= set(dir(augmill))
    assert [name for name in dir(augmill) if not name.startswith("__")] == sorted(typed)
    for name, module in typed.items():
        assert getattr(augmill, name) is getattr(importlib.import_module(module), name)


def test_there_is_no_other_name_and_the_version_is_that_of_the_distribution():
    assert augmill.__version__ == version("augmill")
    with pytest.raises(AttributeError, match="module 'augmill' has no attribute 'raed'"):
        _ = augmill.raed


def test_importing_it_imports_nothing(tmp_path):
    code = "import sys, os.path; before = set(sys.modules); import augmill; print(sorted(set(sys.modules) - before))"
    assert outside(code, tmp_path).stdout == "['__future__', 'augmill']\n"


def test_reading_imports_no_engine_and_changes_no_setting(file):
    go(file, file.parent / "home" / "lake")
    code = (
        "import os, sys; before = dict(os.environ); import augmill;"
        f"rows = augmill.read('{DATASET}');"
        "heavy = ('prefect', 'mlflow', 'great_expectations', 'sklearn', 'scipy', 'cv2', 'boto3', 'click', 'polars');"
        "print(len(rows) > 100, [name for name in heavy if name in sys.modules], os.environ == before)"
    )
    done = outside(code, file.parent)
    assert (done.stdout, done.stderr) == ("True [] True\n", "")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_says_what_it_takes_returns_and_raises(name):
    function = getattr(augmill, name)
    text, signature = inspect.getdoc(function), inspect.signature(function)
    first, blank, *_ = text.splitlines()
    assert first.endswith(".")
    assert blank == ""
    assert [part for part in ("Args:", "Returns:", "Raises:", "Example:") if f"\n{part}\n" not in text] == []
    args = text.partition("\nArgs:\n")[2].partition("\n\n")[0]
    listed = [
        line.strip().partition(":")[0] for line in args.splitlines() if line.startswith("    ") and line[4] != " "
    ]
    assert listed == list(signature.parameters)
    assert all(each.annotation is not inspect.Parameter.empty for each in signature.parameters.values())
    example = text.partition("\nExample:\n")[2]
    assert example.startswith("    >>> ")
    assert f"augmill.{name}(" in example


# Lint, plan, run


def test_lint_finds_what_the_command_finds(file, capsys):
    for text in (
        file.read_text(),
        file.read_text().replace("{copies: 1}", "{copies: 200}"),
        "dataset: [",
        "label: kind",
    ):
        file.write_text(text)
        findings = augmill.lint(file)
        document, code = command(capsys, "lint", file)
        assert [vars(finding) for finding in findings] == document["findings"]
        assert (code == 2) == any(finding.severity == "error" for finding in findings)
        assert findings
        assert augmill.lint(str(file), data=True)
    assert [finding.rule for finding in augmill.lint("nowhere.yaml")] == ["AUG001"]


def test_plan_answers_as_the_command_does_and_prints_nothing(file, capfd):
    before = dict(os.environ)
    document = augmill.plan(file)
    assert capfd.readouterr() == ("", "")
    assert changed_since(before) == set()
    assert steady(document) == steady(command(capfd, "plan", file)[0])
    assert (document["next_version"], document["exit_code"]) == (0, 0)
    assert "validate: " in (file.parent / "home" / "augmill.log").read_text(), "how far it is goes to the log"
    augmill.plan(file, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "validate: 100 rows" in err


def test_a_plan_of_what_would_not_pass_says_so_and_one_that_cannot_be_made_is_refused(file):
    write_csv(file.parent / "data.csv", GOOD, HEADER.replace("kind", "sort"))
    assert augmill.plan(file)["exit_code"] == 3
    file.write_text("dataset: [")
    with pytest.raises(PolicyError) as fault:
        augmill.plan(file)
    assert fault.value.findings


def test_run_answers_as_the_command_does_and_prints_nothing(file, on_api, monkeypatch, capfd):
    before = dict(os.environ)
    document = augmill.run(file)
    assert capfd.readouterr() == ("", "")
    assert changed_since(before) == set()
    assert (document["version"], document["skipped"]) == (0, False)
    assert (
        len(augmill.read(DATASET))
        == document["rows"]["real"] + document["rows"]["augmented"] + document["rows"]["synthetic"]
    )
    again = augmill.run(str(file))
    assert (again["version"], again["skipped"]) == (0, True)
    assert steady(again) == steady(command(capfd, "run", file)[0])
    monkeypatch.setenv("AUGMILL_HOME", str(file.parent / "other"))
    assert steady(json.loads(json.dumps(document, default=str))) == steady(command(capfd, "run", file)[0])
    assert exactly(file.parent / "home" / "lake") == exactly(file.parent / "other" / "lake")


def test_a_run_that_is_refused_raises_what_the_command_exits_with(file, on_api, capfd):
    write_csv(file.parent / "data.csv", GOOD, HEADER.replace("kind", "sort"))
    with pytest.raises(DataError) as fault:
        augmill.run(file)
    assert capfd.readouterr() == ("", "")
    document, code = command(capfd, "run", file)
    assert code == fault.value.exit_code
    assert document["error"]["cause"] == fault.value.cause
    assert type(fault.value).__name__ == document["error"]["kind"]
    assert augmill.versions() == []


def test_policy_and_runner_are_refused_before_anything_runs(file):
    file.write_text(file.read_text().replace("{copies: 1}", "{copies: 200}"))
    with pytest.raises(PolicyError) as fault:
        augmill.run(file)
    assert "AUG304" in [finding.rule for finding in fault.value.findings]
    with pytest.raises(PolicyError, match=r"there is no runner 'threads'\.\n  remedy: Did you mean thread\?"):
        augmill.run(file, runner="threads")


RUNS = """
import asyncio, json, os, subprocess, threading
import augmill

async def notebook():
    before = dict(os.environ)
    document = augmill.run("policy.yaml", runner="thread")
    children = subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True).stdout
    print(json.dumps({
        "version": document["version"],
        "children": [line for line in children.splitlines() if not line.startswith("ps ")],
        "threads": [one.name for one in threading.enumerate() if not one.daemon],
        "left": sorted(name for name in os.environ.keys() - before.keys() if name.startswith(("PREFECT", "OMP"))),
        "rows": len(augmill.read("made")),
    }))

asyncio.run(notebook())
"""


def test_a_notebook_runs_a_policy_on_a_server_of_its_own_and_nothing_is_left_running(file):
    done = outside(RUNS, file.parent)
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    assert answer.pop("rows") > 100
    assert answer == {"version": 0, "children": [], "threads": ["MainThread"], "left": []}
