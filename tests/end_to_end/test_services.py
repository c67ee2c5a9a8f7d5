"""A team's services together, as infra/compose.yaml has them: Postgres, S3, Prefect, MLflow, a worker."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pg8000.native
import pytest

from tests.end_to_end.helpers import GOOD, NOISE, SMOTE, policy, suite, write_csv
from tests.end_to_end.services import Services, all_services

EVERY_MINUTE = '{cron: "* * * * *", timezone: UTC}'
NIGHTLY = '{cron: "0 3 * * *", timezone: UTC}'
SUITE = "name: policies\nexpectations:\n  - {type: expect_column_to_exist, kwargs: {column: kind}}\n"


def write_policy(checkout: Path, steps: str, schedule: str) -> Path:
    """A policy that reads a folder among the roots and announces what it publishes."""
    made = policy(
        checkout / "policies", "../data", steps, schedule=schedule, publish="{channel: stable}", expectations="policies"
    )
    return made.rename(made.with_name("made.yaml"))


def commit(checkout: Path, message: str) -> None:
    """Everything as it is now, by nobody in particular."""
    git = ["git", "-C", str(checkout), "-c", "user.name=a", "-c", "user.email=a@localhost"]
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", message]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """All of them, over a checkout with one policy whose schedule fires every minute."""
    checkout = tmp_path_factory.mktemp("team") / "checkout"
    (checkout / "policies").mkdir(parents=True)
    write_csv(checkout / "data" / "0.csv", GOOD)
    suite(checkout / "policies", SUITE)
    write_policy(checkout, NOISE, EVERY_MINUTE)
    with all_services(checkout) as running:
        commit(running.checkout, "first")
        yield running


def eventually(what: Callable[[], Any], seconds: float) -> Any:
    """What is asked for, once it is there."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(1)
    return found


def stable(services: Services) -> int | None:
    """The version that training jobs read."""
    done = services.augmill("resolve", "made@stable", "--json")
    return json.loads(done.stdout)["version"] if done.returncode == 0 else None


def database(services: Services, name: str, user: str) -> pg8000.native.Connection:
    """A connection to one database as one service's user."""
    password = services.secrets["postgres.env"][f"{user.upper()}_DATABASE_PASSWORD"]
    return pg8000.native.Connection(user, "127.0.0.1", name, services.ports["postgres"], password)


@pytest.mark.slow
def test_a_day_of_a_team(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Schedule fires, policy changes, CI triggers, version appears, lineage shows, rollback works."""
    assert eventually(lambda: stable(services) == 0, 240)

    write_policy(services.checkout, SMOTE + NOISE, NIGHTLY)
    commit(services.checkout, "Balance reeds")
    done = services.augmill("ci", "--base", "HEAD~1", "--trigger", "--wait", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stable(services) == 1

    assert_lineage_shows(services, monkeypatch)
    assert services.augmill("rollback", "made", "--json").returncode == 0
    assert stable(services) == 0
    assert_each_has_its_own_database(services)


def assert_lineage_shows(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """By MLflow's API over its server: both versions, their parent, their pages; the pages come out of the bucket."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    # As infra/deployment.md says: a client is else sent to a signed address of the store, which refuses our key.
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "false")
    client = MlflowClient(f"http://127.0.0.1:{services.ports['mlflow']}")
    experiment = client.get_experiment_by_name("made")
    assert experiment is not None
    assert experiment.artifact_location.startswith("mlflow-artifacts:")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert {"made@0", "made@1"} <= set(runs)
    names = [one.path for one in client.list_artifacts(runs["made@1"].info.run_id)]
    page = next(name for name in names if name.endswith("lineage.html"))
    text = Path(client.download_artifacts(runs["made@1"].info.run_id, page)).read_text()
    assert "made@1" in text
    secrets = {value for lines in services.secrets.values() for value in lines.values()}
    assert not any(secret in text for secret in secrets)


def assert_each_has_its_own_database(services: Services) -> None:
    """Both keep their state in Postgres, and neither may look into the other's."""
    flows = database(services, "prefect", "prefect")
    assert flows.run("SELECT count(*) FROM flow_run WHERE state_type = 'COMPLETED'")[0][0] >= 2
    assert flows.run("SELECT name FROM deployment") == [["made"]]
    flows.close()
    tracked = database(services, "mlflow", "mlflow")
    assert tracked.run("SELECT count(*) FROM runs")[0][0] >= 2
    tracked.close()
    with pytest.raises(pg8000.exceptions.DatabaseError, match="permission denied"):
        database(services, "mlflow", "prefect")


@pytest.mark.slow
def test_a_policy_may_not_read_outside_of_what_compose_allows(services: Services) -> None:
    file = services.checkout / "policies" / "made.yaml"
    stolen = file.with_name("stolen.yaml")
    stolen.write_text(file.read_text().replace('"../data"', '"/etc/passwd"'))
    done = services.augmill("plan", str(stolen))
    assert done.returncode == 2
    assert "lies outside of what policies may read here" in done.stderr
    stolen.unlink()


@pytest.mark.slow
def test_the_server_asks_who_calls(services: Services) -> None:
    done = services.augmill("deploy", "--dry-run", PREFECT_API_AUTH_STRING="augmill:wrong")
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    assert done.stderr.count("remedy:") == 1
