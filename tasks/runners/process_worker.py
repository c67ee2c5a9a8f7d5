"""A worker process of the process runner: a program of its own, so that it never re-imports the caller's script.

It is told `sys.path` first and then, where there is one, a function to run before the first shard; then it runs
one shard after another as they arrive over the connection whose descriptor is its only argument.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from multiprocessing.connection import Connection


def main() -> None:
    """Serve shards until the connection closes."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    connection = Connection(int(sys.argv[1]))
    sys.path[:] = connection.recv()
    _warm(connection)
    while True:
        _serve_one(connection)


def _warm(connection: Connection) -> None:
    # What fails here fails again, and is told, in the first shard that needs it.
    with contextlib.suppress(Exception):
        warm = connection.recv()
        if warm is not None:
            warm()


def _serve_one(connection: Connection) -> None:
    from augmill.tasks.runners import shard

    try:
        connection.send(shard.run(*connection.recv()))
    except (EOFError, OSError):
        os._exit(0)  # the flow has gone
    except Exception as fault:  # noqa: BLE001 - what cannot be imported or pickled here is told like any other fault
        connection.send(shard.failed(fault, "a shard", 0.0))


def _die_with_parent() -> None:
    # The parent alone holds the other end of our standard input. When it dies, even by signal 9, the kernel
    # closes it, and a shard in flight must not go on writing behind the next run's back.
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    main()
