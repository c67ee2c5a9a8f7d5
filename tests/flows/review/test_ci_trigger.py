"""`augmill ci --trigger` with a real repository, a real Prefect server and a real worker process."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from augmill.flows.cli import main
from augmill.flows.deployments.deploy import read_deployments
from augmill.flows.review.trigger_runs import exit_code_of
from augmill.flows.servers.prefect_api import prefect_api
from augmill.flows.settings import settings
from tests.end_to_end.helpers import NOISE, SMOTE, exactly, policy, table_rows, write_csv

STRICT = "{label_consistency: {on_failure: fail, max_unfamiliar_share: 1.0}, distribution: {on_failure: warn}}"


@pytest.fixture
def project(git, tmp_path, monkeypatch, prefect_server, request):
    """A repository whose policies nobody else deploys, at the session's server."""
    monkeypatch.chdir(git.root)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PREFECT_API_URL", prefect_server.api_url)
    (git.root / "policies").mkdir()
    write_csv(git.root / "data.csv", table_rows(0, 100))
    for name in ("ci-good", "ci-bad", "ci-other"):
        put(git, name)
    git.commit()
    yield git
    with prefect_api(settings()) as client:
        for one in read_deployments(client):
            if one.name.startswith("ci-"):
                client.delete_deployment(one.id)


def put(git, name, steps=SMOTE, **more):
    file = policy(git.root / "policies", "", steps, dataset=name, source="{uri: ../data.csv}", **more)
    file.rename(git.root / "policies" / f"{name}.yaml")


def trigger(capsys, *arguments, base="HEAD~1"):
    capsys.readouterr()
    code = main(["ci", "--base", base, "--trigger", "--json", *arguments])
    return code, json.loads(capsys.readouterr().out)


def runs_of(name):
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
    from prefect.client.schemas.sorting import FlowRunSort

    with prefect_api(settings()) as client:
        deployment = client.read_deployment_by_name(f"augment/{name}")
        of = DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id]))
        return client.read_flow_runs(deployment_filter=of, sort=FlowRunSort.ID_DESC, limit=10)


def test_a_merge_starts_exactly_the_runs_it_touches_and_reports_them(project, capsys, tmp_path, prefect_server):
    put(project, "ci-good", NOISE)
    put(project, "ci-bad", NOISE.replace("0.05", "2.0"), checks=STRICT)
    commit = project.commit()
    home = str(tmp_path / "home")
    with prefect_server.worker(tmp_path, AUGMILL_HOME=home):
        code, document = trigger(capsys, "--wait", "--report", str(tmp_path / "report.md"))
        again, second = trigger(capsys, "--wait")
    assert code == again == 3, document
    good, bad = sorted(document["runs"], key=lambda run: run["exit_code"])
    assert (good["dataset"], good["state"], good["version"], good["published"]) == ("ci-good", "Completed", 0, True)
    assert (bad["dataset"], bad["state"], bad["exit_code"]) == ("ci-bad", "Failed", 3)
    assert "label_consistency_rate" in bad["message"]
    assert document["head"] == commit
    assert document["deployed"]["created"] == ["ci-bad", "ci-good"]
    assert {run["run_id"] for run in second["runs"]} == {good["run_id"], bad["run_id"]}
    assert all(run["again"] for run in second["runs"])
    assert [len(runs_of(name)) for name in ("ci-good", "ci-bad")] == [1, 1]
    assert exactly(tmp_path / "home" / "lake", dataset="ci-good")
    report = (tmp_path / "report.md").read_text()
    assert "published ci-good@0" in report
    assert good["url"] in report


def test_without_wait_it_leaves_and_a_run_that_nobody_takes_is_told(project, capsys):
    put(project, "ci-good", NOISE)
    project.commit()
    code, document = trigger(capsys)
    assert (code, document["waited"], document["runs"][0]["ended"]) == (0, False, False)
    code, document = trigger(capsys, "--wait", "--timeout", "1")
    (run,) = document["runs"]
    assert (code, run["again"], run["ended"]) == (4, True, False)
    assert "not ended within 1 s: no worker has taken it" in run["message"]


