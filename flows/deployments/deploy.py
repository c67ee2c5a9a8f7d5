"""Create, update and remove deployments on a Prefect server. Needs PREFECT_API_URL.

All raise PolicyError or StorageError, each with its remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augmill.flows.deployments.deployment_spec import (
    FLOW,
    TAG,
    Deployment,
    deployment_of,
    deployment_on_server,
    refuse_same_names,
)
from augmill.flows.deployments.pools import ensure_pool
from augmill.flows.servers.prefect_api import prefect_api
from augmill.flows.settings import Settings
from augmill.policies.errors import Finding, PolicyError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

    from augmill.policies.schema import Policy

PAGE = 200

PruneChoice = Callable[[Sequence[Deployment]], Sequence[Deployment]]
"""Chooses which of the deployments whose policy no longer exists are removed."""


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
    prune: bool | PruneChoice = False,
    dry_run: bool = False,
    project_folder: Path | None = None,
) -> dict[str, Any]:
    """Make the server hold one deployment per policy; deployments that are already correct are not touched.

    All policies are linted before the first request to the server. `prune`: whether deployments of this checkout
    whose policy no longer exists are removed, or a function that chooses which of them. With `dry_run` nothing changes.
    The document lists names under `created`, `updated` (with the fields), `unchanged`, `removed` and `gone` (those left
    in place).
    """
    project_folder = project_folder or Path.cwd()
    root = current.checkout or str(project_folder)
    deployments = [
        deployment_of(policy, file, project_folder=project_folder, root=root, pool=current.work_pool)
        for file, policy in _load_policies(files)
    ]
    refuse_same_names(deployments)
    with prefect_api(current) as client:
        pool = ensure_pool(client, current.work_pool, dry_run=dry_run)
        existing = {response.name: response for response in read_deployments(client)}
        _refuse_foreign_deployments(client, deployments, existing)
        _refuse_same_datasets(
            deployments, [deployment_on_server(response) for response in existing.values()], project_folder
        )
        document = _apply(client, deployments, existing, dry_run)
        orphans = [
            deployment
            for deployment in map(deployment_on_server, existing.values())
            if deployment.root == root and _has_lost_policy(deployment, project_folder, deployments)
        ]
        remove = (prune(orphans) if callable(prune) else orphans if prune else []) if orphans else []
        if not dry_run:
            for deployment in remove:
                client.delete_deployment(existing[deployment.name].id)
        return document | {
            "removed": [deployment.name for deployment in remove],
            "gone": [deployment.name for deployment in orphans if deployment not in remove],
            "work_pool": pool,
            "root": root,
            "server": current.prefect_api_url,
            "dry_run": dry_run,
            "deployments": [asdict(deployment) for deployment in deployments],
        }


def read_deployments(client: SyncPrefectClient) -> list[DeploymentResponse]:
    """The deployments of our flow that have our tag; all others belong to somebody else."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags, FlowFilter, FlowFilterName
    from prefect.client.schemas.sorting import DeploymentSort

    tag_filter = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    flow_filter = FlowFilter(name=FlowFilterName(any_=[FLOW]))
    responses: list[DeploymentResponse] = []
    while True:
        page = client.read_deployments(
            flow_filter=flow_filter,
            deployment_filter=tag_filter,
            limit=PAGE,
            offset=len(responses),
            sort=DeploymentSort.NAME_ASC,
        )
        responses += page
        if len(page) < PAGE:
            return responses


def _load_policies(files: Sequence[Path]) -> list[tuple[Path, Policy]]:
    """Every policy, loaded and linted without its data. Raises one PolicyError with the findings of all."""
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


