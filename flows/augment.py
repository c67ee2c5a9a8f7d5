"""The DAG: a policy in, a verified and versioned training set with lineage out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import State, flow
from prefect.runtime import flow_run

from augmill.flows.open_run import open_run
from augmill.flows.run_events import dataset_of, run_events
from augmill.flows.settings import RunnerName, settings
from augmill.flows.telemetry.tracing import run_scope
from augmill.flows.worker_entry import as_state, by_a_worker, unchanged
from augmill.tasks.augment import augment as augment_task
from augmill.tasks.check import check
from augmill.tasks.fit import fit
from augmill.tasks.gate import gate
from augmill.tasks.ingest import ingest
from augmill.tasks.pipeline import ended, run_until
from augmill.tasks.publish import publish
from augmill.tasks.record import record
from augmill.tasks.split import split
from augmill.tasks.storage.delta import Conflict
from augmill.tasks.validate import validate
from augmill.tasks.verify import verify

ATTEMPTS = 3
P = ParamSpec("P")
R = TypeVar("R")
TASKS: dict[str, Callable[..., Any]] = {
    task.name: task for task in (ingest, validate, split, fit, augment_task, verify, check, gate, publish, record)
}


@flow(name="augment", flow_run_name="{policy}", persist_result=False, validate_parameters=False)
def augment(policy: str, runner: RunnerName | None = None) -> dict[str, Any] | State[Any]:
    """Run one policy, and tell whoever watches what becomes of it."""
    file = Path(policy)
    return as_state(lambda: watched(file, runner)) if by_a_worker() else watched(file, runner)


def watched(policy: Path, runner: RunnerName | None) -> dict[str, Any]:
    """The run from its start to its end, told of; the command line has looked before whether there is need of one."""
    run_id = str(flow_run.id)
    with run_scope(run_id, dataset_of(policy), settings()) as link, run_events(policy, run_id) as ended:
        document = (unchanged(policy) if by_a_worker() else None) or attempt(policy, runner)
        link(document)
        return ended(document)


def attempt(policy: Path, runner: RunnerName | None) -> dict[str, Any]:
    """Go through the DAG; if another run publishes first, plan again from what it published."""
    for _ in range(ATTEMPTS - 1):
        with suppress(Conflict):
            return pipeline(policy, runner)
    return pipeline(policy, runner)


def pipeline(policy: Path, runner: RunnerName | None) -> dict[str, Any]:
    """Ingest, validate, split, fit, augment, verify, check, gate, publish, record."""
    with open_run(policy, runner) as run:
        return ended(run_until("record", run, as_prefect_task).document)


def as_prefect_task(stage: Callable[P, R]) -> Callable[P, R]:
    """The Prefect task around a stage, which retries it and shows it in the graph of the run."""
    return TASKS[stage.__name__]
