import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from augmill.flows.commands.ui import served
from augmill.flows.settings import Settings
from augmill.policies.errors import StorageError

ROOT = Path(__file__).parents[2]


def settings_of(home, tracking_uri):
    return Settings(home, str(home / "lake"), tracking_uri, "thread", 1, None, None, None, None, None)


def ui(home, *arguments, **variables):
    environment = {**os.environ, "AUGMILL_HOME": str(home), "PYTHONPATH": f"{ROOT}:{ROOT}/infra/checkout", **variables}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "augmill.flows.cli", "ui", "--no-browser", *arguments]
    return subprocess.Popen(
        command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def gone(port):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return True
        time.sleep(0.1)
    return False


def first_document(process):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            return json.loads("".join(lines))
    raise RuntimeError(process.stderr.read())


def test_the_ui_answers_on_loopback_and_dies_with_its_parent_even_when_that_is_killed(tmp_path):
    port = free_port()
    process = ui(tmp_path, "--json", "--port", str(port))
    try:
        found = first_document(process)
        assert found["address"] == f"http://127.0.0.1:{port}"
        assert found["url"] == f"http://127.0.0.1:{port}/#/experiments?workflowType=machine_learning"
        with urllib.request.urlopen(found["address"], timeout=30) as page:
            assert b"<title>MLflow</title>" in page.read()
        request = urllib.request.Request(
            f"{found['address']}/api/2.0/mlflow/experiments/create",
            json.dumps({"name": "oil-spill"}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            number = json.load(answer)["experiment_id"]
        # A second one finds the page of a dataset on the server in use, and an unknown dataset is the call's fault.
        other = ui(tmp_path, "oil-spill", AUGMILL_TRACKING_URI=found["address"])
        out, _ = other.communicate(timeout=60)
        assert f"/#/experiments/{number}/runs?workflowType=machine_learning&viewStateShareKey=augmill" in out
        unknown = ui(tmp_path, "nothing", AUGMILL_TRACKING_URI=found["address"])
        assert "MLflow holds no record of nothing" in unknown.communicate(timeout=60)[1]
        assert unknown.returncode == 2
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    assert gone(port)


def test_a_port_that_is_taken_is_named_with_the_remedy(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = settings_of(tmp_path, f"sqlite:///{tmp_path}/mlflow.db")
        with (
            pytest.raises(StorageError, match=rf"port {port}: Address already in use") as fault,
            served(settings, "127.0.0.1", port),
        ):
            pass
        assert "--port" in fault.value.remedy


def test_a_tracking_server_that_is_down_is_named_without_its_password(tmp_path):
    settings = settings_of(tmp_path, f"http://me:hunter2@127.0.0.1:{free_port()}")
    with pytest.raises(StorageError, match="does not answer") as fault, served(settings, "127.0.0.1", None):
        pass
    assert "hunter2" not in str(fault.value)


def test_a_store_that_mlflow_cannot_open_ends_with_its_reason_and_no_server(tmp_path):
    settings = settings_of(tmp_path, "mysql+nosuchdriver://me:hunter2@host/db")
    with pytest.raises(StorageError, match="did not start") as fault, served(settings, "127.0.0.1", free_port()):
        pass
    assert "mlflow-ui.log" in fault.value.remedy
    assert "hunter2" not in str(fault.value)


def test_the_help_shows_an_example(tmp_path):
    out, _ = ui(tmp_path, "--help").communicate(timeout=60)
    assert "augmill ui oil-spill" in out
