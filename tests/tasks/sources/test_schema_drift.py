from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from augmill.policies.schema import Policy
from augmill.tasks.sources.schema_drift import drift, gaps, types_of
from augmill.tasks.sources.source_contract import Scan, SourceObject, Unit
from augmill.tasks.sources.source_reader import discover, scan, units


def test_types_join_over_units_and_columns_keep_their_first_place() -> None:
    scans = [Scan({"a": "int64", "b": "null"}, 1), Scan({"c": "bool", "a": "float64"}, 1)]
    assert list(types_of(scans).items()) == [("a", "float64"), ("b", "string"), ("c", "bool")]


def test_expected_types_win_for_columns_that_exist() -> None:
    scans = [Scan({"a": "string", "b": "int64"}, 1)]
    assert types_of(scans, {"a": "int64", "gone": "bool"}) == {"a": "int64", "b": "int64"}


def test_every_change_of_columns_is_named() -> None:
    found = drift({"a": "int64", "b": "string"}, {"a": "float64", "c": "bool"})
    assert found
    assert str(found) == (
        "column 'c' appeared (bool); column 'b' disappeared (was string); column 'a' changed from int64 to float64"
    )


def test_no_change_is_no_drift() -> None:
    assert not drift({"a": "int64"}, {"a": "int64"})


def unit(*names: str, format: str = "csv") -> Unit:
    return Unit(format, tuple(SourceObject(name, name, 1, "") for name in names))


def test_gaps_name_the_files_of_one_run_that_lack_a_column() -> None:
    types = {"a": "int64", "b": "int64", "c": "bool"}
    looks = [
        (unit("1", "2", "3"), Scan({"a": "int64", "b": "int64"}, 9, lacking={"2": ["b"]})),
        (unit("4"), Scan(types, 5)),
        (unit("5"), Scan({"a": "int64"}, 0)),
        (unit("6", format="manifest"), Scan({"a": "int64"}, 5)),
    ]
    assert gaps(looks, types) == {"b": ["2"], "c": ["1", "2", "3"]}
    assert gaps([(unit("4"), Scan(types, 5))], types) == {}


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_look_says_which_files_of_a_unit_lack_a_column(tmp_path: Path, kind: str) -> None:
    for name, columns in (("one", ("a", "b")), ("two", ("a",)), ("void", ())):
        table = pa.table({column: [1, 2] for column in columns})
        file = tmp_path / f"{name}.{kind}"
        if kind == "parquet":
            pq.write_table(table, file)
        elif kind == "csv":
            csv.write_csv(table, file) if columns else file.touch()
        else:
            file.write_text("".join(f"{json.dumps(row)}\n" for row in table.to_pylist()))
    policy = Policy(dataset="x", modality="tabular", source={"uri": f"*.{kind}"})
    (one,) = units(discover(policy, tmp_path), policy, 1 << 20)
    assert scan(one, policy).lacking == {f"two.{kind}": ["b"]}
