from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import pytest

from augmill.policies.errors import DataError, PolicyError, StorageError
from augmill.tasks.sources import source_objects as objects_module
from augmill.tasks.sources.hash_cache import HashCache
from augmill.tasks.sources.source_reader import discover
from tests.tasks.sources.whole import policy_of

OLD = 1_600_000_000


def write(path: Path, text: str, seconds: int = OLD) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (seconds, seconds))


def test_objects_have_name_size_and_hash_and_travel_to_workers(tmp_path: Path) -> None:
    write(tmp_path / "b.csv", "a\n1\n")
    write(tmp_path / "a.csv", "a\n22\n")
    found = discover(policy_of("*.csv"), tmp_path)
    assert [(one.name, one.bytes) for one in found.objects] == [("a.csv", 5), ("b.csv", 4)]
    assert found.objects[1].sha256 == hashlib.sha256(b"a\n1\n").hexdigest()
    assert pickle.loads(pickle.dumps(found)) == found


def test_one_uri_per_split_names_the_split(tmp_path: Path) -> None:
    write(tmp_path / "one/x.csv", "a\n1\n")
    write(tmp_path / "two/x.csv", "a\n2\n")
    found = discover(policy_of({"train": "one", "test": "two/x.csv"}), tmp_path)
    assert [(one.name, one.split) for one in found.objects] == [("test/x.csv", "test"), ("train/x.csv", "train")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x.csv", "csv"),
        ("x.tsv", "csv"),
        ("x.parquet", "parquet"),
        ("x.jsonl", "jsonl"),
        ("x.ndjson", "jsonl"),
        ("x.PNG", "image_folder"),
    ],
)
def test_the_format_is_told_by_the_names(tmp_path: Path, name: str, expected: str) -> None:
    write(tmp_path / "d" / name, "a\n1\n")
    assert discover(policy_of("d"), tmp_path).format == expected


def test_a_list_beside_folders_of_pictures_does_not_make_the_format_unclear(tmp_path: Path) -> None:
    write(tmp_path / "train/cat/1.png", "x")
    write(tmp_path / "labels.csv", "file,label\n")
    assert discover(policy_of("."), tmp_path).format == "image_folder"
    write(tmp_path / "train/cat/more.csv", "file,label\n")
    with pytest.raises(PolicyError, match="format is unclear"):
        discover(policy_of("."), tmp_path)


def test_a_csv_with_columns_for_pictures_is_a_manifest(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", "file\n")
    assert discover(policy_of("x.csv", columns={}), tmp_path).format == "manifest"


def test_an_unclear_format_asks_for_one(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", "a\n1\n")
    write(tmp_path / "x.parquet", "a\n1\n")
    with pytest.raises(PolicyError, match="csv and parquet files") as error:
        discover(policy_of("."), tmp_path)
    assert "source.format" in error.value.remedy
    assert discover(policy_of(".", format="csv"), tmp_path).objects[0].name == "x.csv"
    write(tmp_path / "y.doc", "")
    with pytest.raises(PolicyError, match="no known kind of"):
        discover(policy_of("y.doc"), tmp_path)


def test_an_unknown_format_is_refused_with_the_nearest(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", "a\n1\n")
    with pytest.raises(PolicyError, match="did you mean 'parquet'"):
        discover(policy_of("x.csv", format="parqet"), tmp_path)


def test_files_that_are_all_empty_are_the_datas_fault(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", "")
    with pytest.raises(DataError, match=r"every file of the source is empty \(x\.csv\)"):
        discover(policy_of("x.csv"), tmp_path)


def test_a_file_one_may_not_read_is_the_storages_fault(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", "a\n1\n")
    (tmp_path / "x.csv").chmod(0)
    root = os.geteuid() == 0
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(StorageError, match="permission denied") as error:
            discover(policy_of("x.csv"), tmp_path)
    finally:
        if root:
            os.seteuid(0)
    assert error.value.remedy == "give this user read access to it"


def hashing_counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    digest = objects_module._digest

    def counting(one):
        seen.append(one.name)
        return digest(one)

    monkeypatch.setattr(objects_module, "_digest", counting)
    return seen


def test_what_has_not_changed_is_not_hashed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = hashing_counted(monkeypatch)
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name, "a\n1\n")
    policy = policy_of("*.csv")
    with HashCache(tmp_path / "cache") as cache:
        first = discover(policy, tmp_path, cache)
    write(tmp_path / "b.csv", "a\n2\n", OLD + 5)
    with HashCache(tmp_path / "cache") as cache:
        second = discover(policy, tmp_path, cache)
    assert seen == ["a.csv", "b.csv", "b.csv"]
    assert first.objects[0] == second.objects[0]
    assert second.objects[1].sha256 == hashlib.sha256(b"a\n2\n").hexdigest()


def test_a_file_swapped_under_the_same_time_and_size_is_hashed_again(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "a\n1\n")
    with HashCache(tmp_path / "cache") as cache:
        discover(policy_of("a.csv"), tmp_path, cache)
    write(tmp_path / "new.csv", "a\n2\n")
    os.replace(tmp_path / "new.csv", tmp_path / "a.csv")
    with HashCache(tmp_path / "cache") as cache:
        found = discover(policy_of("a.csv"), tmp_path, cache)
    assert found.objects[0].sha256 == hashlib.sha256(b"a\n2\n").hexdigest()
