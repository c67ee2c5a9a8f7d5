"""Objects of the lake that are damaged, hostile or of somebody else's making end in one error, and run nothing."""

import json
import pickle
import shutil

import pytest
from deltalake import DeltaTable, write_deltalake

from augmill.flows.cli import main
from tests.end_to_end.helpers import DATASET, NOISE, go, policy, table_rows, write_csv

OBJECTS = {
    "manifest": ".augmill/made/versions/*.json",
    "record": ".augmill/made/records/00000000.json",
    "rejections": ".augmill/made/reports/00000000/rejections.json",
    "chapter": ".augmill/made/chapters/*.json",
    "channel": ".augmill/made/channels/*/*.json",
    "commit": "made/_delta_log/*.json",
}
CONTENTS = {
    "nested": b'{"a":' + b"[" * 100_000,
    "pickle": pickle.dumps(print),
    "empty": b"",
    "list": b"[]",
    "other keys": b'{"dataset": "made"}',
}
COMMANDS = ("list", "show", "lineage", "rejections", "resolve")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    write_csv(folder / "data.csv", table_rows(0, 60))
    go(policy(folder, "data.csv", NOISE, publish="{channel: stable}"), folder / "home" / "lake")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUGMILL_HOME", str(folder / "home"))
        assert main(["lineage", DATASET]) == 0
    return folder / "home"


@pytest.fixture
def home(published, tmp_path, monkeypatch):
    shutil.copytree(published, tmp_path / "home")
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("name", OBJECTS)
def test_whatever_lies_there_no_command_breaks(home, capsys, name, content):
    place = home / "lake" / OBJECTS[name]
    place.parent.mkdir(parents=True, exist_ok=True)
    for file in sorted((home / "lake").glob(OBJECTS[name])) or [place]:
        file.write_bytes(CONTENTS[content])
    codes = {command: main([command] if command == "list" else [command, DATASET]) for command in COMMANDS}
    assert set(codes.values()) <= {0, 2, 3, 4}, codes
    if content == "nested":
        assert 4 in codes.values()
        assert "damaged" in capsys.readouterr().err


def test_a_commit_of_somebody_else_is_named(home, capsys):
    table = str(home / "lake" / DATASET)
    write_deltalake(table, DeltaTable(table).to_pyarrow_table().slice(0, 1), mode="append")
    assert main(["show", DATASET]) == 4
    said = capsys.readouterr().err
    assert "at version 1 was not written by augmill" in said
    assert "remedy:" in said


def test_a_list_shows_the_others_beside_a_damaged_one(home, capsys):
    other = home / "lake" / "other"
    shutil.copytree(home / "lake" / DATASET, other)
    shutil.copytree(home / "lake" / ".augmill" / DATASET, home / "lake" / ".augmill" / "other")
    mark = home / "lake" / ".augmill" / ".datasets"
    shutil.copy(mark / DATASET, mark / "other")
    assert main(["list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [f"{DATASET}@0", "other@0"]
    for file in (home / "lake" / ".augmill" / "other" / "versions").glob("*.json"):
        file.write_bytes(b"[")
    assert main(["list"]) == 4
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.out.splitlines()] == [f"{DATASET}@0"]
    assert shown.err.count("remedy:") == 1
    assert main(["list", "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert [one["dataset"] for one in document["datasets"]] == [DATASET]
    assert [one["dataset"] for one in document["damaged"]] == ["other"]
