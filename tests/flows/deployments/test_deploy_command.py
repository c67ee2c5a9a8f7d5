"""`augmill deploy` against a real Prefect server: what it puts there, leaves alone, takes away and refuses."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from prefect.exceptions import ObjectNotFound

from augmill.flows.cli import main
from augmill.flows.deployments.deploy import read_deployments
from augmill.flows.servers import prefect_api as prefect_module
from augmill.flows.servers import prefect_server as server_module
from tests.fixtures_prefect import PrefectServer, clean_environment

POLICY = """\
dataset: {name}
description: Wines of three cultivars.
owner: cellar
modality: tabular
source: {{uri: data.csv}}
label: target
{more}
"""
NIGHTLY = "schedule: {cron: '0 3 * * *', timezone: Europe/Berlin, overlap: skip, tags: [nightly]}"


class Project:
    """A folder with policies, as a user has one; `deploy` calls the command in it."""

    def __init__(self, folder: Path, prefix: str, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self.prefix, self.capfd = folder, prefix, capfd
        (folder / "policies").mkdir()

    def policy(self, name: str, more: str = "", file: str | None = None) -> Path:
        path = self.folder / "policies" / f"{file or name}.yaml"
        path.write_text(POLICY.format(name=f"{self.prefix}-{name}", more=more))
        return path

    def call(self, *options: str) -> tuple[int, str, str]:
        self.capfd.readouterr()
        code = main(["deploy", *options])
        return code, *self.capfd.readouterr()

    def deploy(self, *options: str) -> dict:
        code, out, err = self.call(*options, "--json")
        assert code == 0, (out, err)
        return json.loads(out)

    def named(self, *names: str) -> list[str]:
        return [f"{self.prefix}-{name}" for name in names]

    def refused(self, code: int, *words: str, options: tuple[str, ...] = ()) -> str:
        got, out, err = self.call(*options)
        assert (got, out) == (code, ""), (out, err)
        assert "Traceback" not in err
        for word in words:
            assert word in err
        return err


@pytest.fixture(scope="module")
def client(prefect_server: PrefectServer):
    from prefect import settings
    from prefect.client.orchestration import get_client

    with (
        settings.temporary_settings({settings.PREFECT_API_URL: prefect_server.api_url}),
        get_client(sync_client=True) as client,
    ):
        yield client


@pytest.fixture
def project(
    tmp_path: Path,
    prefect_api_url: str,
    client,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Iterator[Project]:
    monkeypatch.chdir(tmp_path)
    prefix = hashlib.sha256(request.node.name.encode()).hexdigest()[:8]
    yield Project(tmp_path, prefix, capfd)
    for one in read_deployments(client):
        if one.name.startswith(prefix):
            client.delete_deployment(one.id)


def read(client, project: Project, name: str):
    return client.read_deployment_by_name(f"augment/{project.prefix}-{name}")


def test_a_deployment_says_what_the_policy_says(project, client):
    project.policy("wine", NIGHTLY)
    project.policy("beer")
    document = project.deploy()
    assert sorted(document["created"]) == sorted(project.named("wine", "beer"))
    wine, beer = read(client, project, "wine"), read(client, project, "beer")
    assert (wine.entrypoint, wine.work_pool_name) == ("augmill.flows.augment.augment", "augmill")
    assert wine.parameters == {"policy": "policies/wine.yaml", "runner": None}
    assert wine.description == "Wines of three cultivars.\n\nOwner: cellar"
    assert set(wine.tags) == {"augmill", "tabular", "nightly"}
    (schedule,) = wine.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 3 * * *", "Europe/Berlin")
    assert wine.global_concurrency_limit.limit == beer.global_concurrency_limit.limit == 1
    assert wine.concurrency_options.collision_strategy == "CANCEL_NEW"
    assert beer.concurrency_options.collision_strategy == "ENQUEUE"
    assert beer.schedules == []
    assert set(wine.parameter_openapi_schema["properties"]) == {"policy", "runner"}


def test_a_second_deploy_changes_nothing_and_says_so(project, client):
    project.policy("wine", NIGHTLY)
    project.deploy()
    before = read(client, project, "wine")
    code, out, _ = project.call()
    assert code == 0
    assert "as it was" in out
    assert "Nothing to change" in out
    after = read(client, project, "wine")
    assert after == before
    assert (after.updated, after.schedules[0].id) == (before.updated, before.schedules[0].id)


def test_what_changed_in_the_policy_changes_there_and_what_was_paused_stays_paused(project, client):
    project.policy("wine", NIGHTLY)
    project.deploy()
    old = read(client, project, "wine")
    client.update_deployment_schedule(old.id, old.schedules[0].id, active=False)
    project.policy("wine", NIGHTLY.replace("0 3", "30 4").replace("skip", "wait"))
    assert project.deploy()["updated"] == {project.named("wine")[0]: ["cron", "strategy"]}
    new = read(client, project, "wine")
    assert new.id == old.id
    assert (new.schedules[0].schedule.cron, new.schedules[0].active) == ("30 4 * * *", False)
    project.policy("wine")
    assert project.deploy()["updated"] == {project.named("wine")[0]: ["cron", "timezone", "tags"]}
    assert read(client, project, "wine").schedules == []


def test_a_change_made_by_hand_is_undone(project, client):
    from prefect.client.schemas.actions import DeploymentUpdate

    project.policy("wine", NIGHTLY)
    project.deploy()
    client.update_deployment(read(client, project, "wine").id, DeploymentUpdate(tags=["augmill"], concurrency_limit=5))
    assert project.deploy()["updated"] == {project.named("wine")[0]: ["tags", "limit"]}
    assert read(client, project, "wine").global_concurrency_limit.limit == 1


def test_what_has_no_policy_any_more_is_named_and_removed_when_that_is_wanted(project, client):
    file = project.policy("wine")
    project.policy("beer")
    project.deploy()
    file.unlink()
    document = project.deploy()
    assert (document["gone"], document["removed"]) == (project.named("wine"), [])
    assert "--prune" in project.call()[1]
    assert read(client, project, "wine").name
    assert project.deploy("--prune", "--dry-run")["removed"] == project.named("wine")
    assert read(client, project, "wine").name
    assert project.deploy("--prune")["removed"] == project.named("wine")
    with pytest.raises(ObjectNotFound):
        read(client, project, "wine")
    assert read(client, project, "beer").name


def test_a_file_of_another_dataset_leaves_the_first_without_a_policy(project):
    project.policy("wine", file="drinks")
    project.deploy()
    project.policy("mead", file="drinks")
    document = project.deploy("--prune")
    assert (document["created"], document["removed"]) == (project.named("mead"), project.named("wine"))


def test_a_renamed_file_keeps_the_deployment_of_its_dataset(project, client):
    file = project.policy("wine")
    project.deploy()
    file.rename(file.with_name("drinks.yaml"))
    document = project.deploy("--prune")
    assert (document["updated"], document["removed"]) == ({project.named("wine")[0]: ["parameters"]}, [])
    assert read(client, project, "wine").parameters["policy"] == "policies/drinks.yaml"


def test_two_files_that_swap_their_datasets_keep_both_deployments(project, client):
    for name, file in (("wine", "a"), ("beer", "b")):
        project.policy(name, file=file)
    project.deploy()
    for name, file in (("beer", "a"), ("wine", "b")):
        project.policy(name, file=file)
    document = project.deploy("--prune")
    assert (sorted(document["updated"]), document["removed"]) == (sorted(project.named("wine", "beer")), [])
    assert read(client, project, "wine").parameters["policy"] == "policies/b.yaml"


def test_a_person_at_a_terminal_is_asked_what_to_remove(project, client):
    file = project.policy("wine")
    project.policy("beer")
    project.deploy()
    file.unlink()
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "augmill.flows.cli", "deploy"]
    environment = clean_environment(PREFECT_API_URL=os.environ["PREFECT_API_URL"])
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as asking:
        os.close(theirs)
        os.write(terminal, b"perhaps\ny\n")
        assert asking.wait(120) == 0
    shown = os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    assert "policies/wine.yaml is gone, or is of another dataset now." in shown
    assert shown.count("Remove it from the server? [y/N]") == 2
    assert "removed: its policy is gone" in shown
    with pytest.raises(ObjectNotFound):
        read(client, project, "wine")


def test_a_deployment_of_the_same_name_that_somebody_else_made_is_not_written_over(project, client):
    project.policy("wine")
    name = project.named("wine")[0]
    client.create_deployment(client.create_flow_from_name("augment"), name, entrypoint="theirs.py:run", tags=["theirs"])
    project.refused(2, f"augment/{name} on the Prefect server is not one that `augmill deploy` made", "remove the")
    assert read(client, project, "wine").entrypoint == "theirs.py:run"
    client.delete_deployment(read(client, project, "wine").id)


def test_deployments_of_others_and_of_other_checkouts_are_left_alone(project, client, monkeypatch):
    project.policy("beer")
    project.deploy()
    flow = client.create_flow_from_name("augment")
    client.create_deployment(flow, f"{project.prefix}-by-hand", parameters={"policy": "policies/none.yaml"})
    client.create_deployment(
        client.create_flow_from_name("another"), f"{project.prefix}-other", tags=["augmill"], parameters={}
    )
    monkeypatch.setenv("AUGMILL_CHECKOUT", "/elsewhere/checkout")
    project.policy("ale")
    assert sorted(project.deploy()["created"]) == project.named("ale")
    (project.folder / "policies" / "ale.yaml").unlink()
    monkeypatch.delenv("AUGMILL_CHECKOUT")
    document = project.deploy("--prune")
    assert (document["removed"], document["gone"]) == ([], [])
    assert read(client, project, "by-hand").name
    assert client.read_deployment_by_name(f"another/{project.prefix}-other").name
    assert read(client, project, "ale").pull_steps[0].popitem()[1] == {"directory": "/elsewhere/checkout"}
    monkeypatch.setenv("AUGMILL_CHECKOUT", "/elsewhere/checkout")
    assert project.deploy("--prune")["removed"] == project.named("ale")


def test_only_the_policies_named_are_deployed_and_a_dry_run_deploys_none(project):
    file = project.policy("wine")
    project.policy("beer")
    document = project.deploy(str(file), "--dry-run")
    assert (document["created"], document["dry_run"]) == (project.named("wine"), True)
    assert project.deploy(str(file))["created"] == project.named("wine")
    assert project.deploy()["created"] == project.named("beer")


def test_every_fault_of_every_policy_is_told_and_nothing_is_deployed(project, client):
    project.policy("good")
    project.policy("cron", "schedule: {cron: every day at 3}")
    project.policy("zone", "schedule: {cron: '0 3 * * *', timezone: Europe/Berln}")
    said = project.refused(2, "policies/cron.yaml:7", "is no cron line", "policies/zone.yaml:7", "Europe/Berlin")
    assert "good" not in said
    with pytest.raises(ObjectNotFound):
        read(client, project, "good")


def test_two_policies_of_one_dataset_are_refused(project):
    project.policy("wine")
    project.policy("wine", file="again")
    project.refused(2, "more than one policy", "policies/again.yaml, policies/wine.yaml")


def test_a_policy_is_not_put_in_the_place_of_another_that_still_has_the_dataset(project, client):
    project.policy("wine")
    project.deploy()
    again = project.policy("wine", file="again")
    project.refused(2, "more than one policy", "policies/again.yaml, policies/wine.yaml", options=(str(again),))
    assert read(client, project, "wine").parameters["policy"] == "policies/wine.yaml"
    project.policy("beer", file="wine")
    assert project.deploy(str(again))["updated"] == {project.named("wine")[0]: ["parameters"]}


def test_a_work_pool_that_is_paused_is_told(project, client, monkeypatch):
    from prefect.client.schemas.actions import WorkPoolCreate

    project.policy("wine")
    monkeypatch.setenv("AUGMILL_WORK_POOL", f"{project.prefix}-resting")
    client.create_work_pool(WorkPoolCreate(name=f"{project.prefix}-resting", type="process", is_paused=True))
    assert f"prefect work-pool resume {project.prefix}-resting" in project.call()[1]


def test_a_folder_without_policies_is_refused(project):
    project.refused(2, "there is no policy in")


def test_without_a_server_to_keep_it_nothing_can_be_deployed(project, monkeypatch):
    project.policy("wine")
    monkeypatch.delenv("PREFECT_API_URL")
    project.refused(2, "no Prefect server is named", "PREFECT_API_URL")


def test_a_pool_that_does_not_exist_or_cannot_run_us_is_refused(project, client, monkeypatch):
    from prefect.client.schemas.actions import WorkPoolCreate

    project.policy("wine")
    monkeypatch.setenv("AUGMILL_WORK_POOL", "nowhere")
    project.refused(2, "no work pool 'nowhere'", "AUGMILL_WORK_POOL")
    client.create_work_pool(WorkPoolCreate(name=f"{project.prefix}-agents", type="prefect-agent"))
    monkeypatch.setenv("AUGMILL_WORK_POOL", f"{project.prefix}-agents")
    project.refused(2, "of the type 'prefect-agent'", "process, docker, kubernetes")
    with pytest.raises(ObjectNotFound):
        read(client, project, "wine")


class Odd(BaseHTTPRequestHandler):
    """A server that is not what it should be: its class says how it answers."""

    answers: ClassVar[dict[str, tuple[int, object]]] = {}

    def do_GET(self) -> None:
        status, body = self.answers.get(self.path, self.answers["*"])
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


HEALTHY = {"/api/health": (200, True)}
CURRENT = HEALTHY | {"/api/admin/version": (200, "3.8.8")}


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (HEALTHY | {"*": (200, "2.20.1")}, ("is version 2.20.1", "same major version")),
        (HEALTHY | {"*": (401, {"detail": "Unauthorized"})}, ("asks for credentials", "PREFECT_API_AUTH_STRING")),
        (CURRENT | {"*": (403, {"detail": "Forbidden"})}, ("refuses us (HTTP 403)", "PREFECT_API_AUTH_STRING")),
        (CURRENT | {"*": (404, {"detail": "Not Found"})}, ("answered HTTP 404", "ends in /api")),
        (CURRENT | {"*": (500, {"exception_message": "disk full"})}, ("answered HTTP 500", "disk full")),
        (CURRENT | {"*": (503, {"detail": "locked"})}, ("busy or not up yet (HTTP 503): locked", "Run again")),
        ({"*": (502, "no gateway")}, ("does not answer: HTTP 502",)),
    ],
)
def test_a_server_that_is_another_one_or_refuses_us_is_one_message(project, monkeypatch, answers, words):
    project.policy("wine")
    monkeypatch.setattr(Odd, "answers", answers)
    monkeypatch.setattr(prefect_module, "RETRIES", 0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_port}/api")
        try:
            project.refused(4, *words)
        finally:
            server.shutdown()


def test_a_server_that_is_down_or_never_answers_is_given_up(project, monkeypatch):
    project.policy("wine")
    monkeypatch.setattr(server_module, "ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}/api")
        project.refused(4, "does not answer", "no answer in 0.5 s")
    project.refused(4, "does not answer")


def test_a_server_that_drips_is_given_up(project, monkeypatch):
    project.policy("wine")
    monkeypatch.setattr(server_module, "ANSWER_SECONDS", 1.0)
    ended = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not ended.wait(0.2):
                connection.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as slow:
        threading.Thread(target=drip, args=(slow,), daemon=True).start()
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{slow.getsockname()[1]}/api")
        try:
            project.refused(4, "does not answer", "no answer in 1 s")
        finally:
            ended.set()


def test_a_server_that_falls_silent_in_the_middle_is_given_up(project, monkeypatch):
    project.policy("wine")
    monkeypatch.setattr(prefect_module, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(prefect_module, "RETRIES", 0)
    waiting = threading.Event()
    monkeypatch.setattr(Odd, "answers", CURRENT)
    monkeypatch.setattr(Odd, "do_POST", lambda self: waiting.wait(60))
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        monkeypatch.setattr(Odd, "answers", CURRENT | {"*": (404, {"detail": "no pool"})})
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_port}/api")
        try:
            project.refused(4, "stopped answering", options=("--dry-run",))
        finally:
            waiting.set()
            server.shutdown()
