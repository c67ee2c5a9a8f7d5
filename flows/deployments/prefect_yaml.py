"""`infra/prefect.yaml`: what `augmill deploy` does, as a file for those who deploy with Prefect's own command.

`python -m augmill.flows.deployments.prefect_yaml` rewrites it from the policies of this repository.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from augmill.flows.deployments.deploy import policies_in
from augmill.flows.deployments.deployment_spec import SET_FOLDER_STEP, Deployment, deployment_of
from augmill.flows.settings import WORK_POOL
from augmill.policies.load import load
from augmill.tasks.transforms.catalogue import Catalogue

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = ROOT / "infra" / "prefect.yaml"
CHECKOUT = "{{ $AUGMILL_CHECKOUT }}"
HEAD = """\
# Written by `python -m augmill.flows.deployments.prefect_yaml`; a test keeps it in step with the
# policies. It says what `augmill deploy` does.
# From the folder above, with the work pool made from infra/pools/process.json:
#   prefect deploy --all --prefect-file infra/prefect.yaml
# Workers need AUGMILL_CHECKOUT: where they find this folder.
"""


def prefect_yaml_text(folder: Path) -> str:
    """The text of the file for the policies of a project."""
    catalogue = Catalogue(None)
    policies = [(file, load(file, catalogue).policy) for file in policies_in(folder)]
    deployments = [
        deployment_of(policy, file, project_folder=folder, root=CHECKOUT, pool=WORK_POOL) for file, policy in policies
    ]
    content = {"name": "augmill", "build": None, "push": None, "pull": [{SET_FOLDER_STEP: {"directory": CHECKOUT}}]}
    body = content | {"deployments": [_entry(deployment) for deployment in deployments]}
    return HEAD + yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=116)


def _entry(deployment: Deployment) -> dict[str, Any]:
    schedule = {"cron": deployment.cron, "timezone": deployment.timezone, "active": True}
    return {
        "name": deployment.name,
        "description": deployment.description,
        "entrypoint": deployment.entrypoint,
        "parameters": deployment.parameters,
        "tags": list(deployment.tags),
        "schedules": [schedule] if deployment.cron else [],
        "concurrency_limit": {"limit": deployment.limit, "collision_strategy": deployment.strategy},
        "work_pool": {"name": deployment.pool, "job_variables": deployment.job_variables},
    }


if __name__ == "__main__":
    FILE.write_text(prefect_yaml_text(ROOT), encoding="utf-8")
