"""Happenings as events of a Prefect server that outlives the run: what its automations act on."""

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


class Silent:
    """Servers that did not answer a moment ago are not asked again at once: a run has more to tell than one thing."""

    until: ClassVar[dict[str, float]] = {}


def lasting_server(current: Settings) -> str | None:
    """The Prefect server that is still there when the run has ended, if there is one."""
    from augmill.flows.servers.prefect_server import EmbeddedServer

    url = current.prefect_api_url
    return None if url is None or url in EmbeddedServer.running else url


def emit(happening: DatasetEvent, alert: Alert | None, url: str) -> bool:
    """Hand the event to the server; whether it has it, and has an automation for the alert, if there is one."""
    if time.monotonic() < Silent.until.get(url, 0.0):
        return False
    import prefect.client.orchestration  # noqa: F401 - for seconds on a busy machine, which are not the server's

    try:
        return run_with_timeout(ANSWER_SECONDS, lambda: _post(happening, alert, url))
    except Exception:
        Silent.until[url] = time.monotonic() + PAUSE_SECONDS
        raise


def event_of(happening: DatasetEvent, alert: Alert | None) -> dict[str, Any]:
    """The event as Prefect takes it. Sent twice, it has one id, and is counted once."""
    facts = bounded(happening)
    about = f"{happening.kind} {happening.dataset} {happening.run_id} {happening.at!r} {sorted(facts.items())}"
    resource = {
        "prefect.resource.id": f"{DATASET}{quote(happening.dataset, safe='')}",
        "prefect.resource.name": happening.dataset,
        "augmill.group": alert.group if alert else "none",
        "augmill.severity": alert.severity if alert else "none",
    }
    payload = {"facts": facts, "run_id": happening.run_id}
    if alert is not None:
        from augmill.tasks.telemetry.webhook import content_of

        payload |= {"alert": content_of(alert)}
    return {
        "id": str(uuid.uuid5(_NAMESPACE, about)),
        "occurred": datetime.fromtimestamp(happening.at, UTC).isoformat(),
        "event": f"{PREFIX}{happening.kind}",
        "resource": resource,
        "related": list(_related(happening)),
        "payload": payload,
    }


def _related(happening: DatasetEvent) -> list[dict[str, str]]:
    """The flow run, its deployment and the version, by the roles that Prefect's pages look for."""
    found = []
    try:
        uuid.UUID(happening.run_id)
    except ValueError:
        pass
    else:
        found.append(
            {"prefect.resource.id": f"prefect.flow-run.{happening.run_id}", "prefect.resource.role": "flow-run"}
        )
        from prefect.runtime import deployment

        if deployment.id:
            identity = f"prefect.deployment.{deployment.id}"
            found.append({"prefect.resource.id": identity, "prefect.resource.role": "deployment"})
    if happening.facts.get("version") is not None:
        version = f"augmill.version.{quote(happening.dataset, safe='')}.{happening.facts['version']}"
        found.append({"prefect.resource.id": version, "prefect.resource.role": "version"})
    policy = f"augmill.policy.{quote(happening.dataset, safe='')}"
    return [*found, {"prefect.resource.id": policy, "prefect.resource.role": "policy"}]


def _post(happening: DatasetEvent, alert: Alert | None, url: str) -> bool:
    from prefect import settings
    from prefect.client.orchestration import get_client

    known = {"PREFECT_API_URL": url, "PREFECT_CLIENT_MAX_RETRIES": 0, "PREFECT_API_REQUEST_TIMEOUT": ANSWER_SECONDS}
    with (
        settings.temporary_settings({getattr(settings, name): value for name, value in known.items()}),
        get_client(sync_client=True) as client,
    ):
        client.request("POST", "/events", json=[event_of(happening, alert)])
        if alert is None:
            return True
        found = client.read_automations_by_name(f"{AUTOMATION}{alert.kind}")
        return any(action.type != "do-nothing" for automation in found for action in automation.actions)
