"""OpenLineage events go where OpenLineage's own configuration says, nowhere by default, and never hold up a run."""

import json
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from augmill.flows.cli import main
from augmill.flows.event_sinks import openlineage
from augmill.flows.event_sinks.openlineage import EVENT_SECONDS, handle, source
from augmill.flows.settings import settings
from augmill.policies.errors import PolicyError
from augmill.tasks.telemetry.dataset_event import DatasetEvent

RUN = "019a0000-0000-7000-8000-000000000001"
WINE = 'dataset: wine\nmodality: tabular\nowner: cellar\nsource: {uri: "builtin:wine"}\nlabel: target\n'


@pytest.fixture
def failed():
    return DatasetEvent("run.failed", "wine", RUN, time.time(), {"kind": "PolicyError", "cause": "x", "exit_code": 2})


@pytest.fixture
def server():
    """A server that takes events, and what it was sent."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(self.server.code)
            self.end_headers()

        def log_message(self, *args):
            pass

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.code, found.got = 201, got
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def lost():
    file = settings().home / "augmill.log"
    return [line for line in file.read_text().splitlines() if "OpenLineage event" in line] if file.exists() else []


def test_it_is_off_until_somebody_says_where_to(monkeypatch, tmp_path, failed):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(openlineage, "client", lambda: pytest.fail("nobody asked for it"))
    assert settings().openlineage is False
    handle(failed, settings())
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    assert settings().openlineage is False
    (tmp_path / "openlineage.yml").write_text("transport: {type: console}\n")
    assert settings().openlineage is False
    monkeypatch.delenv("OPENLINEAGE_DISABLED")
    assert settings().openlineage is True
    monkeypatch.delenv("OPENLINEAGE_URL")
    assert settings().openlineage is True


def test_a_whole_run_is_written_to_a_file_start_and_end_under_one_id(monkeypatch, tmp_path, api):
    file = tmp_path / "events.jsonl"
    monkeypatch.chdir(tmp_path)
    for name, value in (("TYPE", "file"), ("LOG_FILE_PATH", str(file)), ("APPEND", "true")):
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{name}", value)
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "team")
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"airflow/nightly.wine/{RUN}")
    monkeypatch.setenv("PREFECT_API_URL", api)
    (tmp_path / "wine.yaml").write_text(WINE)
    assert [main(["run", "wine.yaml"]) for _ in range(2)] == [0, 0]
    started, ended = [json.loads(line) for line in file.read_text().splitlines()]
    assert (started["eventType"], ended["eventType"]) == ("START", "COMPLETE")
    assert started["run"]["runId"] == ended["run"]["runId"]
    assert {one["job"]["namespace"] for one in (started, ended)} == {"team"}
    assert started["job"]["facets"]["ownership"]["owners"][0]["name"] == "cellar"
    assert ended["run"]["facets"]["parent"]["run"]["runId"] == RUN
    assert "nominalTime" not in ended["run"]["facets"]
    assert (ended["inputs"][0]["namespace"], ended["inputs"][0]["name"]) == ("builtin", "wine")
    assert ended["outputs"][0]["name"] == str(settings().home / "lake" / "wine")
    assert len(ended["outputs"][0]["facets"]["columnLineage"]["fields"]) == 14
    assert lost() == []


def test_a_server_is_sent_events_by_its_standard_variable(monkeypatch, server, failed):
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{server.server_port}")
    handle(failed, settings())
    ((path, told),) = server.got
    assert path == "/api/v1/lineage"
    assert (told["eventType"], told["run"]["runId"]) == ("FAIL", RUN)
    assert lost() == []


@pytest.mark.parametrize("code", [401, 500])
def test_a_server_that_refuses_costs_one_line(monkeypatch, server, failed, code):
    server.code = code
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://me:hunter2@127.0.0.1:{server.server_port}")
    handle(failed, settings())
    (line,) = lost()
    assert str(code) in line or "too many" in line
    assert "hunter2" not in line
    assert len(server.got) == 1


def test_a_server_that_is_down_costs_one_line(monkeypatch, failed, capfd):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{port}")
    handle(failed, settings())
    assert len(lost()) == 1
    assert capfd.readouterr() == ("", "")


def test_a_server_that_takes_the_event_and_never_answers_is_given_up(monkeypatch, failed):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TIMEOUT", "600")
        began = time.monotonic()
        handle(failed, settings())
        assert time.monotonic() - began < 6 * EVENT_SECONDS
    assert len(lost()) == 1


@pytest.mark.parametrize(
    "variables",
    [
        {"OPENLINEAGE_URL": "no address"},
        {"OPENLINEAGE__TRANSPORT__TYPE": "pigeon"},
        {"OPENLINEAGE__TRANSPORT__TYPE": "file"},
    ],
)
def test_a_configuration_that_says_nothing_sensible_costs_one_line(monkeypatch, failed, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    handle(failed, settings())
    assert len(lost()) == 1


def test_the_console_is_standard_error_and_leaves_the_answer_alone(monkeypatch, failed, capfd):
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "console")
    handle(failed, settings())
    out, err = capfd.readouterr()
    assert out == ""
    assert json.loads(err.strip())["eventType"] == "FAIL"


def test_a_parent_that_is_none_is_refused_with_its_form(monkeypatch):
    for wrong in ("airflow", "airflow/job/12", f"/job/{RUN}", f"airflow/{RUN}"):
        monkeypatch.setenv("OPENLINEAGE_PARENT_ID", wrong)
        with pytest.raises(PolicyError, match="NAMESPACE/JOB/ID"):
            settings()
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"airflow/a/b/{RUN}")
    assert settings().openlineage_parent == ("airflow", "a/b", RUN)


def test_a_policy_is_named_by_its_repository_without_the_token_in_the_address(tmp_path):
    policy = tmp_path / "policies" / "wine.yaml"
    policy.parent.mkdir()
    policy.write_text(WINE)
    assert source(policy) is None

    def git(*asked):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *asked], check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "One policy")
    git("remote", "add", "origin", "https://ci:hunter2@git.example.org/team/policies.git")
    found = source(policy)
    assert found.url == "https://REDACTED@git.example.org/team/policies.git"
    assert found.path == "policies/wine.yaml"
    assert len(found.version) == 40
