"""The exporter serves what the lake holds and what it sees around it, and answers whatever is down."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from augmill.flows.cli import main
from augmill.flows.event_sinks import metrics
from augmill.flows.settings import settings
from augmill.flows.telemetry import collector, probes
from augmill.tasks.storage.store import Store
from tests.end_to_end.helpers import command, environment
from tests.tasks.telemetry.told import document, happening

ANSWERS = {
    "/api/health": True,
    "/api/flow_runs/count": 2,
    "/api/work_pools/filter": [{"name": "augmill"}],
    "/api/work_pools/augmill/workers/filter": [{"status": "ONLINE"}, {"status": "OFFLINE"}],
    "/health": "OK",
}


def values(series) -> dict[tuple[str, ...], float]:
    return {(one.name, *one.labels): one.value for one in series}


@contextmanager
def server(answers: dict[str, object] | None) -> Iterator[str]:
    """Somebody who answers so, or who never does."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if answers is None:
                stop.wait(60)
                return
            body = json.dumps(answers.get(self.path)).encode()
            self.send_response(200 if self.path in answers else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{made.server_address[1]}"
        finally:
            stop.set()
            made.shutdown()


def test_an_empty_home_has_figures_of_itself_alone():
    found = values(collector.all_series(settings()))
    assert found["augmill_component_up", "lake"] == 1
    assert ("augmill_component_up", "mlflow") not in found
    assert ("augmill_component_up", "prefect_server") not in found
    assert found["augmill_disk_size_bytes", "home"] > found["augmill_disk_free_bytes", "home"] > 0


def test_servers_that_answer_are_up_and_say_who_works(monkeypatch):
    with server(ANSWERS) as url:
        monkeypatch.setenv("PREFECT_API_URL", f"{url}/api")
        monkeypatch.setenv("AUGMILL_TRACKING_URI", url)
        found = values(probes.component_series(settings()))
    assert found["augmill_component_up", "prefect_server"] == found["augmill_component_up", "mlflow"] == 1
    assert found["augmill_workers_online", "augmill"] == 1
    assert found["augmill_late_runs",] == 2


def test_a_server_of_another_version_is_up_and_says_nothing_of_workers(monkeypatch):
    with server({"/api/health": True, "/api/flow_runs/count": 0}) as url:
        monkeypatch.setenv("PREFECT_API_URL", f"{url}/api")
        found = values(probes.component_series(settings()))
    assert found["augmill_component_up", "prefect_server"] == 1
    assert not [key for key in found if key[0] == "augmill_workers_online"]


def test_servers_that_hang_or_are_away_are_down_within_a_bounded_time(monkeypatch):
    monkeypatch.setattr(probes, "ANSWER_SECONDS", 0.5)
    monkeypatch.setenv("AUGMILL_TRACKING_URI", "http://127.0.0.1:1")
    with server(None) as url:
        monkeypatch.setenv("PREFECT_API_URL", f"{url}/api")
        began = time.monotonic()
        found = values(probes.component_series(settings()))
        assert time.monotonic() - began < 15
    assert found["augmill_component_up", "prefect_server"] == found["augmill_component_up", "mlflow"] == 0


def test_a_lake_that_is_down_leaves_the_figures_that_this_home_knows(monkeypatch, tmp_path):
    metrics.handle(happening("run.published", **document()), settings())
    lake = tmp_path / "lake"
    lake.write_text("no folder")
    monkeypatch.setenv("AUGMILL_LAKE", str(lake))
    found = values(collector.all_series(settings()))
    assert found["augmill_component_up", "lake"] == 0
    assert found["augmill_runs_total", "made", "published"] == 1


def test_a_dataset_whose_objects_make_no_sense_does_not_hide_the_others():
    metrics.handle(happening("run.published", **document()), settings())
    Store(settings().lake).write(".augmill/.telemetry/broken/000000000001.json", b'{"open": {"r1": "yesterday"}}')
    found = values(collector.all_series(settings()))
    assert found["augmill_component_up", "lake"] == 1
    assert found["augmill_runs_total", "made", "published"] == 1
    assert found["augmill_runs_total", "broken", "published"] == 0


def test_a_run_that_was_killed_is_seen_to_be_lost_before_anybody_tells_of_it():
    metrics.handle(happening("run.started", at=1000.0), settings())
    for _ in range(2):
        assert values(collector.all_series(settings()))["augmill_runs_total", "made", "lost"] == 1


def test_the_command_prints_what_is_scraped(capsys):
    metrics.handle(happening("run.published", **document()), settings())
    assert main(["metrics"]) == 0
    text = capsys.readouterr().out
    assert 'augmill_runs_total{dataset="made",outcome="published"} 1.0' in text
    assert main(["metrics", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["series"]
    assert {"name": "augmill_version", "labels": {"dataset": "made"}, "value": 0.0} in told
    promtool = shutil.which("promtool")
    if promtool:
        done = subprocess.run([promtool, "check", "metrics"], input=text.encode(), capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


def test_a_port_that_is_taken_is_one_error(capsys):
    with server({}) as url:
        assert main(["metrics", "--serve", "--port", url.rpartition(":")[2]]) == 4
    assert "cannot be listened on" in capsys.readouterr().err


@pytest.fixture(params=["127.0.0.1", "::1"])
def exporter(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    home = tmp_path / "home"
    process = subprocess.Popen(
        command("metrics", "--serve", "--port", "0", "--host", request.param),
        env=environment(home),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert line.startswith(collector.LISTENING), line
            yield line.removeprefix(collector.LISTENING).strip()
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(30) == 130
        finally:
            process.kill()


def test_the_exporter_is_scraped_on_loopback_and_ends_when_interrupted(exporter):
    assert exporter.startswith(("http://127.0.0.1:", "http://[::1]:"))
    with urllib.request.urlopen(exporter, timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert 'augmill_component_up{component="lake"} 1.0' in answer.read().decode()
    with urllib.request.urlopen(exporter.replace("/metrics", "/health"), timeout=30) as answer:
        assert answer.read() == b"ok\n"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(exporter.replace("/metrics", "/elsewhere"), timeout=30)
