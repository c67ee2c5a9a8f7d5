"""`infra/prefect.yaml`: what `augmill deploy` does, as a file for those who deploy with Prefect's own command.

`python -m augmill.flows.deployments.prefect_yaml` rewrites it from the policies of this repository.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from augmill.flows.deployments.deploy import policies_in
from augmill.flows.deployments.deployment_spec import ENTER, Deployment, wanted
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


def declared(folder: Path) -> str:
    """The text of the file for the policies of a project."""
    catalogue = Catalogue(None)
    found = [(file, load(file, catalogue).policy) for file in policies_in(folder)]
    deployments = [wanted(policy, file, here=folder, root=CHECKOUT, pool=WORK_POOL) for file, policy in found]
    content = {"name": "augmill", "build": None, "push": None, "pull": [{ENTER: {"directory": CHECKOUT}}]}
    body = content | {"deployments": [_entry(one) for one in deployments]}
    return HEAD + yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=116)


def _entry(one: Deployment) -> dict[str, Any]:
    schedule = {"cron": one.cron, "timezone": one.timezone, "active": True}
    return {
        "name": one.name,
        "description": one.description,
        "entrypoint": one.entrypoint,
        "parameters": one.parameters,
        "tags": list(one.tags),
        "schedules": [schedule] if one.cron else [],
        "concurrency_limit": {"limit": one.limit, "collision_strategy": one.strategy},
        "work_pool": {"name": one.pool, "job_variables": one.job_variables},
    }


if __name__ == "__main__":
    FILE.write_text(declared(ROOT), encoding="utf-8")
