from __future__ import annotations

from tasks.sources.contract import Scan
from tasks.sources.drift import drift, types_of


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
