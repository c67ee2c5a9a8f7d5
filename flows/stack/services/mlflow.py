"""The MLflow server: the pages on the tracking store in use. Runs write to the store itself, and need no server."""

from __future__ import annotations

from functools import partial

from augmill.flows.http_client import send_request, without_user
from augmill.flows.servers import mlflow_server
from augmill.flows.servers.ports import url_host
from augmill.flows.servers.service import HEALTH_SECONDS, Health, Service, Unhealthy
from augmill.flows.settings import Settings

NAME, TITLE, FIRST_PORT = "mlflow", "MLflow UI", mlflow_server.FIRST_PORT


def service(current: Settings, host: str, port: int) -> Service:
    """A server of our own on the store of the settings."""
    address = f"http://{url_host(host)}:{port}"
    return Service(NAME, TITLE, address, mlflow_server.launch(current, host, port), partial(health, address))


def external_service(current: Settings) -> Service:
    """The server that the tracking URI names."""
    address = without_user(current.tracking_uri).rstrip("/")
    return Service(NAME, TITLE, address, None, partial(health, current.tracking_uri.rstrip("/")))


def health(address: str, _: float = 0.0) -> Health:
    """Whether the server answers, and its version."""
    if (reply := send_request(f"{address}/health", seconds=HEALTH_SECONDS)).status != 200:
        raise Unhealthy(f"HTTP {reply.status}")
    version = send_request(f"{address}/version", seconds=HEALTH_SECONDS)
    return Health(version.text if version.status == 200 else None)
