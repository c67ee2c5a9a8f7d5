"""Runbooks: one per alert and none else, in one form, and every command in them is one that can be given."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from augmill.flows.cli import COMMANDS
from tests.infra.monitoring import ROOT
from tests.infra.promql import faults, known, rules

FOLDER = ROOT / "infra" / "runbooks"
ALERTS = {rule["alert"]: rule for rule in rules("alerting.rules.yml")}
PAGES = sorted(FOLDER.glob("*.md"))
SECTIONS = ["Impact", "Look", "Mend", "Mended when", "Escalate"]


def commands(text: str) -> list[str]:
    """Every line of a block of shell, and every `augmill ...` within a sentence."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`(augmill [a-z][^`]*)`", text)
    return [line for block in blocks for line in block.splitlines()] + inline


def wrong_with(command: str) -> str | None:
    """What is not right with an `augmill` command: parsed as the command line would, but not run."""
    words = shlex.split(command)
    if words[0] != "augmill" or len(words) < 2:
        return None
    file = COMMANDS / f"{words[1].replace('-', '_')}.py"
    if not file.is_file():
        return f"no command {words[1]}"
    if len(words) == 2:  # a command that a sentence names
        return None
    given = importlib.import_module(f"augmill.flows.commands.{file.stem}").command
    try:
        given.make_context(words[1], words[2:])
    except click.ClickException as fault:
        return fault.format_message()
    return None


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    assert {page.stem for page in PAGES} - {"README"} == ALERTS.keys()


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem != "README"], ids=lambda page: page.stem)
def test_a_runbook_says_what_it_means_how_to_look_how_to_mend_and_when_it_is_mended(page: Path):
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert all(len(part.split()) > 3 for part in re.split(r"^#.*$", text, flags=re.MULTILINE)[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_and_query_of_a_runbook_can_be_given(page: Path):
    given, exists = commands(page.read_text()), known()
    wrong = {command: found for command in given if (found := wrong_with(command))}
    for command in given:
        if command.startswith("promtool query instant"):
            words = shlex.split(command)
            assert words[3] == "http://127.0.0.1:9090"
            if found := faults(words[4], exists):
                wrong[command] = str(found)
        for file in re.findall(r"\binfra/[\w./-]+", command):
            assert (ROOT / file).exists(), command
    assert wrong == {}


def test_no_runbook_asks_prometheus_for_what_it_refuses_as_it_is_started():
    assert "enable-lifecycle" not in (ROOT / "infra" / "prometheus" / "prometheus.yml").read_text()
    assert [page.stem for page in PAGES if re.search(r":9090/-/(reload|quit)", page.read_text())] == []


def test_a_command_or_option_that_does_not_exist_is_noticed():
    assert wrong_with("augmill run policies/x.yaml") is None
    assert wrong_with("augmill rum policies/x.yaml") == "no command rum"
    assert "--quick" in wrong_with("augmill run policies/x.yaml --quick")
    assert "POLICY" in wrong_with("augmill run --json")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_of_a_runbook_leads_somewhere(page: Path):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert [link for link in links if not (FOLDER / link).exists()] == []


def test_the_index_lists_every_alert_by_urgency():
    order = {"page": 0, "ticket": 1, "heartbeat": 2}
    listed = sorted(ALERTS, key=lambda name: (order[ALERTS[name]["labels"]["severity"]], name))
    wanted = [f"| [{name}]({name}.md) | {ALERTS[name]['labels']['severity']} | {meaning(name)} |" for name in listed]
    shown = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| [")]
    assert shown == wanted, "the table should be:\n" + "\n".join(wanted)


def meaning(name: str) -> str:
    """The first sentence of the runbook, up to a colon."""
    paragraph = (FOLDER / f"{name}.md").read_text().split("\n\n")[1].replace("\n", " ")
    return re.split(r"[.:](?:\s|$)", paragraph)[0] + "."
