"""The main program of every child process, never imported: it ends as soon as its standard input closes.

The kernel closes that when whoever started us dies, kill -9 included. The first line of it is a JSON document with
what to run, so that addresses with passwords in them are not shown by `ps`.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time

GRACE_SECONDS = 8.0


def main() -> None:
    """Run what the first line says: `call` (module:function) with `arguments`."""
    launch = json.loads(sys.stdin.readline())
    os.environ.update(launch["environment"])
    sys.path[:] = launch["path"]
    threading.Thread(target=_watch_parent, daemon=True).start()
    module, _, function = launch["call"].partition(":")
    getattr(importlib.import_module(module), function)(launch["arguments"])


def _watch_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(os.getpgid(0), signal.SIGKILL)  # we lead a group of our own, and our children are in it


if __name__ == "__main__":
    main()
