"""`augmill ci` on a real git repository: what it finds, what it says, and the code it ends with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from augmill.flows.cli import main
from augmill.tasks.summaries.review_text import MARKER
from tests.end_to_end.helpers import NOISE, ROOT, SMOTE, environment, policy, table_rows, write_csv

FLIPS = NOISE.replace("0.05", "2.0")
STRICT = "{label_consistency: {on_failure: fail, max_unfamiliar_share: 1.0}, distribution: {on_failure: warn}}"


@pytest.fixture
def project(git, tmp_path, monkeypatch):
    """A repository with two policies over a hundred rows, in a home of its own."""
    monkeypatch.chdir(git.root)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    (git.root / "policies").mkdir()
    write_csv(git.root / "data.csv", table_rows(0, 100))
    for name in ("one", "two"):
        put(git, name)
    git.write("README.md", "words")
    git.commit()
    return git


def put(git, name, steps=SMOTE, **more):
    keys = {"dataset": name, "source": "{uri: ../data.csv}"} | more
    policy(git.root / "policies", "", steps, **keys).rename(git.root / "policies" / f"{name}.yaml")


def ci(*arguments):
    return main(["ci", "--base", "HEAD", *arguments])


def test_a_change_that_touches_no_policy_costs_nothing(project, capsys, tmp_path):
    project.write("README.md", "other words")
    assert ci("--markdown", "--report", str(tmp_path / "report.md")) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{MARKER}\n")
    assert "touches no policy of 2" in shown
    assert (tmp_path / "report.md").read_text() == shown
    assert not (tmp_path / "home" / "lake").exists()


def test_nothing_heavy_is_imported_where_nothing_is_touched(project, tmp_path):
    code = "import sys; from augmill.flows.cli import main; main(['ci', '--base', 'HEAD']); print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path / "home"), capture_output=True, text=True, check=True
    )
    heavy = {"'pandas'", "'sklearn'", "'great_expectations'", "'prefect'", "'mlflow'", "'deltalake'"}
    assert not [name for name in heavy if name in done.stdout]


def test_a_reviewer_reads_what_a_changed_policy_would_do(project, capsys, tmp_path):
    put(project, "one", SMOTE.replace("0.25", "0.3") + NOISE)
    assert ci("--json", "--report", str(tmp_path / "report.md")) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["policies_there"], document["exit_code"]) == (2, 0)
    (one,) = document["policies"]
    assert (one["path"], one["kind"], one["because"]) == ("policies/one.yaml", "changed", ["the policy itself"])
    assert one["canary"]["published"]
    report = (tmp_path / "report.md").read_text()
    assert report.startswith(f"{MARKER}\n\n### ✅ augmill: this change touches 1 policy of 2")
    for part in (
        "+    amount: {to_share: 0.3}",
        "| between | tabular.smote |",
        "| shaken | tabular.gaussian\\_noise | 70 | - |",
        "**Label consistency, forecast on all rows, so exact**",
        "generations",
        "new in the table: about",
    ):
        assert part in report
    assert not (tmp_path / "home" / "lake").exists()


def test_the_worst_of_all_policies_is_the_exit_code(project, capsys):
    put(project, "one", NOISE)
    put(project, "two", FLIPS, checks=STRICT)
    assert ci("--markdown") == 3
    shown = capsys.readouterr().out
    assert "2 policies of 2; 1 would not pass" in shown
    assert shown.index("two: would not pass") < shown.index("one: would pass")
    assert "label consistency rate" in shown


def test_a_policy_that_is_wrong_is_told_with_its_line_and_no_data_is_read(project, capsys):
    put(project, "one", SMOTE.replace("tabular.smote", "tabular.smooth"))
    (project.root / "data.csv").unlink()
    assert ci() == 2
    shown = capsys.readouterr().out
    assert "policies/one.yaml:9: AUG005" in shown
    assert str(project.root) not in shown


def test_what_did_not_parse_at_the_base_is_said_and_the_rest_is_done(project, capsys):
    project.write("policies/one.yaml", "dataset: [")
    project.commit()
    put(project, "one")
    assert ci() == 0
    assert "What stood at the base cannot be planned" in capsys.readouterr().out


def test_two_policies_of_one_dataset_do_not_pass(project, capsys):
    put(project, "one", NOISE, dataset="two")
    assert ci("--json") == 2
    (one,) = json.loads(capsys.readouterr().out)["policies"]
    assert "policies/one.yaml is not the only policy of the dataset two: so is policies/two.yaml" in str(one["faults"])


def test_a_name_that_is_not_utf8_is_told(project, capsys, tmp_path):
    put(project, "one")
    (project.root / "policies" / "one.yaml").rename(project.root / "policies" / os.fsdecode(b"caf\xe9.yaml"))
    assert ci("--report", str(tmp_path / "report.md")) == 2
    assert "its path is not UTF-8" in capsys.readouterr().out
    assert "its path is not UTF-8" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize("body", ["return 1 / 0", "raise SystemExit(0)"])
def test_code_that_fails_is_a_finding_of_its_policy(project, capsys, monkeypatch, body):
    code = (ROOT / "tasks" / "transforms" / "tabular" / "gaussian_noise.py").read_text()
    broken = re.sub(r"(?m)^(def apply\(.*\n(?:    \"\"\".*\n)?)", rf"\1    {body}\n", code)
    assert broken != code
    project.write("plugins/transforms/tabular/breaks.py", broken)
    monkeypatch.setenv("AUGMILL_PLUGINS", str(project.root / "plugins"))
    put(project, "one", NOISE.replace("tabular.gaussian_noise", "tabular.breaks"))
    put(project, "two", NOISE)
    assert ci("--markdown") == 1
    shown = capsys.readouterr().out
    assert "This is a fault in augmill or in a plug-in" in shown
    assert "two: would pass" in shown


def test_deleted_and_renamed_data_sets_are_named(project, capsys):
    (project.root / "policies" / "two.yaml").unlink()
    put(project, "one", dataset="other")
    assert ci() == 0
    shown = capsys.readouterr().out
    assert "this change touches 2 policies of 2" in shown
    assert "two.yaml is deleted: no more versions of two are made" in shown
    assert "renamed from one to other" in shown


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("{uri: ../none.csv}", 2, "does not exist"),
        ("{uri: '../*.none', format: csv}", 3, "matches no file"),
        ("{uri: 's3://bucket/rows.csv'}", 4, "s3://bucket/rows.csv"),
    ],
)
def test_a_source_that_cannot_be_read_here_is_a_finding_of_its_policy(
    project, capsys, monkeypatch, source, code, words
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    put(project, "one", source=source)
    put(project, "two", NOISE)
    assert ci("--markdown") == code
    shown = capsys.readouterr().out
    assert words in shown
    assert "two: would pass" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--base", "nowhere"], "names no commit"),
        (["--base", "-x"], "names no commit"),
        (["--base", "HEAD", "nothing.yaml"], "there is no policy nothing.yaml"),
        (["--base", "HEAD", "policies", ".."], "outside of the repository"),
        ([], "Missing option '--base'"),
        (["--base", "HEAD", "--json", "--markdown"], "Name one of"),
    ],
)
def test_a_call_that_is_wrong_says_what_is(project, capsys, arguments, words):
    assert main(["ci", *arguments]) == 2
    caught = capsys.readouterr()
    assert words in caught.err
    assert "Traceback" not in caught.err
