"""Rows are known again by salted digests, whatever type their values came in, and by nothing else."""

import pyarrow as pa

from augmill.tasks.rows.erasure_digests import Rule, digests, matches, mentions

SALT, OTHER = b"s" * 32, b"o" * 32
ROWS = pa.table({"id": [17, 18], "city": ["Ulm", "Bonn"]})


def rule(rows, columns, as_text):
    return Rule(tuple(columns), as_text, frozenset(digests(SALT, rows, columns, as_text)))


def test_a_row_is_known_by_its_values_and_the_salt():
    one = rule(ROWS.slice(0, 1), ["city", "id"], False)
    assert matches(SALT, [one], ROWS).tolist() == [True, False]
    assert matches(OTHER, [one], ROWS).tolist() == [False, False]
    assert matches(SALT, [one], ROWS.set_column(1, "city", pa.array(["Ulm ", "Bonn"]))).tolist() == [False, False]
    assert matches(SALT, [], ROWS).tolist() == [False, False]
    assert Rule.from_json(one.to_json()) == one


def test_columns_that_came_later_do_not_hide_a_row_and_order_does_not_matter():
    one = rule(ROWS.slice(0, 1), ["city", "id"], False)
    wider = pa.table({"new": ["x", "y"], "city": ROWS["city"], "id": ROWS["id"].cast(pa.float64())})
    assert matches(SALT, [one], wider).tolist() == [True, False]


def test_as_text_the_same_number_is_the_same_in_any_type():
    one = rule(pa.table({"id": [17]}), ["id"], True)
    for values in ([17, 3], [17.0, 3.5], ["17", "17.0x"]):
        assert matches(SALT, [one], pa.table({"id": values})).tolist() == [True, False]
    assert matches(SALT, [one], pa.table({"other": [17]})).tolist() == [False], "another column is another thing"
    assert matches(SALT, [one], pa.table({"id": pa.array([None], pa.int64())})).tolist() == [False]


def test_equal_values_under_other_columns_have_other_digests():
    there = pa.table({"a": ["x"], "b": ["x"]})
    assert digests(SALT, there, ["a"], True) != digests(SALT, there, ["b"], True)


def test_a_line_that_is_no_row_is_known_by_a_cell_or_a_word():
    mail = rule(pa.table({"mail": ["a@b.org"]}), ["mail"], True)
    two = rule(ROWS, ["city", "id"], True)
    lines = ["1;'a@b.org';x", '{"mail": "a@b.org", "x', "xa@b.org,1", "text with a@b.org in it", ""]
    assert mentions(SALT, [mail], lines) == [True, True, False, True, False]
    assert mentions(SALT, [two], ["17,Ulm"]) == [False], "several columns cannot be told in a line"
