"""Traces reach a real OTLP receiver, whole and from every kind of worker; one that is away or hangs costs seconds."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from augmill.flows.settings import settings
from augmill.flows.telemetry import tracing
from augmill.flows.telemetry.tracing import run_scope
from augmill.policies.errors import DataError
from augmill.tasks.runners import dask, process, thread
from augmill.tasks.telemetry.spans import current, span
from tests.end_to_end.helpers import GOOD, exactly, go, policy, write_csv

RECEIVER = Path(__file__).with_name("receiver.py")
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@contextmanager
def receiver(file: Path, mood: str = "") -> Iterator[str]:
    """A receiver in a process of its own, which writes spans to the file."""
    call = [sys.executable, str(RECEIVER), str(file), *([mood] if mood else [])]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout is not None
            yield f"http://127.0.0.1:{int(started.stdout.readline())}"
        finally:
            started.kill()


def spans(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def lines() -> list[dict]:
    file = settings().home / "augmill.log"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@contextmanager
def runner_of(kind: str):
    if kind == "dask":
        with dask.local_client(2) as client, dask.Runner(client) as opened:
            yield opened
    else:
        with {"thread": thread.Runner, "process": process.Runner}[kind](2) as opened:
            yield opened


@pytest.mark.parametrize("kind", ["thread", "process", "dask"])
def test_a_run_is_one_trace_from_the_flow_to_each_shard_on_its_worker(monkeypatch, tmp_path, kind):
    write_csv(tmp_path / "data.csv", GOOD)
    file = policy(tmp_path, "data.csv")
    with receiver(tmp_path / "spans") as url:
        monkeypatch.setenv(ENDPOINT, url)
        with run_scope("r1", "made", settings()) as link, runner_of(kind) as runner:
            version = go(file, tmp_path / "lake", runner=runner, shard_rows=40)
            link({"version": version.number, "skipped": False})
    found = spans(tmp_path / "spans")
    by_id = {one["id"]: one for one in found}
    (root,) = [one for one in found if not one["parent"]]
    assert len(by_id) == len(found)
    assert {one["trace"] for one in found} == {root["trace"]}
    assert {one["path"] for one in found} == {"/v1/traces"}
    assert (root["name"], root["service"], root["attributes"]["augmill.version"]) == ("run made", "augmill", 0)
    stages = [one for one in found if one["parent"] == root["id"]]
    assert [one["name"] for one in sorted(stages, key=lambda one: one["start"])] == [
        *("ingest", "validate", "split", "fit", "augment", "verify", "check", "gate", "publish")
    ]
    shards = [one for one in found if one not in (root, *stages)]
    assert {by_id[one["parent"]]["name"] + " shard" == one["name"] for one in shards} == {True}
    assert all(by_id[one["parent"]]["start"] <= one["start"] <= one["end"] for one in shards)
    made = [one for one in shards if one["name"] == "augment shard"]
    assert len(made) > 1
    elsewhere = {one["attributes"]["process.pid"] for one in made} - {os.getpid()}
    assert bool(elsewhere) == (kind != "thread")


def test_rows_do_not_depend_on_whether_a_run_is_traced(monkeypatch, tmp_path):
    write_csv(tmp_path / "data.csv", GOOD)
    go(policy(tmp_path, "data.csv"), tmp_path / "plain")
    with receiver(tmp_path / "spans") as url:
        monkeypatch.setenv(ENDPOINT, url)
        with run_scope("r1", "made", settings()):
            go(policy(tmp_path, "data.csv"), tmp_path / "traced")
    assert len(spans(tmp_path / "spans")) > 10
    assert exactly(tmp_path / "traced") == exactly(tmp_path / "plain")
    names = [
        sorted(file.name for file in (tmp_path / lake / ".augmill" / "made" / "work").rglob("*.json"))
        for lake in ("plain", "traced")
    ]
    assert names[0] == names[1]


def test_a_failure_marks_the_run_and_the_stage_without_its_secrets(monkeypatch, tmp_path):
    with receiver(tmp_path / "spans") as url:
        monkeypatch.setenv(ENDPOINT, url)
        with pytest.raises(DataError), run_scope("r1", "made", settings()), span("check", stage="check"):
            raise DataError("3 rows leak to s3://me:hunter2@host/x", "Mend the split.")
    assert {(one["name"], one["status"]) for one in spans(tmp_path / "spans")} == {("run made", 2), ("check", 2)}
    assert "3 rows leak" in spans(tmp_path / "spans")[0]["message"]
    assert "hunter2" not in (tmp_path / "spans").read_text()


def test_the_run_stands_below_whoever_started_it_and_is_left_out_where_they_left_it_out(monkeypatch, tmp_path):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
    with receiver(tmp_path / "spans") as url:
        monkeypatch.setenv(ENDPOINT, url)
        for flags in ("01", "00"):
            monkeypatch.setenv("TRACEPARENT", f"{parent}-{flags}")
            with run_scope(flags, "made", settings()):
                assert bool(current().trace_id) == (flags == "01")
    (found,) = spans(tmp_path / "spans")
    assert f"00-{found['trace']}-{found['parent']}" == parent


@pytest.mark.parametrize("mood", ["hang", "refuse", "away"])
def test_an_endpoint_that_does_not_take_spans_costs_seconds_and_one_line(monkeypatch, tmp_path, mood, capfd):
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 1.0)
    with receiver(tmp_path / "spans", "hang" if mood == "away" else mood) as url:
        monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1" if mood == "away" else url)
        began = time.monotonic()
        with run_scope("r1", "made", settings()):
            for number in range(50):
                with span(f"stage {number}"):
                    pass
        assert time.monotonic() - began < 20
        assert [line["message"].partition(",")[0].partition(" http")[0] for line in lines()] == ["traces did not reach"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {ENDPOINT: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {ENDPOINT: "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
        {ENDPOINT: "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
)
def test_without_an_endpoint_there_is_no_trace(monkeypatch, tmp_path, more):
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    with run_scope("r1", "made", settings()):
        assert (current().run_id, current().trace_id, current().keep) == ("r1", "", None)
    assert [line["message"] for line in lines()] == (
        ["no traces: augmill speaks OTLP over http/protobuf, not grpc"] if "OTEL_EXPORTER_OTLP_PROTOCOL" in more else []
    )


def test_tracing_sets_no_tracer_for_anybody_else(monkeypatch):
    from opentelemetry import trace

    before = trace.get_tracer_provider()
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.1)
    with run_scope("r1", "made", settings()):
        pass
    assert trace.get_tracer_provider() is before


@pytest.mark.parametrize("fault", [None, DataError("broken", "Mend it.")])
def test_the_logger_of_opentelemetry_is_ours_for_the_run_and_theirs_again_after_it(monkeypatch, tmp_path, fault):
    logger = logging.getLogger("opentelemetry")
    handler = logging.NullHandler()
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "propagate", True)
    with receiver(tmp_path / "spans") as url:
        monkeypatch.setenv(ENDPOINT, url)
        with nullcontext() if fault is None else pytest.raises(DataError), run_scope("r1", "made", settings()):
            assert (handler in logger.handlers, logger.propagate) == (False, False)
            if fault is not None:
                raise fault
    assert (logger.handlers, logger.propagate) == ([handler], True)


def test_an_exporter_that_cannot_be_made_leaves_the_logger_of_opentelemetry_alone(monkeypatch):
    logger = logging.getLogger("opentelemetry")
    handler = logging.NullHandler()
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    with run_scope("r1", "made", settings()):
        assert current().keep is None
    assert (logger.handlers, logger.propagate) == ([handler], True)


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_of_runs_at_once_the_last_to_end_puts_the_logger_of_opentelemetry_back(monkeypatch, first_to_end):
    logger = logging.getLogger("opentelemetry")
    handler = logging.NullHandler()
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    traces = settings().observability.traces
    assert traces is not None
    exporters = [tracing.TraceExporter(traces), tracing.TraceExporter(traces)]
    exporters.pop(first_to_end).close()
    assert (handler in logger.handlers, logger.propagate) == (False, False)
    exporters.pop().close()
    assert (logger.handlers, logger.propagate) == ([handler], True)
