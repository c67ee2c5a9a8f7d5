import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from augmill.flows.cli import main
from tests.end_to_end.helpers import NOISE, ROOT, SMOTE, go, policy, table_rows, write_csv

DIGITS = ROOT / "policies" / "digits.yaml"


def kept(*folders):
    """Every file with its content, but for the cache of hashes."""
    return {
        str(file): file.read_bytes()
        for folder in folders
        for file in sorted(Path(folder).rglob("*"))
        if file.is_file() and "hashes" not in file.parts
    }


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A published version of ninety rows, then ten more, in a home whose temporary folder can be looked at."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    write_csv(Path("data/0.csv"), table_rows(0, 90))
    file = policy(tmp_path, "data/*.csv", SMOTE + NOISE)
    go(file, tmp_path / "home" / "lake")
    write_csv(Path("data/1.csv"), table_rows(90, 10))
    return file


@pytest.mark.parametrize("option", [[], ["--json"], ["--markdown"]])
def test_nothing_is_kept_of_a_plan(here, tmp_path, option, capsys):
    before = kept(tmp_path)
    assert main(["plan", "policy.yaml", *option]) == 0
    assert kept(tmp_path) == before
    assert os.listdir(tmp_path / "scratch") == []
    assert "made" in capsys.readouterr().out


def test_a_person_reads_the_outcome_first(here, capsys):
    assert main(["plan", "policy.yaml"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("made: a run would publish made@1, after made@0.\n")
    assert "raw objects added: 1.csv" in shown.out
    assert re.search(r"raw +1 +10 +1 +90\n", shown.out)
    assert "validate:" in shown.err


def test_machines_get_one_document_and_pull_requests_a_table(here, capsys):
    assert main(["plan", "policy.yaml", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["current_version"], document["next_version"], document["exit_code"]) == (0, 1, 0)
    assert document["reuse"]["raw"]["reused"]["rows"] == 90
    assert main(["plan", "policy.yaml", "--markdown"]) == 0
    assert "| split | class | real | augmented | synthetic | all |" in capsys.readouterr().out
    assert main(["plan", "policy.yaml", "--markdown", "--json"]) == 2


def test_up_to_date_is_said_and_found_out_without_reading_a_row(here, capsys):
    Path("data/1.csv").unlink()
    assert main(["plan", "policy.yaml"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("made@0 is up to date: a run would only send the record of this version.\n")
    assert shown.err == ""


def test_data_that_would_not_pass_end_in_exit_3_with_the_reason(here, capsys):
    write_csv(Path("data/0.csv"), [line.partition(",")[2] for line in table_rows(0, 90)], "height,grains,colour,kind")
    Path("data/1.csv").unlink()
    assert main(["plan", "policy.yaml"]) == 3
    shown = capsys.readouterr().out
    assert shown.startswith("made: a run would end without publishing anything.\n")
    assert "column 'width' disappeared" in shown
    assert "Remedy: Mend the source" in shown


def test_lint_errors_end_in_exit_2_and_the_plan_is_shown_all_the_same(here, capsys):
    here.write_text(here.read_text().replace("{copies: 1}", "{copies: 200}"))
    assert main(["plan", "policy.yaml", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert "AUG304" in [one["rule"] for one in document["lint"] if one["severity"] == "error"]
    assert document["rows"]["after"]["train"]["augmented"]["hay"] > 4000
    assert main(["plan", "policy.yaml"]) == 2
    assert "a run would be refused, lint finds" in capsys.readouterr().out


def test_what_cannot_be_looked_at_is_one_message(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    policy(tmp_path, "data/*.csv", NOISE)
    assert main(["plan", "policy.yaml"]) == 3
    assert "Traceback" not in (err := capsys.readouterr().err)
    assert "data/*.csv" in err
    assert main(["plan", "none.yaml"]) == 2


@pytest.mark.parametrize("text", ["", "width,height,grains,colour,kind\n"])
def test_an_empty_source_is_one_fault_and_exit_3_in_one_document(tmp_path, monkeypatch, capsys, text):
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text(text)
    policy(tmp_path, "rows.csv", NOISE)
    assert main(["plan", "policy.yaml", "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    (fault,) = document.get("faults") or [document["error"]]
    assert fault["kind"] == "DataError"
    assert fault["cause"] == ("the source holds no row" if text else "every file of the source is empty (rows.csv)")
    assert main(["plan", "policy.yaml"]) == 3
    shown = capsys.readouterr()
    assert (shown.out + shown.err).count(fault["cause"]) == 1


def test_a_run_is_refused_for_lint_errors_before_anything_starts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    for folder in ("policies", "expectations"):
        Path(folder).mkdir()
        shutil.copy(ROOT / folder / "digits.yaml", folder)
    file = Path("policies/digits.yaml")
    text = file.read_text()
    flip = "image.vertical_flip\n        invariance: Somebody said that flips always help.\n    amount: {copies: 1}\n"
    file.write_text(text[: text.index("image.brightness_contrast")] + flip)
    line = text[: text.index("image.brightness_contrast")].count("\n") + 1
    assert main(["run", str(file)]) == 2
    shown = capsys.readouterr().err
    assert f"policies/digits.yaml:{line}: AUG201 image.vertical_flip" in shown
    assert "nothing was run" in shown
    assert not Path("home/lake").exists()
    assert not Path("home/prefect").exists()
