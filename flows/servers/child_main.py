"""The program that every part runs in, never imported: it ends as soon as its standard input closes.

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
    said = json.loads(sys.stdin.readline())
    os.environ.update(said["environment"])
    sys.path[:] = said["path"]
    threading.Thread(target=_watch_parent, daemon=True).start()
    module, _, function = said["call"].partition(":")
    getattr(importlib.import_module(module), function)(said["arguments"])


def _watch_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(os.getpgid(0), signal.SIGKILL)  # we lead a group of our own, and our children are in it


if __name__ == "__main__":
    main()
