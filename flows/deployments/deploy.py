"""Deployments on a Prefect server: put there, and taken away. Needs PREFECT_API_URL.

All raise PolicyError or StorageError, each with its remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augmill.flows.deployments.deployment_spec import FLOW, OURS, Deployment, found, refuse_same_names, wanted
from augmill.flows.deployments.pools import ensure_pool
from augmill.flows.servers.prefect_api import prefect_api
from augmill.flows.settings import Settings
from augmill.policies.errors import Finding, PolicyError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

    from augmill.policies.schema import Policy

PAGE = 200

Chosen = Callable[[Sequence[Deployment]], Sequence[Deployment]]
"""Which of the deployments whose policy is gone are to be removed."""


def policies_in(folder: Path) -> list[Path]:
    """The policy files of a project. Raises PolicyError where it has none."""
    files = sorted(file for pattern in ("*.yaml", "*.yml") for file in (folder / "policies").glob(pattern))
    if not files:
        raise PolicyError(
            f"there is no policy in {folder / 'policies'}.", "Name policy files, or change to the folder above them."
        )
    return files


def deploy(
    files: Sequence[Path],
    current: Settings,
    *,
    prune: bool | Chosen = False,
    dry_run: bool = False,
    here: Path | None = None,
) -> dict[str, Any]:
    """Make the server hold one deployment per policy; what is as it should be is not touched.

    All policies are judged before the server is asked for anything. `prune`: whether deployments of this checkout
    whose policy is gone are removed, or a function that is asked which of them. With `dry_run` nothing changes. The
    document lists names under `created`, `updated` (with the fields), `unchanged`, `removed` and `gone` (those left
    in place).
    """
    here = here or Path.cwd()
    root = current.checkout or str(here)
    asked = [wanted(policy, file, here=here, root=root, pool=current.work_pool) for file, policy in _judged(files)]
    refuse_same_names(asked)
    with prefect_api(current) as client:
        pool = ensure_pool(client, current.work_pool, dry_run=dry_run)
        before = {one.name: one for one in deployed(client)}
        _refuse_those_of_others(client, asked, before)
        _refuse_rivals(asked, [found(one) for one in before.values()], here)
        document = _applied(client, asked, before, dry_run)
        lost = [one for one in map(found, before.values()) if one.root == root and _gone(one, here, asked)]
        remove = (prune(lost) if callable(prune) else lost if prune else []) if lost else []
        if not dry_run:
            for one in remove:
                client.delete_deployment(before[one.name].id)
        return document | {
            "removed": [one.name for one in remove],
            "gone": [one.name for one in lost if one not in remove],
            "work_pool": pool,
            "root": root,
            "server": current.prefect_api_url,
            "dry_run": dry_run,
            "deployments": [asdict(one) for one in asked],
        }


def deployed(client: SyncPrefectClient) -> list[DeploymentResponse]:
    """The deployments of our flow that bear our tag; all others are none of our business."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags, FlowFilter, FlowFilterName
    from prefect.client.schemas.sorting import DeploymentSort

    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[OURS]))
    flow = FlowFilter(name=FlowFilterName(any_=[FLOW]))
    every: list[DeploymentResponse] = []
    while True:
        page = client.read_deployments(
            flow_filter=flow,
            deployment_filter=ours,
            limit=PAGE,
            offset=len(every),
            sort=DeploymentSort.NAME_ASC,
        )
        every += page
        if len(page) < PAGE:
            return every


def _judged(files: Sequence[Path]) -> list[tuple[Path, Policy]]:
    """Every policy, read and judged without its data. Raises one PolicyError with the findings of all."""
    from augmill.flows.settings import settings
    from augmill.policies.lint import lint
    from augmill.policies.load import load
    from augmill.tasks.transforms.catalogue import Catalogue

    catalogue = Catalogue(settings().plugins)
    good: list[tuple[Path, Policy]] = []
    findings: list[Finding] = []
    for file in files:
        try:
            loaded = load(file, catalogue)
            findings += lint(loaded, catalogue)
            good.append((file, loaded.policy))
        except PolicyError as fault:
            if not fault.findings:
                raise
            findings += fault.findings
    if errors := [finding for finding in findings if finding.severity == "error"]:
        raise PolicyError("nothing was deployed: a policy has errors.", "Mend the lines above.", errors)
    return good


