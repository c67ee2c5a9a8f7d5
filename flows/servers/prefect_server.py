"""One Prefect API server per run: the user's, or one of our own on loopback that cannot outlive us."""

from __future__ import annotations

import http.client
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Self

from augmill.flows.http_client import NoReply, Reply, authorization, send_request, without_user
from augmill.flows.settings import Settings, make_folder
from augmill.flows.timeouts import run_with_timeout
from augmill.policies.errors import StorageError

PROGRAM = Path(__file__).with_name("prefect_server_process.py")
PROBE = "/api/admin/version"
START_SECONDS = 120.0
STOP_SECONDS = 5.0
ANSWER_SECONDS = 15.0
DRAIN_SECONDS = 10.0


def loopback_server(settings: Settings) -> RunningServer | EmbeddedServer:
    """The server to use: that of PREFECT_API_URL where set, else one of our own. Both are context managers.

    Entering returns at once, so that the caller can import libraries meanwhile; `connected()` is where to run
    flows; leaving stops what was started here.
    """
    make_folder(settings.home / "prefect")  # or Prefect warns at import
    if settings.prefect_api_url:
        return RunningServer(settings.prefect_api_url, settings.prefect_auth)
    return EmbeddedServer(settings.home, settings.prefect_auth)


class RunningServer:
    """A Prefect server that somebody else runs."""

    def __init__(self, api_url: str, auth: str | None = None) -> None:
        self.api_url, self.auth = api_url.rstrip("/"), auth

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        """Leave it running: it is not ours."""

    def wait(self) -> str:
        """Check that it answers, lets us in, and speaks our version, and return its URL; StorageError if not."""
        try:
            health = send_request(f"{self.api_url}/health", seconds=ANSWER_SECONDS)
            if health.status >= 500:
                raise NoReply(f"HTTP {health.status}")
            self._refuse_unusable(send_request(f"{self.api_url}/admin/version", seconds=ANSWER_SECONDS, auth=self.auth))
        except NoReply as fault:
            raise StorageError(
                f"the Prefect server at {without_user(self.api_url)} does not answer: {fault}.",
                "Start it, correct PREFECT_API_URL, or unset PREFECT_API_URL to run embedded. If it is that of "
                "`augmill up`, `augmill status` says how it is.",
            ) from fault
        return self.api_url

    def _refuse_unusable(self, reply: Reply) -> None:
        """Refuse a server that will not work; one that hides its version, as behind a gateway, is accepted."""
        address = without_user(self.api_url)
        if reply.status == 401:
            raise StorageError(
                f"the Prefect server at {address} "
                + ("refuses the credentials of PREFECT_API_AUTH_STRING." if self.auth else "asks for credentials."),
                "Set PREFECT_API_AUTH_STRING=USER:PASSWORD, as its PREFECT_SERVER_API_AUTH_STRING says, in the "
                "environment or .env.",
            )
        server_version, client_version = reply.text.strip('"'), version("prefect")
        if (
            reply.status == 200
            and _major(server_version).isdecimal()
            and _major(server_version) != _major(client_version)
        ):
            raise StorageError(
                f"the Prefect server at {address} is version {server_version}, and we are {client_version}.",
                "Use a server of the same major version, or unset PREFECT_API_URL to run embedded.",
            )

    @contextmanager
    def connected(self, **values: Any) -> Iterator[str]:
        """Wait for the server and point Prefect at it, with these settings of Prefect's; yields its URL."""
        with _prefect_at(self.wait(), **values):
            yield self.api_url


