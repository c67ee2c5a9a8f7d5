"""The exporter: serves the series of every dataset and of the servers for Prometheus to scrape."""

from __future__ import annotations

from functools import partial

from augmill.flows.http_client import send_request
from augmill.flows.servers.ports import url_host
from augmill.flows.servers.service import HEALTH_SECONDS, Health, Service, Unhealthy, launch_child
from augmill.flows.settings import Settings

NAME, TITLE, FIRST_PORT = "metrics", "Metrics", 9464


def service(current: Settings, host: str, port: int) -> Service:
    """`augmill metrics --serve` on the home and the lake of the settings."""
    address = f"http://{url_host(host)}:{port}"
    environment = {"AUGMILL_HOME": str(current.home)}
    launch = launch_child(
        "augmill.flows.commands.metrics:command", ["--serve", "--host", host, "--port", str(port)], environment
    )
    return Service(NAME, TITLE, f"{address}/metrics", launch, partial(health, f"{address}/metrics"))


def health(address: str, _: float = 0.0) -> Health:
    """Whether the exporter answers /health; /metrics is not requested, as that reads the lake."""
    reply = send_request(f"{address.removesuffix('/metrics')}/health", seconds=HEALTH_SECONDS)
    if reply.status != 200:
        raise Unhealthy(f"HTTP {reply.status}")
    return Health()
