from __future__ import annotations

import os
from pathlib import Path

import pytest

from augmill.policies.errors import DataError, PolicyError, StorageError
from augmill.tasks.sources import listing
from augmill.tasks.sources.listing import list_uri, visible


def put(base: Path, *names: str) -> None:
    for name in names:
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(b"x")


def names(base: Path, uri: str) -> list[str]:
    return [one.name for one in list_uri(uri, base).files]


def test_names_are_relative_to_the_fixed_root_on_every_machine(tmp_path: Path) -> None:
    put(tmp_path, "data/a.csv", "data/sub/b.csv")
    assert names(tmp_path, "data/a.csv") == ["a.csv"]
    assert names(tmp_path, "data") == ["a.csv", "sub/b.csv"]
    assert names(tmp_path, "data/*.csv") == ["a.csv"]
    assert names(tmp_path, "data/**/*.csv") == ["a.csv", "sub/b.csv"]
    assert names(tmp_path, "data/*/b.csv") == ["sub/b.csv"]
    assert names(tmp_path / "data" / "sub", "../a.csv") == ["a.csv"]
    assert names(tmp_path, str(tmp_path / "data")) == ["a.csv", "sub/b.csv"]


def test_the_order_is_that_of_names_whatever_the_file_system_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, *(f"{index}.csv" for index in range(20)))
    found = names(tmp_path, "*.csv")
    assert found == sorted(found)
    backwards = [str(tmp_path / name) for name in reversed(found)]
    monkeypatch.setattr(listing.glob, "iglob", lambda *_, **__: iter(backwards))
    assert names(tmp_path, "*.csv") == found


def test_a_name_that_looks_like_a_glob_and_exists_is_a_name(tmp_path: Path) -> None:
    put(tmp_path, "part[1].csv", "part1.csv")
    assert names(tmp_path, "part[1].csv") == ["part[1].csv"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a/b.png", True), (".a/b.png", False), ("a/_b", False), ("a/THUMBS.DB", False), ("desktop.ini", False)],
)
def test_hidden_and_system_files_are_no_data(name: str, shown: bool) -> None:
    assert visible(name) is shown


def test_a_path_that_does_not_exist_is_the_calls_fault(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"gone\.csv does not exist"):
        list_uri("gone.csv", tmp_path)


def test_nothing_there_is_the_datas_fault(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    put(tmp_path, "hidden/.a.csv")
    for uri in ("*.csv", "empty", "hidden"):
        with pytest.raises(DataError, match="matches no file"):
            list_uri(uri, tmp_path)


def test_other_schemes_are_refused_without_their_credentials(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="https://, which is not supported") as error:
        list_uri("https://me:secret@host/x.csv", tmp_path)
    assert "secret" not in str(error.value)
    with pytest.raises(PolicyError, match="holds credentials"):
        list_uri("s3://me:secret@bucket/x.csv", tmp_path)


def test_a_delta_table_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "t/_delta_log/0.json", "t/a.parquet")
    with pytest.raises(PolicyError, match="is a Delta table"):
        list_uri("t", tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(PolicyError, match="neither a file nor a folder"):
        list_uri("pipe.csv", tmp_path)


def test_a_loop_of_links_is_named(tmp_path: Path) -> None:
    os.symlink("b", tmp_path / "a")
    os.symlink("a", tmp_path / "b")
    with pytest.raises((PolicyError, StorageError)):
        list_uri("a", tmp_path)


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("p/*.csv", "p/a.csv", True),
        ("p/*.csv", "p/q/a.csv", False),
        ("p/**/*.csv", "p/a.csv", True),
        ("p/**/*.csv", "p/q/r/a.csv", True),
        ("p/a?.csv", "p/ab.csv", True),
        ("p/a?.csv", "p/a/.csv", False),
        ("p/[ab].csv", "p/b.csv", True),
        ("p/[ab].csv", "p/c.csv", False),
        ("p/a.csv*", "p/axcsv", False),
    ],
)
def test_globs_in_a_bucket_mean_what_they_mean_in_a_folder(pattern: str, key: str, matches: bool) -> None:
    assert bool(listing._pattern(pattern).fullmatch(key)) is matches
