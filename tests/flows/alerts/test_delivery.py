"""Alerts reach a webhook and a mail box once, and nobody waits long for one that does not answer."""

from __future__ import annotations

import json
import logging
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from augmill.flows.alerts.delivery import attempt, deliver, senders
from augmill.flows.config.alert_settings import AlertSettings, alerts_of
from augmill.flows.settings import settings
from augmill.policies.errors import PolicyError
from augmill.tasks.telemetry.alert import QUIET_SECONDS, Alert
from tests.receivers import mail_server, webhook

SECRET = "0123456789abcdef0123"


def alert(group: str = "check.failed:1", at: str = "1970-01-01T00:00:00+00:00") -> Alert:
    return Alert("check.failed", "wine", "r-1", at, "page", "a check failed", "wine: nothing", group, {"failed": 1})


def to(url: str, **more: str) -> AlertSettings:
    return alerts_of({"AUGMILL_WEBHOOK_URL": url, **more})


def test_an_alert_of_one_group_arrives_once_and_again_when_its_time_is_over(tmp_path: Path, monkeypatch):
    with webhook() as hook:
        said = [deliver(alert(at=str(number)), to(hook.url), tmp_path)["webhook"] for number in range(5)]
        assert said == ["sent", *["held back"] * 4]
        assert deliver(alert("check.failed:2"), to(hook.url), tmp_path) == {"webhook": "sent"}
        assert len(hook.got) == 2
        later = time.time() + QUIET_SECONDS["check.failed"]
        monkeypatch.setattr("augmill.flows.alerts.delivery.time.time", lambda: later)
        assert deliver(alert(), to(hook.url), tmp_path) == {"webhook": "sent"}


def test_a_clock_that_was_ahead_holds_nothing_back(tmp_path: Path):
    file = tmp_path / "alerts" / "told.json"
    file.parent.mkdir()
    with webhook() as hook:
        for content in (
            json.dumps({"webhook check.failed:1": {"at": time.time() + 1e6}}),
            "{damaged",
            "[1]",
            "null",
            '{"webhook check.failed:1": 3}',
        ):
            file.write_text(content)
            assert deliver(alert(), to(hook.url), tmp_path) == {"webhook": "sent"}


def test_a_webhook_that_fails_is_asked_twice_and_the_next_alert_tries_again(tmp_path: Path):
    with webhook() as hook:
        hook.answers = [500, 500, 500]
        assert deliver(alert(), to(hook.url), tmp_path) == {"webhook": "HTTP 500"}
        assert deliver(alert(), to(hook.url), tmp_path) == {"webhook": "sent"}
        assert len(hook.got) == 4
        hook.answer = 307  # a redirect would hand the alert to somebody else
        assert attempt(senders(to(hook.url))["webhook"], alert()) == "HTTP 307"


