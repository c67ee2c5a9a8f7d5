from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from augmill.tasks.sources.values import blanked, fit, misfit, text_type


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-2", "0"], "int64"),
        (["1", "2.5"], "float64"),
        (["1e3", ".5", "1.", "+5"], "float64"),
        (["nan", "-inf", "Infinity", "NaN"], "float64"),
        (["true", "False", "TRUE"], "bool"),
        (["2020-01-31", "1999-12-01"], "date32"),
        (["2020-01-31", "2020-01-31 10:00:00.25"], "timestamp"),
        (["2020-01-31T10:00:00Z"], "string"),
        (["007", "8"], "string"),
        (["007.5", "8.5"], "string"),
        (["-007", "8.5"], "string"),
        (["0.5", "0", "-0.5"], "float64"),
        (["0x10"], "string"),
        (["9223372036854775807", "-9223372036854775808"], "int64"),
        (["9223372036854775808"], "string"),
        (["9223372036854775808", "2.5"], "string"),
        (["-9223372036854775808", "2.5"], "float64"),
        (["123456789012345678.5", "1e30"], "float64"),
        (["1,5"], "string"),
        (["true", "1"], "string"),
        (["1", "2020-01-31"], "string"),
        ([" 1", "2 "], "int64"),
        ([" 1.5", "2 "], "float64"),
        ([" 007"], "string"),
        ([" true"], "bool"),
        (["yes", "no"], "string"),
        ([None, "1"], "int64"),
        ([None, None], "null"),
        ([], "null"),
    ],
)
def test_texts_have_the_narrowest_type_that_loses_nothing(texts: list[str | None], kind: str) -> None:
    assert text_type(pa.array(texts, pa.string())) == kind


CELLS = [
    "1",
    "-7",
    "2.5",
    "nan",
    "true",
    "2020-01-31",
    "2020-01-31 10:00",
    "x",
    "007",
    " 3",
    "9223372036854775808",
    None,
]


def test_the_type_of_a_column_does_not_depend_on_how_it_is_cut() -> None:
    for first in CELLS:
        for second in CELLS:
            for third in CELLS:
                texts = pa.array([first, second, third], pa.string())
                at_once = text_type(texts)
                one_by_one = "null"
                for index in range(3):
                    one_by_one = text_type(texts[index : index + 1], one_by_one)
                assert one_by_one == at_once, texts
                assert text_type(texts[1:], text_type(texts[:1])) == at_once, texts


def test_a_slice_is_looked_at_alone() -> None:
    texts = pa.array(["007", "0.5", "1.5", "007"])
    assert text_type(texts[1:3]) == "float64"


def test_values_that_do_not_fit_are_found_and_the_others_kept() -> None:
    values, bad = fit(pa.array(["1", None, "x", "4", "1.5"]), "int64")
    assert values.to_pylist() == [1, None, None, 4, None]
    assert bad.tolist() == [2, 4]


def test_spaces_around_numbers_do_not_matter() -> None:
    values, bad = fit(pa.array([" 1", "2 "]), "float64")
    assert values.to_pylist() == [1.0, 2.0]
    assert not len(bad)


def test_booleans_are_words() -> None:
    values, bad = fit(pa.array(["true", "FALSE", None, "1"]), "bool")
    assert values.to_pylist() == [True, False, None, None]
    assert bad.tolist() == [3]


def test_whole_floats_fit_integers_and_others_do_not() -> None:
    values, bad = fit(pa.array([1.0, 2.5, None]), "int64")
    assert values.to_pylist() == [1, None, None]
    assert bad.tolist() == [1]


def test_instants_of_any_zone_are_kept_as_utc() -> None:
    from datetime import UTC, datetime

    berlin = pa.array([datetime(2020, 1, 1, 12, tzinfo=UTC)], pa.timestamp("ns", "Europe/Berlin"))
    values, bad = fit(berlin, "timestamp")
    assert values.type == pa.timestamp("us")
    assert values.to_pylist() == [datetime(2020, 1, 1, 12)]
    assert not len(bad)


def test_dictionaries_become_plain() -> None:
    values, _ = fit(pa.array(["a", "b", "a"]).dictionary_encode(), "string")
    assert values.equals(pa.array(["a", "b", "a"]))


def test_nested_values_do_not_fit_a_text() -> None:
    values, bad = fit(pa.array([[1], None, [2]]), "string")
    assert values.to_pylist() == [None, None, None]
    assert bad.tolist() == [0, 2]


def test_the_empty_text_and_the_policys_tokens_mean_no_value() -> None:
    texts = pa.array(["", "?", "x", None])
    assert blanked(texts, ("",)).to_pylist() == [None, "?", "x", None]
    assert blanked(texts, ("?",)).to_pylist() == [None, None, "x", None]


def test_a_misfit_is_said_in_words_and_cut_short() -> None:
    assert misfit("age", "abc", "int64") == "column 'age': 'abc' is not a whole number"
    assert len(misfit("age", "y" * 500, "float64")) < 130


def test_decimals_are_floats_where_no_digit_is_lost() -> None:
    texts = ["0.10", "-123456789012345", "1.234567890123456789", None, "9007199254740993", "12345678901234567000"]
    values, bad = fit(pa.array([Decimal(one) if one else None for one in texts], pa.decimal128(38, 18)), "float64")
    assert bad.tolist() == [2, 4]
    assert values.to_pylist() == [0.1, -123456789012345.0, None, None, None, 12345678901234567000.0]


def test_times_finer_than_a_microsecond_do_not_fit() -> None:
    values, bad = fit(pa.array([1_000, 1_001, None], pa.timestamp("ns", "UTC")), "timestamp")
    assert bad.tolist() == [1]
    assert values.cast(pa.int64()).to_pylist() == [1, None, None]


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        (Decimal("1.2345678901234567891"), "float64", "has more digits than a float64 holds"),
        (pa.scalar(1_001, pa.timestamp("ns")).as_py(), "timestamp", "is finer than a microsecond"),
        (2**63, "int64", "'9223372036854775808' is too large for int64"),
        (" -9223372036854775809", "int64", "is too large for int64"),
    ],
)
def test_values_that_are_of_the_kind_but_do_not_fit_are_told_so(value: object, kind: str, said: str) -> None:
    assert said in misfit("a", value, kind)
