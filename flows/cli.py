"""The `augmill` command: each file in `flows/commands/` is one command, imported only when it is called."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from augmill.flows.console import print_json, say
from augmill.flows.machine_faults import storage_error_of
from augmill.flows.timeouts import end_process
from augmill.policies.errors import AugmillError, DataError, PolicyError
from augmill.policies.names import did_you_mean

COMMANDS = Path(__file__).parent / "commands"
INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
CUT_PIPE = 141  # 128 + SIGPIPE


class Interrupted(AugmillError):
    """Somebody pressed ctrl-C."""

    exit_code = INTERRUPTED


class LazyGroup(click.Group):
    """A group whose commands are files; listing them reads docstrings and imports nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names of the files, as typed: `foo_bar.py` is `foo-bar`."""
        return sorted(file.stem.replace("_", "-") for file in COMMANDS.glob("[!_]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the file of a command, if there is one."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"augmill.flows.commands.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names; near misses are suggested."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            raise click.UsageError(f"There is no command {args[0]}. {did_you_mean(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands in the help, from the first lines of their docstrings."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _short_help(name)) for name in self.list_commands(ctx)])


def _short_help(name: str) -> str:
    source = (COMMANDS / f"{name.replace('-', '_')}.py").read_bytes()
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("augmill")
    except PackageNotFoundError:
        return "(not installed)"


def _print_version(ctx: click.Context, _: click.Parameter, is_requested: bool) -> None:
    if is_requested:
        say(f"augmill {_version()}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and stop.",
)
def group() -> None:
    """A policy file in, a verified and versioned training set with lineage out.

    \b
    augmill lint policies/digits.yaml     judge a policy before anything runs
    augmill plan policies/digits.yaml     say what a run would do, and keep nothing
    augmill run policies/digits.yaml      make, check and publish a version

    Exit codes: 0 done, 2 the policy or the call is wrong, 3 the data did not pass,
    4 storage or a service failed, 130 it was interrupted.
    """


def program() -> NoReturn:
    """`augmill` as a program of its own."""
    end_process(main())


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; every foreseen fault becomes one message."""
    arguments = list(sys.argv[1:] if args is None else args)
    try:
        code = group.main(args=arguments, prog_name="augmill", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except SystemExit as stop:  # click ends so when the reader of our output has gone
        return stop.code if isinstance(stop.code, int) else 1
    except BrokenPipeError:
        # Python would flush again at exit and complain: let it flush into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_PIPE
    except (click.Abort, KeyboardInterrupt):
        interruption = Interrupted("Interrupted.", "Give the same command again: it goes on from what is finished.")
        return _report(interruption, as_json="--json" in arguments)
    except (click.ClickException, AugmillError, OSError) as fault:
        return _report(fault, as_json="--json" in arguments)


def _report(fault: click.ClickException | AugmillError | OSError, as_json: bool) -> int:
    if isinstance(fault, OSError):
        fault = storage_error_of(fault)
    if as_json:
        print_json({"error": _fault_document(fault)})
    if isinstance(fault, click.ClickException):
        fault.show()
    else:
        say(str(fault), err=True)
    return fault.exit_code


def _fault_document(fault: click.ClickException | AugmillError) -> dict[str, Any]:
    if isinstance(fault, click.ClickException):
        return {"kind": "UsageError", "cause": fault.format_message(), "remedy": "See --help.", "exit_code": 2}
    facts: dict[str, Any] = {
        "kind": type(fault).__name__,
        "cause": fault.cause,
        "remedy": fault.remedy,
        "exit_code": fault.exit_code,
    }
    if isinstance(fault, PolicyError):
        facts["findings"] = [asdict(finding) for finding in fault.findings]
    if isinstance(fault, DataError):
        facts["report"] = fault.report
    return facts


if __name__ == "__main__":
    program()
