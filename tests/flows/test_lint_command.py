import json
from pathlib import Path

import pytest

from augmill.flows.cli import main

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "policies" / "digits.yaml"


@pytest.fixture
def flipped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = DIGITS.read_text()
    start, end = text.index("      - use: image.affine"), text.index("  - name: ink")
    chain = "      - use: image.vertical_flip\n        invariance: Somebody said that flips always help.\n"
    Path("flipped.yaml").write_text(text[:start] + chain + "    amount: {copies: 1}\n" + text[end:])
    return "flipped.yaml"


def test_clean_policies_exit_0(capsys):
    assert main(["lint", *map(str, sorted(ROOT.glob("policies/*.yaml")))]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "nothing to say" in shown.err


def test_an_error_is_one_line_and_exit_2(flipped, capsys):
    assert main(["lint", flipped]) == 2
    (line,) = capsys.readouterr().out.splitlines()
    number = Path(flipped).read_text().splitlines().index("      - use: image.vertical_flip") + 1
    assert line.startswith(f"flipped.yaml:{number}: AUG201 image.vertical_flip swaps top and bottom")


def test_warnings_only_exit_0(flipped, capsys):
    text = DIGITS.read_text().replace("owner: document-reading\n", "")
    Path("unowned.yaml").write_text(text)
    assert main(["lint", "unowned.yaml"]) == 0
    shown = capsys.readouterr()
    assert "AUG502" in shown.out
    assert shown.err == "1 policy: 0 errors, 1 warning.\n"


def test_every_file_is_judged_even_if_one_cannot_be_read(flipped, capsys):
    assert main(["lint", "missing.yaml", flipped]) == 2
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["AUG001", "AUG201"]


def test_json_is_one_document(flipped, capsys):
    assert main(["lint", flipped, "--json"]) == 2
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert (document["files"], document["errors"], document["warnings"]) == (["flipped.yaml"], 1, 0)
    (finding,) = document["findings"]
    assert (finding["rule"], finding["severity"]) == ("AUG201", "error")
    assert finding["path"] == "steps.0.transforms.0.use"


def test_explain_prints_one_rule(capsys):
    assert main(["lint", "--explain", "AUG302"]) == 0
    assert capsys.readouterr().out.startswith("AUG302: A class has fewer rows than neighbours")
    assert main(["lint", "--explain", "AUG302", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["code"] == "AUG302"
    assert main(["lint", "--explain", "AUG999"]) == 2


def test_lint_without_a_file_is_a_wrong_call(capsys):
    assert main(["lint"]) == 2
    assert "Name one policy file" in capsys.readouterr().err


def test_faults_of_the_suite_are_found_with_its_file_and_line(flipped, tmp_path, capsys):
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "digits.yaml").write_text(DIGITS.read_text())
    (tmp_path / "expectations").mkdir()
    (tmp_path / "expectations" / "digits.yaml").write_text(
        "name: digits\nexpectations:\n  - {type: expect_column_to_exits, kwargs: {column: label}}\n"
    )
    assert main(["lint", "policies/digits.yaml"]) == 2
    line = capsys.readouterr().out
    assert line.startswith("expectations/digits.yaml:3: ")
    assert "expect_column_to_exist" in line


def test_plug_ins_of_the_settings_are_known(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "plugins" / "transforms" / "image"
    folder.mkdir(parents=True)
    (folder / "sharpen.py").write_text("x = 1\nraise RuntimeError('broken')\n")
    Path("own.yaml").write_text(DIGITS.read_text().replace("image.brightness_contrast", "image.sharpen"))
    assert main(["lint", "own.yaml"]) == 2
    assert "There is no transform called image.sharpen" in capsys.readouterr().out
    monkeypatch.setenv("AUGMILL_PLUGINS", str(tmp_path / "plugins"))
    assert main(["lint", "own.yaml"]) == 2
    assert f"{folder / 'sharpen.py'}:2: AUG008" in capsys.readouterr().out


def test_a_glance_at_the_data_finds_personal_data_that_nothing_is_done_about(tmp_path, capsys):
    (tmp_path / "rows.csv").write_text("note,size,kind\n" + "ring +44 7911 123456,1.5,a\nnothing,2.5,b\n" * 5)
    file = tmp_path / "policy.yaml"
    text = "dataset: made\nowner: us\nmodality: tabular\nsource: {uri: rows.csv}\nlabel: kind\n"
    file.write_text(text)
    assert main(["lint", str(file), "--json"]) == 0
    assert "AUG602" not in rules_in(capsys)
    assert main(["lint", str(file), "--json", "--data"]) == 0
    assert rules_in(capsys).count("AUG602") == 1
    file.write_text(text.replace("rows.csv", "rows.csv, pii: {note: mask}"))
    assert main(["lint", str(file), "--json", "--data"]) == 0
    assert "AUG602" not in rules_in(capsys)
    file.write_text(text.replace("rows.csv", "nothing.csv"))
    assert main(["lint", str(file), "--data"]) == 2


def rules_in(capsys):
    return [finding["rule"] for finding in json.loads(capsys.readouterr().out)["findings"]]