def _refuse_those_of_others(
    client: SyncPrefectClient, asked: Sequence[Deployment], before: Mapping[str, DeploymentResponse]
) -> None:
    """Prefect would write over a deployment of the same name without a word, whoever made it."""
    from prefect.exceptions import ObjectNotFound

    for one in asked:
        if one.name in before:
            continue
        with suppress(ObjectNotFound):
            client.read_deployment_by_name(f"{FLOW}/{one.name}")
            raise PolicyError(
                f"the deployment {FLOW}/{one.name} on the Prefect server is not one that `augmill deploy` made.",
                f"Give the dataset of {one.policy} another name, remove the deployment, or give it the tag {OURS!r} "
                "so that it becomes ours.",
            )


def _refuse_rivals(asked: Sequence[Deployment], before: Sequence[Deployment], here: Path) -> None:
    """A policy that is not among those asked for may have the dataset already."""
    named = {one.policy for one in asked}
    others = [one for one in before if one.policy not in named and (here / one.policy).is_file()]
    mine = {(one.name, one.root) for one in asked}
    refuse_same_names([*asked, *(one for one in others if (one.name, one.root) in mine and _still(one, here))])


def _still(one: Deployment, here: Path) -> bool:
    """Whether the policy of a deployment is still of its dataset."""
    from augmill.flows.run_events import dataset_of

    return dataset_of(here / one.policy) == one.name


def _applied(
    client: SyncPrefectClient, asked: Sequence[Deployment], before: dict[str, DeploymentResponse], dry_run: bool
) -> dict[str, Any]:
    created, unchanged = [], []
    updated: dict[str, list[str]] = {}
    for one in asked:
        old = before.get(one.name)
        changes = one.changes(found(old)) if old else []
        if old and not changes:
            unchanged.append(one.name)
            continue
        if old:
            updated[one.name] = changes
        else:
            created.append(one.name)
        if not dry_run:
            _put(client, one, old)
    return {"created": created, "updated": updated, "unchanged": unchanged}


def _put(client: SyncPrefectClient, one: Deployment, old: DeploymentResponse | None) -> None:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.utilities.callables import parameter_schema

    from augmill.flows.augment import augment

    # A schedule that somebody has paused in the UI stays paused, whatever else changes.
    active = all(schedule.active for schedule in old.schedules) if old else True
    schedule = CronSchedule(cron=one.cron, timezone=one.timezone) if one.cron else None
    client.create_deployment(
        flow_id=client.create_flow_from_name(FLOW),
        name=one.name,
        description=one.description,
        entrypoint=one.entrypoint,
        pull_steps=one.pull_steps,
        work_pool_name=one.pool,
        job_variables=one.job_variables,
        parameters=one.parameters,
        tags=list(one.tags),
        schedules=[DeploymentScheduleCreate(schedule=schedule, active=active)] if schedule else [],
        concurrency_limit=one.limit,
        concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy(one.strategy)),
        parameter_openapi_schema=parameter_schema(augment).model_dump_for_openapi(),
        enforce_parameter_schema=True,
    )


def _gone(one: Deployment, here: Path, asked: Sequence[Deployment]) -> bool:
    """Whether the policy of a deployment is no more: its file, or its dataset in that file.

    Not where another file has the dataset now: the deployment is that file's.
    """
    now = {other.policy: other.name for other in asked}
    if one.name in now.values():
        return False
    return not (here / one.policy).is_file() or now.get(one.policy, one.name) != one.name
