"""What each column is taken for, from real training rows."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from augmill.policies.schema import Policy, SplitRule
from augmill.tasks.modalities.tabular import describe, merge, spec_from_json, spec_to_json, tally

POLICY = Policy(
    dataset="d", modality="tabular", source={"uri": "u"}, label="y", key="key", ignore=("skip",),
    split=SplitRule(column="part"),
)  # fmt: skip
N = 200
DRAW = np.random.default_rng(0)


def one(values: pa.Array) -> tuple[str, str | None]:
    """The kind of a single column, and why it is carried."""
    description = describe(POLICY, [pa.table({"x": values})])
    return description["columns"][0]["kind"], description["carried"].get("x")


KINDS = {
    "float": (pa.array(DRAW.normal(size=N)), "continuous"),
    "half": (pa.array(DRAW.normal(size=N).astype(np.float16)), "continuous"),
    "decimal": (pa.array(DRAW.integers(0, 999, N)).cast(pa.decimal128(24, 2)), "continuous"),
    "int8": (pa.array(DRAW.integers(0, 9, N), pa.int8()), "integer"),
    "row number": (pa.array(np.arange(N)), "integer"),
    "bool": (pa.array(DRAW.random(N) < 0.5), "boolean"),
    "text": (pa.array(["a", "b"] * (N // 2)), "categorical"),
    "large text": (pa.array(["a", "b"] * (N // 2), pa.large_string()), "categorical"),
    "dictionary": (pa.array(["a", "b"] * (N // 2)).dictionary_encode(), "categorical"),
    "dictionary of numbers": (pa.array([1, 2] * (N // 2)).dictionary_encode(), "categorical"),
}
CARRIED = {
    "constant number": (pa.array([2.0] * N), "one value only"),
    "constant with holes": (pa.array([2, None] * (N // 2)), "one value only"),
    "constant text": (pa.array(["a"] * N), "one value only"),
    "empty": (pa.array([None] * N, pa.float64()), "no value"),
    "empty text": (pa.array([None] * N, pa.string()), "no value"),
    "ids": (pa.array([f"u{i}" for i in range(N)]), "nearly all its values differ"),
    "places": (pa.array([f"u{i % 1001}" for i in range(4000)]), "more than 1000 different values"),
    "large numbers": (pa.array([2**53 + 1, 0] * (N // 2)), "beyond 2**53"),
    "time": (pa.array(range(N), pa.timestamp("s")), "not a feature"),
    "date": (pa.array(range(N), pa.date32()), "not a feature"),
    "lists": (pa.array([[1.0]] * N), "not a feature"),
    "bytes": (pa.array([b"a", b"b"] * (N // 2)), "not a feature"),
    "null": (pa.nulls(N), "not a feature"),
}


@pytest.mark.parametrize(("values", "kind"), KINDS.values(), ids=KINDS)
def test_features(values, kind):
    assert one(values) == (kind, None)


@pytest.mark.parametrize(("values", "reason"), CARRIED.values(), ids=CARRIED)
def test_columns_that_are_carried_along_with_the_reason(values, reason):
    kind, why = one(values)
    assert kind == "carried"
    assert reason in why


def test_label_key_ignored_split_and_provenance_columns_are_not_there():
    names = ["y", "key", "skip", "part", "augmill_sample_id", "x"]
    description = describe(POLICY, [pa.table({name: pa.array([1.0, 2.0]) for name in names})])
    assert [column["name"] for column in description["columns"]] == ["x"]
    group = POLICY.model_copy(update={"split": SplitRule(fractions={"train": 1.0}, group="x")})
    assert "x" not in str(describe(group, [pa.table({"x": [1.0, 2.0]})]))


def test_figures_are_those_of_the_known_values():
    values = pa.array([1.0, None, float("nan"), float("inf"), 3.0])
    (column,) = spec_from_json(describe(POLICY, [pa.table({"x": values})])).columns
    assert (column.centre, column.scale, column.low, column.high, column.missing) == (2.0, 1.0, 1.0, 3.0, True)


def test_categories_are_sorted_and_the_commonest_is_known():
    values = pa.array(["b", "a", "b", None, "c"])
    (column,) = spec_from_json(describe(POLICY, [pa.table({"x": values})])).columns
    assert column.domain == ("a", "b", "c")
    assert column.frequent == (1, 0, 2)
    assert column.missing


def test_neither_batching_nor_order_shows():
    table = pa.table({name: values for name, (values, _) in KINDS.items()})
    whole = describe(POLICY, [table])
    shuffled = table.take(pa.array(DRAW.permutation(N)))
    assert describe(POLICY, [shuffled.slice(0, 3), shuffled.slice(3, 90), shuffled.slice(93)]) == whole


def test_the_description_survives_json():
    description = describe(POLICY, [pa.table({name: values for name, (values, _) in KINDS.items()})])
    spec = spec_from_json(description)
    assert spec_from_json(json.loads(json.dumps(description))) == spec
    assert spec_from_json(json.loads(json.dumps(spec_to_json(spec)))) == spec
    assert description["rows"] == N


def test_no_rows_at_all_make_an_empty_spec():
    assert spec_from_json(describe(POLICY, [])).columns == ()


@pytest.mark.parametrize("name", [*KINDS, *CARRIED])
def test_tallies_of_parts_that_went_through_json_say_what_the_whole_says(name):
    values, _ = {**KINDS, **CARRIED}[name]
    whole = pa.table({"x": values})
    parts = [whole.slice(0, 1), whole.slice(1, 120), whole.slice(121)]
    kept = [json.loads(json.dumps(tally(POLICY, part))) for part in parts]
    assert merge(POLICY, reversed(kept)) == describe(POLICY, [whole])


def test_a_tally_of_a_column_of_ids_stays_small():
    assert len(json.dumps(tally(POLICY, pa.table({"x": [f"u{i}" for i in range(5000)]})))) < 200
