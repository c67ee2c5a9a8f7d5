"""Series reach a textfile or a pushgateway; whatever is wrong there costs seconds and one line of the log."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from augmill.flows.config.observability_settings import PushGateway
from augmill.flows.event_sinks import metrics
from augmill.flows.settings import settings
from augmill.policies.errors import PolicyError
from augmill.tasks.storage.store import Store
from augmill.tasks.telemetry import counter_store
from tests.end_to_end.helpers import ROOT
from tests.tasks.telemetry.told import document, happening

STARTED = happening("run.started", at=1000.0)
PUBLISHED = happening("run.published", at=1060.0, **document())


@pytest.fixture
def home() -> Path:
    return settings().home


def tell(monkeypatch: pytest.MonkeyPatch, *happenings, to: str | Path = "") -> None:
    monkeypatch.setenv("AUGMILL_METRICS", str(to))
    for one in happenings:
        metrics.handle(one, settings())


def log(home: Path) -> str:
    file = home / "augmill.log"
    return file.read_text() if file.exists() else ""


def test_a_textfile_is_written_for_each_dataset_and_holds_zeros_from_the_start(monkeypatch, tmp_path):
    tell(monkeypatch, STARTED, to=tmp_path)
    first = (tmp_path / "augmill-made.prom").read_text()
    assert 'augmill_runs_total{dataset="made",outcome="published"} 0.0' in first
    assert 'augmill_runs_in_progress{dataset="made"} 1.0' in first
    tell(monkeypatch, PUBLISHED, to=tmp_path)
    assert 'outcome="published"} 1.0' in (tmp_path / "augmill-made.prom").read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["augmill-made.prom"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("schedule: {cron: '0 3 * * *'}", 86_400.0),
        ("schedule: {cron: '0 9 * * mon-fri'}", 3 * 86_400.0),
        ("schedule: {tags: [x]}", None),
        ("schedule: {cron: 'no line'}", None),
        ("schedule: [", None),
    ],
)
def test_the_interval_is_that_of_the_schedule_which_the_policy_has_now(monkeypatch, tmp_path, text, seconds):
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"dataset: made\n{text}\n")
    tell(monkeypatch, happening("run.started", policy=str(policy)), to=tmp_path)
    found = re.findall(
        r"^augmill_schedule_interval_seconds{.*} (.+)$", (tmp_path / "augmill-made.prom").read_text(), re.M
    )
    assert [float(one) for one in found] == ([] if seconds is None else [seconds])


def test_without_the_setting_runs_are_counted_for_the_exporter_and_nothing_is_written(monkeypatch, home):
    tell(monkeypatch, STARTED, PUBLISHED)
    assert counter_store.read(Store(str(home / "lake" / ".augmill" / ".telemetry")), "made")["runs"] == {"published": 1}
    assert list(home.rglob("*.prom")) == []


def test_a_lake_that_is_down_is_counted_in_later(monkeypatch, tmp_path, home):
    blocked = tmp_path / "lake"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setenv("AUGMILL_LAKE", str(blocked))
    tell(monkeypatch, STARTED, PUBLISHED, to=tmp_path)
    assert 'outcome="published"} 1.0' in (tmp_path / "augmill-made.prom").read_text()
    assert log(home).count("could not be counted in the lake") == 2
    blocked.unlink()
    for name, content in (("a", "{}"), ("b", "[1]"), ("c", "{")):  # what nobody can count holds up nobody
        (home / "telemetry" / "waiting" / "made" / f"{name}.json").write_text(content)
    tell(monkeypatch, happening("run.failed", "r2", 2000.0, exit_code=4), to=tmp_path)
    tally = counter_store.read(Store(str(blocked / ".augmill" / ".telemetry")), "made")
    assert tally["runs"] == {"published": 1, "storage_error": 1}
    left = [file.name for file in (home / "telemetry" / "waiting" / "made").iterdir()]
    assert sorted(left) == ["a.json", "b.json", "c.json"]


def test_a_lake_that_hangs_costs_a_bounded_time(monkeypatch, home):
    monkeypatch.setattr(metrics, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(metrics.EventCounter, "count", lambda *_: time.sleep(30))
    began = time.monotonic()
    tell(monkeypatch, STARTED)
    assert time.monotonic() - began < 15
    assert "no answer in 0.5 s" in log(home)
    assert len(list((home / "telemetry" / "waiting" / "made").iterdir())) == 1


def test_the_name_of_a_dataset_that_cannot_be_one_reaches_no_file(monkeypatch, tmp_path, home):
    for name in ("../../evil", "a/b", "UPPER", "", "x" * 64):
        one = happening("run.failed", exit_code=2)
        monkeypatch.setenv("AUGMILL_METRICS", str(tmp_path))
        metrics.handle(type(one)(one.kind, name, "r1", 1.0, one.facts), settings())
    assert list(tmp_path.iterdir()) == []
    assert not (home / "telemetry").exists()


def test_a_folder_that_has_gone_is_one_line_in_the_log(monkeypatch, tmp_path, home, capfd):
    folder = tmp_path / "textfiles"
    folder.mkdir()
    monkeypatch.setenv("AUGMILL_METRICS", str(folder))
    current = settings()
    folder.rmdir()
    metrics.handle(STARTED, current)
    assert log(home).count("\n") == 1
    assert "metrics of made were not exported" in log(home)
    assert capfd.readouterr() == ("", "")


FULL = """
import resource, sys
from pathlib import Path
from augmill.flows.settings import settings
from augmill.flows.event_sinks import metrics
from tests.tasks.telemetry.told import document, happening
current = settings()
metrics.handle(happening("run.started"), current)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))  # as a disk that is full
metrics.handle(happening("run.published", at=1060.0, **document()), current)
"""


def test_a_full_disk_leaves_the_old_textfile_whole_and_prints_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("AUGMILL_METRICS", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", FULL], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [file.name for file in tmp_path.iterdir()] == ["augmill-made.prom"]
    assert (tmp_path / "augmill-made.prom").read_text().endswith('augmill_series_left_off{dataset="made"} 0.0\n')


@pytest.mark.parametrize("value", ["nowhere/at/all", "ftp://host/x", "http://", "https://host:port", "pyproject.toml"])
def test_a_setting_that_is_neither_a_folder_nor_an_address_is_refused_by_name(monkeypatch, value):
    monkeypatch.setenv("AUGMILL_METRICS", value)
    with pytest.raises(PolicyError, match="AUGMILL_METRICS must be a folder that exists, or the http"):
        settings()


def test_the_password_of_a_gateway_is_shown_nowhere(monkeypatch):
    monkeypatch.setenv("AUGMILL_METRICS", "https://me:hunter2@gateway:9091/base/")
    assert settings().observability.metrics == PushGateway("https://gateway:9091/base", "me", "hunter2")
    assert "hunter2" not in repr(settings())
    monkeypatch.setenv("AUGMILL_METRICS", "ftp://me:hunter2@gateway/")
    with pytest.raises(PolicyError) as refused:
        settings()
    assert "hunter2" not in str(refused.value)


@pytest.fixture(scope="module")
def pushgateway() -> Iterator[str]:
    """A real one on loopback."""
    program = shutil.which("prometheus-pushgateway")
    if program is None:
        pytest.skip("prometheus-pushgateway is not here; it is in Debian's package of that name")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [program, f"--web.listen-address=127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until_ready(f"{url}/-/ready", process)
            yield url
        finally:
            process.kill()


def until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


def pushed(url: str) -> list[str]:
    with urllib.request.urlopen(f"{url}/metrics", timeout=20) as answer:
        return [line for line in answer.read().decode().splitlines() if line.startswith("augmill_")]


def test_a_pushgateway_holds_one_group_per_dataset_without_what_has_gone(monkeypatch, pushgateway, home):
    tell(monkeypatch, STARTED, to=pushgateway)
    tell(monkeypatch, happening("run.failed", exit_code=3, report={"failed": document()["checks"][2:]}), to=pushgateway)
    assert any(line.startswith('augmill_check_passed{check="coverage",dataset="made"') for line in pushed(pushgateway))
    tell(monkeypatch, happening("run.published", "r2", 1100.0, **document(checks=[])), to=pushgateway)
    now = pushed(pushgateway)
    assert not [line for line in now if line.startswith("augmill_check_passed")]
    assert {line.partition("instance=")[2].partition(",")[0] for line in now} == {'""'}
    assert any('job="augmill",outcome="published"} 1' in line for line in now)
    assert log(home) == ""


@contextmanager
def gateway(status: int | None, body: bytes = b"") -> Iterator[str]:
    """Somebody on loopback who answers so, or never."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if status is None:
                stop.wait(60)
                return
            self.server.asked = self.headers.get("Authorization")  # type: ignore[attr-defined]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            stop.set()
            server.shutdown()


