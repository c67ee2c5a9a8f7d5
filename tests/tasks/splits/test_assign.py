"""Placement: what belongs together stays together, no class misses a split it can be in, and nothing ever moves."""

from collections import defaultdict

import numpy as np
import pytest

from augmill.policies.schema import SPLITS
from augmill.tasks.rows.randomness import mix
from augmill.tasks.splits.assign import APART, LEAK, MOVED, Ledger, assign, extended

FRACTIONS = {"train": 0.7, "validation": 0.15, "test": 0.15}
EMPTY = Ledger(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int8))


def bonds_of(*columns):
    return np.stack([mix(np.asarray(column, dtype=np.uint64)) for column in columns], axis=1)


def place(bonds, labels, ledger=EMPTY, given=None, salt=""):
    return assign(bonds, np.asarray(labels), given, ledger, FRACTIONS, salt)


def grown(ledger, bonds, splits):
    keys, codes = extended(ledger, bonds, splits)
    keys, codes = np.concatenate([ledger.bonds, keys]), np.concatenate([ledger.splits, codes])
    order = np.argsort(keys)
    return Ledger(keys[order], codes[order])


def test_shares_are_met_within_every_class() -> None:
    labels = np.repeat([0, 1], [9000, 1000])
    splits = place(bonds_of(np.arange(10_000)), labels).splits
    for label in (0, 1):
        shares = np.bincount(splits[labels == label]) / (labels == label).sum()
        assert shares == pytest.approx([0.7, 0.15, 0.15], abs=0.002)


@pytest.mark.parametrize(
    ("rows", "wanted"), [(1, [1, 0, 0]), (2, [1, 1, 0]), (3, [1, 1, 1]), (5, [3, 1, 1]), (20, [14, 3, 3])]
)
def test_a_rare_class_reaches_every_split_it_can(rows: int, wanted: list[int]) -> None:
    labels = np.array([0] * 500 + [1] * rows)
    splits = place(bonds_of(np.arange(500 + rows)), labels).splits
    assert np.bincount(splits[500:], minlength=3).tolist() == wanted


@pytest.mark.parametrize("families", range(20, 50))
def test_groups_miss_the_shares_by_no_more_than_half_a_group(families: int) -> None:
    groups = np.repeat(np.arange(families), 4)
    placed = place(bonds_of(range(len(groups)), groups + 1000), np.zeros(len(groups), dtype=int))
    assert abs((placed.splits == 0).sum() - 0.7 * len(groups)) <= 2.0


def test_a_rare_class_reaches_every_split_although_its_rows_are_grouped_with_common_ones() -> None:
    groups = [*range(300), *(1000 + number for number in range(3) for _ in range(3))]
    labels = np.array([0] * 300 + [0, 0, 1] * 3)
    placed = place(bonds_of(range(309), groups), labels)
    assert sorted(placed.splits[labels == 1].tolist()) == [0, 1, 2]


def test_the_order_of_rows_changes_nothing() -> None:
    ids, labels = np.arange(2000), np.arange(2000) % 3
    order = np.random.default_rng(0).permutation(2000)
    straight = place(bonds_of(ids), labels).splits
    assert (place(bonds_of(ids[order]), labels[order]).splits == straight[order]).all()


def test_another_salt_gives_another_placement() -> None:
    bonds, labels = bonds_of(np.arange(500)), np.zeros(500, dtype=int)
    assert (place(bonds, labels).splits != place(bonds, labels, salt="again").splits).any()


def test_identical_rows_and_groups_never_part() -> None:
    rng = np.random.default_rng(1)
    content, group = rng.integers(0, 800, 1000), rng.integers(10_000, 10_060, 1000)
    splits = place(bonds_of(content, group), rng.integers(0, 2, 1000)).splits
    for bond in (content, group):
        seen = defaultdict(set)
        for key, split in zip(bond, splits, strict=True):
            seen[key].add(split)
        assert all(len(found) == 1 for found in seen.values())


