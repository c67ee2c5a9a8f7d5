"""Amounts: who gets how many children, in listed order, with earlier steps counted."""

import numpy as np
import pytest

from augmill.policies.errors import DataError
from augmill.policies.schema import Policy
from augmill.tasks.rows.randomness import mix
from augmill.tasks.stages.sampling_plan import allocate, expected_children, planned

TOKENS = mix(np.arange(10, dtype=np.uint64))


def policy(*steps):
    made = [
        {"name": f"s{number}", "transforms": [{"use": "tabular.smote"}], "amount": amount, **more}
        for number, (amount, more) in enumerate(steps)
    ]
    document = {"dataset": "d", "modality": "tabular", "source": {"uri": "x.csv"}, "label": "y", "steps": made}
    return Policy.model_validate(document)


@pytest.mark.parametrize(
    ("amount", "wanted"),
    [
        ({"copies": 2}, {"a": 180, "b": 20}),
        ({"to_count": 95}, {"a": 5, "b": 85}),
        ({"to_share": 0.25}, {"b": 20}),
        ({"balance": True}, {"b": 80}),
    ],
)
def test_each_kind_of_amount(amount, wanted) -> None:
    assert planned(policy((amount, {})), {"a": 90, "b": 10}) == {"s0": wanted}


def test_several_classes_reach_a_share_together() -> None:
    made = planned(policy(({"to_share": 0.2}, {"only": ["b", "c"]})), {"a": 600, "b": 10, "c": 20})["s0"]
    assert made == {"b": 190, "c": 180}  # 600 rows are the other 60 %


def test_a_class_above_the_share_is_left_alone() -> None:
    assert planned(policy(({"to_share": 0.3}, {})), {"a": 60, "b": 40}) == {"s0": {}}


def test_a_later_step_counts_what_an_earlier_one_makes() -> None:
    made = planned(policy(({"copies": 3}, {"only": ["b"]}), ({"balance": True}, {})), {"a": 90, "b": 10})
    assert made == {"s0": {"b": 30}, "s1": {"b": 50}}


def test_shares_that_sum_to_one_are_refused_with_a_remedy() -> None:
    with pytest.raises(DataError, match=r"cannot each reach a share of 0\.5") as raised:
        planned(policy(({"to_share": 0.5}, {"only": ["b", "c"]})), {"a": 60, "b": 10, "c": 20})
    assert "Lower to_share below 0.5" in raised.value.remedy


def test_a_class_without_training_rows_is_named() -> None:
    with pytest.raises(DataError, match="classes z"):
        planned(policy(({"copies": 1}, {"only": ["z"]})), {"a": 1})


def test_boolean_labels_are_compared_as_the_data_spells_them() -> None:
    assert planned(policy(({"copies": 1}, {"only": [True]})), {"true": 4, "false": 9}) == {"s0": {"true": 4}}


def test_every_child_is_allocated_and_evenly() -> None:
    copies = allocate(23, np.ones(10), TOKENS)
    assert copies.sum() == 23
    assert set(copies.tolist()) == {2, 3}


def test_more_children_keep_those_that_were() -> None:
    fewer, more = allocate(23, np.ones(10), TOKENS), allocate(123, np.ones(10), TOKENS)
    assert (more >= fewer).all()


def test_one_more_parent_takes_only_what_it_is_due() -> None:
    before, after = allocate(100, np.ones(9), TOKENS[:9]), allocate(100, np.ones(10), TOKENS)
    assert np.abs(after[:9] - before).sum() == 10


def test_weights_decide_and_a_weight_of_zero_is_never_a_base() -> None:
    copies = allocate(40, np.array([0.0, 1.0, 3.0]), TOKENS[:3])
    assert copies.tolist() == [0, 10, 30]


@pytest.mark.parametrize(
    ("weights", "tokens", "copies"),
    [
        # Of ten children, so that a weight is what is exactly due; the lowest token never has the largest remainder.
        ([5.1, 2.7, 2.2], [0, 2, 1], [5, 3, 2]),
        ([1.2, 1.6, 3.3, 3.9], [0, 3, 1, 2], [1, 2, 3, 4]),
        ([0.4, 0.0, 9.6], [0, 1, 2], [0, 0, 10]),
        # Equal remainders go to the lowest tokens, and only after the larger ones.
        ([2.5, 2.5, 2.5, 2.5], [3, 1, 2, 0], [2, 3, 2, 3]),
        ([1.6, 2.6, 1.9, 3.9], [1, 0, 3, 2], [1, 3, 2, 4]),
    ],
)
def test_what_remains_goes_to_the_largest_remainders_and_then_to_the_lowest_tokens(weights, tokens, copies) -> None:
    assert allocate(10, np.array(weights), np.array(tokens, dtype=np.uint64)).tolist() == copies


def test_no_possible_base_makes_no_children() -> None:
    assert allocate(5, np.zeros(3), TOKENS[:3]).sum() == 0


MIRROR = [{"use": "image.flip", "labels": {"a": {"remap": "b"}, "b": {"remap": "a"}, "d": "forbid"}}]


@pytest.mark.parametrize(
    ("amount", "wanted", "labels"),
    [
        # Per class of the base: 20 rows of a, 10 of b, 4 of c; d is forbidden.
        ({"copies": 2}, {"a": 40, "b": 20, "c": 8}, {"b": 40, "a": 20, "c": 8}),
        ({"to_count": 25}, {"a": 15, "b": 5, "c": 21}, {"b": 15, "a": 5, "c": 21}),
        ({"balance": True}, {"a": 10, "c": 16}, {"b": 10, "c": 16}),
        ({"to_share": 0.3}, {"a": 16, "c": 22}, {"b": 16, "c": 22}),  # of 87.5 rows
    ],
)
def test_amounts_are_those_of_the_class_that_children_will_have(amount, wanted, labels) -> None:
    asked = policy((amount, {"transforms": MIRROR}))
    made = planned(asked, {"a": 20, "b": 10, "c": 4, "d": 15})["s0"]
    assert made == wanted
    assert expected_children(asked.steps[0], made) == labels


def test_a_later_step_counts_remapped_children_under_their_new_class() -> None:
    steps = policy(({"copies": 1}, {"transforms": MIRROR, "only": ["a"]}), ({"balance": True}, {}))
    assert planned(steps, {"a": 20, "b": 10}) == {"s0": {"a": 20}, "s1": {"a": 10}}


def test_classes_that_become_one_share_what_it_lacks() -> None:
    merged = [{"use": "image.flip", "labels": {"a": {"remap": "c"}}}]
    made = planned(policy(({"to_count": 14}, {"transforms": merged, "only": ["a", "c"]})), {"a": 20, "b": 9, "c": 4})
    assert made == {"s0": {"a": 8, "c": 2}}  # 10 rows lack, in proportion to 20 and 4


def test_a_count_that_chance_decides_cannot_be_promised() -> None:
    chain = [{"use": "image.noise"}, {**MIRROR[0], "probability": 0.5}]
    with pytest.raises(DataError, match="cannot say how many children of class a will be remapped"):
        planned(policy(({"balance": True}, {"transforms": chain})), {"a": 20, "b": 10})
    asked = policy(({"copies": 1}, {"transforms": chain}))
    assert expected_children(asked.steps[0], planned(asked, {"a": 21, "b": 10})["s0"]) == {"a": 16, "b": 15}