def test_a_gateway_that_refuses_is_one_line_with_its_reason(monkeypatch, home):
    with gateway(400, b"pushed metrics are invalid: second HELP line") as url:
        tell(monkeypatch, STARTED, to=url.replace("http://", "http://me:hunter2@"))
    assert "HTTP 400: pushed metrics are invalid" in log(home)
    assert log(home).count("\n") == 1
    assert "hunter2" not in log(home)


def test_a_gateway_that_is_away_or_hangs_costs_a_bounded_time(monkeypatch, home):
    monkeypatch.setattr(metrics, "ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        away = f"http://127.0.0.1:{closed.getsockname()[1]}"
    tell(monkeypatch, STARTED, to=away)
    assert "Connection refused" in log(home)
    with gateway(None) as url:
        began = time.monotonic()
        tell(monkeypatch, PUBLISHED, to=url)
        assert time.monotonic() - began < 15
    assert log(home).count("metrics of made were not exported") == 2


def test_no_secret_is_kept_in_a_tally(monkeypatch, home):
    secret = {"cause": "s3://me:hunter2@host", "report": {"failed": [], "report": "s3://me:hunter2@host"}}
    tell(monkeypatch, happening("run.failed", exit_code=3, **secret))
    kept = [file.read_text() for file in home.rglob("*.json")]
    assert kept
    assert "hunter2" not in json.dumps(kept)
