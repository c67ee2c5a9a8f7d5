"""Find a port to listen on: the one asked for, or the one of last time, or the first free one."""

from __future__ import annotations

import socket
from collections.abc import Collection

from augmill.policies.errors import StorageError

MOST_TRIED_PORTS = 50
BACKLOG = 128


def choose(
    host: str,
    first: int,
    requested: int | None = None,
    remembered: int | None = None,
    option: str = "--port",
    others: Collection[int] = (),
) -> int:
    """A free port: the `requested` one and no other if given, else the remembered one, else the first free one from
    `first`; the last two exclude the ports of `others`."""
    any_free = [port for port in (remembered, *range(first, first + MOST_TRIED_PORTS)) if port and port not in others]
    candidates = any_free if requested is None else [requested]
    reason = ""
    for port in candidates:
        try:
            listen(host, port).close()
            return port
        except OSError as fault:
            reason = fault.strerror or str(fault)
    tried = str(requested) if requested is not None else f"{first} to {first + MOST_TRIED_PORTS - 1}"
    raise StorageError(f"cannot serve on {host}, port {tried}: {reason}.", f"Choose another with {option} or --host.")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises OSError."""
    family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def url_host(host: str) -> str:
    """The host as it stands in a URL that this machine can open."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared with, not bound to)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    return host in ("localhost", "::1") or host.startswith("127.")
