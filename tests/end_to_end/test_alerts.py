"""Whoever is on call hears of what happens to a dataset from a run that has no server to do it: once, without rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from augmill.flows.cli import main
from augmill.flows.settings import settings
from tests.end_to_end.helpers import GOOD, NOISE, policy, suite, write_csv
from tests.receivers import Received, webhook

STRICT = """\
name: strict
expectations:
  - {type: expect_table_row_count_to_be_between, kwargs: {min_value: 1000}}
"""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    with webhook() as received:
        monkeypatch.setenv("AUGMILL_WEBHOOK_URL", received.url)
        yield received


def told(hook: Received) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in hook.got]


def test_a_check_that_keeps_failing_is_told_of_once_and_so_is_the_budget_that_this_burns(here, hook):
    file = policy(here.folder, "data.csv", **suite(here.folder, STRICT))
    for _ in range(3):
        here.refused(file, 3, "expect_table_row_count_to_be_between")
    got, budget = told(hook)
    assert (budget["kind"], budget["facts"]["name"]) == ("budget.burning", "run_success")
    assert (got["kind"], got["dataset"], got["severity"]) == ("check.failed", "made", "page")
    text = "made: nothing was published. expect_table_row_count_to_be_between is 100, wanted >= 1000."
    assert got["text"] == f"{text} Run {got['run_id']}."
    assert "S3CRET" not in (settings().home / "augmill.log").read_text()


def test_what_people_and_breaches_do_to_channels_is_told_of(here, hook):
    loose = {"publish": "{channel: stable}", "gates": "{metrics: {recall: {min: 0.8}}}"}
    assert here.run(policy(here.folder, "data.csv", **loose))[0] == 0
    write_csv(here.folder / "data.csv", GOOD[:90])
    assert here.run(policy(here.folder, "data.csv", NOISE, **loose))[0] == 0
    assert main(["rollback", "made"]) == 0
    assert main(["promote", "made@2", "--to", "stable"]) == 0
    assert main(["promote", "made@2", "--to", "stable"]) == 0  # where it is already
    assert main(["report-metric", "made@stable", "recall=0.5"]) == 3
    moves = [(got["kind"], got["facts"].get("version")) for got in told(hook) if got["kind"].startswith("channel.")]
    by_runs = [("channel.promoted", 1), ("channel.promoted", 2)]
    by_hand = [("channel.rolled_back", 1), ("channel.promoted", 2)]
    assert moves == [*by_runs, *by_hand, ("channel.rolled_back", 1)]
    assert "because recall is 0.5, wanted >= 0.8" in told(hook)[-1]["text"]
    assert [got["severity"] for got in told(hook) if got["kind"] == "check.failed"][-1] == "page"


def test_a_server_that_is_away_keeps_nobody_from_hearing_that_the_run_failed(here, hook, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    write_csv(here.folder / "data.csv", GOOD[:90])
    here.refused(policy(here.folder, "data.csv"), 4, "http://127.0.0.1:1/api does not answer")
    (got,) = told(hook)
    assert (got["kind"], got["severity"]) == ("run.failed", "page")
    assert got["text"].startswith("made: the Prefect server at http://127.0.0.1:1/api does not answer")
