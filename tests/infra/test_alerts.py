"""Alerting rules: valid, tested, about what really exists, and each with a runbook."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.infra.monitoring import ROOT, SHIPPED, load, needs
from tests.infra.promql import faults, known, rules, uses
from tests.infra.test_dashboards import queries

ALERTS = {rule["alert"]: rule for rule in rules("alerting.rules.yml")}
TESTS = sorted(SHIPPED.glob("*.test.yml"))
RECEIVED = ("page", "ticket", "heartbeat")


def done(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300)


@cache
def unit_tests() -> list[dict]:
    return [test for file in TESTS for test in load(file.name)["tests"]]


@pytest.mark.parametrize("name", ["recording.rules.yml", "alerting.rules.yml"])
def test_rules_are_valid(name):
    needs("promtool")
    checked = done("promtool", "check", "rules", SHIPPED / name)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "duplicate" not in checked.stdout


def test_the_configuration_of_prometheus_is_valid():
    needs("promtool")
    checked = done("promtool", "check", "config", SHIPPED / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", [file.name for file in TESTS])
def test_every_unit_test_of_the_rules_passes(name):
    needs("promtool")
    checked = done("promtool", "test", "rules", SHIPPED / name)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("file", "right", "wrong", "seen"),
    [
        ("alerting.rules.yml", "> 2 * dataset:schedule", "> 3 * dataset:schedule", "DatasetStale"),
        ("alerting.rules.yml", "severity: page", "severity: ticket", "StoreNotAnswering"),
        ("recording.rules.yml", "== on (dataset)", "!= on (dataset)", "RunFailed"),
    ],
)
def test_a_rule_that_is_changed_makes_its_unit_test_fail(tmp_path, file, right, wrong, seen):
    needs("promtool")
    for name in ("recording.rules.yml", "alerting.rules.yml"):
        text = (SHIPPED / name).read_text()
        (tmp_path / name).write_text(text.replace(right, wrong) if name == file else text)
        assert name != file or right in text
    whole = load("alerting.test.yml")
    whole["tests"] = [test for test in whole["tests"] if any(asks(test, seen))]
    tests = tmp_path / "alerting.test.yml"
    tests.write_text(yaml.safe_dump(whole))
    failed = done("promtool", "test", "rules", tests)
    assert failed.returncode == 1
    assert f"alertname: {seen}" in failed.stdout + failed.stderr


def asks(test: dict, alert: str) -> Iterator[bool]:
    return (case["alertname"] == alert for case in test.get("alert_rule_test", []))


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_says_how_urgent_it_is_and_what_to_do(alert):
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in RECEIVED
    assert "for" in rule
    notes = rule["annotations"]
    assert {"summary", "description", "runbook_url"} == notes.keys()
    assert notes["runbook_url"] == f"infra/runbooks/{alert}.md"
    assert (ROOT / notes["runbook_url"]).is_file()


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_seen_to_fire_and_to_be_silent(alert):
    asked = [case for test in unit_tests() for case in test.get("alert_rule_test", []) if case["alertname"] == alert]
    fired = [case for case in asked if case.get("exp_alerts")]
    assert fired, f"{alert} is not seen to fire"
    assert all(
        one["exp_labels"]["severity"] == ALERTS[alert]["labels"]["severity"]
        for case in fired
        for one in case["exp_alerts"]
    )
    # Silent at another time, or for other series of the same test.
    quiet = [case for case in asked if not case.get("exp_alerts")]
    others = [test for test in unit_tests() if any(case in test.get("alert_rule_test", []) for case in fired)]
    assert alert == "Watchdog" or quiet or any(len(test["input_series"]) > 1 for test in others)


def test_rules_use_only_metrics_and_labels_that_exist():
    exists = known()
    wrong = {rule.get("alert") or rule["record"]: faults(rule["expr"], exists) for rule in rules()}
    assert {name: found for name, found in wrong.items() if found} == {}


def test_a_metric_or_label_that_does_not_exist_is_noticed():
    exists = known()
    assert faults('sum by (dataset) (augmill_runs_totl{outcome="x"}) > 1', exists) == [
        "no metric augmill_runs_totl",
        "no label dataset",
        "no label outcome",
    ]
    assert faults('sum by (data_set) (augmill_runs_total{outcome=~"a|b"}[5m] offset 1d)', exists) == [
        "no label data_set"
    ]
    assert uses('a:b:26h{x="y{z}"} / on (p) group_left (q) rate(c_total[5m]) > bool 1e3') == (
        {"a:b:26h", "c_total"},
        {"x", "p", "q"},
    )


def test_unit_tests_feed_only_series_that_exist():
    exists = known()
    fed = [series["series"] for test in unit_tests() for series in test["input_series"]]
    assert {series: found for series in fed if (found := faults(series, exists))} == {}


def test_every_recorded_series_is_read_by_somebody():
    read = [rule["expr"] for rule in rules()] + [query for _, query in queries()]
    used = {name for expression in read for name in uses(expression)[0]}
    assert {rule["record"] for rule in rules("recording.rules.yml")} - used == set()


def test_everything_listens_on_this_machine_alone():
    targets = [
        target
        for job in load("prometheus.yml")["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    ]
    assert len(targets) == 5
    assert all(target.startswith("127.0.0.1:") for target in targets)


def test_the_routes_are_valid_and_so_are_they_switched_on(tmp_path):
    needs("amtool")
    config = load("alertmanager.yml")
    assert {config["route"]["receiver"], *(route["receiver"] for route in config["route"]["routes"])} == {"nobody"}
    for receiver in ("nobody", "webhook", "e-mail", "both"):
        file = tmp_path / f"{receiver}.yml"
        file.write_text((SHIPPED / "alertmanager.yml").read_text().replace("receiver: nobody", f"receiver: {receiver}"))
        checked = done("amtool", "check-config", file)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        routed = done("amtool", "config", "routes", "test", f"--config.file={file}", "severity=page", "dataset=x")
        assert routed.stdout.strip() == receiver


def test_alerts_are_grouped_by_dataset_and_what_keeps_others_still_exists():
    config = load("alertmanager.yml")
    assert config["route"]["group_by"] == ["dataset", "alertname"]
    for rule in config["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            name, _, value = matcher.replace("=~", "=").partition("=")
            if name == "alertname":
                names = [one.removesuffix(".*") for one in value.strip('"').split("|")]
                assert all(any(alert.startswith(one) for alert in ALERTS) for one in names)
