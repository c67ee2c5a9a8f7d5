"""The Prefect server: schedules, run states, events, and the pages that show them."""

from __future__ import annotations

import sys
from functools import partial

from augmill.flows.http_client import send_request, without_user
from augmill.flows.servers import prefect_server_process
from augmill.flows.servers.ports import listen, url_host
from augmill.flows.servers.service import HEALTH_SECONDS, Health, Launch, Service, Unhealthy
from augmill.flows.settings import Settings

NAME, TITLE, FIRST_PORT = "prefect", "Prefect server", 4200


def service(current: Settings, host: str, port: int) -> Service:
    """A server of our own. We listen, it accepts: while it starts, or starts again, callers wait instead of failing."""
    listener = listen(host, port)
    address = f"http://{url_host(host)}:{port}"
    environment = {
        "PREFECT_HOME": str(current.home / "prefect"),
        "PREFECT_UI_STATIC_DIRECTORY": str(current.home / "prefect" / "ui"),  # where it is installed may be read-only
        # Or any page that is open in a browser here could start runs.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{address},http://localhost:{port}",
    }
    command = [sys.executable, "-P", prefect_server_process.__file__, str(listener.fileno()), "stack"]
    launch = Launch(command, descriptors=[listener.fileno()], environment=environment)
    return Service(
        NAME, TITLE, f"{address}/api", launch, partial(health, f"{address}/api", current.prefect_auth), listener
    )


def external_service(current: Settings) -> Service:
    """The server of PREFECT_API_URL."""
    url = str(current.prefect_api_url).rstrip("/")
    return Service(NAME, TITLE, without_user(url), None, partial(health, url, current.prefect_auth))


def health(api_url: str, auth: str | None, _: float = 0.0) -> Health:
    """Whether the server and its database answer, and its version where it lets us know."""
    if (reply := send_request(f"{api_url}/health", seconds=HEALTH_SECONDS)).status != 200:
        raise Unhealthy(f"HTTP {reply.status}: {reply.text[:200]}")
    version = send_request(f"{api_url}/admin/version", seconds=HEALTH_SECONDS, auth=auth)
    if version.status in (401, 403):
        return Health(note="it wants the credentials of PREFECT_API_AUTH_STRING")
    return Health(str(version.json) if version.status == 200 else None)
