from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from augmill.policies.errors import DataError
from augmill.tasks.sources import from_csv
from tests.tasks.sources.whole import csv_of, policy_of, whole


def test_columns_get_types_from_all_their_values(tmp_path: Path) -> None:
    lines = ["a,b,c,d", *(["1,1,x,true"] * 2000), "2,1.5,y,false"]
    read = csv_of(tmp_path, "\n".join(lines))
    assert read.types == {"a": "int64", "b": "float64", "c": "string", "d": "bool"}
    assert read.rows[-1] == {"a": 2, "b": 1.5, "c": "y", "d": False}
    assert read.places[-1] == ("data.csv", 2000)


def test_types_and_rows_do_not_depend_on_the_block_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f'{i},{i / 7},"q\n{i}",{"x" if i == 4999 else i}' if i % 9 else f"torn {i}" for i in range(5000)]
    at_once = csv_of(tmp_path, "a,b,c,d\n" + "\n".join(lines))
    monkeypatch.setattr(from_csv, "BLOCK_BYTES", 512)
    in_blocks = whole(tmp_path, policy_of("data.csv"))
    assert in_blocks.types == at_once.types == {"a": "int64", "b": "float64", "c": "string", "d": "string"}
    assert in_blocks.table.equals(at_once.table)
    assert in_blocks.faults == at_once.faults
    assert [row for _, row in at_once.places] == [i for i in range(5000) if i % 9]


def test_torn_lines_are_faults_with_their_number_and_text(tmp_path: Path) -> None:
    read = csv_of(tmp_path, "a,b\n1,2\n3\n\n4,5,6\n7,8\n")
    assert read.rows == [{"a": 1, "b": 2}, {"a": 7, "b": 8}]
    assert read.places == [("data.csv", 0), ("data.csv", 3)]
    assert [(fault.row, fault.reason, fault.text) for fault in read.faults] == [
        (1, "expected 2 fields, got 1", "3"),
        (2, "expected 2 fields, got 3", "4,5,6"),
    ]
    assert read.scans[0].rows == 2
    assert read.scans[0].faults == 2


def test_a_quote_that_is_never_closed_costs_every_line_it_swallows(tmp_path: Path) -> None:
    read = csv_of(tmp_path, 'a,b\n1,2\n3,"four\n5,6\n7,8\n')
    assert read.rows == [{"a": 1, "b": 2}]
    assert read.reasons == [(row, "a quote is opened and never closed") for row in (1, 2, 3)]


def test_a_file_cut_off_inside_quotes_is_noticed(tmp_path: Path) -> None:
    assert csv_of(tmp_path, 'a,b\n1,2\n3,"fo').reasons == [(1, "a quote is opened and never closed")]
    assert csv_of(tmp_path, 'a,b\n1,2\n"3').reasons == [(1, "a quote is opened and never closed")]
    assert csv_of(tmp_path, 'a,b\n1,2\n3,"').reasons == [(1, "a quote is opened and never closed")]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("last", ['"x"', '""', '"say ""hi"""', 'x"', "x", "", '"two\nlines"'])
def test_a_last_field_that_is_whole_is_kept(tmp_path: Path, last: str, end: str) -> None:
    read = csv_of(tmp_path, f"a,b\n1,2\n3,{last}{end}")
    assert read.faults == []
    assert len(read.rows) == 2


def test_rows_that_are_not_utf8_are_faults(tmp_path: Path) -> None:
    read = csv_of(tmp_path, b"a,b\n1,x\n2,\xff\n3,z\n")
    assert read.rows == [{"a": 1, "b": "x"}, {"a": 3, "b": "z"}]
    assert read.reasons == [(1, "column 'b' is not UTF-8")]
    assert read.faults[0].text == "2,\ufffd"


def test_a_torn_row_that_is_not_utf8_is_named_and_no_traceback_is_printed(tmp_path: Path, capfd) -> None:
    with pytest.raises(DataError, match="a row after row 0 that is not UTF-8 and has the wrong number of fields"):
        csv_of(tmp_path, b"a,b,c\n1,x,y\n\xff\xfe,\x00noise\n3,z,y\n")
    assert "Traceback" not in capfd.readouterr().err


def test_reading_installs_no_hook_and_calls_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    hook = calls.append
    monkeypatch.setattr(sys, "unraisablehook", hook)
    for number in range(2):
        with pytest.raises(DataError, match="not UTF-8 and has the wrong number of fields"):
            csv_of(tmp_path, b"a,b,c\n1,x,y\n\xff\xfe,\x00noise\n3,z,y\n")
        assert sys.unraisablehook is hook, number
    assert calls == []


def test_characters_that_serve_as_escapes_are_read_as_they_are(tmp_path: Path) -> None:
    read = csv_of(tmp_path, "a,b\n1,\U0010ffff\n2,\U0010ff80é\n\U0010fffe\n".encode() + b"3,\xe9\n")
    assert read.rows == [{"a": 1, "b": "\U0010ffff"}, {"a": 2, "b": "\U0010ff80é"}]
    assert read.reasons == [(2, "expected 2 fields, got 1"), (3, "column 'b' is not UTF-8")]
    assert [fault.text for fault in read.faults] == ["\U0010fffe", "3,\ufffd"]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert csv_of(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n").rows == [{"a": 1, "b": 2}]


def test_utf16_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="UTF-16"):
        csv_of(tmp_path, "a,b\n1,2\n".encode("utf-16"))


