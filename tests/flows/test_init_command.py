import json
import random
from pathlib import Path

import pytest

from augmill.flows.cli import main

ROWS = "".join(
    f"{index * 37 % 101 / 10},{index * 53 % 89 / 10},{'y' if index % 5 == 0 else 'x'}\n" for index in range(200)
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "my rows.csv").write_text("a,b,label\n" + ROWS)
    return tmp_path


def test_two_files_are_written_relative_to_each_other(here, capsys):
    assert main(["init", "data/my rows.csv", "--label", "label"]) == 0
    text = Path("policies/my-rows.yaml").read_text()
    assert 'uri: "../data/my rows.csv"' in text
    assert Path("expectations/my-rows.yaml").exists()
    assert "augmill run policies/my-rows.yaml" in capsys.readouterr().out
    assert main(["lint", "policies/my-rows.yaml"]) == 0


def test_files_are_not_replaced_without_force(here, capsys):
    call = ["init", "data/my rows.csv", "--label", "label"]
    assert main(call) == 0
    Path("policies/my-rows.yaml").write_text("mine")
    assert main(call) == 2
    told = capsys.readouterr().err
    assert "the policy policies/my-rows.yaml and the suite expectations/my-rows.yaml exist already" in told
    assert "--force" in told
    assert Path("policies/my-rows.yaml").read_text() == "mine"
    assert main([*call, "--force"]) == 0
    assert Path("policies/my-rows.yaml").read_text() != "mine"


def test_a_name_that_no_dataset_can_have_is_refused_with_one_that_it_can(here, capsys):
    assert main(["init", "data/my rows.csv", "--label", "label", "--dataset", "My Rows"]) == 2
    assert "--dataset my-rows" in capsys.readouterr().err
    assert not Path("policies").exists()


def test_nothing_is_written_when_the_data_cannot_serve(here, capsys):
    assert main(["init", "data/my rows.csv", "--label", "lebel"]) == 2
    assert "Did you mean label" in capsys.readouterr().err
    assert main(["init", "data/none.csv", "--label", "label"]) == 2
    assert not Path("policies").exists()


def test_rows_that_would_be_quarantined_are_told_with_every_reason(here, capsys):
    good = "a,b,label\n" + ROWS
    Path("data/few.csv").write_text(good + "torn\n,,\n1,2,3,4\n")
    assert main(["init", "data/few.csv", "--label", "label"]) == 0
    told = capsys.readouterr().out
    assert "3 of 203 rows (1.48%) would be quarantined" in told
    assert "1 x its label is missing" in told
    assert "1 x expected 3 fields, got 1" in told
    assert "would fail" not in told
    Path("data/many.csv").write_text(good + "torn\n" * 90)
    assert main(["init", "data/many.csv", "--label", "label"]) == 0
    told = capsys.readouterr().out
    assert "90 of 290 rows (31.03%) would be quarantined" in told
    assert "A run would fail" in told
    assert "Mend the rows" in told


def test_sources_per_split_and_one_document_for_machines(here, capsys):
    Path("data/test.csv").write_text("a,b,label\n" + ROWS)
    call = [
        "init",
        "train=data/my rows.csv",
        "test=data/test.csv",
        "--label",
        "label",
        "--dataset",
        "both",
        "--out",
        "x",
    ]
    assert main([*call, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["policy"] == "x/policies/both.yaml"
    assert shown["rows"] == 400
    assert shown["classes"] == {"x": 320, "y": 80}
    assert 'train: "../../data/my rows.csv"' in Path("x/policies/both.yaml").read_text()
    assert main(["init", "data/my rows.csv", "data/test.csv", "--label", "label", "--dataset", "z"]) == 2


@pytest.mark.usefixtures("on_api")
def test_the_draft_runs_as_it_is(here, capsys):
    chance = random.Random(0)
    rows = [f"{chance.gauss(4 * (i % 5 == 0), 1):.3f},{chance.gauss(0, 1):.3f},{'xy'[i % 5 == 0]}" for i in range(300)]
    (here / "data" / "rows.csv").write_text("\n".join(["a,b,label", *rows, "torn"]) + "\n")
    assert main(["init", "data/rows.csv", "--label", "label"]) == 0
    capsys.readouterr()
    assert main(["run", "policies/rows.yaml", "--runner", "thread", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["rows"]
    assert (shown["real"], shown["quarantined"]) == (300, 1)
    assert shown["synthetic"] + shown["dropped"] == 126
