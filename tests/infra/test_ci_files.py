"""The workflows of this project and the snippet for GitLab: schemas are checked by infra/audit.py, the rest here."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from augmill.flows.commands.ci import command
from augmill.tasks.summaries.review_text import MARKER

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
GITLAB = ROOT / "infra" / "ci" / "gitlab.yml"
FILES = [*WORKFLOWS, GITLAB]


def jobs(file):
    return yaml.safe_load(file.read_text())["jobs"]


def scripts(file):
    """Every piece of shell in a file."""
    if file == GITLAB:
        found = yaml.safe_load(file.read_text())
        return ["\n".join(job["script"]) for job in found.values() if "script" in job]
    return [step["run"] for job in jobs(file).values() for step in job["steps"] if "run" in step]


def test_the_files_are_there():
    assert [file.name for file in FILES] == ["checks.yml", "policies.yml", "gitlab.yml"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned_by_commit_and_say_their_version(file):
    used = re.findall(r"uses: (.*)", file.read_text())
    assert used
    assert [one for one in used if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_nothing_may_write_but_the_job_that_runs_no_code_of_the_change(file):
    assert yaml.safe_load(file.read_text())["permissions"] == {"contents": "read"}
    for name, job in jobs(file).items():
        assert job["timeout-minutes"] <= 120
        checkouts = [step["with"] for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        assert all(one["persist-credentials"] is False for one in checkouts)
        if "permissions" in job:
            assert (name, job["permissions"], checkouts) == ("comment", {"pull-requests": "write"}, [])


def test_what_compares_fetches_the_whole_history():
    for name in ("review", "run"):
        (checkout,) = (step for step in jobs(WORKFLOWS[1])[name]["steps"] if "checkout@" in step.get("uses", ""))
        assert checkout["with"]["fetch-depth"] == 0
    assert yaml.safe_load(GITLAB.read_text())[".augmill"]["variables"]["GIT_DEPTH"] == "0"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_scripts_are_bash_and_nothing_of_an_event_is_pasted_into_them(file):
    for script in scripts(file):
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "${{" not in script


@pytest.mark.parametrize("file", [WORKFLOWS[1], GITLAB], ids=lambda file: file.name)
def test_commands_have_the_options_they_are_given(file):
    known = {name for option in command.params for name in option.opts}
    called = [line for script in scripts(file) for line in script.splitlines() if "augmill ci --base" in line]
    assert len(called) == 2
    for line in called:
        given = shlex.split(line.partition("augmill ci ")[2].partition("||")[0])
        assert [word for word in given if word.startswith("--") and word not in known] == []


def test_a_comment_is_found_again_by_the_line_it_begins_with():
    comment = scripts(WORKFLOWS[1])
    assert any(f'startswith("{MARKER}")' in script for script in comment)
    review = scripts(GITLAB)[0]
    code = re.search(r"python3 -c '\n(.*?)'\)", review, re.DOTALL)[1]
    notes = [{"id": 1, "body": "words"}, {"id": 2, "body": f"{MARKER}\n\nold"}, {"id": 3, "body": f"{MARKER}"}]
    for given, wanted in ((notes, "2"), (notes[:1], "")):
        answer = subprocess.run(
            [sys.executable, "-c", code], input=json.dumps(given), capture_output=True, text=True, check=True
        )
        assert answer.stdout.strip() == wanted


def test_policies_of_a_change_read_nothing_outside_of_its_checkout():
    """Or a pull request could have its comment quote the files of whoever runs CI."""
    asked = yaml.safe_load((ROOT / ".github" / "workflows" / "policies.yml").read_text())["env"]["AUGMILL_DATA_ROOTS"]
    assert asked == "${{ vars.AUGMILL_DATA_ROOTS || github.workspace }}"
    assert yaml.safe_load(GITLAB.read_text())[".augmill"]["variables"]["AUGMILL_DATA_ROOTS"] == "$CI_PROJECT_DIR"
