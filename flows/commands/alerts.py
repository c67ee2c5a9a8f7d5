"""Say who is told of what goes wrong, and have the Prefect server tell them."""

from __future__ import annotations

import time
from typing import Any

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.settings import Settings, quiet_libraries, settings

EXAMPLE = """
\b
Examples:
  AUGMILL_WEBHOOK_URL=https://hooks.example.org/T0/B0 augmill alerts
  augmill alerts --test

\b
AUGMILL_WEBHOOK_URL is called; AUGMILL_ALERT_EMAIL (addresses with commas between them) is written to through
AUGMILL_SMTP_URL. With PREFECT_API_URL, this command registers automations there; without, each run tells by itself.

Exit codes: 0 done, 4 the server or, with --test, a way to somebody does not answer.
"""


@click.command(epilog=EXAMPLE)
@click.option("--test", "testing", is_flag=True, help="Send a test alert now, by every way that is switched on.")
@click.option("--remove", "removing", is_flag=True, help="Take the automations and the addresses off the server.")
@json_option
def command(testing: bool, removing: bool, as_json: bool) -> None:
    """Tell a webhook and mail boxes of failed checks and runs, rollbacks, promotions and burning error budgets.

    The same command again changes nothing; what was added or switched off in Prefect's pages stays.
    """
    from augmill.tasks.summaries.alerts_text import text

    if testing and removing:
        raise click.UsageError("Name one of --test and --remove.")
    current = settings()
    quiet_libraries(current)
    document = send_test_alert(current) if testing else update_automations(current, removing=removing)
    if testing:
        refuse_unsent(document)
    if as_json:
        print_json(document)
    else:
        say(text(document), nl=False)


def update_automations(current: Settings, *, removing: bool) -> dict[str, Any]:
    """Bring the server's automations in line with the settings, if there is a server."""
    from augmill.flows.alerts.delivery import senders
    from augmill.flows.alerts.prefect_events import lasting_server
    from augmill.tasks.sanitize.redact import redact

    automations: list[dict[str, Any]] = []
    if lasting_server(current) is not None:
        from augmill.flows.alerts.automations import register, remove

        automations = remove(current) if removing else register(current)
    server = redact(current.prefect_api_url) if automations and current.prefect_api_url else None
    return {"server": server, "ways": sorted(senders(current.alerts)), "automations": automations}


def send_test_alert(current: Settings) -> dict[str, Any]:
    """Send one test alert; returns its outcome by sender."""
    from augmill.flows.alerts.delivery import attempt, senders
    from augmill.tasks.telemetry.alert import alert_of
    from augmill.tasks.telemetry.dataset_event import DatasetEvent

    facts = {
        "channel": "test",
        "version": 1,
        "version_before": 0,
        "by": "a test: there is nothing to do",
        "dataset": "",
    }
    alert = alert_of(DatasetEvent("channel.promoted", "test-of-alerts", "none", time.time(), facts))
    sent = {name: attempt(send, alert) for name, send in senders(current.alerts).items() if alert is not None}
    return {"ways": sorted(sent), "sent": sent}


def refuse_unsent(document: dict[str, Any]) -> None:
    """Raise StorageError where a test alert was not sent, PolicyError where no sender is configured."""
    from augmill.policies.errors import PolicyError, StorageError

    sent = document["sent"]
    if any(outcome != "sent" for outcome in sent.values()):
        raise StorageError(
            "; ".join(
                f"sent by {name}" if outcome == "sent" else f"no alert by {name}: {outcome}"
                for name, outcome in sent.items()
            ),
            "Correct AUGMILL_WEBHOOK_URL or AUGMILL_SMTP_URL, or look at what receives there.",
        )
    if not document["sent"]:
        raise PolicyError(
            "nobody is to be told of anything.", "Set AUGMILL_WEBHOOK_URL, or AUGMILL_ALERT_EMAIL and AUGMILL_SMTP_URL."
        )
