"""Send dataset events to a Prefect server that outlives the run; its automations act on them."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

from augmill.flows.settings import Settings
from augmill.flows.timeouts import run_with_timeout
from augmill.tasks.telemetry.alert import Alert, bounded
from augmill.tasks.telemetry.dataset_event import DatasetEvent

PREFIX = "augmill."
DATASET = "augmill.dataset."
AUTOMATION = "augmill: "
"""What the names of our events, resources and automations begin with."""

ANSWER_SECONDS = 4.0
PAUSE_SECONDS = 60.0
_NAMESPACE = uuid.UUID("5f1c7b52-7d0e-4a53-9d0a-5b7c0f6a1f0e")


class UnresponsiveServers:
    """Servers that did not answer a moment ago: a run with several events does not wait for each of them."""

    until: ClassVar[dict[str, float]] = {}


def lasting_server(current: Settings) -> str | None:
    """The URL of the Prefect server that outlives the run, if there is one."""
    from augmill.flows.servers.prefect_server import EmbeddedServer

    url = current.prefect_api_url
    return None if url is None or url in EmbeddedServer.running else url


def emit(event: DatasetEvent, alert: Alert | None, url: str) -> bool:
    """Send the event to the server; True if it took it and has an automation for the alert (if there is one)."""
    if time.monotonic() < UnresponsiveServers.until.get(url, 0.0):
        return False
    import prefect.client.orchestration  # noqa: F401 - for seconds on a busy machine, which are not the server's

    try:
        return run_with_timeout(ANSWER_SECONDS, lambda: _post_event(event, alert, url))
    except Exception:
        UnresponsiveServers.until[url] = time.monotonic() + PAUSE_SECONDS
        raise


def event_of(event: DatasetEvent, alert: Alert | None) -> dict[str, Any]:
    """The event in Prefect's format. Its id depends on its content, so one that is sent twice is counted once."""
    facts = bounded(event)
    about = f"{event.kind} {event.dataset} {event.run_id} {event.at!r} {sorted(facts.items())}"
    resource = {
        "prefect.resource.id": f"{DATASET}{quote(event.dataset, safe='')}",
        "prefect.resource.name": event.dataset,
        "augmill.group": alert.group if alert else "none",
        "augmill.severity": alert.severity if alert else "none",
    }
    payload = {"facts": facts, "run_id": event.run_id}
    if alert is not None:
        from augmill.tasks.telemetry.webhook import content_of

        payload |= {"alert": content_of(alert)}
    return {
        "id": str(uuid.uuid5(_NAMESPACE, about)),
        "occurred": datetime.fromtimestamp(event.at, UTC).isoformat(),
        "event": f"{PREFIX}{event.kind}",
        "resource": resource,
        "related": list(_related_resources(event)),
        "payload": payload,
    }


def _related_resources(event: DatasetEvent) -> list[dict[str, str]]:
    """The flow run, its deployment, version and policy, with the roles that Prefect's pages use."""
    related = []
    try:
        uuid.UUID(event.run_id)
    except ValueError:
        pass
    else:
        related.append({"prefect.resource.id": f"prefect.flow-run.{event.run_id}", "prefect.resource.role": "flow-run"})
        from prefect.runtime import deployment

        if deployment.id:
            identity = f"prefect.deployment.{deployment.id}"
            related.append({"prefect.resource.id": identity, "prefect.resource.role": "deployment"})
    if event.facts.get("version") is not None:
        version = f"augmill.version.{quote(event.dataset, safe='')}.{event.facts['version']}"
        related.append({"prefect.resource.id": version, "prefect.resource.role": "version"})
    policy = f"augmill.policy.{quote(event.dataset, safe='')}"
    return [*related, {"prefect.resource.id": policy, "prefect.resource.role": "policy"}]


def _post_event(event: DatasetEvent, alert: Alert | None, url: str) -> bool:
    from prefect import settings
    from prefect.client.orchestration import get_client

    overrides = {"PREFECT_API_URL": url, "PREFECT_CLIENT_MAX_RETRIES": 0, "PREFECT_API_REQUEST_TIMEOUT": ANSWER_SECONDS}
    with (
        settings.temporary_settings({getattr(settings, name): value for name, value in overrides.items()}),
        get_client(sync_client=True) as client,
    ):
        client.request("POST", "/events", json=[event_of(event, alert)])
        if alert is None:
            return True
        automations = client.read_automations_by_name(f"{AUTOMATION}{alert.kind}")
        return any(action.type != "do-nothing" for automation in automations for action in automation.actions)
