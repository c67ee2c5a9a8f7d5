"""Say how the servers and the worker of `augmill up` are: running, where, since when, and whether they answer."""

from __future__ import annotations

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.settings import settings
from augmill.policies.errors import StorageError

EXAMPLE = """
\b
Example:
  augmill status
  augmill status --json
"""


@click.command(epilog=EXAMPLE)
@json_option
def command(as_json: bool) -> int:
    """Show each part of the stack: running, address, process, uptime, version. Exit code 0 all well, 4 not."""
    from augmill.flows.stack.stack_status import status

    document = status(settings())
    if as_json:
        print_json(document)
    else:
        from augmill.tasks.summaries.stack_text import shown

        say(shown(document), nl=False)
    return 0 if document["healthy"] else StorageError.exit_code
