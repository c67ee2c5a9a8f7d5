"""Columns that the policy names must hold what can be told apart: text, numbers, booleans or dates."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augmill.policies.errors import DataError
from augmill.tasks.rows.provenance import PAYLOAD_TYPE
from tests.end_to_end.helpers import go, policy, rows

ROWS = 40
ODD: dict[str, tuple[pa.Array, str]] = {
    "list": (pa.array([["x"]] * ROWS), "lists"),
    "struct": (pa.array([{"k": 1}] * ROWS), "structures"),
    "binary": (pa.array([b"x"] * ROWS), "bytes"),
    "picture": (pa.array([{"bytes": b"x", "path": "p"}] * ROWS, PAYLOAD_TYPE), "pictures"),
}


def source(folder: Path, odd: pa.Array) -> None:
    kinds = pa.array(["hay", "straw"] * (ROWS // 2))
    pq.write_table(
        pa.table({"width": [float(i) for i in range(ROWS)], "kind": kinds, "odd": odd}), folder / "d.parquet"
    )


@pytest.mark.parametrize("kind", list(ODD))
@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"label": "odd"}, "label column 'odd'"),
        ({"key": "odd"}, "key column 'odd'"),
        ({"split": "{group: odd}"}, "split.group column 'odd'"),
        ({"split": "{column: odd}"}, "split.column column 'odd'"),
    ],
)
def test_a_column_that_holds_no_plain_values_is_refused_once(
    tmp_path: Path, kind: str, where: dict[str, Any], said: str
) -> None:
    values, word = ODD[kind]
    source(tmp_path, values)
    file = policy(tmp_path, "d.parquet", "", **{"ignore": "[]", **where})
    with pytest.raises(DataError) as caught:
        go(file, tmp_path / "lake")
    assert str(caught.value).startswith(f"{said} holds {word}")
    assert "text, numbers, booleans or dates" in caught.value.remedy


def test_dates_do(tmp_path: Path) -> None:
    source(tmp_path, pa.array([date(2020, 1, 1 + i % 2) for i in range(ROWS)]))
    assert go(policy(tmp_path, "d.parquet", "", label="odd", ignore="[kind]"), tmp_path / "lake").number == 0


@pytest.mark.parametrize(("asked", "passes"), [(("int64", "bool"), True), (("int64", "int64"), False)])
def test_whole_numbers_and_booleans_with_gaps_are_of_the_type_they_are(
    tmp_path: Path, asked: tuple[str, str], passes: bool
) -> None:
    counts = pa.array([None, *range(1, ROWS)], pa.int64())
    wet = pa.array([None, *[i % 3 == 0 for i in range(1, ROWS)]], pa.bool_())
    kinds = pa.array(["hay", "straw"] * (ROWS // 2))
    pq.write_table(pa.table({"counts": counts, "wet": wet, "kind": kinds}), tmp_path / "d.parquet")
    (tmp_path / "expectations").mkdir()
    lines = [
        f"  - {{type: expect_column_values_to_be_in_type_list, kwargs: {{column: {column}, type_list: [{kind}]}}}}"
        for column, kind in zip(("counts", "wet"), asked, strict=True)
    ]
    (tmp_path / "expectations" / "typed.yaml").write_text("\n".join(["name: typed", "expectations:", *lines, ""]))
    (tmp_path / "policies").mkdir()
    file = policy(tmp_path / "policies", "../d.parquet", "", ignore="[]", expectations="typed")
    if not passes:
        with pytest.raises(DataError, match="observed bool"):
            go(file, tmp_path / "lake")
        return
    version = go(file, tmp_path / "lake")
    assert version.number == 0
    found = {row["counts"] for row in rows(tmp_path / "lake")}
    assert found == set(counts.to_pylist())
