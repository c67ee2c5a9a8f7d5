"""`infra/prefect.yaml` says what `augmill deploy` does; the templates of work pools are such as Prefect takes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from augmill.flows.deployments import prefect_yaml
from augmill.flows.deployments.deploy import policies_in, read_deployments
from augmill.flows.deployments.deployment_spec import Deployment, deployment_of, deployment_on_server
from augmill.policies.load import load
from augmill.tasks.transforms.catalogue import Catalogue
from tests.fixtures_prefect import PrefectServer, clean_environment

ROOT = Path(__file__).resolve().parents[3]
POOLS = sorted((ROOT / "infra" / "pools").glob("*.json"))


def test_the_file_is_in_step_with_the_policies():
    assert prefect_yaml.FILE.read_text() == prefect_yaml.prefect_yaml_text(ROOT), (
        "run python -m augmill.flows.deployments.prefect_yaml"
    )


def test_a_schedule_is_declared_as_prefect_spells_it(tmp_path):
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.yaml").write_text(
        "dataset: a\nmodality: tabular\nsource: {uri: a.csv}\nlabel: y\nschedule: {cron: '0 3 * * *', overlap: skip}\n"
    )
    text = prefect_yaml.prefect_yaml_text(tmp_path)
    assert "- cron: 0 3 * * *\n    timezone: UTC\n    active: true\n" in text
    assert "collision_strategy: CANCEL_NEW" in text


def test_a_password_in_a_policys_texts_stays_out_of_its_deployment(tmp_path):
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.yaml").write_text(
        "dataset: a\nmodality: tabular\nsource: {uri: a.csv}\nlabel: y\n"
        "description: See https://ada:hunter2@example.org/x?token=hunter3\nowner: s3://key:hunter4@bucket\n"
    )
    text = prefect_yaml.prefect_yaml_text(tmp_path)
    assert "example.org" in text
    assert "hunter" not in text


def test_prefects_own_command_makes_of_it_what_we_make(prefect_server: PrefectServer, tmp_path: Path) -> None:
    from prefect import settings
    from prefect.client.orchestration import get_client

    from augmill.flows.deployments.pools import ensure_pool

    with (
        settings.temporary_settings({settings.PREFECT_API_URL: prefect_server.api_url}),
        get_client(sync_client=True) as client,
    ):
        ensure_pool(client, "augmill")
        command = [sys.executable, "-m", "prefect", "deploy", "--all", "--prefect-file", "infra/prefect.yaml"]
        environment = clean_environment(PREFECT_API_URL=prefect_server.api_url, PREFECT_HOME=str(tmp_path))
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        there = {one.name: deployment_on_server(one) for one in read_deployments(client)}
        for one in read_deployments(client):
            client.delete_deployment(one.id)
    for file in policies_in(ROOT):
        ours = deployment_of(
            load(file, Catalogue(None)).policy, file, project_folder=ROOT, root=prefect_yaml.CHECKOUT, pool="augmill"
        )
        assert same(there[ours.name], ours)


def same(theirs: Deployment, ours: Deployment) -> bool:
    assert vars(theirs) == vars(ours)
    return theirs == ours


@pytest.mark.parametrize("file", POOLS, ids=lambda file: file.stem)
def test_prefect_takes_the_template_and_every_placeholder_in_it_is_a_variable(file):
    from uuid import uuid4

    from prefect.client.schemas.actions import DeploymentCreate, WorkPoolCreate

    template = json.loads(file.read_text())
    WorkPoolCreate(name="pool", type=file.stem, base_job_template=template)
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert used == set(template["variables"]["properties"])
    variables = {"env": {"OMP_NUM_THREADS": "1"}}
    DeploymentCreate(name="d", flow_id=uuid4(), job_variables=variables).check_valid_configuration(template)


@pytest.mark.parametrize("file", POOLS, ids=lambda file: file.stem)
def test_a_template_sets_nothing_that_prefects_worker_does_not_know(file):
    import prefect.server.api

    views = Path(prefect.server.api.__file__).parent / "collections_data" / "views" / "aggregate-worker-metadata.json"
    known = {name: worker for package in json.loads(views.read_text()).values() for name, worker in package.items()}
    theirs = known[file.stem]["default_base_job_configuration"]["job_configuration"]
    assert set(json.loads(file.read_text())["job_configuration"]) <= set(theirs)


def test_a_job_on_kubernetes_has_no_rights_and_bounds_and_its_secrets_are_not_in_prefect():
    job = json.loads((ROOT / "infra" / "pools" / "kubernetes.json").read_text())["job_configuration"]["job_manifest"]
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert set(container["resources"]) == {"requests", "limits"}
    assert container["envFrom"][1] == {"secretRef": {"name": "{{ secret }}"}}
