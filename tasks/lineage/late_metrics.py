"""What was measured of a version after it was recorded, added to its MLflow run."""

from __future__ import annotations

from collections.abc import Mapping

from augmill.tasks.lineage.mlflow_run import connect, mlflow_errors
from augmill.tasks.lineage.payload import MAX_TAG, safe_keys
from augmill.tasks.sanitize.redact import redact_text


def log_later(
    tracking_uri: str,
    run_id: str,
    figures: Mapping[str, float],
    tags: Mapping[str, str],
    *,
    at_ms: int,
    step: int,
) -> None:
    """Log figures as metrics, and tags, on a run that has ended. Raises StorageError if MLflow does not answer."""
    with mlflow_errors(tracking_uri):
        from mlflow.entities import Metric, RunTag

        client = connect(tracking_uri)
        keys = safe_keys(list(figures))
        metrics = [Metric(keys[name], figure, at_ms, step) for name, figure in figures.items()]
        run_tags = [RunTag(key, redact_text(value)[:MAX_TAG]) for key, value in tags.items()]
        client.log_batch(run_id, metrics=metrics, tags=run_tags)
