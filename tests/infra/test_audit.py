"""The audit fails on what is known and not accepted, says so when nobody could be asked, and never waits for ever."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAULTY = {
    "name": "left-pad",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1"], "description": "bad"}],
}
SKIPPED = {"name": "ours", "skip_reason": "not found"}
CLEAN = {"name": "six", "version": "1.17.0", "vulns": []}


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setattr(sys, "path", list(sys.path))
    return runpy.run_path(str(ROOT / "infra" / "audit.py"))


def test_what_is_known_and_not_accepted_fails_and_names_the_version_that_mends_it(audit, capsys):
    assert audit["judge"]([FAULTY, CLEAN, SKIPPED], "pypi", {}) == 1
    shown = capsys.readouterr().out
    assert "left-pad 1.0: PYSEC-1 (mended in 1.1)" in shown
    assert "2 packages audited by pypi, 1 unknown to it; 1 to mend" in shown


@pytest.mark.parametrize("name", ["PYSEC-1", "CVE-1"])
def test_what_is_accepted_passes_by_any_of_its_names_with_the_reason(audit, capsys, name):
    assert audit["judge"]([FAULTY, CLEAN], "pypi", {name: "never called"}) == 0
    assert "accepted: never called" in capsys.readouterr().out


def test_an_acceptance_that_nothing_needs_is_named(audit, capsys):
    assert audit["judge"]([CLEAN], "pypi", {"CVE-9": "gone"}) == 0
    assert "accepts CVE-9, which nothing has any more" in capsys.readouterr().out


def test_an_acceptance_without_a_reason_is_refused(audit, tmp_path):
    file = tmp_path / "accepted.toml"
    file.write_text('[[accepted]]\nid = "CVE-1"\npackage = "x"\nreason = " "\n')
    with pytest.raises(SystemExit, match="a package and a reason"):
        audit["accepted"](file)
    audit["accepted"](ROOT / "infra" / "audit-accepted.toml")


def test_every_locked_version_is_asked_about_once_and_two_versions_apart(audit):
    lists = audit["locked"]()
    pairs = [pair for one in lists for pair in one.items()]
    assert len(pairs) == len(set(pairs)) > 200
    assert len({one["botocore"] for one in lists if "botocore" in one}) == sum("botocore" in one for one in lists) == 2


def made(tmp_path: Path, script: str) -> Path:
    """An environment whose pip-audit does what the script says."""
    program = tmp_path / "bin" / "pip-audit"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys, time, json\nout = sys.argv[sys.argv.index('--output') + 1]\n{script}"
    )
    program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("sys.exit('no route to host')", "could not be asked: no route to host"),
        ("time.sleep(600)", "no answer within 0.5 s"),
        ("json.dump({'dependencies': [{'name': 'a', 'skip_reason': 'not found'}]}, open(out, 'w'))", "knows none of"),
    ],
)
def test_where_nobody_answers_that_is_said_and_nothing_is_claimed(audit, tmp_path, capsys, script, said):
    scope = audit["dependencies"].__globals__
    scope.update(TOOLS=made(tmp_path, script), ASK_SECONDS=0.5 if "sleep" in script else 60)
    assert audit["dependencies"]() == 0
    shown = capsys.readouterr().out
    assert said in shown
    assert shown.rstrip().splitlines()[-1].startswith("NOT AUDITED")
