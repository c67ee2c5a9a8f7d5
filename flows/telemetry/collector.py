"""All current series, for `augmill metrics`: printed once, or served for Prometheus to scrape."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from augmill.flows.servers.ports import url_host
from augmill.flows.settings import Settings, settings
from augmill.flows.telemetry import count_events as counting
from augmill.flows.telemetry.count_events import EventCounter
from augmill.flows.telemetry.logs import LOGGER
from augmill.flows.telemetry.probes import component_series
from augmill.flows.timeouts import run_with_timeout
from augmill.policies.errors import AugmillError, StorageError
from augmill.tasks.sanitize.redact import redact_text
from augmill.tasks.telemetry.exposition import CONTENT_TYPE, text_of
from augmill.tasks.telemetry.series import Series, series_of

PATIENCE_SECONDS = 10.0
FRESH_SECONDS = 5.0
"""How long an answer is reused: several scrapers cost as much as one."""

LISTENING = "exporter listens on "
INDEX = b"augmill exporter: /metrics for Prometheus, /health\n"

log = logging.getLogger(f"{LOGGER}.exporter")


def all_series(current: Settings) -> list[Series]:
    """All series: of every dataset from the lake, or from this home if the lake is down, and of all components."""
    began = time.monotonic()
    try:
        series = run_with_timeout(PATIENCE_SECONDS, lambda: _lake_series(current))
    except (AugmillError, OSError) as fault:
        cause = fault.cause if isinstance(fault, AugmillError) else str(fault)
        log.warning("the lake does not answer, figures are those of this home: %s", redact_text(cause))
        series = [
            entry
            for name in counting.datasets_of_home(current)
            for entry in _series_of_counters(name, EventCounter(current, name).local_counters())
        ]
    series += component_series(current)
    return [*series, Series("augmill_exporter_scrape_seconds", (), time.monotonic() - began)]


def _lake_series(current: Settings) -> list[Series]:
    return [
        entry for name in counting.counted_datasets(current) for entry in _dataset_series(EventCounter(current, name))
    ]


def _dataset_series(counter: EventCounter) -> list[Series]:
    try:
        return _series_of_counters(counter.dataset, counter.current_counters(time.time()))
    except Exception:  # one dataset whose objects make no sense must not hide the others
        log.exception("%s cannot be counted in the lake, its figures are those of this home", counter.dataset)
        return _series_of_counters(counter.dataset, counter.local_counters())


def _series_of_counters(dataset: str, tally: dict[str, Any]) -> list[Series]:
    return series_of(dataset, tally, time.time())


class CachedText:
    """The text that is scraped, computed at most every `FRESH_SECONDS`, by one thread at a time."""

    def __init__(self, collect: Callable[[], list[Series]]) -> None:
        self.collect = collect
        self.lock = threading.Lock()
        self.at = 0.0
        self.text = b""

    def get(self) -> bytes:
        """The text, at most `FRESH_SECONDS` old."""
        with self.lock:
            if not self.text or time.monotonic() - self.at > FRESH_SECONDS:
                self.text, self.at = text_of(self.collect()), time.monotonic()
            return self.text


def serve(host: str, port: int, ready: Callable[[str], object]) -> None:
    """Serve /metrics and /health until interrupted. Raises StorageError where the address cannot be had."""
    # Settings are read each time: a stack that is started later has addresses of its own.
    scraped = CachedText(lambda: all_series(settings()))
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        kind = type("Server", (ThreadingHTTPServer,), {"address_family": family})
        server = kind((host, port), _handler(scraped))
    except OSError as fault:
        raise StorageError(f"{host}:{port} cannot be listened on: {fault.strerror}.", "Give another --port.") from fault
    server.daemon_threads = True
    with server:
        ready(f"http://{url_host(host)}:{server.server_address[1]}/metrics")
        server.serve_forever()


def _handler(scraped: CachedText) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30  # a client that sends nothing holds a thread no longer

        def do_GET(self) -> None:
            """Answer /metrics, /health and /."""
            path = self.path.partition("?")[0]
            try:
                if path == "/metrics":
                    self._send(200, scraped.get(), CONTENT_TYPE)
                elif path in ("/", "/health"):
                    self._send(200, b"ok\n" if path == "/health" else INDEX)
                else:
                    self._send(404, INDEX)
            except AugmillError as fault:
                self._send(503, f"{redact_text(str(fault))}\n".encode())
            except ConnectionError:
                return  # the client has closed the connection

        def _send(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Requests are not logged."""

    return Handler
