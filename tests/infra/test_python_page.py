"""What the page on Python shows is run as it stands, in its order, and its tables are whole."""

from __future__ import annotations

import inspect
import re
import shutil
from pathlib import Path

import pytest

import augmill
from augmill.flows.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "infra" / "python.md").read_text()
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_api: None) -> Path:
    """A folder like a fresh checkout, in which wine was published."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / ".augmill"))
    for name in ("policies", "expectations"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    assert main(["run", "policies/wine.yaml"]) == 0
    return tmp_path


def test_every_snippet_runs_in_the_order_of_the_page(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    names: dict[str, object] = {}
    for snippet in SNIPPETS:
        exec(compile(snippet, "infra/python.md", "exec"), names)
    rows, train, test, made = (names[name] for name in ("rows", "train", "test", "made"))
    assert len(rows) > len(made) > 0
    assert set(made["augmill_origin"]) == {"augmented", "synthetic"}
    assert set(train.columns) == set(test.columns) == {*names["features"].columns, "target"}
    assert list(names["hues"].columns) == ["hue", "target", "augmill_sample_id"]
    assert names["document"]["skipped"] is True
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("0 20")
    assert printed[0].endswith("('stable',) True")
    assert printed[1].startswith("balance [{'object': ")
    assert printed[-1] == "wine 0 True"


def test_the_table_names_every_function_and_commands_that_are_there() -> None:
    functions = [name for name in augmill.__all__ if name[0].islower()]
    assert (
        sorted(re.findall(r"^\| `(\w+)` \| .* \|.*\|$", TEXT.partition("## Read rows")[0], re.MULTILINE)) == functions
    )
    commands = {file.stem for file in COMMANDS.glob("[!_]*.py")}
    assert set(re.findall(r"`augmill (\w+)", TEXT)) <= commands


def test_the_tables_name_every_argument_of_read_and_every_error() -> None:
    arguments = set(inspect.signature(augmill.read).parameters) - {"name", "version", "channel"}
    reading = TEXT.partition("## Read rows")[2].partition("## Look around")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", reading, re.MULTILINE)) == arguments
    for name in ("PolicyError", "DataError", "StorageError"):
        assert f"| `{name}` | {getattr(augmill, name).exit_code} |" in TEXT
