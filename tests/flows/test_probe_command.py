import json
import os
import tempfile

import pytest

from augmill.flows.cli import main
from tests.end_to_end.helpers import NOISE, policy, table_rows, write_csv


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A policy over a table, and a temporary folder that can be looked at."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    write_csv(tmp_path / "data.csv", table_rows(0, 150, (0.4, 0.3, 0.3)))
    return policy(tmp_path, "data.csv", NOISE)


def test_a_person_reads_the_curve_and_where_the_page_is(here, tmp_path, capsys):
    assert main(["probe", "policy.yaml"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("made: ")
    assert "tabular.gaussian_noise (shaken)" in shown
    assert "suggest      scale: " in shown
    page = tmp_path / "home" / "probes" / "made.html"
    assert f"The curves: {page}" in shown
    assert page.read_text().startswith("<!doctype html>")
    # Nothing is published, and nothing of the rehearsal is kept.
    assert not (tmp_path / "home" / "lake").exists()
    assert os.listdir(tmp_path / "scratch") == []


def test_machines_get_one_document_twice_the_same(here, tmp_path, capsys):
    documents = []
    for _ in range(2):
        assert main(["probe", "policy.yaml", "--rows", "30", "--page", "sub/curves.html", "--json"]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    assert documents[0] == documents[1]
    assert documents[0]["page"] == "sub/curves.html"
    assert (tmp_path / "sub" / "curves.html").exists()
    (one,) = documents[0]["transforms"]
    assert {row["rows"] for row in one["points"][0]["by_class"]} == {30}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["none.yaml"], 2, "there is no such file"),
        (["policy.yaml", "--transform", "tabular.gausian_noise"], 2, "tabular.gaussian_noise"),
        (["policy.yaml", "--rows", "3"], 2, "--rows"),
        (["policy.yaml", "--page", "data.csv/curves.html"], 4, "data.csv/curves.html cannot be written"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_a_code(here, tmp_path, arguments, code, words, capsys):
    assert main(["probe", *arguments]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert words in shown.err
    assert "Traceback" not in shown.err
    assert not (tmp_path / "home" / "probes").exists()
