"""OpenCV, imported by one thread at a time: its start-up takes itself out of `sys.modules` half-way through."""

from __future__ import annotations

import importlib
import threading

_ONE_AT_A_TIME = threading.Lock()


def load_opencv() -> None:
    """Make sure that OpenCV is whole, and keeps to one thread; call it before anything that might import it."""
    with _ONE_AT_A_TIME:
        # Workers are as many as there are cores; and those of a Dask cluster have an environment of their own.
        importlib.import_module("cv2").setNumThreads(1)