def test_quoted_fields_may_hold_line_breaks_in_the_header_too(tmp_path: Path) -> None:
    read = csv_of(tmp_path, 'a,"b\nc"\n1,"x\ny"\n2,z\n')
    assert read.rows == [{"a": 1, "b\nc": "x\ny"}, {"a": 2, "b\nc": "z"}]


def test_windows_line_ends_and_a_missing_last_one_are_fine(tmp_path: Path) -> None:
    assert csv_of(tmp_path, "a,b\r\n1,2\r\n3,4").rows == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_read_off_the_header(tmp_path: Path, delimiter: str) -> None:
    text = f'a{delimiter}"b,;|\tc"\n1{delimiter}2\n'
    assert csv_of(tmp_path, text).rows == [{"a": 1, "b,;|\tc": 2}]


def test_a_huge_field_is_read_and_one_beyond_a_block_is_refused(tmp_path: Path) -> None:
    read = csv_of(tmp_path, "a,b\n1," + "x" * 3_000_000 + "\n2,y\n")
    assert [len(row["b"]) for row in read.rows] == [3_000_000, 1]
    with pytest.raises(DataError, match="cannot be cut into rows after row 0") as error:
        csv_of(tmp_path, 'a,b\n1,"' + "x\n" * 9_000_000 + '"\n')
    assert "quote" in error.value.remedy


def test_nan_and_infinity_are_numbers(tmp_path: Path) -> None:
    read = csv_of(tmp_path, "a,b\nnan,1\ninf,2\n-Infinity,3\n,4\n")
    values = [row["a"] for row in read.rows]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf, None]


def test_integers_beyond_64_bits_keep_their_digits(tmp_path: Path) -> None:
    read = csv_of(tmp_path, "a\n1\n92233720368547758080\n")
    assert read.rows == [{"a": "1"}, {"a": "92233720368547758080"}]


def test_missing_tokens_of_the_policy_are_no_values(tmp_path: Path) -> None:
    read = csv_of(tmp_path, "a,b\n?,x\n2,?\n,y\n", missing=["?"])
    assert read.rows == [{"a": None, "b": "x"}, {"a": 2, "b": None}, {"a": None, "b": "y"}]


def test_values_that_do_not_fit_the_expected_type_are_faults_not_crashes(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n1,x\nabc,y\n2.5,z\n4,w\n")
    read = whole(tmp_path, policy_of("data.csv"), expected={"a": "int64"})
    assert [row["a"] for row in read.rows] == [1, 4]
    assert read.reasons == [
        (1, "column 'a': 'abc' is not a whole number"),
        (2, "column 'a': '2.5' is not a whole number"),
    ]
    assert read.faults[0].text == '{"a": "abc", "b": "y"}'


def test_files_may_have_different_columns_and_types(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("a,b\n1,2\n")
    (tmp_path / "two.csv").write_text("c,a\nx,1.5\n")
    read = whole(tmp_path, policy_of("*.csv"))
    assert read.types == {"a": "float64", "b": "int64", "c": "string"}
    assert read.rows == [{"a": 1.0, "b": 2, "c": None}, {"a": 1.5, "b": None, "c": "x"}]


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    for text in ("a,b\n", "a,b", "a,b\n\n\n"):
        read = csv_of(tmp_path, text)
        assert read.types == {"a": "string", "b": "string"}
        assert read.scans[0].rows == read.table.num_rows == 0


def test_an_empty_file_among_others_holds_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "b.csv").write_text("x\n1\n")
    assert whole(tmp_path, policy_of("*.csv")).rows == [{"x": 1}]


@pytest.mark.parametrize(
    ("header", "says"),
    [("a,b,a", "several columns called 'a'"), ("a,,b", "column 2 of data.csv has no name"), ('"a,b\n', "no header")],
)
def test_headers_that_do_not_name_columns_are_refused(tmp_path: Path, header: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        csv_of(tmp_path, header + "\n1,2,3\n")


def test_a_file_of_nothing_but_torn_lines_has_faults_only(tmp_path: Path) -> None:
    read = csv_of(tmp_path, "a,b\n" + "x\n" * 25_000)
    assert read.table.num_rows == 0
    assert [fault.row for fault in read.faults] == list(range(25_000))


@pytest.mark.parametrize("shard_rows", [1, 7, 10**6])
def test_rows_and_faults_do_not_depend_on_the_size_of_shards(tmp_path: Path, shard_rows: int) -> None:
    lines = [f"{i},{i * 0.5}" if i % 5 else "torn" for i in range(100)]
    (tmp_path / "data.csv").write_text("a,b\n" + "\n".join(lines))
    read = whole(tmp_path, policy_of("data.csv"), shard_rows=shard_rows)
    assert [row["a"] for row in read.rows] == [i for i in range(100) if i % 5]
    assert [fault.row for fault in read.faults] == list(range(0, 100, 5))
    assert read.chunks >= 80 / shard_rows
