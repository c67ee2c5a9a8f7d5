"""What Prefect is to hold of a policy: a deployment named as the dataset, whose run is `augmill run` of the file."""

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
OURS = "augmill"
"""The tag of the deployments that `augmill deploy` may change and remove."""
ENTER = "prefect.deployments.steps.set_working_directory"
AT_START = {**ONE_THREAD, "ARROW_DEFAULT_MEMORY_POOL": "system"}
STRATEGIES = {"wait": "ENQUEUE", "skip": "CANCEL_NEW"}


@dataclass(frozen=True)
class Deployment:
    """One deployment, as asked for or as a server has it; two that are equal run the same.

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
    tags: tuple[str, ...] = (OURS,)
    entrypoint: str = ENTRYPOINT
    limit: int | None = 1
    # The engine imports our code before a line of ours can say how many threads BLAS may have, which it reads once.
    job_variables: dict[str, Any] = field(default_factory=lambda: {"env": dict(AT_START)})

    def changes(self, before: Deployment) -> list[str]:
        """The fields in which it differs from another."""
        return [name for name in vars(self) if getattr(self, name) != getattr(before, name)]

    @property
    def policy(self) -> str:
        """The policy file as the run is told it."""
        return str(self.parameters.get("policy", ""))

    @property
    def pull_steps(self) -> list[dict[str, Any]]:
        """How a worker of any kind gets into the folder."""
        return [{ENTER: {"directory": self.root}}]


def wanted(policy: Policy, file: Path, *, here: Path, root: str, pool: str) -> Deployment:
    """The deployment that a policy asks for; files below `here` are named as seen from there."""
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
        parameters={"policy": seen_from(here, file), "runner": schedule.runner},
        tags=tuple(sorted({OURS, policy.modality, *schedule.tags})),
    )


def found(response: DeploymentResponse) -> Deployment:
    """A deployment as the server has it; what we would never have made differs from all that we make."""
    from prefect.client.schemas.schedules import CronSchedule

    crons = [one.schedule for one in response.schedules if isinstance(one.schedule, CronSchedule)]
    one = crons[0] if len(crons) == len(response.schedules) == 1 else None
    limit, options = response.global_concurrency_limit, response.concurrency_options
    steps = response.pull_steps or []
    entered = steps[0].get(ENTER, {}) if len(steps) == 1 else {}
    return Deployment(
        name=response.name,
        description=response.description or "",
        root=str(entered.get("directory", "")),
        pool=response.work_pool_name or "",
        cron=one.cron if one else None if not response.schedules else "more than one schedule",
        timezone=(one.timezone or "UTC") if one else "UTC",
        strategy=options.collision_strategy.value if options else "",
        parameters=response.parameters,
        tags=tuple(sorted(response.tags)),
        entrypoint=response.entrypoint or "",
        limit=limit.limit if limit else None,
        job_variables=response.job_variables,
    )


def seen_from(here: Path, file: Path) -> str:
    """A file's path from a folder above it; else the whole path, which no other machine will know."""
    full = file.expanduser().absolute()
    return full.relative_to(here).as_posix() if full.is_relative_to(here) else str(full)


def refuse_same_names(deployments: list[Deployment]) -> None:
    """Raise PolicyError where two policies are of one dataset: one deployment cannot be both."""
    by_name: dict[str, list[str]] = {}
    for one in deployments:
        by_name.setdefault(one.name, []).append(one.policy)
    twice = [f"{name} ({', '.join(files)})" for name, files in sorted(by_name.items()) if len(files) > 1]
    if twice:
        raise PolicyError(
            f"more than one policy is of the dataset {'; '.join(twice)}.", "Give each policy a dataset of its own."
        )
