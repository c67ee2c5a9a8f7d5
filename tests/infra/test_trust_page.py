"""What the page on trust shows of policies is what policies take, and it names no command that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from augmill.flows.cli import COMMANDS
from augmill.policies.lint import lint
from augmill.policies.load import load
from augmill.tasks.transforms.catalogue import Catalogue

TEXT = (Path(__file__).resolve().parents[2] / "infra" / "trust.md").read_text()
SNIPPETS = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
BASES = {
    "gates": "dataset: rows\nmodality: tabular\nsource: {uri: rows.csv}\nlabel: y\n",
    "steps": "dataset: digits\nmodality: image\nsource: {uri: 'builtin:digits'}\nlabel: label\n",
}


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_policy_on_the_page_passes_lint(tmp_path: Path, snippet: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(BASES[snippet.partition(":")[0]] + snippet)
    catalogue = Catalogue()
    assert [finding for finding in lint(load(file, catalogue), catalogue) if finding.severity == "error"] == []


def test_every_command_on_the_page_is_there() -> None:
    named = set(re.findall(r"`augmill ([a-z-]+)", TEXT))
    assert len(named) > 8
    assert named <= {file.stem.replace("_", "-") for file in COMMANDS.glob("[!_]*.py")}


def test_the_page_tells_of_every_gate() -> None:
    from augmill.policies.gates import Gates

    assert set(re.findall(r"^\| `([a-z_]+)` \|", TEXT, re.MULTILINE)) == set(Gates.model_fields)
