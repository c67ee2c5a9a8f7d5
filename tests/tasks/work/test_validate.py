"""Columns that the policy names must hold what can be told apart: text, numbers, booleans or dates."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from policies.errors import DataError
from tasks.rows.provenance import PAYLOAD_TYPE
from tests.end_to_end.helpers import go, policy

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
