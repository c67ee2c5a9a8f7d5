"""Where tracebacks go: a file in the home, never a user's terminal."""

from __future__ import annotations

import logging
from pathlib import Path

from flows.settings import make_folder

LOGGER = "augmill.runners"
FILE = "augmill.log"


def log_to(home: Path) -> None:
    """Send what workers log, their tracebacks above all, to the log file; it is made when it is first needed."""
    logger = logging.getLogger(LOGGER)
    logger.propagate = False
    if not logger.handlers:
        make_folder(home)
        handler = logging.FileHandler(home / FILE, delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
