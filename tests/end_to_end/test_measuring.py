"""Figures that are posted of a version and gates that are run again: a breach rolls channels back, on record."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from augmill.flows.cli import main
from augmill.policies.errors import DataError, PolicyError
from augmill.tasks.stages import production_sample
from augmill.tasks.storage import channels
from augmill.tasks.storage.delta_commit import Conflict
from augmill.tasks.storage.store import Store
from augmill.tasks.versions import monitoring
from augmill.tasks.versions.monitoring import history, parse_figures, refuse, report
from augmill.tasks.versions.promotion import promote, rollback
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import DATASET, NOISE, go, policy, table_rows, write_csv

GATES = "{metrics: {recall: {min: 0.8}, cost: {max: 5.0}, age: {min: 1.0, max: 3.0, on_failure: warn}}}"
WHEN = {"at_ms": 7, "by": "test"}


@pytest.fixture
def lake(tmp_path):
    """Three versions, each announced on `stable`."""
    for number in range(3):
        write_csv(tmp_path / "data" / f"{number}.csv", table_rows(100 * number, 40))
        go(policy(tmp_path, "data", "", publish="{channel: stable}", gates=GATES), tmp_path / "lake")
    return Lake(Store(str(tmp_path / "lake")))


@pytest.fixture
def commands(lake, tmp_path, monkeypatch):
    """The command line over the lake; nothing is recorded in MLflow yet."""
    monkeypatch.setenv("AUGMILL_LAKE", lake.store.uri)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    return main


def post(lake, version, **values):
    return report(lake, lake.find(f"{DATASET}@{version}"), values, **WHEN)


def test_a_figure_within_its_target_moves_nothing_and_is_kept(lake):
    document = post(lake, 2, recall=0.8, cost=5.0, beauty=-3.0)
    refuse(document)
    assert lake.channels(DATASET) == {"stable": 2}
    (kept,) = history(lake, lake.find(f"{DATASET}@2"))
    assert [(one["name"], one["observed"], one["target"], one["success"]) for one in kept.checks] == [
        ("recall", 0.8, ">= 0.8", True),
        ("cost", 5.0, "<= 5", True),
        ("beauty", -3.0, None, True),
    ]


def test_a_breach_rolls_the_channel_back_and_the_reason_is_in_its_history(lake):
    document = post(lake, 2, recall=0.61)
    assert lake.channels(DATASET) == {"stable": 1}
    last = channels.history(lake.objects(DATASET).sub("channels"), "stable")[0]
    assert (last.reason, last.version, last.why) == ("rolled back", 1, "recall is 0.61, wanted >= 0.8")
    with pytest.raises(DataError) as caught:
        refuse(document)
    assert caught.value.exit_code == 3
    assert "made@stable was rolled back from version 2 to 1: training jobs now read that." in caught.value.cause


def test_versions_that_breach_too_are_passed_over(lake):
    post(lake, 1, cost=6.0)
    assert post(lake, 2, recall=0.1)["rolled_back"][0]["to"] == 0
    assert lake.channels(DATASET) == {"stable": 0}


def test_without_an_earlier_version_that_passes_the_channel_stays_and_that_is_said(lake):
    for version in (0, 1):
        post(lake, version, recall=0.5)
    document = post(lake, 2, recall=0.5)
    assert lake.channels(DATASET) == {"stable": 2}
    with pytest.raises(DataError, match="made@stable still is version 2: no earlier version of it passes"):
        refuse(document)


def test_a_breach_of_a_version_that_no_channel_names_is_kept_and_stops_promotion(lake):
    rollback(lake, DATASET, "stable", at_ms=1, run_id="test")
    with pytest.raises(DataError, match="No channel names made@2, so none was moved"):
        refuse(post(lake, 2, recall=0.5))
    with pytest.raises(DataError, match=r"recall is 0\.5, wanted >= 0\.8"):
        promote(lake, lake.find(f"{DATASET}@2"), "stable", at_ms=2, run_id="test")
    assert lake.channels(DATASET) == {"stable": 1}


def test_a_better_figure_posted_later_counts_and_the_first_stays_on_record(lake):
    post(lake, 2, recall=0.5)
    post(lake, 2, recall=0.9)
    promote(lake, lake.find(f"{DATASET}@2"), "stable", at_ms=2, run_id="test")
    assert lake.channels(DATASET) == {"stable": 2}
    assert [one.checks[0]["observed"] for one in history(lake, lake.find(f"{DATASET}@2"))] == [0.5, 0.9]


def test_a_target_that_only_warns_moves_nothing(lake):
    refuse(post(lake, 2, age=9.0))
    assert lake.channels(DATASET) == {"stable": 2}


def test_every_channel_that_names_the_version_goes_back(lake):
    promote(lake, lake.find(f"{DATASET}@1"), "canary", at_ms=1, run_id="test")
    promote(lake, lake.find(f"{DATASET}@2"), "canary", at_ms=2, run_id="test")
    post(lake, 2, recall=0.5)
    assert lake.channels(DATASET) == {"canary": 1, "stable": 1}


def test_a_person_goes_back_past_what_the_rollback_went_over(lake):
    post(lake, 1, cost=6.0)
    post(lake, 2, recall=0.1)
    with pytest.raises(PolicyError, match="never pointed to an earlier version"):
        rollback(lake, DATASET, "stable", at_ms=9, run_id="test")


@pytest.mark.parametrize("pair", ["recall", "recall=", "recall=high", "=0.5", "recall=nan", "recall=inf"])
def test_what_is_no_figure_is_refused(pair):
    with pytest.raises(PolicyError, match="is no figure"):
        parse_figures((pair,))


def test_a_figure_given_twice_is_refused():
    with pytest.raises(PolicyError, match="recall is given twice"):
        parse_figures(("recall=0.1", "recall=0.2"))


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(lake, monkeypatch):
    gate, move = Barrier(2), channels.move
    monkeypatch.setattr(channels, "move", lambda *args, **more: (gate.wait(), move(*args, **more))[1])

    def go_to(version):
        try:
            return promote(lake, lake.find(f"{DATASET}@{version}"), "canary", at_ms=version, run_id=f"person {version}")
        except Conflict as fault:
            return fault

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(go_to, (0, 1)))
    (loser,) = [one for one in found if isinstance(one, Conflict)]
    winner = lake.channels(DATASET)["canary"]
    assert f"it was moved meanwhile and points to version {winner} (run person {winner})" in loser.cause
    assert len(channels.history(lake.objects(DATASET).sub("channels"), "canary")) == 1


def test_two_measurements_at_once_are_both_kept(lake, monkeypatch):
    gate, of = Barrier(2), monitoring.measurements.of

    def together(*args):
        found = of(*args)
        if not found:
            gate.wait(timeout=10)
        return found

    monkeypatch.setattr(monitoring.measurements, "of", together)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda value: post(lake, 0, beauty=value), (1.0, 2.0)))
    monkeypatch.undo()
    found = history(lake, lake.find(f"{DATASET}@0"))
    assert [one.number for one in found] == [1, 2]
    assert {one.checks[0]["observed"] for one in found} == {1.0, 2.0}


def test_a_breach_whose_reporter_was_killed_moves_channels_at_the_next_measurement(lake, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(*_args, **_more):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(monitoring, "_roll_back_all", kill)
        with pytest.raises(Killed):
            post(lake, 2, recall=0.5)
    assert lake.channels(DATASET) == {"stable": 2}
    document = post(lake, 2, beauty=1.0)
    assert lake.channels(DATASET) == {"stable": 1}
    assert document["breaches"] == ["recall is 0.5, wanted >= 0.8"]
    refuse(post(lake, 2, beauty=2.0))  # no channel names it any more, and this figure breaches nothing


def test_a_breach_posted_while_a_promotion_is_under_way_stops_it(lake, monkeypatch):
    move = channels.move

    def overtaken(*args, **more):
        if not history(lake, lake.find(f"{DATASET}@1")):
            post(lake, 1, recall=0.5)
        return move(*args, **more)

    monkeypatch.setattr(channels, "move", overtaken)
    with pytest.raises(DataError, match=r"recall is 0\.5, wanted >= 0\.8"):
        promote(lake, lake.find(f"{DATASET}@1"), "canary", at_ms=1, run_id="test")
    assert lake.channels(DATASET) == {"stable": 2}


def test_a_version_that_failed_before_it_was_announced_is_not_announced(lake, tmp_path):
    moves = lake.objects(DATASET).sub("channels")
    channels.undo(moves, "stable", channels.current(moves, "stable"))  # its run was killed before it moved the channel
    post(lake, 2, recall=0.5)
    assert go(tmp_path / "policy.yaml", tmp_path / "lake").skipped
    assert lake.channels(DATASET) == {"stable": 1}
    post(lake, 2, recall=0.9)
    assert go(tmp_path / "policy.yaml", tmp_path / "lake").skipped
    assert lake.channels(DATASET) == {"stable": 2}


def test_the_command_says_what_was_breached_and_where_channels_point(commands, lake, capfd):
    assert commands(["report-metric", f"{DATASET}@stable", "recall=0.85"]) == 0
    assert "ok       recall 0.85, wanted >= 0.8" in capfd.readouterr().out
    assert commands(["report-metric", f"{DATASET}@stable", "recall=0.61", "--json"]) == 3
    document = json.loads(capfd.readouterr().out)["error"]
    assert document["report"]["rolled_back"][0]["to"] == 1
    assert lake.channels(DATASET) == {"stable": 1}
    assert commands(["promote", f"{DATASET}@2", "--to", "stable"]) == 3
    assert "made@2 breaches the targets of its policy: recall is 0.61, wanted >= 0.8" in capfd.readouterr().err


@pytest.mark.parametrize("call", ["made recall=1", "made@9 recall=1", "made@0 recall", "nobody@0 recall=1"])
def test_a_call_that_names_nothing_is_refused(commands, call, capfd):
    assert commands(["report-metric", *call.split()]) == 2
    assert "Traceback" not in capfd.readouterr().err


def gated(tmp_path: Path, gates: str) -> Path:
    write_csv(tmp_path / "data.csv", table_rows(0, 300))
    write_csv(tmp_path / "met.csv", table_rows(5_000, 200))
    return policy(tmp_path, "data.csv", NOISE, gates=gates, publish="{channel: stable}")


def drift(tmp_path: Path) -> None:
    cells = [line.split(",") for line in table_rows(5_000, 200)]
    write_csv(tmp_path / "met.csv", [",".join([f"{40.0 + float(width):.6f}", *others]) for width, *others in cells])


@pytest.fixture
def drifting(tmp_path, monkeypatch):
    """Two versions on `stable` whose policy has a gate for drift, judged by commands."""
    gates = "{drift_coverage: {production: met.csv}, privacy: {on_failure: warn}}"
    go(gated(tmp_path, gates), tmp_path / "lake")
    write_csv(tmp_path / "data.csv", table_rows(0, 310))
    go(tmp_path / "policy.yaml", tmp_path / "lake")
    monkeypatch.setenv("AUGMILL_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AUGMILL_RUNNER", "thread")
    return Lake(Store(str(tmp_path / "lake")))


def test_gates_run_again_answer_as_the_run_did_where_nothing_has_changed(drifting, capfd):
    before = list(drifting.store.sub(".augmill").list())
    assert main(["gate", f"{DATASET}@1", "--json"]) == 0
    checks = json.loads(capfd.readouterr().out)["checks"]
    recorded = [one for one in drifting.find(f"{DATASET}@1").manifest.figures["checks"] if one["layer"] == "gates"]
    bare = [{key: value for key, value in one.items() if key != "failing"} for one in recorded]
    assert sorted(one["name"] for one in checks) == sorted(one["name"] for one in bare)
    assert checks == [one for one in json.loads(json.dumps(bare)) if one["name"] in {it["name"] for it in checks}]
    added = {one.name for one in drifting.store.sub(".augmill").list()} - {one.name for one in before}
    assert {name.split("/")[1] for name in added} == {"measurements"}


def test_production_is_read_in_few_shards_when_gates_are_run_again(drifting, monkeypatch):
    read, found = production_sample.read, []
    monkeypatch.setattr(production_sample, "read", lambda *args: (found.append(read(*args)), found[-1])[1])
    assert main(["gate", f"{DATASET}@1"]) == 0
    assert {len(raw.shards) for raw in found} == {1}


def test_drift_since_then_rolls_back_as_soon_as_it_is_measured(drifting, tmp_path, capfd):
    drift(tmp_path)
    assert main(["gate", f"{DATASET}@stable"]) == 3
    told = capfd.readouterr()
    assert "FAILED   drift_coverage 0" in told.out
    assert "made@stable was rolled back from version 1 to 0" in told.err
    assert drifting.channels(DATASET) == {"stable": 0}


def test_promotion_measures_drift_anew_and_refuses_with_the_reason(drifting, tmp_path, capfd):
    drift(tmp_path)
    assert main(["promote", f"{DATASET}@1", "--to", "canary"]) == 3
    told = capfd.readouterr().err
    assert "canary was not moved: made@1 breaches the targets of its policy: drift_coverage is 0" in told
    assert "canary" not in drifting.channels(DATASET)
    write_csv(tmp_path / "met.csv", table_rows(5_000, 200))
    assert main(["promote", f"{DATASET}@1", "--to", "canary"]) == 0
    assert drifting.channels(DATASET)["canary"] == 1


def test_a_production_sample_that_is_gone_stops_promotion(drifting, tmp_path, capfd):
    (tmp_path / "met.csv").unlink()
    assert main(["promote", f"{DATASET}@1", "--to", "canary"]) == 2
    assert "gates.drift_coverage.production" in capfd.readouterr().err


def test_a_version_without_gates_has_nothing_to_run_again(commands, lake, capfd):
    assert commands(["gate", f"{DATASET}@0"]) == 0
    assert "no gate that can be run again" in capfd.readouterr().out
