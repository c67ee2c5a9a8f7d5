"""Where tracebacks go: a file in the home, never a user's terminal."""

from __future__ import annotations

import logging
from pathlib import Path

from flows.settings import make_folder

LOGGER = "augmill"
FILE = "augmill.log"


def log_to(home: Path) -> None:
    """Send what runs and workers log, tracebacks above all, to the log file; it is made when it is first needed."""
    logger = logging.getLogger(LOGGER)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    file = home / FILE
    kept = [one for one in logger.handlers if isinstance(one, logging.FileHandler)]
    if [one.baseFilename for one in kept] != [str(file)]:
        for one in kept:  # of another home: one process may have had several
            logger.removeHandler(one)
            one.close()
        make_folder(home)
        handler = logging.FileHandler(file, delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