def test_rows_keep_their_split_over_five_growing_increments_with_rare_classes_and_late_group_members() -> None:
    rng = np.random.default_rng(2)
    group = rng.integers(0, 300, 3000)
    label = (rng.random(3000) < 0.01).astype(int)
    label[[10, 700, 1500, 2200, 2900]] = 2  # one more row of the rarest class in every increment
    bonds = bonds_of(np.arange(10_000, 13_000), group)
    ledger, before = EMPTY, {}
    for size in (600, 1200, 1800, 2400, 3000):
        splits = place(bonds[:size], label[:size], ledger).splits
        now = dict(enumerate(splits.tolist()))
        assert {row: now[row] for row in before} == before
        for key in np.unique(group[:size]):
            assert len(set(splits[group[:size] == key])) == 1
        ledger, before = grown(ledger, bonds[:size], splits), now
    assert set(splits[label == 1]) == {0, 1, 2}


def test_a_new_class_is_shared_out_by_itself_whatever_the_others_have() -> None:
    bonds, labels = bonds_of(np.arange(160)), np.array([0] * 60 + [1] * 100)
    ledger = grown(EMPTY, bonds[:60], np.zeros(60, dtype=np.int8))
    splits = place(bonds, labels, ledger).splits
    assert np.bincount(splits[labels == 1]).tolist() == [70, 15, 15]


def test_what_the_ledger_knows_is_not_entered_again() -> None:
    bonds = bonds_of(np.arange(20))
    splits = place(bonds[:10], np.zeros(10, dtype=int)).splits
    ledger = grown(EMPTY, bonds[:10], splits)
    both = place(bonds, np.zeros(20, dtype=int), ledger).splits
    assert sorted(extended(ledger, bonds, both)[0]) == sorted(bonds[10:, 0])


def test_a_row_that_was_away_returns_to_its_split() -> None:
    bonds, labels = bonds_of(np.arange(300)), np.zeros(300, dtype=int)
    first = place(bonds, labels).splits
    ledger = grown(EMPTY, bonds, first)
    without = place(bonds[:100], labels[:100], ledger).splits
    ledger = grown(ledger, bonds[:100], without)
    assert (place(bonds, labels, ledger).splits == first).all()


def test_a_row_tied_to_two_splits_is_refused_and_the_published_ones_stay() -> None:
    bonds = bonds_of([1, 2, 1], [101, 102, 102])  # the third has the content of the first, the group of the second
    keys = bonds[:2].ravel()
    order = np.argsort(keys)
    ledger = Ledger(keys[order], np.array([0, 0, 2, 2], dtype=np.int8)[order])
    placed = place(bonds, [0, 0, 0], ledger)
    assert placed.splits.tolist() == [0, 2, -1]
    assert placed.reasons.tolist() == [None, None, APART]


def test_a_new_row_of_a_group_whose_published_members_are_apart_is_refused() -> None:
    bonds = bonds_of([1, 2, 3], [103, 103, 103])  # the group is new, two of its rows were published without it
    ledger = grown(EMPTY, bonds[:2, :1], np.array([0, 2], dtype=np.int8))
    placed = place(bonds, [0, 0, 0], ledger)
    assert placed.splits.tolist() == [0, 2, -1]
    assert placed.reasons.tolist() == [None, None, APART]


def test_a_given_split_is_followed_and_a_leaking_training_row_is_refused() -> None:
    given = np.array([SPLITS.index(name) for name in ("train", "test", "train", "validation")], dtype=np.int8)
    placed = place(bonds_of([1, 1, 2, 3]), [0] * 4, given=given)
    assert placed.splits.tolist() == [-1, 2, 0, 1]
    assert placed.reasons.tolist() == [LEAK, None, None, None]


def test_a_source_that_moves_a_published_row_is_refused() -> None:
    bonds = bonds_of([1, 2])
    ledger = grown(EMPTY, bonds, np.array([2, 0], dtype=np.int8))
    placed = place(bonds, [0, 0], ledger, given=np.array([0, 0], dtype=np.int8))
    assert placed.splits.tolist() == [-1, 0]
    assert placed.reasons.tolist() == [MOVED, None]


def test_no_rows_are_no_problem() -> None:
    assert len(place(np.zeros((0, 1), dtype=np.uint64), np.zeros(0, dtype=int)).splits) == 0
