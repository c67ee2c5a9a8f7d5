"""A column keeps the type of the last version; the suite can change it on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from augmill.policies.errors import DataError
from tests.end_to_end.helpers import HEADER, go, policy, rows, table_of, table_rows, write_csv

TYPED = """name: typed
expectations:
  - {type: expect_column_values_to_be_of_type, kwargs: {column: grains, type_: float64}}
"""


def with_halves(lines: list[str]) -> list[str]:
    return [",".join([*cells[:2], f"{cells[2]}.5", *cells[3:]]) for cells in (line.split(",") for line in lines)]


def test_a_new_type_is_refused_until_the_suite_asks_for_it(tmp_path: Path) -> None:
    folder, lake = tmp_path / "policies", tmp_path / "lake"
    write_csv(folder / "raw.csv", table_rows(0, 150))
    go(policy(folder, "raw.csv", ""), lake)
    write_csv(folder / "raw.csv", with_halves(table_rows(0, 150)))
    with pytest.raises(DataError, match="column 'grains'") as refused:
        go(policy(folder, "raw.csv", ""), lake)
    assert "expect_column_values_to_be_of_type" in refused.value.remedy
    (tmp_path / "expectations").mkdir()
    (tmp_path / "expectations" / "typed.yaml").write_text(TYPED)
    go(policy(folder, "raw.csv", "", expectations="typed"), lake)
    assert all(row["grains"] % 1 == 0.5 for row in rows(lake))


@pytest.mark.parametrize("change", ["appeared", "disappeared"])
def test_a_column_that_comes_or_goes_is_refused_where_the_suite_says_so(tmp_path: Path, change: str) -> None:
    folder, lake, lines = tmp_path / "policies", tmp_path / "lake", table_rows(0, 60)
    (tmp_path / "expectations").mkdir()
    (tmp_path / "expectations" / "fixed.yaml").write_text("name: fixed\ncolumns: {extra: refuse, missing: refuse}\n")
    narrow = HEADER, lines
    wide = f"{HEADER},weight", [f"{line},1.5" for line in lines]
    first, second = (narrow, wide) if change == "appeared" else (wide, narrow)
    write_csv(folder / "raw.csv", first[1], first[0])
    go(policy(folder, "raw.csv", "", expectations="fixed"), lake)
    write_csv(folder / "raw.csv", second[1], second[0])
    with pytest.raises(DataError, match=f"column 'weight' {change}"):
        go(policy(folder, "raw.csv", "", expectations="fixed"), lake)
    assert table_of(lake).versions() == [0]
