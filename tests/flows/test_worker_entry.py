"""What a deployed run says in Prefect: its end in one line, foreseen faults without a traceback, what is pinned."""

from __future__ import annotations

import json
import logging

import pytest

from augmill.flows.telemetry.logs import LOGGER
from augmill.flows.worker_entry import as_state, log_to_prefect, outcome_text
from augmill.policies.errors import DataError, StorageError
from augmill.tasks.summaries.run_artifacts import pinned
from augmill.tasks.telemetry.dataset_event import DatasetEvent, failure

DOCUMENT = {
    "dataset": "wine",
    "version": 3,
    "parent_version": 2,
    "skipped": False,
    "rows": {
        "real": 1500,
        "synthetic": 20,
        "dropped": 2,
        "by_split_origin_label": {"train": {"real": {"a|b": 10, "<b>": 2}, "synthetic": {"<b>": 8}}},
    },
    "checks": [{"name": "label_consistency", "success": True, "observed": 0.99, "target": ">= 0.9"}],
    "table_uri": "/lake/wine",
    "mlflow": {"tracking_uri": "http://127.0.0.1:5000", "experiment_id": "1", "run_id": "ab", "spooled": None},
}


@pytest.fixture(autouse=True)
def _no_handler_stays():
    logger = logging.getLogger(LOGGER)
    before = list(logger.handlers)
    yield
    for handler in [one for one in logger.handlers if one not in before]:
        logger.removeHandler(handler)
        handler.close()


def happening(kind: str, facts: dict) -> DatasetEvent:
    return DatasetEvent(kind, "wine", "run", 0.0, facts)


def test_a_run_that_ends_well_is_completed_with_one_line():
    state = as_state(lambda: DOCUMENT)
    assert (state.is_completed(), state.message) == (True, "wine@3 published: 1,500 real, 20 synthetic rows.")
    assert outcome_text(DOCUMENT | {"skipped": True}) == "wine@3 is up to date: nothing has changed."


def test_a_foreseen_fault_is_a_failed_state_with_cause_and_remedy_and_no_secret():
    def work():
        raise StorageError("s3://ada:hunter2@host/x does not answer.", "Start it.")

    state = as_state(work)
    assert state.is_failed()
    assert "does not answer" in state.message
    assert "remedy: Start it." in state.message
    assert "hunter2" not in state.message


def test_a_bug_is_not_taken_for_a_foreseen_fault():
    with pytest.raises(ZeroDivisionError):
        as_state(lambda: 1 / 0)


def test_the_log_of_the_engine_holds_the_fault_in_words(caplog):
    log_to_prefect()
    engine = logging.getLogger("prefect.task_runs")
    for fault in (DataError("too few rows.", "Add some."), ValueError("a bug")):
        told = (type(fault), fault, None)
        record = engine.makeRecord("prefect.task_runs", logging.ERROR, __file__, 1, "failed", (), told)
        engine.filter(record)
        foreseen = isinstance(fault, DataError)
        assert (record.exc_info is None) == foreseen
        assert ("too few rows" in record.getMessage()) == foreseen


def test_what_is_pinned_holds_tables_and_links_and_takes_no_markup_from_data():
    pins = {name: (kind, data) for name, kind, data, _ in pinned(happening("run.published", DOCUMENT))}
    assert set(pins) == {"outcome", "links", "classes", "checks"}
    assert "wine@3 published** after wine@2" in pins["outcome"][1]
    assert "[http://127.0.0.1:5000/#/experiments/1/runs/ab" in pins["links"][1]
    assert json.loads(pins["classes"][1]) == [
        {"class": "&lt;b>", "real": 2, "synthetic": 8, "all": 10},
        {"class": "a\\|b", "real": 10, "synthetic": 0, "all": 10},
    ]
    assert json.loads(pins["checks"][1])[0]["verdict"] == "ok"


def test_a_failed_run_pins_why_and_which_checks():
    report = {"checks": [{"name": "gate", "success": False, "on_failure": "fail", "observed": 0.1, "target": ">= 0.5"}]}
    facts = failure(DataError("a gate <b>failed</b>.", "Look.", report=report))
    pins = {name: data for name, _, data, _ in pinned(happening("run.failed", facts))}
    assert "nothing was published" in pins["outcome"]
    assert "&lt;b>failed" in pins["outcome"]
    assert json.loads(pins["checks"])[0]["verdict"] == "fail"
