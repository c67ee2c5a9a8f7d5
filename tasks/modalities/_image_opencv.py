"""OpenCV, imported by one thread at a time: its start-up takes itself out of `sys.modules` half-way through."""

from __future__ import annotations

import importlib
import threading

_ONE_AT_A_TIME = threading.Lock()


def load_opencv() -> None:
    """Make sure that OpenCV is whole, silent and keeps to one thread; call it before anything might import it."""
    with _ONE_AT_A_TIME:
        # Workers are as many as there are cores; and those of a Dask cluster have an environment of their own.
        importlib.import_module("cv2").setNumThreads(1)
        # It prints what it cannot read, which faults say. The level is one for all threads: none may restore it.
        logging = importlib.import_module("cv2.utils.logging")
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)
