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
from augmill.flows.deployments.deploy import PAGE, deploy, deployed
from augmill.flows.deployments.deployment_spec import Deployment
from augmill.flows.policy_request import open_lake
from augmill.flows.review.review_change import look, touched_by
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
"""For how long a server may be away while its runs go on: it may be busy, or be started anew."""
UNTAKEN = ("Scheduled", "Late")
NOT_TAKEN = ": no worker has taken it. Is one running, and the work pool not paused?"
OUR_CODES = {kind.__name__: kind.exit_code for kind in (PolicyError, DataError, StorageError)}
_RAISED = re.compile(r"(?:^|exception[^:]*: )(?:\w+\.)*(\w+Error): ")


@dataclass
class Started:
    """A run of one dataset. `again`: it was started for this commit before. Its outcome is known once it has ended."""

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
    repository, change, found = look(rev, places, current)
    document: dict[str, Any] = {
        "rev": rev,
        "base": change.base,
        "head": change.head,
        "policies_there": found.policies,
        "given_up": _given_up(found.touched),
        "deployed": None,
        "runs": [],
        "exit_code": 0,
    }
    if found.touched:
        _refuse_uncommitted(repository, change, places, current)
        document["deployed"] = _deploy(repository, found.touched, document["given_up"], current)
        runs = _start([one for one in found.touched if one.kind != "deleted"], change.head, current)
        if wait_seconds is not None:
            _wait(runs, current, wait_seconds, lambda text: say(text, err=True))
        document["runs"] = [asdict(run) for run in runs]
        document["exit_code"] = max((run.exit_code for run in runs), default=0)
    return document | {"waited": wait_seconds is not None, "seconds": round(time.monotonic() - began, 3)}


def _given_up(touched: Sequence[Touched]) -> list[str]:
    """Data sets that this change leaves without a policy: it is deleted, or makes another one now."""
    there = {one.dataset for one in touched if one.kind != "deleted"}
    lost = [one.dataset if one.kind == "deleted" else one.was for one in touched]
    return [name for name in lost if name is not None and name not in there]


def _refuse_uncommitted(repository: Repository, change: Change, places: Sequence[Path], current: Settings) -> None:
    """A run is of a commit, so that its version can be traced to what was reviewed."""
    mine = touched_by(repository, replace(change, base=change.head, files=change.open_files), places, current)
    if mine.touched:
        raise PolicyError(
            f"{', '.join(one.path for one in mine.touched)}: touched by changes that are not committed.",
            "Commit them, or put them aside with `git stash`: a run is started of what was reviewed.",
        )


def _deploy(
    repository: Repository, touched: Sequence[Touched], given_up: Sequence[str], current: Settings
) -> dict[str, Any]:
    """Put those touched on the server; take away those whose policy this change deletes, and no others."""

    def of_this_change(lost: Sequence[Deployment]) -> Sequence[Deployment]:
        return [one for one in lost if one.name in given_up]

    files = [repository.root / one.path for one in touched if one.kind != "deleted"]
    document = deploy(files, current, prune=of_this_change)
    return {key: document[key] for key in ("created", "updated", "unchanged", "removed", "gone", "work_pool", "server")}


def _start(touched: Sequence[Touched], commit: str, current: Settings) -> list[Started]:
    with prefect_api(current) as client:
        ids = {one.name: one.id for one in deployed(client)} if touched else {}
        return [_start_one(client, ids[one.dataset], one, commit) for one in touched]


def _start_one(client: SyncPrefectClient, deployment: UUID, one: Touched, commit: str) -> Started:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.utilities.urls import url_for

    key = f"augmill ci {one.dataset} {commit}"
    same = FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=[key]))
    known = client.read_flow_runs(flow_run_filter=same, sort=FlowRunSort.ID_DESC, limit=1)
    labels: dict[str, bool | int | float | str] = {"augmill.reason": "ci", "augmill.commit": commit}
    run = client.create_flow_run_from_deployment(deployment, idempotency_key=key, labels=labels)
    return Started(one.dataset, one.path, str(run.id), url_for("flow-run", obj_id=run.id), bool(known))


def _wait(runs: Sequence[Started], current: Settings, seconds: float, say: Callable[[str], None]) -> None:
    """Follow the runs until all have ended or the time is up; a server that is away for a while is waited for."""
    deadline = time.monotonic() + seconds
    answered = time.monotonic()
    while left := [run for run in runs if not run.ended]:
        try:
            _look(left, current, say)
            answered = time.monotonic()
        except StorageError:
            if time.monotonic() - answered > PATIENCE_SECONDS:
                raise
        if time.monotonic() > deadline:
            break
        if any(not run.ended for run in left):
            time.sleep(POLL_SECONDS)
    for run in runs:
        if not run.ended:
            run.exit_code = StorageError.exit_code
            run.message = f"not ended within {seconds:g} s" + (NOT_TAKEN if run.state in UNTAKEN else "; it goes on")


def _look(runs: Sequence[Started], current: Settings, say: Callable[[str], None]) -> None:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.client.schemas.sorting import FlowRunSort

    found: dict[str, FlowRun] = {}
    with prefect_api(current) as client:
        for at in range(0, len(runs), PAGE):
            ids = [UUID(run.run_id) for run in runs[at : at + PAGE]]
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=ids))
            page = client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.ID_DESC, limit=PAGE)
            found |= {str(one.id): one for one in page}
    for run in runs:
        _note(run, found.get(run.run_id), say)


def _note(run: Started, found: FlowRun | None, say: Callable[[str], None]) -> None:
    """Note where a run stands; tell when that has changed."""
    if found is None:
        run.state, run.ended, run.exit_code = "Deleted", True, StorageError.exit_code
        run.message = "somebody has deleted it"
    elif found.state is not None:
        changed = run.state != (found.state.name or found.state.type.value)
        run.state = found.state.name or found.state.type.value
        run.seconds = round(found.total_run_time.total_seconds(), 1)
        if found.state.is_final():
            run.ended, run.message = True, " ".join((found.state.message or "").split())
            run.exit_code = 0 if found.state.is_completed() else exit_code_of(run.state, run.message)
            _find_version(run)
        if changed:
            say(f"{run.dataset}: {run.state}")


def exit_code_of(state: str, message: str) -> int:
    """The exit code that `augmill run` would have had, from what Prefect says of a run that did not complete."""
    raised = _RAISED.search(message) if state == "Failed" else None
    return OUR_CODES.get(raised[1], StorageError.exit_code) if raised else StorageError.exit_code


def _find_version(run: Started) -> None:
    """Which version the dataset has now, and whether this run made it; CI may not be able to see the lake."""
    from augmill.tasks.runs.manifest import RUN_ID

    with suppress(AugmillError):
        found = open_lake().find(run.dataset)
        run.version, run.published = found.version, found.snapshot.metadata.get(RUN_ID) == run.run_id
