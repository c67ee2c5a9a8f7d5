"""After a purge no object holds the forgotten rows: not in the lake, not in MLflow, whatever it is packed in."""

import io
import json
import zipfile

import pyarrow.parquet as pq
import pytest

from augmill.flows.cli import main
from augmill.tasks.rows.provenance import ORIGIN, REAL, SAMPLE_ID, SPLIT
from augmill.tasks.storage.store import Store
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import DATASET, NOISE, SMOTE, policy, rows, suite, table_rows, write_csv

HEADER = "name,width,height,grains,colour,kind"
WHO = "zaphod-4711"
SUITE = """name: s
budget: {max_quarantine_share: 0.5}
expectations:
  - {type: expect_column_values_to_be_between, kwargs: {column: grains, max_value: 14}}
"""


def lines(start, count, broken=True):
    """Rows of people; one of them has four good rows, one that fails the suite, and a line that is no row."""
    made = [f"p{number},{line}" for number, line in enumerate(table_rows(start, count), start)]
    mine = [f"{WHO},{line}" for line in table_rows(9000, 4)]
    bad = [f"{WHO},1.5,2.5,99,pale,hay", f"{WHO},1.5,2.5,7,pale"]
    return [*made, *mine, *(bad if broken else [])]


def write(folder, start, broken=True):
    write_csv(folder / "data.csv", lines(start, 90, broken), HEADER)


@pytest.fixture
def here(tmp_path, monkeypatch, api, capfd):
    """Two versions by the command, with records; the second of other people, but for one; `canary` on the first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PREFECT_API_URL", api)
    keys = {"ignore": "[name, colour]", "publish": "{channel: stable}", **suite(tmp_path, SUITE)}
    policy(tmp_path, "data.csv", SMOTE + NOISE, **keys)
    for start in (0, 100):
        write(tmp_path, start)
        assert main(["run", "policy.yaml"]) == 0
    assert main(["promote", f"{DATASET}@0", "--to", "canary"]) == 0
    capfd.readouterr()
    return tmp_path


def splits_of(home):
    return {row[SAMPLE_ID]: row[SPLIT] for row in rows(home / "lake") if row[ORIGIN] == REAL}


def texts(folder):
    """All that every file holds, unpacked, by file."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file, b"".join(_unpacked(file.name, file.read_bytes()))


def _unpacked(name, data):
    yield data
    if name.endswith(".parquet"):
        yield repr(pq.read_table(io.BytesIO(data)).to_pylist()).encode()
    if name.endswith((".zip", ".npz")):
        archive = zipfile.ZipFile(io.BytesIO(data))
        yield b"".join(archive.read(member) for member in archive.namelist())


def holding(folder, *values):
    skipped = ("prefect", "hashes")
    return [
        str(file.relative_to(folder))
        for file, text in texts(folder)
        if any(value.encode() in text for value in values) and not set(file.relative_to(folder).parts) & set(skipped)
    ]


def test_nothing_is_left_of_the_rows_and_the_others_are_as_before(here, capfd):
    home = here / "home"
    width = next(row["width"] for row in rows(home / "lake") if row["name"] == WHO and row[ORIGIN] == REAL)
    gone = {row[SAMPLE_ID] for row in rows(home / "lake") if row["name"] == WHO}
    known = splits_of(home)
    values = (WHO, repr(width), *gone)
    assert len(holding(home, *values)) > 20
    assert main(["forget", DATASET, "--where", f"name = '{WHO}'", "--purge", "--dry-run"]) == 0
    assert "versions 0-1 would be purged" in capfd.readouterr().out
    assert main(["forget", DATASET, "--where", f"name = '{WHO}'", "--purge", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["purged"]["versions"] == [0, 1]
    assert document["purged"]["channels_moved"] == {"canary": 0}
    assert document["recorded"].startswith("MLflow run ")
    # The line that is no row is in the source still: the run had to quarantine it, the purge took it away.
    assert holding(home, *values) == []
    assert splits_of(home) == {name: split for name, split in known.items() if name not in gone}
    lake = Lake(Store(str(home / "lake")))
    assert lake.channels(DATASET) == {"canary": 2, "stable": 2}
    assert [one.reason for one in lake.tombstones(DATASET).values()] == ["purged", "purged"]
    assert main(["resolve", f"{DATASET}@0"]) == 3
    assert "made@0 is gone: its files held rows that were to be forgotten" in capfd.readouterr().err
    assert main(["rejections", f"{DATASET}@0"]) == 3
    assert "made@0 is gone: its files held rows that were to be forgotten" in capfd.readouterr().err
    assert main(["show", f"{DATASET}@0"]) == 0
    assert main(["show", DATASET]) == 0
    assert main(["vacuum", DATASET]) == 0
    assert main(["run", "policy.yaml"]) == 0
    assert WHO not in "".join(repr(row) for row in rows(home / "lake"))


def test_a_run_that_fails_says_that_the_rows_are_on_the_list(here, capfd):
    text = SUITE + "  - {type: expect_table_row_count_to_be_between, kwargs: {min_value: 94}}\n"
    suite(here, text)
    assert main(["forget", DATASET, "--where", f"name = '{WHO}'"]) == 3
    said = capfd.readouterr().err
    assert f"The rows are on the list of {DATASET}: every later run leaves them out." in said
    suite(here, SUITE)
    assert main(["forget", DATASET, "--where", f"name = '{WHO}'"]) == 0


def test_a_broken_line_that_its_source_has_lost_is_forgotten_from_the_quarantine(here, capfd):
    made = lines(200, 90, broken=False)[:90]
    for broken in (["quarry-0815,oops"], []):
        write_csv(here / "data.csv", [*made, *broken], HEADER)
        assert main(["run", "policy.yaml"]) == 0
    asked = ["forget", DATASET, "--where", "name = 'quarry-0815'"]
    assert main(asked) == 2
    assert "only its quarantine does" in capfd.readouterr().err
    assert main([*asked, "--purge", "--dry-run", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["quarantined"] == 1
    assert main([*asked, "--purge", "--dry-run"]) == 0
    assert "version" not in capfd.readouterr().out
    assert main([*asked, "--purge"]) == 0
    # The log and Prefect's database tell what was called, and the hash cache holds no values.
    assert [str(file) for file, data in texts(here / "home" / "lake") if b"quarry-0815" in data] == []
    assert main([*asked, "--purge"]) == 2
    assert "no row of made meets the condition" in capfd.readouterr().err
