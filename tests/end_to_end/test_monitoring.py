"""A run that fails its checks, through the pipeline, Prometheus and Alertmanager, to whoever is told: once."""

from __future__ import annotations

from pathlib import Path

import pytest

from augmill.flows.cli import main
from augmill.tasks.telemetry.metric_catalogue import METRICS
from tests.end_to_end.helpers import HEADER, NOISE, policy, table_rows, write_csv
from tests.infra.monitoring import Stack, monitoring, until
from tests.infra.promql import uses
from tests.infra.test_dashboards import queries

ROWS = 120
MADE = ["synthetic" if number % 10 == 0 else "real" for number in range(ROWS)]
UNSEEN = {
    # The policy has no such gate, names no price and no channel, and nothing is under way.
    "debug: Version",
    "executive: Model delta",
    "executive: Money",
    "on-call: Runs under way",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with monitoring(tmp_path_factory.mktemp("monitoring")) as started:
        yield started


def data(folder: Path, how: list[str]) -> None:
    lines = [f"{line},{value}" for line, value in zip(table_rows(0, len(how)), how, strict=True)]
    write_csv(folder / "data.csv", lines, f"{HEADER},how")


def run(file: Path) -> int:
    return main(["run", str(file)])


def latest(stack: Stack, check: str) -> str:
    """What was told last of a check."""
    told = [alert for post in stack.told.of("CheckFailed") for alert in post["alerts"]]
    return [alert["status"] for alert in told if alert["labels"]["check"] == check][-1]


def alerts(post: dict) -> set[tuple[str, str]]:
    return {(alert["status"], alert["labels"].get("check", "")) for alert in post["alerts"]}


def test_a_failed_check_arrives_once_with_its_runbook_and_ends_when_it_passes(tmp_path, monkeypatch, api, stack: Stack):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PREFECT_API_URL", api)
    monkeypatch.setenv("AUGMILL_METRICS", str(stack.textfiles))
    data(tmp_path, MADE)
    daily = '{cron: "0 3 * * *", timezone: UTC}'
    file = policy(tmp_path, "data.csv", NOISE, gates="{}", ignore="[colour, how]", schedule=daily)

    assert run(file) == 3
    assert until(lambda: stack.firing("CheckFailed") and stack.firing("RunFailed"))
    assert until(lambda: stack.told.of("CheckFailed") and stack.told.of("RunFailed"))
    assert until(lambda: stack.told.of("Watchdog"))

    # The same figures by another way are the same alert; and two failed gates are one message.
    monkeypatch.setenv("AUGMILL_METRICS", stack.pushgateway)
    assert run(file) == 3
    assert until(lambda: stack.query('push_time_seconds{dataset="made"}'))
    seen = len(stack.query('augmill_run_last_succeeded{dataset="made"}'))
    assert seen == 2
    until(lambda: len(stack.told.of("CheckFailed")) > 1, seconds=7)
    (post,) = stack.told.of("CheckFailed")
    assert alerts(post) == {("firing", "generations"), ("firing", "made_rows_learned_from")}
    assert post["groupLabels"] == {"alertname": "CheckFailed", "dataset": "made"}
    assert post["commonAnnotations"]["runbook_url"] == "infra/runbooks/CheckFailed.md"
    assert len(stack.told.of("RunFailed")) == 1
    assert stack.told.of("DatasetStale") == []

    data(tmp_path, ["real"] * ROWS)
    assert run(file) == 0
    # The version has a warning, which may be told of in the same message.
    assert until(lambda: {latest(stack, gate) for gate in ("generations", "made_rows_learned_from")} == {"resolved"})
    assert until(lambda: stack.query("dataset:run_last_succeeded:bool")[0]["value"][1] == "1")
    assert until(lambda: stack.query('dataset:service_level_events:26h{service_level="run_success"}'))


def test_every_query_of_every_dashboard_is_answered_and_shows_the_run(stack: Stack):
    asked = queries()
    assert [query for _, query in asked if stack.query_fails(query)] == []
    exporters = {metric.name for metric in METRICS if metric.source == "exporter"}
    asked = [(panel, query) for panel, query in asked if not uses(query)[0] & exporters]
    assert {panel for panel, query in asked if not stack.query(query)} == UNSEEN