class EmbeddedServer:
    """A Prefect server of our own on a free loopback port, with its database and its log under `home`/prefect."""

    running: ClassVar[set[str]] = set()
    """URLs of those that this process has started and not yet stopped."""

    def __init__(self, home: Path, auth: str | None = None) -> None:
        self.home, self.auth = home / "prefect", auth
        self.log = self.home / "server.log"

    def __enter__(self) -> Self:
        # We bind, the server accepts: no race for the port, and early requests wait instead of failing.
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener, self.log.open("ab") as log:
            port = listener.getsockname()[1]
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", str(PROGRAM), str(listener.fileno())],
                stdin=subprocess.PIPE,  # held by us alone: the kernel closes it when we die, and the server ends
                stdout=log,
                stderr=log,
                pass_fds=[listener.fileno()],
                process_group=0,  # Ctrl-C is for us; we stop the server when the flow has ended
            )
            # Asked now, answered when it is up. The first answer takes it 0.4 s, in which we import.
            self.probe = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
            self.probe.request("GET", PROBE, headers=authorization(self.auth))
        self.api_url = f"http://127.0.0.1:{port}/api"
        # Prefect reads it at import. A thread that has lost its context would start a second server without it.
        os.environ["PREFECT_API_URL"] = self.api_url
        self.running.add(self.api_url)
        return self

    def __exit__(self, *fault: object) -> None:
        """Let it write what it holds, then make sure that it is gone."""
        if "prefect.events.worker" in sys.modules:
            _deliver_events()
        os.environ.pop("PREFECT_API_URL", None)
        self.running.discard(self.api_url)
        self.probe.close()
        try:
            self.process.communicate(timeout=STOP_SECONDS)  # closes its standard input, which is its signal to end
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait(self) -> str:
        """Block until it answers and return its URL; StorageError if it cannot start."""
        status = 0
        with suppress(OSError, http.client.HTTPException):
            status = self.probe.getresponse().status
        if status != http.HTTPStatus.OK:
            raise StorageError(
                f"the embedded Prefect server did not start; {self.log} ends with: {_last_line(self.log)}",
                "Mend what it names and run again, or use a running server by PREFECT_API_URL.",
            )
        return self.api_url

    @contextmanager
    def connected(self) -> Iterator[str]:
        """Wait for the server and point Prefect at it; yields its URL."""
        from prefect.events.clients import PrefectEventsClient
        from prefect.events.worker import EventsWorker

        url = self.wait()
        # Were it gone, every event left would wait 7 s for it, and the process with them.
        EventsWorker.set_client_override(PrefectEventsClient, reconnection_attempts=1)
        # A server that dies with us has no use for heartbeats, whose thread holds every flow up for a second;
        # and if it is gone, it stays gone.
        with _prefect_at(url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY=None, PREFECT_CLIENT_MAX_RETRIES=3):
            try:
                yield url
            finally:
                EventsWorker.set_client_override(None)


def _deliver_events() -> None:
    """Wait for the task runs to reach the server: they travel as events, in the background.

    Left for later, they would be sent at exit, to a server that is gone, 7 s for each.
    """
    from prefect.events.worker import EventsWorker

    logging.getLogger("EventsWorker").setLevel(logging.ERROR)  # it warns of what is left as soon as it is asked to end
    with suppress(TimeoutError):  # where an event loop runs, as in a notebook, Prefect would wait in a coroutine of it
        run_with_timeout(2 * DRAIN_SECONDS, lambda: EventsWorker.drain_all(timeout=DRAIN_SECONDS))


@contextmanager
def _prefect_at(url: str, **values: Any) -> Iterator[None]:
    import httpx
    from prefect import settings

    from augmill.tasks.sanitize.redact import redact_text

    overrides = {getattr(settings, name): value for name, value in {"PREFECT_API_URL": url, **values}.items()}
    try:
        with settings.temporary_settings(overrides):
            yield
    except (httpx.TransportError, httpx.HTTPStatusError) as fault:
        stopped = "stopped answering" if isinstance(fault, httpx.TransportError) else "refused a request"
        reason = redact_text(str(fault).partition("\n")[0] or type(fault).__name__)
        raise StorageError(
            f"the Prefect server at {without_user(url)} {stopped}: {reason}.",
            "Run again: what was done is kept. If it happens again, look at the server's log.",
        ) from fault


def _major(number: str) -> str:
    return number.partition(".")[0]


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "nothing")
