"""Check every connection, permission, version and clock that runs here will need, and say what to do.

All checks run at once and in bounded time; nothing is changed that is not put back, and no secret is shown.
"""

from __future__ import annotations

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.settings import quiet_libraries, settings

EXAMPLE = """
\b
Examples:
  augmill doctor
  AUGMILL_LAKE=s3://bucket/prefix augmill doctor --json
"""


@click.command(epilog=EXAMPLE)
@json_option
def command(as_json: bool) -> int:
    """Look at all that runs will need. Exit code 0: nothing fails, 2: a setting is wrong, 4: a service is down."""
    from augmill.flows.health import examine, exit_code

    current = settings()
    quiet_libraries(current)
    answers = examine(current)
    if as_json:
        counted = {status: sum(answer.status == status for answer in answers) for status in ("ok", "warn", "fail")}
        print_json({**counted, "checks": [answer.document() for answer in answers]})
    else:
        from augmill.tasks.summaries.doctor_text import shown

        say(shown([answer.document() for answer in answers]), nl=False)
    return exit_code(answers)
