"""Whether the Dask scheduler of the settings answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from augmill.flows.health_answer import SECONDS, Answer, fail, ok
from augmill.flows.settings import Settings

REMEDY = "Start it, correct AUGMILL_DASK_ADDRESS, or unset it to use a local cluster."


def check(current: Settings) -> Iterator[Answer]:
    """A scheduler sends a greeting to a new connection; with TLS, an accepted connection is enough."""
    if current.dask_address is None:
        return
    parts = urlsplit(current.dask_address if "://" in current.dask_address else f"tcp://{current.dask_address}")
    place = f"{parts.hostname}:{parts.port}"
    if not parts.hostname or not parts.port:
        yield fail("Dask", f"{place} is no address", "Set AUGMILL_DASK_ADDRESS=tcp://HOST:PORT.", "settings")
        return
    try:
        with socket.create_connection((parts.hostname, parts.port), SECONDS) as connection:
            if parts.scheme == "tcp" and not connection.recv(1):
                raise OSError("it hangs up at once")
    except OSError as fault:
        reason = f"no word in {SECONDS:g} s" if isinstance(fault, TimeoutError) else str(fault)
        yield fail("Dask", f"the scheduler at {place} does not answer: {reason}", REMEDY)
        return
    yield ok("Dask", f"the scheduler at {place} answers")
