"""The exporter: what Prometheus is told of every dataset and of the servers, for it to scrape."""

from __future__ import annotations

from functools import partial

from augmill.flows.http_client import send_request
from augmill.flows.servers.ports import spelled
from augmill.flows.servers.service import HEALTH_SECONDS, Health, NotWell, Part, watched
from augmill.flows.settings import Settings

NAME, TITLE, FIRST_PORT = "metrics", "Metrics", 9464


def part(current: Settings, host: str, port: int) -> Part:
    """`augmill metrics --serve` on the home and the lake of the settings."""
    address = f"http://{spelled(host)}:{port}"
    environment = {"AUGMILL_HOME": str(current.home)}
    launch = watched(
        "augmill.flows.commands.metrics:command", ["--serve", "--host", host, "--port", str(port)], environment
    )
    return Part(NAME, TITLE, f"{address}/metrics", launch, partial(health, f"{address}/metrics"))


def health(address: str, _: float = 0.0) -> Health:
    """Whether the exporter answers; what it would say is not asked for, as that looks into the lake."""
    well = send_request(f"{address.removesuffix('/metrics')}/health", seconds=HEALTH_SECONDS)
    if well.status != 200:
        raise NotWell(f"HTTP {well.status}")
    return Health()
