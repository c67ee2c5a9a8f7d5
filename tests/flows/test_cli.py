import errno
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from augmill.flows import cli
from augmill.policies.errors import DataError, PolicyError, StorageError

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(file.stem.replace("_", "-") for file in cli.COMMANDS.glob("[!_]*.py"))


@pytest.fixture
def command(monkeypatch):
    """Let `augmill fail` raise what the test wants."""

    def install(fault):
        @click.command()
        @click.option("--json", "as_json", is_flag=True)
        def fail(as_json):
            raise fault

        monkeypatch.setitem(cli.group.commands, "fail", fail)
        monkeypatch.setattr(cli.LazyGroup, "list_commands", lambda self, ctx: ["fail"])
        monkeypatch.setattr(cli.LazyGroup, "get_command", lambda self, ctx, name: fail)

    return install


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_json(name, capsys):
    assert cli.main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert "Example" in text
    assert f"augmill {name}" in text
    assert "--json" in text


def test_help_lists_every_command_without_importing_any():
    code = (
        "import sys; from augmill.flows.cli import main; code = main(['--help']);"
        "heavy = ('pydantic', 'numpy', 'prefect');"
        "print([m for m in sys.modules if m.startswith('augmill.flows.commands.') or m in heavy], code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[] 0"
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout


def test_help_of_a_command_waits_for_no_heavy_library():
    code = (
        "import sys; from augmill.flows.cli import main;"
        f"codes = [main([name, '--help']) for name in {COMMANDS!r}];"
        "heavy = ('numpy', 'pyarrow', 'pandas', 'prefect', 'mlflow', 'sklearn');"
        "print([m for m in heavy if m in sys.modules], set(codes))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[] {0}"


def test_version_and_unknown_commands(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("augmill ")
    assert cli.main(["lnit"]) == 2
    assert "There is no command lnit. Did you mean list or lint or init?" in capsys.readouterr().err
    assert cli.main(["lint", "--no-such-option"]) == 2


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (PolicyError("It is wrong.", "Mend it."), 2),
        (DataError("It did not pass.", "Look.", {"rows": 3}), 3),
        (StorageError("It is down.", "Wait."), 4),
    ],
)
def test_a_foreseen_fault_is_one_message_and_its_exit_code(command, capsys, fault, code):
    command(fault)
    assert cli.main(["fail"]) == code
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"{fault.cause}\n  remedy: {fault.remedy}\n")
    assert cli.main(["fail", "--json"]) == code
    document = json.loads(capsys.readouterr().out)["error"]
    assert document["kind"] == type(fault).__name__
    assert (document["cause"], document["remedy"], document["exit_code"]) == (fault.cause, fault.remedy, code)
    assert document.get("report", {}) == getattr(fault, "report", {})


def test_a_full_disk_is_a_storage_fault(command, capsys):
    command(OSError(errno.ENOSPC, "No space left on device"))
    assert cli.main(["fail"]) == 4
    assert "No space left on device" in capsys.readouterr().err


def test_other_faults_are_bugs_and_stay_visible(command):
    command(OSError(errno.EINVAL, "a bug"))
    with pytest.raises(OSError, match="a bug"):
        cli.main(["fail"])


def test_an_interrupt_is_one_message_that_says_how_to_go_on(command, capsys):
    command(KeyboardInterrupt())
    assert cli.main(["fail"]) == 130
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("Interrupted.") == shown.err.count("remedy:") == 1
    assert cli.main(["fail", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["error"]["exit_code"] == 130


def test_a_reader_that_leaves_early_causes_no_complaint():
    line = f"{sys.executable} -m augmill.flows.cli lint --explain AUG201 | true"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stderr == ""
