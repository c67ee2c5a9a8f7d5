"""Show what Prometheus is told of every dataset, or serve it for Prometheus to scrape.

Runs need no exporter where AUGMILL_METRICS names a folder of node_exporter's textfiles or a pushgateway.
"""

from __future__ import annotations

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.settings import quiet_libraries, settings
from augmill.flows.telemetry.logs import log_to

PORT = 9464

EXAMPLE = """
\b
Example:
  augmill metrics
  augmill metrics --serve --port 9464
"""


@click.command(epilog=EXAMPLE)
@click.option("--serve", "serving", is_flag=True, help="Serve /metrics and /health until interrupted.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for any.")
@json_option
def command(serving: bool, host: str, port: int, as_json: bool) -> None:
    """Every figure of every dataset, and who answers, in Prometheus' text format."""
    from dataclasses import asdict

    from augmill.flows.telemetry.collector import LISTENING, all_series, serve
    from augmill.tasks.telemetry.exposition import text_of
    from augmill.tasks.telemetry.metric_catalogue import BY_NAME

    current = settings()
    quiet_libraries(current)
    log_to(current)
    if serving:
        serve(host, port, lambda url: say(f"{LISTENING}{url}", err=True))
        return
    series = all_series(current)
    if as_json:
        documents = [
            asdict(metric) | {"labels": dict(zip(BY_NAME[metric.name].labels, metric.labels, strict=True))}
            for metric in series
        ]
        print_json({"series": documents})
    else:
        say(text_of(series).decode(), nl=False)
