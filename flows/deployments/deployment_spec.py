"""The Prefect deployment of a policy: it has the name of the dataset, and its run is `augmill run` of the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augmill.flows.settings import ONE_THREAD
from augmill.policies.errors import PolicyError
from augmill.policies.schedule import Schedule
from augmill.policies.schema import Policy
from augmill.tasks.sanitize.redact import redact_text

if TYPE_CHECKING:
    from prefect.client.schemas.responses import DeploymentResponse

FLOW = "augment"
ENTRYPOINT = "augmill.flows.augment.augment"
"""A module path: the path of a script would put `flows/` at the front of `sys.path`."""
TAG = "augmill"
"""The tag of the deployments that `augmill deploy` may change and remove."""
SET_FOLDER_STEP = "prefect.deployments.steps.set_working_directory"
START_VARIABLES = {**ONE_THREAD, "ARROW_DEFAULT_MEMORY_POOL": "system"}
STRATEGIES = {"wait": "ENQUEUE", "skip": "CANCEL_NEW"}


@dataclass(frozen=True)
class Deployment:
    """One deployment, as a policy defines it or as a server has it; two equal ones start the same run.

    `root`: the folder on the worker that the run starts in, where `parameters["policy"]`, settings in `.env` and the
    home are looked for. Whether it is paused is not part of it: that is for whoever is on call to say.
    """

    name: str
    description: str
    root: str
    pool: str
    cron: str | None
    timezone: str
    strategy: str
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = (TAG,)
    entrypoint: str = ENTRYPOINT
    limit: int | None = 1
    # The engine imports our code before a line of ours can say how many threads BLAS may have, which it reads once.
    job_variables: dict[str, Any] = field(default_factory=lambda: {"env": dict(START_VARIABLES)})

    def changes(self, before: Deployment) -> list[str]:
        """The names of the fields that differ from `before`."""
        return [name for name in vars(self) if getattr(self, name) != getattr(before, name)]

    @property
    def policy(self) -> str:
        """The path of the policy file, as it is passed to the run."""
        return str(self.parameters.get("policy", ""))

    @property
    def pull_steps(self) -> list[dict[str, Any]]:
        """The step by which a worker of any kind changes to the folder."""
        return [{SET_FOLDER_STEP: {"directory": self.root}}]


def deployment_of(policy: Policy, file: Path, *, project_folder: Path, root: str, pool: str) -> Deployment:
    """The deployment that a policy defines; paths of files below `project_folder` are relative to it."""
    schedule = policy.schedule or Schedule()
    owner = f"Owner: {policy.owner}" if policy.owner.strip() else ""
    return Deployment(
        name=policy.dataset,
        description=redact_text("\n\n".join(part for part in (policy.description.strip(), owner) if part)),
        root=root,
        pool=pool,
        cron=schedule.cron,
        timezone=schedule.timezone,
        strategy=STRATEGIES[schedule.overlap],
        parameters={"policy": path_from(project_folder, file), "runner": schedule.runner},
        tags=tuple(sorted({TAG, policy.modality, *schedule.tags})),
    )


def deployment_on_server(response: DeploymentResponse) -> Deployment:
    """A deployment as the server has it; one with fields that we never write is unequal to every one of ours."""
    from prefect.client.schemas.schedules import CronSchedule

    crons = [entry.schedule for entry in response.schedules if isinstance(entry.schedule, CronSchedule)]
    schedule = crons[0] if len(crons) == len(response.schedules) == 1 else None
    limit, options = response.global_concurrency_limit, response.concurrency_options
    steps = response.pull_steps or []
    entered = steps[0].get(SET_FOLDER_STEP, {}) if len(steps) == 1 else {}
    return Deployment(
        name=response.name,
        description=response.description or "",
        root=str(entered.get("directory", "")),
        pool=response.work_pool_name or "",
        cron=schedule.cron if schedule else None if not response.schedules else "more than one schedule",
        timezone=(schedule.timezone or "UTC") if schedule else "UTC",
        strategy=options.collision_strategy.value if options else "",
        parameters=response.parameters,
        tags=tuple(sorted(response.tags)),
        entrypoint=response.entrypoint or "",
        limit=limit.limit if limit else None,
        job_variables=response.job_variables,
    )


def path_from(folder: Path, file: Path) -> str:
    """A file's path relative to a folder above it; else the absolute path, which other machines do not have."""
    full = file.expanduser().absolute()
    return full.relative_to(folder).as_posix() if full.is_relative_to(folder) else str(full)


def refuse_same_names(deployments: list[Deployment]) -> None:
    """Raise PolicyError where two policies have one dataset: there is one deployment per dataset."""
    by_name: dict[str, list[str]] = {}
    for deployment in deployments:
        by_name.setdefault(deployment.name, []).append(deployment.policy)
    twice = [f"{name} ({', '.join(files)})" for name, files in sorted(by_name.items()) if len(files) > 1]
    if twice:
        raise PolicyError(
            f"more than one policy is of the dataset {'; '.join(twice)}.", "Give each policy a dataset of its own."
        )
