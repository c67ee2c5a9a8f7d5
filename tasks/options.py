"""What every stage's Prefect task has in common: its retries, and that results are ours to keep, not Prefect's."""

from __future__ import annotations

from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from augmill.policies.errors import StorageError
from augmill.tasks.storage.delta import Conflict


def is_transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001
    """Whether a failed stage is worth another try; the table having moved on needs a new plan, not a retry."""
    fault = state.data
    return isinstance(fault, StorageError) and fault.transient and not isinstance(fault, Conflict)


STAGE: dict[str, Any] = {
    # Done means that the objects exist in the lake; Prefect's own result store would only say so a second time.
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "retries": 2,
    "retry_delay_seconds": exponential_backoff(backoff_factor=2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_transient,
}
