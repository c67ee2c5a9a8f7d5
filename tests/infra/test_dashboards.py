"""Dashboards: valid, made from their source, and about metrics and labels that really exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from augmill.tasks.telemetry.metric_catalogue import METRICS
from tests.infra.monitoring import ROOT, needs
from tests.infra.promql import faults, known, rules, uses

GRAFANA = ROOT / "infra" / "grafana"
BOARDS = {file.stem: json.loads(file.read_text()) for file in sorted((GRAFANA / "dashboards").glob("*.json"))}
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"] if panel["type"] != "row"]
KINDS = {"timeseries", "stat", "bargauge", "state-timeline", "table"}
# Of Grafana's list of units (@grafana/data, valueFormats), those that are used here.
UNITS = {"none", "short", "percentunit", "s", "bytes"}


def queries() -> list[tuple[str, str]]:
    """Every query with its panel, as it is when every dataset is shown."""
    return [
        (f"{name}: {panel['title']}", target["expr"].replace("$dataset", ".*"))
        for name, panel in PANELS
        for target in panel["targets"]
    ]


def test_there_are_three_and_their_files_are_what_the_source_makes(tmp_path):
    assert BOARDS.keys() == {"executive", "on-call", "debug"}
    subprocess.run([sys.executable, "-B", GRAFANA / "dashboards.py", tmp_path], check=True)
    for name in BOARDS:
        assert (tmp_path / f"{name}.json").read_bytes() == (GRAFANA / "dashboards" / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_can_be_found_filtered_and_left_for_another(name):
    board = BOARDS[name]
    assert board["uid"] == f"augmill-{name}"
    assert board["title"].startswith("augmill: ")
    assert board["description"]
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource", "dataset"]
    others = {f"/d/{other['uid']}" for other in BOARDS.values() if other is not board}
    assert {link["url"] for link in board["links"]} == others
    assert "id" not in board  # Grafana gives it


@pytest.mark.parametrize(
    ("name", "panel"), PANELS, ids=lambda value: value["title"] if isinstance(value, dict) else value
)
def test_every_panel_says_what_it_shows_and_in_which_unit(name, panel):
    assert panel["type"] in KINDS
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["fieldConfig"]["defaults"]["noValue"] == "not measured"
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert [target["refId"] for target in panel["targets"]] == list("ABCDEF")[: len(panel["targets"])]
    for target in panel["targets"]:
        assert target["range"] is not target["instant"]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps[0]["value"] is None
    assert [step["value"] for step in steps[1:]] == sorted(step["value"] for step in steps[1:])


@pytest.mark.parametrize("name", BOARDS)
def test_panels_have_ids_of_their_own_and_do_not_overlap(name):
    panels = BOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert all(0 <= x < 24 for x, _ in taken)


def test_queries_use_only_metrics_and_labels_that_exist():
    exists = known()
    assert len(queries()) > 40
    assert {panel: found for panel, query in queries() if (found := faults(query, exists))} == {}
    variables = [
        variable["query"]["query"] for board in BOARDS.values() for variable in board["templating"]["list"][1:]
    ]
    assert set(variables) == {"label_values(augmill_exported_timestamp_seconds, dataset)"}
    assert "dataset" in exists["augmill_exported_timestamp_seconds"]


def test_legends_name_only_labels_that_their_query_keeps():
    for name, panel in PANELS:
        for target in panel["targets"]:
            kept = re.match(r"\s*(?:sum|max|min|avg|count) by \(([^)]*)\)", target["expr"])
            named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            if kept:
                assert named <= {label.strip() for label in kept[1].split(",")}, (name, panel["title"])


def test_every_query_is_valid_promql(tmp_path: Path):
    needs("promtool")
    recorded = [{"record": f"panel:n{number}", "expr": query} for number, (_, query) in enumerate(queries())]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))
    checked = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_service_level_budget_and_run_figure_of_a_dataset_is_on_a_dashboard():
    """What the catalogue has and no dashboard shows is a figure that nobody will ever look at."""
    shown = {metric for _, query in queries() for metric in uses(query)[0]}
    recorded = {rule["record"]: uses(rule["expr"])[0] for rule in rules("recording.rules.yml")}
    alerted = {metric for rule in rules("alerting.rules.yml") for metric in uses(rule["expr"])[0]}
    for _ in range(4):
        shown |= {metric for name in shown | alerted for metric in recorded.get(name, ())}
    unseen = {metric.name for metric in METRICS} - shown - alerted
    assert unseen <= {
        "augmill_runs_started_total",  # runs in progress say more
        "augmill_run_last_ended_timestamp_seconds",
        "augmill_version_published_timestamp_seconds",
        "augmill_run_cost",  # its total is shown
        "augmill_checks_failed_total",  # each check is shown
        "augmill_exporter_build_info",
    }


def test_nothing_is_loaded_from_elsewhere():
    """Grafana fetches what a dashboard links, so none may: they work in a closed network."""
    for file in GRAFANA.rglob("*.json"):
        assert re.findall(r"https?://[^\"]*", file.read_text()) == []


def test_provisioning_finds_the_source_and_the_files():
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/augmill.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False
