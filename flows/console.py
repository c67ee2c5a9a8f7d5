"""What every command shares: its output, the `--json` option and the one document it prints."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from augmill.policies.errors import StorageError
from augmill.tasks.sanitize.control_characters import escape_controls

F = TypeVar("F", bound=Callable[..., Any])


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print text; what comes from data, names of classes and files among it, cannot steer the terminal."""
    click.echo(escape_controls(text), err=err, nl=nl)


def json_option(command: F) -> F:
    """Add `--json`, passed to the function as `as_json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document on standard output, for machines."
    )(command)


def print_json(document: Any) -> None:
    """Print the command's one JSON document on standard output."""
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:  # JSON knows no NaN, and rows of Parquet may hold it
        text = json.dumps(_finite(document), indent=2, ensure_ascii=False, default=str)
    say(text)


def _finite(value: Any) -> Any:
    """The same with null for numbers that JSON cannot write."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_file(file: Path, data: bytes, option: str) -> None:
    """Write a file that the user named with `option`, its folders too; StorageError where it cannot be."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    except OSError as fault:
        raise StorageError(
            f"{file} cannot be written: {fault.strerror}", f"Name another file with {option}."
        ) from fault
