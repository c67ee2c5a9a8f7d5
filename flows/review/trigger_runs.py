"""Start runs of the policies that a change touches, once per commit, and wait for them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from augmill.flows.console import say
from augmill.flows.deployments.deploy import PAGE, deploy, read_deployments
from augmill.flows.deployments.deployment_spec import Deployment
from augmill.flows.policy_request import open_lake
from augmill.flows.review.review_change import affected_policies, find_change
from augmill.flows.servers.prefect_api import prefect_api
from augmill.flows.settings import Settings
from augmill.policies.errors import AugmillError, DataError, PolicyError, StorageError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from augmill.tasks.review.repository import Change, Repository
    from augmill.tasks.review.touched import Touched

POLL_SECONDS = 2.0
PATIENCE_SECONDS = 180.0
"""How long a server may be down while its runs go on: it may be busy, or restarting."""
UNTAKEN = ("Scheduled", "Late")
NOT_TAKEN = ": no worker has taken it. Is one running, and the work pool not paused?"
OUR_CODES = {kind.__name__: kind.exit_code for kind in (PolicyError, DataError, StorageError)}
_RAISED = re.compile(r"(?:^|exception[^:]*: )(?:\w+\.)*(\w+Error): ")


@dataclass
class StartedRun:
    """A run of one dataset. `again`: it was started for this commit before. Its outcome is set when it has ended."""

    dataset: str
    path: str
    run_id: str
    url: str | None
    again: bool
    state: str = "Scheduled"
    message: str = ""
    ended: bool = False
    seconds: float = 0.0
    version: int | None = None
    published: bool | None = None
    exit_code: int = 0


def trigger(rev: str, places: Sequence[Path], current: Settings, wait_seconds: float | None) -> dict[str, Any]:
    """Deploy and start exactly the policies that are touched since the merge base of `rev` and HEAD.

    With `wait_seconds`, waits that long for all of them to end. The same commit starts a dataset once. Raises
    PolicyError where a policy is wrong or not committed, StorageError where the server fails.
    """
    began = time.monotonic()
    repository, change, affected = find_change(rev, places, current)
    document: dict[str, Any] = {
        "rev": rev,
        "base": change.base,
        "head": change.head,
        "policies_there": affected.policies,
        "given_up": _datasets_without_policy(affected.touched),
        "deployed": None,
        "runs": [],
        "exit_code": 0,
    }
    if affected.touched:
        _refuse_uncommitted(repository, change, places, current)
        document["deployed"] = _deploy(repository, affected.touched, document["given_up"], current)
        runs = _start_runs([policy for policy in affected.touched if policy.kind != "deleted"], change.head, current)
        if wait_seconds is not None:
            _wait_for_runs(runs, current, wait_seconds, lambda text: say(text, err=True))
        document["runs"] = [asdict(run) for run in runs]
        document["exit_code"] = max((run.exit_code for run in runs), default=0)
    return document | {"waited": wait_seconds is not None, "seconds": round(time.monotonic() - began, 3)}


def _datasets_without_policy(touched: Sequence[Touched]) -> list[str]:
    """Datasets that this change leaves without a policy: it is deleted, or names another dataset now."""
    remaining = {policy.dataset for policy in touched if policy.kind != "deleted"}
    dropped = [policy.dataset if policy.kind == "deleted" else policy.was for policy in touched]
    return [name for name in dropped if name is not None and name not in remaining]


def _refuse_uncommitted(repository: Repository, change: Change, places: Sequence[Path], current: Settings) -> None:
    """A run is of a commit, so that its version can be traced to what was reviewed."""
    uncommitted = affected_policies(
        repository, replace(change, base=change.head, files=change.open_files), places, current
    )
    if uncommitted.touched:
        raise PolicyError(
            f"{', '.join(policy.path for policy in uncommitted.touched)}: touched by changes that are not committed.",
            "Commit them, or put them aside with `git stash`: a run is started of what was reviewed.",
        )


def _deploy(
    repository: Repository, touched: Sequence[Touched], given_up: Sequence[str], current: Settings
) -> dict[str, Any]:
    """Deploy the touched policies; remove the deployments whose policy this change deletes, and no others."""

    def of_this_change(orphans: Sequence[Deployment]) -> Sequence[Deployment]:
        return [policy for policy in orphans if policy.name in given_up]

    files = [repository.root / policy.path for policy in touched if policy.kind != "deleted"]
    document = deploy(files, current, prune=of_this_change)
    return {key: document[key] for key in ("created", "updated", "unchanged", "removed", "gone", "work_pool", "server")}


def _start_runs(touched: Sequence[Touched], commit: str, current: Settings) -> list[StartedRun]:
    with prefect_api(current) as client:
        ids = {deployment.name: deployment.id for deployment in read_deployments(client)} if touched else {}
        return [_start_run(client, ids[policy.dataset], policy, commit) for policy in touched]


def _start_run(client: SyncPrefectClient, deployment: UUID, policy: Touched, commit: str) -> StartedRun:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.utilities.urls import url_for

    key = f"augmill ci {policy.dataset} {commit}"
    same_commit = FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=[key]))
    previous_runs = client.read_flow_runs(flow_run_filter=same_commit, sort=FlowRunSort.ID_DESC, limit=1)
    labels: dict[str, bool | int | float | str] = {"augmill.reason": "ci", "augmill.commit": commit}
    run = client.create_flow_run_from_deployment(deployment, idempotency_key=key, labels=labels)
    return StartedRun(policy.dataset, policy.path, str(run.id), url_for("flow-run", obj_id=run.id), bool(previous_runs))


def _wait_for_runs(runs: Sequence[StartedRun], current: Settings, seconds: float, say: Callable[[str], None]) -> None:
    """Poll the runs until all have ended or the time is up; a server may be down for a while."""
    deadline = time.monotonic() + seconds
    answered = time.monotonic()
    while unfinished := [run for run in runs if not run.ended]:
        try:
            _poll(unfinished, current, say)
            answered = time.monotonic()
        except StorageError:
            if time.monotonic() - answered > PATIENCE_SECONDS:
                raise
        if time.monotonic() > deadline:
            break
        if any(not run.ended for run in unfinished):
            time.sleep(POLL_SECONDS)
    for run in runs:
        if not run.ended:
            run.exit_code = StorageError.exit_code
            run.message = f"not ended within {seconds:g} s" + (NOT_TAKEN if run.state in UNTAKEN else "; it goes on")


def _poll(runs: Sequence[StartedRun], current: Settings, say: Callable[[str], None]) -> None:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.client.schemas.sorting import FlowRunSort

    flow_runs: dict[str, FlowRun] = {}
    with prefect_api(current) as client:
        for at in range(0, len(runs), PAGE):
            ids = [UUID(run.run_id) for run in runs[at : at + PAGE]]
            run_filter = FlowRunFilter(id=FlowRunFilterId(any_=ids))
            page = client.read_flow_runs(flow_run_filter=run_filter, sort=FlowRunSort.ID_DESC, limit=PAGE)
            flow_runs |= {str(flow_run.id): flow_run for flow_run in page}
    for run in runs:
        _update_run(run, flow_runs.get(run.run_id), say)


def _update_run(run: StartedRun, flow_run: FlowRun | None, say: Callable[[str], None]) -> None:
    """Update a run from the server; report a new state by `say`."""
    if flow_run is None:
        run.state, run.ended, run.exit_code = "Deleted", True, StorageError.exit_code
        run.message = "somebody has deleted it"
    elif flow_run.state is not None:
        changed = run.state != (flow_run.state.name or flow_run.state.type.value)
        run.state = flow_run.state.name or flow_run.state.type.value
        run.seconds = round(flow_run.total_run_time.total_seconds(), 1)
        if flow_run.state.is_final():
            run.ended, run.message = True, " ".join((flow_run.state.message or "").split())
            run.exit_code = 0 if flow_run.state.is_completed() else exit_code_of(run.state, run.message)
            _find_version(run)
        if changed:
            say(f"{run.dataset}: {run.state}")


def exit_code_of(state: str, message: str) -> int:
    """The exit code that `augmill run` would have had, from what Prefect says of a run that did not complete."""
    raised = _RAISED.search(message) if state == "Failed" else None
    return OUR_CODES.get(raised[1], StorageError.exit_code) if raised else StorageError.exit_code


def _find_version(run: StartedRun) -> None:
    """Which version the dataset has now, and whether this run made it; CI may not be able to see the lake."""
    from augmill.tasks.runs.manifest import RUN_ID

    with suppress(AugmillError):
        published = open_lake().find(run.dataset)
        run.version, run.published = published.version, published.snapshot.metadata.get(RUN_ID) == run.run_id