def _refuse_foreign_deployments(
    client: SyncPrefectClient, deployments: Sequence[Deployment], existing: Mapping[str, DeploymentResponse]
) -> None:
    """Refuse to overwrite a deployment that we did not make: Prefect would do so without a warning."""
    from prefect.exceptions import ObjectNotFound

    for deployment in deployments:
        if deployment.name in existing:
            continue
        with suppress(ObjectNotFound):
            client.read_deployment_by_name(f"{FLOW}/{deployment.name}")
            raise PolicyError(
                f"the deployment {FLOW}/{deployment.name} on the Prefect server is not one that `augmill deploy` made.",
                f"Give the dataset of {deployment.policy} another name, remove the deployment, or give it the tag "
                f"{TAG!r} so that it becomes ours.",
            )


def _refuse_same_datasets(
    deployments: Sequence[Deployment], existing: Sequence[Deployment], project_folder: Path
) -> None:
    """Refuse a dataset that another existing policy file, not among those to be deployed, has already."""
    policy_files = {deployment.policy for deployment in deployments}
    others = [
        deployment
        for deployment in existing
        if deployment.policy not in policy_files and (project_folder / deployment.policy).is_file()
    ]
    names_and_roots = {(deployment.name, deployment.root) for deployment in deployments}
    refuse_same_names(
        [
            *deployments,
            *(
                deployment
                for deployment in others
                if (deployment.name, deployment.root) in names_and_roots
                and _has_same_dataset(deployment, project_folder)
            ),
        ]
    )


def _has_same_dataset(deployment: Deployment, project_folder: Path) -> bool:
    """Whether a deployment's policy file still names the deployment's dataset."""
    from augmill.flows.run_events import dataset_of

    return dataset_of(project_folder / deployment.policy) == deployment.name


def _apply(
    client: SyncPrefectClient, deployments: Sequence[Deployment], existing: dict[str, DeploymentResponse], dry_run: bool
) -> dict[str, Any]:
    created, unchanged = [], []
    updated: dict[str, list[str]] = {}
    for deployment in deployments:
        response = existing.get(deployment.name)
        changes = deployment.changes(deployment_on_server(response)) if response else []
        if response and not changes:
            unchanged.append(deployment.name)
            continue
        if response:
            updated[deployment.name] = changes
        else:
            created.append(deployment.name)
        if not dry_run:
            _write_deployment(client, deployment, response)
    return {"created": created, "updated": updated, "unchanged": unchanged}


def _write_deployment(client: SyncPrefectClient, deployment: Deployment, response: DeploymentResponse | None) -> None:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.utilities.callables import parameter_schema

    from augmill.flows.augment import augment

    # A schedule that somebody has paused in the UI stays paused, whatever else changes.
    active = all(schedule.active for schedule in response.schedules) if response else True
    schedule = CronSchedule(cron=deployment.cron, timezone=deployment.timezone) if deployment.cron else None
    client.create_deployment(
        flow_id=client.create_flow_from_name(FLOW),
        name=deployment.name,
        description=deployment.description,
        entrypoint=deployment.entrypoint,
        pull_steps=deployment.pull_steps,
        work_pool_name=deployment.pool,
        job_variables=deployment.job_variables,
        parameters=deployment.parameters,
        tags=list(deployment.tags),
        schedules=[DeploymentScheduleCreate(schedule=schedule, active=active)] if schedule else [],
        concurrency_limit=deployment.limit,
        concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy(deployment.strategy)),
        parameter_openapi_schema=parameter_schema(augment).model_dump_for_openapi(),
        enforce_parameter_schema=True,
    )


def _has_lost_policy(deployment: Deployment, project_folder: Path, deployments: Sequence[Deployment]) -> bool:
    """Whether a deployment's policy no longer exists: its file is missing, or names another dataset.

    False where another file names the dataset now: the deployment belongs to that file.
    """
    dataset_by_file = {other.policy: other.name for other in deployments}
    if deployment.name in dataset_by_file.values():
        return False
    return (
        not (project_folder / deployment.policy).is_file()
        or dataset_by_file.get(deployment.policy, deployment.name) != deployment.name
    )
