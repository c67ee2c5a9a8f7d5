"""Files to be converted or unpacked first: each is refused with the command that does it, which is run here."""

import gzip
import json
from pathlib import Path

import pandas
import pytest

from augmill.policies.errors import DataError, PolicyError
from augmill.tasks.sources.source_reader import discover
from tests.tasks.sources.whole import policy_of

ROWS = [{"a": 1, "label": "x"}, {"a": 2, "label": "y"}]


@pytest.mark.parametrize(
    ("name", "what", "remedy"),
    [
        ("rows.json", "one JSON document", "pandas.read_json('rows.json').to_json('rows.jsonl', orient='records'"),
        ("rows.csv.gz", "compressed", "gunzip rows.csv.gz, or convert it: pandas.read_csv('rows.csv.gz').to_parquet("),
        ("rows.tsv.bz2", "compressed", r"pandas.read_csv('rows.tsv.bz2', sep='\t').to_parquet('rows.parquet')"),
        ("rows.jsonl.gz", "compressed", "pandas.read_json('rows.jsonl.gz', lines=True).to_parquet('rows.parquet')"),
        ("blob.gz", "compressed", "Unpack it: gunzip blob.gz."),
        ("Rows.XLSX", "a spreadsheet", "pandas.read_excel('Rows.XLSX').to_parquet('Rows.parquet')"),
        ("photos.zip", "an archive", "unzip photos.zip"),
        ("photos.tar.gz", "an archive", "tar -xf photos.tar.gz"),
        ("rows.feather", "an Arrow file", "pandas.read_feather('rows.feather')"),
    ],
)
@pytest.mark.parametrize("uri", ["folder/{}", "folder", "folder/*"])
@pytest.mark.parametrize("asked", [None, "csv"])
def test_what_has_to_be_converted_is_refused_with_the_command_for_it(
    tmp_path: Path, name: str, what: str, remedy: str, uri: str, asked: str | None
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / name).write_bytes(b"x")
    with pytest.raises(PolicyError) as caught:
        discover(policy_of(uri.format(name), format=asked), tmp_path)
    assert f"{name} is {what}" in caught.value.cause
    assert remedy in caught.value.remedy


def test_the_commands_make_files_that_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.json").write_text(json.dumps(ROWS))
    Path("rows.csv.gz").write_bytes(gzip.compress(b"a,label\n1,x\n2,y\n"))
    for name, made in (("rows.json", "rows.jsonl"), ("rows.csv.gz", "rows.parquet")):
        with pytest.raises(PolicyError) as caught:
            discover(policy_of(name), tmp_path)
        call = "pandas." + caught.value.remedy.partition("pandas.")[2].partition(". ")[0].rstrip(".")
        eval(call, {"pandas": pandas})
        assert discover(policy_of(made), tmp_path).objects[0].name == made


def test_lines_in_a_file_called_json_are_read_where_the_policy_says_so(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    assert discover(policy_of("rows.json", format="jsonl"), tmp_path).format == "jsonl"


def test_other_files_beside_those_of_a_folder_do_no_harm(tmp_path: Path) -> None:
    for name in ("rows.csv", "backup.zip", "notes.json"):
        (tmp_path / name).write_text("a\n1\n")
    assert [one.name for one in discover(policy_of("."), tmp_path).objects] == ["rows.csv"]
    for name in ("backup.zip", "notes.json"):
        (tmp_path / name).unlink()
    with pytest.raises(DataError, match="holds no parquet file"):
        discover(policy_of(".", format="parquet"), tmp_path)
