from __future__ import annotations

import os
from pathlib import Path

import pytest

from augmill.policies.errors import DataError
from augmill.tasks.sources.source_contract import SourceListing
from augmill.tasks.sources.source_reader import discover, read, scan, types_of, units
from augmill.tasks.sources.verified_reader import content, contents, opened
from tests.tasks.sources.whole import policy_of

POLICY = policy_of("x.csv")


def found_in(base: Path, lines: int = 3) -> SourceListing:
    (base / "x.csv").write_text("a,b\n" + "".join(f"{i},{i}\n" for i in range(lines)))
    return discover(POLICY, base)


@pytest.mark.parametrize("change", ["other bytes", "gone", "longer"])
def test_a_file_that_changed_since_it_was_listed_is_refused_before_its_first_row(tmp_path: Path, change: str) -> None:
    found = found_in(tmp_path)
    path = tmp_path / "x.csv"
    if change == "gone":
        path.unlink()
    else:
        path.write_text("a,b\n9,9\n1,1\n2,2\n" if change == "other bytes" else path.read_text() + "3,3\n")
    for look in (
        lambda: scan(units(found, POLICY, 2**20)[0], POLICY),
        lambda: next(read(units(found, POLICY, 2**20)[0], {"a": "int64"}, POLICY, 10, 2**20)),
        lambda: content(found.objects[0]),
    ):
        with pytest.raises(DataError, match=r"x\.csv changed while it was being read"):
            look()


def test_a_file_that_is_written_to_between_two_chunks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from augmill.tasks.sources import from_csv

    monkeypatch.setattr(from_csv, "BLOCK_BYTES", 256)
    found = found_in(tmp_path, 1000)
    unit = units(found, POLICY, 2**20)[0]
    chunks = read(unit, types_of([scan(unit, POLICY)]), POLICY, 10, 2**20)
    next(chunks)
    with (tmp_path / "x.csv").open("r+") as file:
        file.seek(5000)
        file.write("7")
    os.utime(tmp_path / "x.csv", (1, 1))
    with pytest.raises(DataError, match="changed while it was being read"):
        list(chunks)


def test_a_file_replaced_while_it_is_read_is_read_as_it_was(tmp_path: Path) -> None:
    found = found_in(tmp_path)
    with opened(found.objects[0]) as handle:
        (tmp_path / "new.csv").write_text("other")
        os.replace(tmp_path / "new.csv", tmp_path / "x.csv")
        assert handle.stream.read() == b"a,b\n0,0\n1,1\n2,2\n"
        handle.check()


def test_small_objects_come_in_order(tmp_path: Path) -> None:
    for index in range(40):
        (tmp_path / f"{index:02d}.csv").write_text(str(index))
    objects = discover(policy_of("*.csv"), tmp_path).objects
    assert list(contents(objects)) == [str(index).encode() for index in range(40)]
