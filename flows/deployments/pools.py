"""The work pool in which runs wait: the default one is created if missing; one named by the settings must exist."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

from augmill.flows.settings import WORK_POOL
from augmill.policies.errors import PolicyError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

TYPES = ("process", "docker", "kubernetes")


def ensure_pool(client: SyncPrefectClient, name: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Create the default work pool if it is missing; PolicyError where a pool cannot be used.

    Returns its name, whether it was `created`, and whether it is `paused`: then no worker takes a run from it.
    """
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound as missing:
        if name != WORK_POOL:
            raise PolicyError(
                f"there is no work pool {name!r} on the Prefect server.",
                f"Make it with `prefect work-pool create {shlex.quote(name)}` from a template in infra/pools/, or "
                "correct AUGMILL_WORK_POOL.",
            ) from missing
        if not dry_run:
            new_pool = WorkPoolCreate(name=name, type="process", base_job_template=process_template())
            try:
                client.create_work_pool(new_pool)
            except ObjectAlreadyExists:  # by another deploy, a moment ago
                return {"name": name, "created": False, "paused": False}
        return {"name": name, "created": True, "paused": False}
    if pool.type not in TYPES:
        raise PolicyError(
            f"the work pool {name!r} is of the type {pool.type!r}, which cannot start a run of augmill.",
            f"Name one of the type {', '.join(TYPES)} in AUGMILL_WORK_POOL.",
        )
    return {"name": name, "created": False, "paused": pool.is_paused}


def process_template() -> dict[str, Any]:
    """Prefect's own template for processes, with the interpreter that augmill is installed for.

    With a command of its own a run starts as one process. Without, Prefect starts three, one after another, to find
    out what to start: seconds between the hour of a schedule and its run.
    """
    from prefect.workers.process import ProcessWorker

    template: dict[str, Any] = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["command"]["default"] = f"{shlex.quote(sys.executable)} -m prefect.engine"
    return template