@pytest.mark.parametrize("kind", ["CRASHED", "CANCELLED"])
def test_a_run_that_crashed_or_was_cancelled_says_so_with_its_link(project, capsys, kind):
    from prefect.client.schemas.objects import StateType
    from prefect.states import State

    put(project, "ci-good", NOISE)
    project.commit()
    _, document = trigger(capsys)
    with prefect_api(settings()) as client:
        run_id = UUID(document["runs"][0]["run_id"])
        client.set_flow_run_state(run_id, State(type=StateType[kind], message="by a person"), force=True)
    assert main(["ci", "--base", "HEAD~1", "--trigger", "--wait"]) == 4
    shown = capsys.readouterr().out
    assert f"{kind.lower()}: by a person" in shown
    assert f"/runs/flow-run/{run_id}" in shown
    assert "It is not started twice" in shown


def test_a_deleted_policy_takes_its_deployment_along_and_no_other(project, capsys):
    assert trigger(capsys, base="0" * 40)[1]["deployed"]["created"] == ["ci-bad", "ci-good", "ci-other"]
    (project.root / "policies" / "ci-other.yaml").unlink()
    project.commit()
    code, document = trigger(capsys)
    assert (code, document["runs"], document["deployed"]["removed"]) == (0, [], ["ci-other"])
    # It is so, too, where another has been left before.
    (project.root / "policies" / "ci-bad.yaml").unlink()
    project.commit()
    (project.root / "policies" / "ci-good.yaml").rename(project.root / "policies" / "better.yaml")
    project.commit()
    done = trigger(capsys)[1]["deployed"]
    assert (done["updated"], done["removed"], done["gone"]) == ({"ci-good": ["parameters"]}, [], ["ci-bad"])
    (project.root / "policies" / "better.yaml").unlink()
    project.commit()
    done = trigger(capsys)[1]["deployed"]
    assert (done["removed"], done["gone"]) == (["ci-good"], ["ci-bad"])
    with prefect_api(settings()) as client:
        names = {one.name for one in read_deployments(client)}
    assert [name for name in sorted(names) if name.startswith("ci-")] == ["ci-bad"]


def test_what_is_not_committed_is_not_started(project, capsys):
    put(project, "ci-good", NOISE)
    assert main(["ci", "--base", "HEAD", "--trigger"]) == 2
    assert "policies/ci-good.yaml: touched by changes that are not committed" in capsys.readouterr().err


def test_a_policy_that_is_wrong_starts_nothing(project, capsys):
    put(project, "ci-good", NOISE)
    put(project, "ci-bad", SMOTE.replace("tabular.smote", "tabular.smooth"))
    project.commit()
    assert main(["ci", "--base", "HEAD~1", "--trigger"]) == 2
    assert "AUG005" in capsys.readouterr().err
    with prefect_api(settings()) as client:
        assert not [one.name for one in read_deployments(client) if one.name.startswith("ci-")]


@pytest.mark.parametrize(
    ("url", "code", "words"), [("", 2, "PREFECT_API_URL"), ("http://127.0.0.1:9/api", 4, "does not answer")]
)
def test_a_server_that_is_not_there_is_named(project, capsys, monkeypatch, url, code, words):
    put(project, "ci-good", NOISE)
    project.commit()
    with monkeypatch.context() as without:
        without.setenv("PREFECT_API_URL", url)
        assert main(["ci", "--base", "HEAD~1", "--trigger"]) == code
    caught = capsys.readouterr()
    assert words in caught.err
    assert "Traceback" not in caught.err


def test_a_change_that_touches_nothing_asks_no_server(project, capsys, monkeypatch):
    project.write("README.md", "words")
    project.commit()
    with monkeypatch.context() as without:
        without.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
        code, document = trigger(capsys)
    assert (code, document["runs"], document["deployed"]) == (0, [], None)


def test_wait_alone_is_refused(capsys):
    assert main(["ci", "--base", "HEAD", "--wait"]) == 2
    assert "--trigger" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state", "message", "code"),
    [
        ("Failed", "Flow run encountered an exception: DataError: nothing was published", 3),
        ("Failed", "Flow run encountered an exception: PolicyError: 2 errors", 2),
        ("Failed", "Flow run encountered an exception: StorageError: full", 4),
        ("Failed", "Flow run encountered an exception: KeyError: DataError: x", 4),
        ("Failed", "", 4),
        ("Crashed", "Flow run process exited with an exception: DataError: x", 4),
        ("Cancelled", "", 4),
    ],
)
def test_what_a_run_would_have_said_is_the_exit_code(state, message, code):
    assert exit_code_of(state, message) == code
