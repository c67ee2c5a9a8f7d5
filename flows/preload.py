"""Import what a run will need while something else is under way: a server that starts, or stages before the next."""

from __future__ import annotations

import importlib

from augmill.tasks.runs.components import modality_of, ops_of
from augmill.tasks.runs.context import Context

LIBRARIES = ("sklearn.neighbors", "sklearn.linear_model", "pandas", "deltalake")


def warm(tracking_uri: str) -> None:
    """Import the heavy libraries and open the MLflow store; whatever is wrong there shows when it is used."""
    from augmill.expectations.build import library
    from augmill.tasks.lineage.mlflow_run import prepare

    library()
    for name in LIBRARIES:
        importlib.import_module(name)
    prepare(tracking_uri)


def warm_worker(ctx: Context) -> None:
    """Import, in a worker that waits for its first shard, what this policy's data and transforms take."""
    modality = modality_of(ctx)
    ops = [op for step in ctx.policy.steps for op in ops_of(ctx, step)]
    if hasattr(modality, "warm"):
        modality.warm(ops)
    if ctx.policy.gates.model_delta is not None:
        importlib.import_module("sklearn.ensemble")
