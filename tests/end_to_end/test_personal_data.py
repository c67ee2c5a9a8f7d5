"""No raw value of a treated column, and no key, is in any file below the home: after success and after failure."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from augmill.flows.cli import main
from augmill.tasks.rows.provenance import ORIGIN, REAL, SAMPLE_ID, SPLIT
from tests.end_to_end.helpers import (
    GOOD,
    HEADER,
    LOOSE,
    MILD,
    NOISE,
    policy,
    quarantined,
    rows,
    suite,
    write_csv,
)

KEY = "correct horse battery staple 4711"
OTHER_KEY = "another horse, another battery 0815"
PII = "{email: hash, name: drop, note: mask}"
SUITE = """
name: made
budget: {max_quarantine_share: SHARE}
expectations:
  - type: expect_column_values_to_be_of_type
    kwargs: {column: grains, type_: int64}
  - type: expect_column_values_to_be_between
    kwargs: {column: grains, min_value: 0}
  - type: expect_column_values_to_hold_no_personal_data
    kwargs: {column: note}
  - type: expect_column_values_to_match_regex
    kwargs: {column: email, regex: "^[0-9a-f]{64}$"}
"""


def person(number: int) -> tuple[str, str, str]:
    """An address, a name, and a note that holds another address and a phone number."""
    stem = f"zq{number:04d}"
    return f"{stem}@mail.example", f"Qq{stem} Surname", f"write {stem}.alt@post.example or +49 30 55{number:05d}"


def lines(good: list[str], start: int = 0) -> list[str]:
    return [f"{','.join(person(start + number))},{line}" for number, line in enumerate(good)]


BROKEN = [
    f"{','.join(person(900))},{GOOD[0]},one field too many",
    f"{person(901)[0]},{person(901)[1]}",
    f"{','.join(person(902))},1.5,2.5,{person(902)[0]},pale,hay",  # slipped into a column of numbers
    f"{','.join(person(903))},1.5,2.5,-3,pale,hay",  # fails the suite
    f"{','.join(person(904))},1.5,2.5,3,pale,",  # has no label
]
PLANTED = [part for number in (*range(100), *range(900, 905)) for part in (f"zq{number:04d}", f"30 55{number:05d}")]


def everything(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """The bytes of every file; of tables and databases also every value in them, uncompressed."""
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        data = file.read_bytes()
        yield file, str(file.relative_to(folder)).encode()
        yield file, data
        if data.startswith(b"PAR1"):
            table = pq.ParquetFile(io.BytesIO(data)).read()
            yield file, repr(table.to_pydict()).encode()
        elif data.startswith(b"SQLite format 3"):
            with sqlite3.connect(file) as database:
                yield file, "\n".join(database.iterdump()).encode()
        elif data.startswith(b"PK"):
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                yield file, repr({name: arrays[name].tolist() for name in arrays.files}).encode()


def leaks(folder: Path, *secrets: str) -> set[str]:
    """Where planted values or secrets are."""
    words = [word.encode() for word in (*PLANTED, *secrets)]
    return {
        f"{file.relative_to(folder)}: {word.decode()}"
        for file, data in everything(folder)
        for word in words
        if word in data
    }


def asked(folder: Path, share: float = 0.1, pii: str = PII, **more: str) -> Path:
    checks = f"{{label_consistency: {MILD}, distribution: {LOOSE}}}"
    keys = {**suite(folder, SUITE.replace("SHARE", str(share))), "ignore": "[email, note, colour]", "checks": checks}
    keys["source"] = f"{{uri: data.csv, pii: {pii}}}"
    return policy(folder, "data.csv", NOISE, **{**keys, **more})


def untreated(folder: Path) -> None:
    """Publish everything as it is."""
    write_csv(folder / "data.csv", lines(GOOD), f"email,name,note,{HEADER}")
    assert main(["run", str(asked(folder, pii="{}", expectations="null"))]) == 0


@pytest.fixture
def project(tmp_path, monkeypatch, api):
    folder = tmp_path / "project"
    write_csv(folder / "data.csv", [*lines(GOOD[:50]), *BROKEN, *lines(GOOD[50:], 50)], f"email,name,note,{HEADER}")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AUGMILL_PII_KEY", KEY)
    monkeypatch.setenv("PREFECT_API_URL", api)
    return folder


def test_nothing_below_the_home_holds_a_raw_value_or_the_key(project, tmp_path, capfd):
    write_csv(project / "met.csv", lines(GOOD[:40], 50), f"email,name,note,{HEADER}")
    gates = "{drift_coverage: {production: met.csv, on_failure: warn}}"
    assert main(["run", str(asked(project, gates=gates))]) == 0
    home = tmp_path / "home"
    published = rows(home / "lake")
    real = [row for row in published if row[ORIGIN] == REAL]
    assert len(real) == len(GOOD)
    assert "name" not in published[0]
    digest = hmac.new(KEY.encode(), person(7)[0].encode(), hashlib.sha256).hexdigest()
    assert [row["note"] for row in real if row["email"] == digest] == ["write <email> or <phone>"]
    assert len(quarantined(home / "lake")) == len(BROKEN)
    assert leaks(home, KEY) == set()
    out, err = capfd.readouterr()
    assert [word for word in (*PLANTED, KEY) if word in out + err] == []
    planned = main(["plan", str(asked(project, share=0.01)), "--json"])
    shown = main(["show", "made", "--json"])
    out, err = capfd.readouterr()
    assert (planned, shown) == (3, 0)
    assert [word for word in (*PLANTED, KEY) if word in out + err] == []


def test_a_run_that_fails_leaves_no_raw_value_either(project, tmp_path, capfd):
    assert main(["run", str(asked(project, share=0.01)), "--json"]) == 3
    out, err = capfd.readouterr()
    assert "5 of 105 rows failed" in out
    assert [word for word in (*PLANTED, KEY) if word in out + err] == []
    assert len(quarantined(tmp_path / "home" / "lake")) == len(BROKEN)
    assert leaks(tmp_path / "home", KEY) == set()


def test_the_search_finds_what_is_there(project, tmp_path):
    """Without treatment the same run publishes it all, and the search of these tests sees it."""
    untreated(project)
    found = {leak.partition(".")[2].partition(":")[0].rpartition(".")[2] for leak in leaks(tmp_path / "home")}
    assert "parquet" in found


@pytest.mark.parametrize("runner", ["process", pytest.param("dask", marks=pytest.mark.slow)])
def test_workers_of_their_own_hash_with_the_key_and_keep_it_to_themselves(
    project, tmp_path, monkeypatch, capfd, runner
):
    monkeypatch.setenv("AUGMILL_WORKERS", "1")
    assert main(["run", str(asked(project)), "--runner", runner]) == 0
    digest = hmac.new(KEY.encode(), person(7)[0].encode(), hashlib.sha256).hexdigest()
    assert digest in {row["email"] for row in rows(tmp_path / "home" / "lake")}
    assert leaks(tmp_path / "home", KEY) == set()
    out, err = capfd.readouterr()
    assert [word for word in (*PLANTED, KEY) if word in out + err] == []


def test_a_run_without_the_key_is_refused_before_anything_is_read(project, tmp_path, monkeypatch, capfd):
    monkeypatch.delenv("AUGMILL_PII_KEY")
    assert main(["run", str(asked(project))]) == 2
    assert "AUGMILL_PII_KEY is not set" in capfd.readouterr().err
    assert not (tmp_path / "home" / "lake").exists()
    monkeypatch.setenv("AUGMILL_PII_KEY", "short")
    assert main(["run", str(asked(project))]) == 2
    err = capfd.readouterr().err
    assert "shorter than 16" in err
    assert "'short'" not in err


def test_another_key_is_seen_and_makes_other_rows(project, tmp_path, monkeypatch, capfd):
    file = asked(project)
    assert main(["run", str(file)]) == 0
    before = rows(tmp_path / "home" / "lake")
    capfd.readouterr()
    monkeypatch.setenv("AUGMILL_PII_KEY", OTHER_KEY)
    assert main(["plan", str(file), "--json"]) == 0
    assert any(
        "another AUGMILL_PII_KEY" in reason for reason in json.loads(capfd.readouterr().out)["changes"]["reasons"]
    )
    assert main(["run", str(file)]) == 0
    after = rows(tmp_path / "home" / "lake")
    assert {row["email"] for row in before}.isdisjoint(row["email"] for row in after)
    assert {row[SAMPLE_ID] for row in before}.isdisjoint(row[SAMPLE_ID] for row in after)
    # `ignore` holds the hashed column, so that rows are known by the rest of their cells, and stay in their splits.
    splits = [
        {(row["width"], row["height"]): row[SPLIT] for row in version if row[ORIGIN] == REAL}
        for version in (before, after)
    ]
    assert splits[0] == splits[1]
    monkeypatch.setenv("AUGMILL_PII_KEY", KEY)
    capfd.readouterr()
    appending = asked(project, source=f"{{uri: data.csv, mode: append, pii: {PII}}}")
    assert main(["run", str(appending)]) == 2
    assert "is not the key of made@1" in capfd.readouterr().err


def test_somebody_is_forgotten_by_the_address_that_was_hashed(project, tmp_path, monkeypatch, capfd):
    file = asked(project)
    assert main(["run", str(file)]) == 0
    condition = f"email = '{person(7)[0]}'"
    command = ["forget", "made", "--where", condition, "--policy", str(file)]
    monkeypatch.setenv("AUGMILL_PII_KEY", OTHER_KEY)
    assert main(command) == 2
    assert "is not the key that email was hashed with" in capfd.readouterr().err
    monkeypatch.setenv("AUGMILL_PII_KEY", KEY)
    assert main(["forget", "made", "--where", "email > 'a'", "--policy", str(file)]) == 2
    assert "is hashed, so that > says nothing" in capfd.readouterr().err
    assert main(command) == 0
    digest = hmac.new(KEY.encode(), person(7)[0].encode(), hashlib.sha256).hexdigest()
    assert digest in {row["email"] for row in rows(tmp_path / "home" / "lake", 0)}
    assert digest not in {row["email"] for row in rows(tmp_path / "home" / "lake", 1)}
    assert leaks(tmp_path / "home", KEY) == set()


def test_a_column_that_is_not_there_is_no_silent_wish(project, tmp_path, capfd):
    assert main(["run", str(asked(project, pii="{emial: hash, name: drop, note: mask}"))]) == 3
    err = capfd.readouterr().err
    assert "source.pii: 'emial'" in err
    assert leaks(tmp_path / "home", KEY) == set()


def test_keys_groups_and_labels_may_be_hashed(project, tmp_path):
    file = asked(project, pii="{email: hash, name: hash, note: mask, kind: hash}", key="email", split="{group: name}")
    assert main(["run", str(file)]) == 0
    real = [row for row in rows(tmp_path / "home" / "lake") if row[ORIGIN] == REAL]
    assert len(real) == len(GOOD)
    assert len({row["kind"] for row in real}) == 3
    assert leaks(tmp_path / "home", KEY) == set()


def test_a_version_that_held_raw_columns_is_followed_by_one_that_does_not(project, tmp_path):
    untreated(project)
    write_csv(project / "data.csv", lines(GOOD), f"email,name,note,{HEADER}")
    assert main(["run", str(asked(project))]) == 0
    published = rows(tmp_path / "home" / "lake", 1)
    assert "name" not in {name for row in published for name, value in row.items() if value is not None}
    assert all(len(row["email"]) == 64 for row in published)


def test_a_purge_looks_for_the_address_in_versions_from_before_it_was_hashed(project, tmp_path, capfd):
    untreated(project)
    file = asked(project)
    assert main(["run", str(file)]) == 0
    address, stem = person(7)[0], "zq0007@"
    assert any(stem in leak for leak in {row["email"] for row in rows(tmp_path / "home" / "lake", 0)})
    capfd.readouterr()
    assert main(["forget", "made", "--where", f"email = '{address}'", "--purge", "--policy", str(file), "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["asked"] == "email = ?"
    assert document["purged"]["versions"] == [0, 1]
    assert [str(file) for file, data in everything(tmp_path / "home") if stem.encode() in data] == []
