"""Alerts by a real Prefect server: its automations send each once, and nobody suffers from a server or webhook away."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from augmill.flows.alerts import automations, prefect_events
from augmill.flows.cli import main
from augmill.flows.event_sinks.events import handle
from augmill.flows.servers.prefect_api import prefect_api
from augmill.flows.settings import settings
from augmill.policies.errors import DataError, StorageError
from augmill.tasks.telemetry.dataset_event import DatasetEvent, failure
from augmill.tasks.telemetry.derived_events import consequences
from tests.receivers import Received, mail_server, webhook

ROOT = Path(__file__).resolve().parents[3]
SECRET = "0123456789abcdef0123"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    with webhook() as received:
        monkeypatch.setenv("AUGMILL_WEBHOOK_URL", received.url)
        monkeypatch.setenv("AUGMILL_WEBHOOK_SECRET", SECRET)
        yield received


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    with mail_server() as received:
        monkeypatch.setenv("AUGMILL_ALERT_EMAIL", "ops@example.org")
        monkeypatch.setenv("AUGMILL_SMTP_URL", f"smtp://127.0.0.1:{received.port}")
        yield received


@pytest.fixture
def registered(prefect_api_url: str, hook: Received, mails: Received) -> Iterator[None]:
    automations.register(settings())
    yield
    automations.remove(settings())


@pytest.fixture(autouse=True)
def _ask_every_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    prefect_events.UnresponsiveServers.until.clear()
    monkeypatch.setattr(prefect_events, "ANSWER_SECONDS", 60.0)  # a machine at work on other tests is no server away
    yield
    prefect_events.UnresponsiveServers.until.clear()


def refused(dataset: str, check: str = "label_consistency") -> DatasetEvent:
    checks = [{"name": check, "observed": 0.9, "target": ">= 0.99", "on_failure": "fail", "success": False}]
    fault = DataError("x", "y", {"failed": checks})
    (found,) = consequences(DatasetEvent("run.failed", dataset, "none", time.time(), failure(fault)))
    return found


def bodies(hook: Received) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in hook.got]


def test_an_alert_that_is_told_many_times_arrives_once_by_webhook_and_by_mail(registered, hook, mails):
    for _ in range(4):
        handle(refused("wine"), settings())
    handle(refused("wine", "copies"), settings())
    handle(refused("oil-spill"), settings())
    hook.wait_for(lambda: len(hook.got) >= 3)
    mails.wait_for(lambda: len(mails.got) >= 3)
    # What came late for the first would have come before the last.
    assert len(hook.got) == len(mails.got) == 3
    assert {(got["dataset"], got["facts"]["checks"][0]["name"]) for got in bodies(hook)} == {
        ("wine", "label_consistency"),
        ("wine", "copies"),
        ("oil-spill", "label_consistency"),
    }
    assert bodies(hook)[0]["text"] == "wine: nothing was published. label_consistency is 0.9, wanted >= 0.99."
    headers, _ = hook.got[0]
    assert SECRET not in str(headers)
    assert len(headers["X-Augmill-Token"]) == 64
    assert mails.got[0]["Subject"] == "[page] augmill wine: a check failed"
    assert "label_consistency is 0.9, wanted >= 0.99" in mails.got[0].get_payload(decode=True).decode()


def test_an_outage_that_fails_many_datasets_is_told_of_once(registered, hook):
    for name in ("wine", "oil-spill", "digits"):
        facts = failure(StorageError(f"cannot write /lake/{name}/x: the disk is full", "Free space."))
        handle(DatasetEvent("run.failed", name, "none", time.time(), facts), settings())
    handle(refused("last-of-all"), settings())
    hook.wait_for(lambda: any(got["dataset"] == "last-of-all" for got in bodies(hook)))
    assert [got["kind"] for got in bodies(hook)] == ["run.failed", "check.failed"]


def test_registering_again_changes_nothing_and_keeps_what_people_did_in_the_pages(registered, hook):
    assert {one["done"] for one in automations.register(settings())} == {"unchanged"}
    with prefect_api(settings()) as client:
        (found,) = client.read_automations_by_name("augmill: check.failed")
        foreign = {"type": "pause-automation", "source": "inferred"}
        known = automations.automation("check.failed", [*(one.model_dump() for one in found.actions), foreign])
        client.update_automation(found.id, known.model_copy(update={"enabled": False}))
    (one, *others) = automations.register(settings())
    assert (one["done"], one["enabled"], one["tells"]) == (
        "unchanged",
        False,
        ["webhook", "e-mail", "pause-automation"],
    )
    assert {other["done"] for other in others} == {"unchanged"}


def test_a_way_that_is_switched_off_takes_its_address_off_the_server(registered, monkeypatch, prefect_api_url):
    monkeypatch.delenv("AUGMILL_WEBHOOK_URL")
    assert {tuple(one["tells"]) for one in automations.register(settings())} == {("e-mail",)}
    with prefect_api(settings()) as client:
        assert [block.name for block in client.read_block_documents(limit=100, offset=0)] == ["augmill-email"]


def test_where_no_automation_is_registered_the_alert_goes_out_from_here(prefect_api_url, hook):
    for _ in range(2):
        handle(refused("wine"), settings())
    assert len(hook.got) == 1
    assert "X-Augmill-Signature" in hook.got[0][0]


def test_a_server_that_never_answers_costs_a_few_seconds_once_and_the_alert_goes_out_from_here(hook, monkeypatch):
    monkeypatch.setattr(prefect_events, "ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        current = replace(settings(), prefect_api_url=f"http://127.0.0.1:{silent.getsockname()[1]}/api")
        handle(refused("wine"), current)
        monkeypatch.setattr(prefect_events, "ANSWER_SECONDS", 600.0)  # it would hang here if it asked again
        handle(refused("oil-spill"), current)
    assert [got["dataset"] for got in bodies(hook)] == ["wine", "oil-spill"]


def test_the_events_of_a_run_name_its_dataset_flow_run_and_version(prefect_api_url):
    flow_run = "6f0c5b8e-64a2-4d0b-b1bb-0a5f1a6a9f10"
    facts = {"version": 3, "rows": {"real": 10, "by_split_origin_label": {"train": {"real": {"Ada": 1}}}}, "checks": []}
    event = prefect_events.event_of(DatasetEvent("run.published", "wine", flow_run, 0.0, facts), None)
    assert (event["event"], event["resource"]["prefect.resource.id"]) == (
        "augmill.run.published",
        "augmill.dataset.wine",
    )
    roles = {one["prefect.resource.role"]: one["prefect.resource.id"] for one in event["related"]}
    assert roles["flow-run"] == f"prefect.flow-run.{flow_run}"
    assert roles["version"] == "augmill.version.wine.3"
    assert event["payload"]["facts"] == {"version": 3, "rows": {"real": 10}}
    assert event == prefect_events.event_of(DatasetEvent("run.published", "wine", flow_run, 0.0, facts), None)


def test_the_file_for_prefects_own_command_line_is_what_is_registered():
    from prefect.events.schemas.automations import AutomationCore

    known = yaml.safe_load((ROOT / "infra" / "automations.yaml").read_text())["automations"]
    wanted = [automations.automation(kind, []) for kind in automations.QUIET_SECONDS]
    assert [AutomationCore.model_validate(one) for one in known] == wanted


def test_the_command_registers_tests_and_removes(prefect_api_url, hook, capsys):
    assert main(["alerts", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["done"] for one in told["automations"]] == ["created"] * 5
    assert main(["alerts"]) == 0
    assert "check.failed         unchanged      tells webhook, the same again after 6 h" in capsys.readouterr().out
    assert main(["alerts", "--test"]) == 0
    assert bodies(hook)[-1]["dataset"] == "test-of-alerts"
    hook.answer = 500
    capsys.readouterr()
    assert main(["alerts", "--test", "--json"]) == 4
    told = capsys.readouterr()
    assert "no alert by webhook: HTTP 500" in told.err
    assert json.loads(told.out)["error"]["kind"] == "StorageError"  # the one document
    assert main(["alerts", "--remove"]) == 0
    assert capsys.readouterr().out.count("removed") == 5


def test_without_a_server_the_command_says_that_runs_tell_by_themselves(hook, capsys, monkeypatch):
    assert main(["alerts"]) == 0
    assert "each run tells webhook by itself" in capsys.readouterr().out
    monkeypatch.delenv("AUGMILL_WEBHOOK_URL")
    assert main(["alerts", "--test"]) == 2
    assert "nobody is to be told" in capsys.readouterr().err
