"""How the MLflow UI shows a dataset: as a training experiment, its versions listed with their figures.

The columns are a saved view, which MLflow keeps as an experiment tag: its UI shows no metric in the list by itself.
"""

from __future__ import annotations

import json
from urllib.parse import quote

from augmill.tasks.documents.version_document import RunLink

KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Opens the experiment as a training experiment in the UI, not as a generative one."""

VIEW = "augmill"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
TRAINING = "workflowType=machine_learning"

COLUMNS = (
    "attributes.`Dataset`",
    "tags.`augmill.channel`",
    "tags.`augmill.checks`",
    "metrics.`rows/real`",
    "metrics.`rows/augmented`",
    "metrics.`rows/synthetic`",
    "metrics.`rows/quarantined`",
    "metrics.`sli/label_consistency`",
    "metrics.`sli/augmentation_success_rate`",
)


def view_tag(at_unix: float) -> dict[str, str]:
    """The saved view "Versions" as an experiment tag; `at_unix` is shown as the time it was made."""
    at_ms = int(at_unix * 1e3)
    state = json.dumps({"selectedColumns": COLUMNS})
    return {VIEW_TAG: json.dumps({"name": "Versions", "createdAt": at_ms, "updatedAt": at_ms, "state": state})}


def list_path(experiment_id: str | None = None) -> str:
    """The UI's page of one experiment's runs, in our view, or of all experiments; to be put behind the address."""
    if experiment_id is None:
        return f"/#/experiments?{TRAINING}"
    return f"/#/experiments/{quote(experiment_id)}/runs?{TRAINING}&viewStateShareKey={VIEW}"


def run_url(link: RunLink) -> str | None:
    """The run's page on a tracking server; null for a store without one, which `augmill ui` serves."""
    if not link["tracking_uri"].startswith(("http://", "https://")):
        return None
    return f"{link['tracking_uri'].rstrip('/')}/#/experiments/{link['experiment_id']}/runs/{link['run_id']}?{TRAINING}"
