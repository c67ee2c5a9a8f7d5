"""Import what a run will need while something else - the Prefect server - is starting on another core."""

from __future__ import annotations

import importlib

from expectations.build import library
from tasks.lineage.record import prepare

LIBRARIES = ("sklearn.neighbors", "sklearn.linear_model", "pandas", "deltalake")


def warm(tracking_uri: str) -> None:
    """Import the heavy libraries and open the MLflow store; whatever is wrong there shows when it is used."""
    library()
    for name in LIBRARIES:
        importlib.import_module(name)
    prepare(tracking_uri)
