"""`augmill doctor`: each thing that can be wrong is named with what to do, in bounded time, and no secret is shown."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from augmill.flows import health
from augmill.flows.cli import main

HOUR = 3600.0
BOUND = health.PATIENCE_SECONDS


@contextmanager
def serving(answers, skew=0.0, password=None):
    """A server that answers what a path begins with by its text, or 404; `password` as the header that it wants."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if password and "health" not in self.path and self.headers.get("Authorization") != password:
                return self.reply(401, "")
            found = next((text for path, text in answers.items() if self.path.startswith(path)), None)
            return self.reply(404 if found is None else 200, found or "")

        do_POST = do_GET

        def reply(self, status, text):
            self.send_response_only(status)
            self.send_header("Date", formatdate(time.time() + skew, usegmt=True))
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def silent():
    """An address where somebody listens, and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def doctor(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))

    def ask(code, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        capfd.readouterr()
        got = main(["doctor", "--json"])
        out, err = capfd.readouterr()
        assert got == code, out + err
        answers = {answer["name"]: answer for answer in json.loads(out)["checks"]}
        assert all(answer["remedy"] for answer in answers.values() if answer["status"] != "ok")
        return answers, out + err

    return ask


PREFECT = {"/api/health": "true", "/api/admin/version": '"3.8.8"', "/api/work_pools/augmill/workers": "[]"}


def test_with_nothing_set_all_is_well_and_nothing_is_left(doctor, tmp_path):
    answers, _ = doctor(0)
    assert {name for name, answer in answers.items() if answer["status"] == "ok"} >= {
        "home",
        "room for home",
        "lake",
        "lake commits",
        "Python",
        "processor",
        "plug-ins",
        "policies",
        "Prefect",
        "MLflow",
    }
    assert [path for path in (tmp_path / "home").rglob("*") if "doctor" in path.name or path.is_file()] == []


def test_the_table_says_what_to_do(doctor, tmp_path, capfd):
    (tmp_path / ".env").write_text("AUGMILL_WORKERS=1\n")
    (tmp_path / ".env").chmod(0o666)
    assert main(["doctor"]) == 2
    shown = capfd.readouterr().out
    assert "!!  .env" in shown
    assert f"chmod 600 {tmp_path / '.env'}" in shown
    assert "1 to mend, " in shown


def test_servers_that_accept_and_never_answer_are_each_given_up_in_seconds(doctor, silent, monkeypatch):
    monkeypatch.setattr("augmill.flows.health_checks.prefect.SECONDS", 1.0)
    monkeypatch.setattr("augmill.flows.health_checks.tracking.SECONDS", 1.0)
    monkeypatch.setattr("augmill.flows.health_checks.dask.SECONDS", 1.0)
    monkeypatch.setattr("augmill.flows.health_checks.lake.SECONDS", 1.0)
    from augmill.tasks.storage import s3

    s3.forget()
    began = time.monotonic()
    answers, _ = doctor(
        4,
        PREFECT_API_URL=f"http://{silent}/api",
        AUGMILL_TRACKING_URI=f"http://{silent}",
        AUGMILL_DASK_ADDRESS=f"tcp://{silent}",
        AUGMILL_LAKE="s3://bucket/prefix",
        AWS_ENDPOINT_URL=f"http://{silent}",
        AWS_ACCESS_KEY_ID="key",
        AWS_SECRET_ACCESS_KEY="planted-secret",
        AWS_REGION="us-east-1",
    )
    s3.forget()
    assert time.monotonic() - began < BOUND
    assert "no answer in 1 s" in answers["Prefect"]["found"]
    assert "no answer in 1 s" in answers["MLflow"]["found"]
    assert "no word in 1 s" in answers["Dask"]["found"]
    assert "no answer in 1 s" in answers["lake"]["found"]


@pytest.mark.parametrize("page", ["<html>Welcome to nginx!</html>", '[{"name": 1}]', "7"])
def test_another_program_at_the_address_of_a_server_is_named_without_showing_its_pages(doctor, page):
    with serving({"/": page}) as url:
        answers, said = doctor(4, PREFECT_API_URL=f"{url}/api", AUGMILL_TRACKING_URI=url)
    failed = {name: answer["found"] for name, answer in answers.items() if answer["status"] == "fail"}
    assert failed.keys() == ({"Prefect", "MLflow"} if page[0] == "<" else {"Prefect", "MLflow version"})
    assert "does not answer: another program does" in failed["Prefect"]
    assert "nginx" not in said


def test_a_check_that_hangs_in_spite_of_all_does_not_hold_up_the_others(doctor, monkeypatch):
    ends = threading.Event()
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 5.0)
    monkeypatch.setattr("augmill.flows.health_checks.dask.check", lambda current: ends.wait(60) and [])
    answers, _ = doctor(4)
    ends.set()
    assert answers["dask"]["found"] == "no answer in 5 s"
    assert answers["home"]["status"] == "ok"


def test_servers_of_other_versions_and_clocks_are_named(doctor):
    prefect = PREFECT | {"/api/admin/version": '"2.20.1"'}
    mlflow = {"/health": "OK", "/version": "2.9.1", "/api/2.0": "{}"}
    with serving(prefect, skew=HOUR) as one, serving(mlflow, skew=-HOUR) as other:
        answers, _ = doctor(4, PREFECT_API_URL=f"{one}/api", AUGMILL_TRACKING_URI=other)
    assert "the server is 2.20.1" in answers["Prefect version"]["found"]
    assert "the server is 2.9.1" in answers["MLflow version"]["found"]
    assert answers["Prefect clock"]["found"] in ("3600 s ahead of ours", "3599 s ahead of ours")
    assert answers["MLflow clock"]["status"] == "warn"
    assert "none is online" in answers["worker"]["found"]


def test_a_server_a_little_older_is_a_warning_and_a_pool_that_is_not_there_too(doctor):
    with serving({"/api/health": "true", "/api/admin/version": '"3.0.1"'}) as one:
        answers, _ = doctor(0, PREFECT_API_URL=f"{one}/api")
    assert answers["Prefect version"]["status"] == "warn"
    assert "knows no work pool augmill" in answers["work pool"]["found"]


def test_wrong_credentials_are_a_wrong_setting_and_are_never_shown(doctor):
    planted = {
        "PREFECT_API_AUTH_STRING": "amy:planted-prefect",
        "MLFLOW_TRACKING_USERNAME": "amy",
        "MLFLOW_TRACKING_PASSWORD": "planted-mlflow",
        "AUGMILL_WEBHOOK_URL": "http://127.0.0.1:1/planted-hook",
        "AUGMILL_PII_KEY": "planted-key-0123456789",
    }
    mlflow = {"/health": "OK", "/version": "3.17.2", "/api/2.0": "{}"}
    with serving(PREFECT, password="Basic else") as one, serving(mlflow, password="Basic else") as other:
        urls = [url.replace("http://", "http://me:planted-user@") for url in (f"{one}/api", other)]
        answers, shown = doctor(2, PREFECT_API_URL=urls[0], AUGMILL_TRACKING_URI=urls[1], **planted)
    assert answers["Prefect credentials"]["kind"] == answers["MLflow"]["kind"] == "settings"
    assert answers["webhook"]["found"].startswith("127.0.0.1:1 cannot be reached")
    assert "planted" not in shown


def test_a_home_that_cannot_be_is_named(doctor, tmp_path):
    (tmp_path / "home").write_text("a file")
    answers, _ = doctor(4)
    assert "cannot be made" in answers["home"]["found"]
    assert "AUGMILL_HOME" in answers["home"]["remedy"]


def test_little_room_is_said(doctor, monkeypatch):
    monkeypatch.setattr("augmill.flows.health_checks.home.LITTLE_BYTES", 1 << 60)
    answers, _ = doctor(0)
    assert answers["room for home"]["status"] == "warn"
    monkeypatch.setattr("augmill.flows.health_checks.home.LEAST_BYTES", 1 << 60)
    assert doctor(4)[0]["room for temporary files"]["status"] == "fail"


def test_a_policy_that_lint_refuses_is_named_with_the_command(doctor, tmp_path):
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "bad.yaml").write_text("dataset: bad\n")
    answers, _ = doctor(2)
    assert answers["policies"]["remedy"] == "augmill lint policies/bad.yaml"


def test_secrets_that_others_can_read_are_a_warning(doctor, tmp_path):
    (tmp_path / ".env").write_text("PREFECT_API_AUTH_STRING=amy:pw\n")
    (tmp_path / ".env").chmod(0o644)
    assert doctor(0)[0][".env"]["status"] == "warn"
    (tmp_path / ".env").chmod(0o600)
    assert doctor(0)[0][".env"]["status"] == "ok"


def test_a_store_that_lets_two_writers_win_is_refused(doctor, monkeypatch):
    monkeypatch.setattr(
        "augmill.tasks.storage.store.Store.create", lambda self, name, data: self.write(name, data) or True
    )
    answers, _ = doctor(4)
    assert "a second writer of one name was let through" in answers["lake"]["found"]


def test_those_who_look_on_are_reached_or_named_without_what_their_addresses_hide(doctor, silent):
    gone = "http://amy:planted-push@127.0.0.1:1/"
    answers, shown = doctor(
        4, AUGMILL_METRICS=gone, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{silent}", OPENLINEAGE_URL=f"http://{silent}"
    )
    assert "127.0.0.1:1 cannot be reached" in answers["metrics"]["found"]
    assert (answers["traces"]["status"], answers["OpenLineage"]["status"]) == ("ok", "ok")
    assert "planted" not in shown


def test_a_folder_for_metrics_is_looked_at(doctor, tmp_path):
    assert doctor(0, AUGMILL_METRICS=str(tmp_path))[0]["metrics"]["found"] == f"{tmp_path} can be written to"
