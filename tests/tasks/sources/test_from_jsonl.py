from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from augmill.policies.errors import DataError
from augmill.tasks.sources import from_jsonl
from tests.tasks.sources.whole import Whole, policy_of, whole


def jsonl_of(base: Path, data: str | bytes, **more: Any) -> Whole:
    (base / "data.jsonl").write_bytes(data if isinstance(data, bytes) else data.encode())
    return whole(base, policy_of("data.jsonl"), **more)


def test_types_are_jsons_own(tmp_path: Path) -> None:
    read = jsonl_of(tmp_path, '{"a": 1, "b": "007", "c": true, "d": [1, 2.5], "e": ["x"]}\n{"a": 2.5, "d": []}\n')
    assert read.types == {"a": "float64", "b": "string", "c": "bool", "d": "list<float64>", "e": "list<string>"}
    assert read.rows == [
        {"a": 1.0, "b": "007", "c": True, "d": [1.0, 2.5], "e": ["x"]},
        {"a": 2.5, "b": None, "c": None, "d": [], "e": None},
    ]


def test_lines_that_are_no_objects_are_faults(tmp_path: Path) -> None:
    read = jsonl_of(tmp_path, b'{"a": 1}\n{"a": \n\n[1]\n{"a": "\xff"}\n{"a": 2}')
    assert read.rows == [{"a": 1}, {"a": 2}]
    assert read.places == [("data.jsonl", 0), ("data.jsonl", 4)]
    assert [(row, reason.split(" (")[0]) for row, reason in read.reasons] == [
        (1, "the line is not JSON"),
        (2, "the line is not a JSON object"),
        (3, "the line is not UTF-8"),
    ]


def test_nesting_too_deep_is_a_fault(tmp_path: Path) -> None:
    read = jsonl_of(tmp_path, '{"a": ' + "[" * 100_000 + "\n" + '{"a": 1}')
    assert read.rows == [{"a": 1}]
    assert len(read.faults) == 1


def test_half_of_a_surrogate_pair_is_a_fault_and_a_whole_pair_is_text(tmp_path: Path) -> None:
    read = jsonl_of(tmp_path, r'{"a": "\uD83D\uDE00"}' + "\n" + r'{"a": "\uD800"}' + "\n" + r'{"\udc00": 1, "a": "x"}')
    assert [row["a"] for row in read.rows] == ["😀"]
    assert [row for row, _ in read.reasons] == [1, 2]


def test_mixed_values_are_read_as_text_and_nesting_as_json(tmp_path: Path) -> None:
    read = jsonl_of(tmp_path, '{"a": 1, "b": {"y": 1, "x": [true]}}\n{"a": "z"}\n{"a": true, "b": null}\n')
    assert read.rows == [{"a": "1", "b": '{"x": [true], "y": 1}'}, {"a": "z", "b": None}, {"a": "true", "b": None}]


def test_integers_beyond_64_bits_keep_their_digits(tmp_path: Path) -> None:
    assert jsonl_of(tmp_path, '{"a": 92233720368547758080}\n{"a": 1}').rows == [
        {"a": "92233720368547758080"},
        {"a": "1"},
    ]


def test_values_that_do_not_fit_the_expected_type_are_faults(tmp_path: Path) -> None:
    read = jsonl_of(tmp_path, '{"a": 1}\n{"a": "x"}\n{"a": [1]}\n', expected={"a": "int64"})
    assert read.rows == [{"a": 1}]
    assert [row for row, _ in read.reasons] == [1, 2]


def test_rows_do_not_depend_on_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(
        f'{{"a": {i}, "b": {i / 2 if i > 90 else "1"}, "c": {["1.0", "true"][i > 95]}}}' for i in range(99)
    )
    at_once = jsonl_of(tmp_path, text)
    monkeypatch.setattr(from_jsonl, "BLOCK_BYTES", 16)
    in_blocks = whole(tmp_path, policy_of("data.jsonl"), shard_rows=7)
    assert in_blocks.types == at_once.types == {"a": "int64", "b": "float64", "c": "string"}
    assert in_blocks.table.equals(at_once.table)
    assert at_once.rows[0]["c"] == "1.0"


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_jsonl, "MAX_LINE_BYTES", 10_000)
    monkeypatch.setattr(from_jsonl, "BLOCK_BYTES", 1000)
    with pytest.raises(DataError, match="a line longer than"):
        jsonl_of(tmp_path, "[" + "1," * 10_000 + "1]")


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    assert jsonl_of(tmp_path, b'\xef\xbb\xbf{"a": 1}\n').rows == [{"a": 1}]