def test_a_webhook_that_hangs_costs_a_few_seconds_and_nobody_learns_its_address(tmp_path: Path, monkeypatch, caplog):
    monkeypatch.setattr("augmill.flows.alerts.delivery.ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(logging.getLogger("augmill"), "propagate", True)
    with webhook() as hook:
        hook.hang.set()
        assert deliver(alert(), to(hook.url), tmp_path) == {"webhook": "no answer in 0.3 s"}
    monkeypatch.setattr("augmill.flows.alerts.delivery.ANSWER_SECONDS", 3.0)
    gone = deliver(alert(), to(hook.url), tmp_path)["webhook"]
    assert gone.startswith("it cannot be reached")
    assert "S3CRET" not in caplog.text + gone


def test_what_cannot_be_remembered_is_told_all_the_same(tmp_path: Path):
    home = tmp_path / "home"
    home.write_text("a disk that takes no folder")
    with webhook() as hook:
        assert deliver(alert(), to(hook.url), home) == {"webhook": "sent"}
        assert len(hook.got) == 1


@pytest.mark.parametrize(
    ("address", "words", "said"),
    [
        ("http://127.0.0.1:{port}/S3CRET", [b""], "it hangs up"),
        ("http://127.0.0.1:{port}/S3CRET", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], "it hangs up"),
        ("http://127.0.0.1:{port}/S3CRET", [b"220 mail\r\n"], "speaks another language"),
        ("https://127.0.0.1:{port}/S3CRET", [b"HTTP/1.1 200 OK\r\n\r\n"], "SSL"),
        ("smtp://127.0.0.1:{port}", [b"220 hi\r\n", b""], "it hangs up"),
        ("smtp://127.0.0.1:{port}?starttls=yes", [b"220 hi\r\n", b"250 hi\r\n"], "STARTTLS extension not supported"),
        ("smtp://me:S3CRET@127.0.0.1:{port}", [b"220 hi\r\n", b"250 hi\r\n"], "AUTH extension not supported"),
        (
            "smtp://127.0.0.1:{port}",
            [b"220 hi\r\n", *[b"250 ok\r\n"] * 2, b"550 no\r\n", b"250 ok\r\n", b"221 bye\r\n"],
            "every recipient",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words_that_help(address: str, words: list[bytes], said: str):
    with saying(words, greets=address.startswith("smtp")) as port:
        url = address.format(port=port)
        mail = {"AUGMILL_ALERT_EMAIL": "ops@b.org", "AUGMILL_SMTP_URL": url}
        told = alerts_of(mail if url.startswith("smtp") else {"AUGMILL_WEBHOOK_URL": url})
        ((_, send),) = senders(told).items()
        found = attempt(send, alert())
    assert said in found
    assert "S3CRET" not in found


@contextmanager
def saying(words: list[bytes], *, greets: bool) -> Iterator[int]:
    """A server that says one of the words for each line or request that comes, and hangs up after the last."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            for number, word in enumerate(words):
                if number or not greets:
                    self.request.recv(65536)
                self.request.sendall(word)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_the_request_is_signed_where_there_is_a_secret(tmp_path: Path):
    with webhook() as hook:
        deliver(alert(), to(hook.url, AUGMILL_WEBHOOK_SECRET=SECRET), tmp_path)
    ((headers, body),) = hook.got
    assert headers["X-Augmill-Signature"].startswith("sha256=")
    assert json.loads(body)["text"] == "wine: nothing"


def test_a_mail_arrives_once_too(tmp_path: Path):
    with mail_server() as server:
        told = alerts_of(
            {"AUGMILL_ALERT_EMAIL": "ops@b.org, c@d.org", "AUGMILL_SMTP_URL": f"smtp://127.0.0.1:{server.port}"}
        )
        assert [deliver(alert(), told, tmp_path)["e-mail"] for _ in range(2)] == ["sent", "held back"]
    (mail,) = server.got
    assert (mail["Subject"], mail["To"]) == ("[page] a check failed", "ops@b.org, c@d.org")


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"AUGMILL_WEBHOOK_URL": "hooks.example.org/hunter2"}, "AUGMILL_WEBHOOK_URL"),
        ({"AUGMILL_WEBHOOK_URL": "http://hunter2:99999/"}, "AUGMILL_WEBHOOK_URL"),
        ({"AUGMILL_WEBHOOK_SECRET": "hunter2"}, "AUGMILL_WEBHOOK_SECRET"),
        ({"AUGMILL_ALERT_EMAIL": "ops"}, "AUGMILL_ALERT_EMAIL"),
        ({"AUGMILL_ALERT_EMAIL": "ops@b.org"}, "AUGMILL_SMTP_URL"),
        ({"AUGMILL_ALERT_EMAIL": "ops@b.org", "AUGMILL_SMTP_URL": "ftp://hunter2"}, "AUGMILL_SMTP_URL"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_not_shown(variables, named):
    with pytest.raises(PolicyError, match=named) as fault:
        alerts_of(variables)
    assert "hunter2" not in str(fault.value)


def test_no_setting_shows_where_alerts_go(monkeypatch):
    monkeypatch.setenv("AUGMILL_WEBHOOK_URL", "https://hunter2.example.org/hunter2")
    monkeypatch.setenv("AUGMILL_WEBHOOK_SECRET", "hunter2-hunter2-hunter2")
    monkeypatch.setenv("AUGMILL_ALERT_EMAIL", "ops@b.org")
    monkeypatch.setenv("AUGMILL_SMTP_URL", "smtp://me:hunter2@mail.example.org")
    assert "hunter2" not in repr(settings())
