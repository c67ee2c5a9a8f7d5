"""Find a port to listen on: the one asked for, or the one of last time, or the first free one."""

from __future__ import annotations

import socket
from collections.abc import Collection

from augmill.policies.errors import StorageError

TRIED = 50
BACKLOG = 128


def choose(
    host: str,
    first: int,
    asked: int | None = None,
    remembered: int | None = None,
    option: str = "--port",
    others: Collection[int] = (),
) -> int:
    """A free port: only the asked one where one is asked for, else the remembered one, else the first from `first`;
    of these two none that is to be one of the `others`."""
    any_free = [port for port in (remembered, *range(first, first + TRIED)) if port and port not in others]
    wanted = any_free if asked is None else [asked]
    reason = ""
    for port in wanted:
        try:
            listen(host, port).close()
            return port
        except OSError as fault:
            reason = fault.strerror or str(fault)
    tried = str(asked) if asked is not None else f"{first} to {first + TRIED - 1}"
    raise StorageError(f"cannot serve on {host}, port {tried}: {reason}.", f"Choose another with {option} or --host.")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises OSError."""
    family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    found = socket.socket(family, kind, protocol)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(place)
        found.listen(BACKLOG)
    except OSError:
        found.close()
        raise
    return found


def spelled(host: str) -> str:
    """The host as a browser on this machine reaches it."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared with, not bound to)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach it."""
    return host in ("localhost", "::1") or host.startswith("127.")
