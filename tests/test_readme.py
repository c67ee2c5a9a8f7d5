"""The README is true: its commands and snippets run in its order, its output is what is printed, its table is whole."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from augmill.flows.cli import COMMANDS
from augmill.tasks.transforms.catalogue import Catalogue

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text()
RUN = "python3 infra/dev.py run policies/breast-cancer.yaml"
TEST = "python3 infra/dev.py test"
ROWS = 569 + 102


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def called(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    ours = ("AUGMILL_", "PREFECT_", "MLFLOW_")
    settings = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    settings["PYTHONPATH"] = str(ROOT / "infra" / "checkout")
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


def augmill(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "augmill.flows.cli", *arguments]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder like a fresh checkout, in which the first command was given; and what it printed."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("policies", "expectations"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    return folder, called(augmill("run", RUN.rpartition(" ")[2]), folder).stdout


def shape(output: str) -> list[str]:
    """What is printed, but for figures, addresses, and how wide a column came out."""
    places = re.sub(r"\S*/\S+", "PATH", output)
    return [" ".join(re.sub(r"\b[0-9a-f]{32}\b|\d[\d,.]*", "N", line).split()) for line in places.strip().splitlines()]


def test_what_a_run_prints_is_what_the_readme_shows(published):
    shown, printed = shape(blocks("text")[0]), shape(published[1])
    before, after = shown[: shown.index("...")], shown[shown.index("...") + 1 :]
    assert len(before) > 8
    assert before == printed[: len(before)]
    assert after == printed[-len(after) :]


def test_both_commands_that_set_up_are_the_ones_that_ci_tries():
    assert blocks("sh")[0].splitlines() == [RUN, TEST]
    assert '"$python" infra/dev.py test\n' in (ROOT / ".ci" / "run").read_text()


def test_every_other_command_runs_in_the_order_of_the_page(published):
    commands = [shlex.split(line) for block in blocks("sh")[1:] for line in block.splitlines()]
    assert len(commands) > 5
    for command in commands:
        assert command[0] == "augmill"
        called(augmill(*command[1:]), published[0])


def test_each_way_of_reading_finds_every_row_of_the_published_version(published):
    program = blocks("python")[0]
    for library in ("augmill", "polars", "duckdb"):
        assert f"\nrows = {library}." in program
    counted = re.sub(
        r"^rows = .*$", r"\g<0>\nprint(len(rows.df() if hasattr(rows, 'df') else rows))", program, flags=re.M
    )
    assert called([sys.executable, "-c", counted], published[0]).stdout.split() == [str(ROWS)] * 3


def test_the_table_lists_every_transform_with_what_its_file_says():
    catalogue = Catalogue()
    wanted = [f"| `{use}` | {catalogue.find(use).summary} |" for use in catalogue.names()]
    shown = [line for line in TEXT.splitlines() if re.match(r"\| `\w+\.\w+` \|", line)]
    assert shown == wanted, "the table should be:\n" + "\n".join(wanted)


def test_every_command_is_named():
    names = [file.stem.replace("_", "-") for file in COMMANDS.glob("[!_]*.py")]
    missing = [name for name in names if f"augmill {name}" not in TEXT]
    assert [name for name in missing if name != "run"] == []


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_it_fits_on_two_pages():
    assert len(TEXT.splitlines()) <= 150
