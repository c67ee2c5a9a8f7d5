"""Folds and samples depend on who a row is, not on where it stands."""

import numpy as np

from augmill.tasks.verifiers import folds
from augmill.tasks.verifiers.folds import FOLDS, assign, select

IDS = [f"row-{number}" for number in range(500)]
LABELS = ["rare" if number < 41 else "common" for number in range(500)]


def test_reordering_rows_moves_no_row_to_another_fold():
    order = np.random.default_rng(0).permutation(500)
    before = assign(IDS, LABELS, 0)
    after = assign([IDS[row] for row in order], [LABELS[row] for row in order], 0)
    assert (before[order] == after).all()


def test_every_class_is_spread_evenly_over_folds():
    found = assign(IDS, LABELS, 0)
    rare = np.bincount(found[:41], minlength=FOLDS)
    assert (rare.min(), rare.max()) == (5, 6)


def test_rows_of_a_group_share_a_fold():
    groups = [f"patient-{number % 60}" for number in range(500)]
    found = assign(IDS, LABELS, 0, groups)
    by_group = {group: {fold for fold, name in zip(found, groups, strict=True) if name == group} for group in groups}
    assert all(len(seen) == 1 for seen in by_group.values())
    assert len({next(iter(seen)) for seen in by_group.values()}) == FOLDS


def test_another_seed_gives_other_folds():
    assert (assign(IDS, LABELS, 0) != assign(IDS, LABELS, 1)).any()


def test_the_sample_is_capped_per_class_and_the_same_in_any_order(monkeypatch):
    monkeypatch.setattr(folds, "MAX_ROWS_PER_CLASS", 100)
    chosen = {IDS[row] for row in select(IDS, LABELS, 0)}
    order = np.random.default_rng(0).permutation(500)
    again = {IDS[order[row]] for row in select([IDS[row] for row in order], [LABELS[row] for row in order], 0)}
    assert chosen == again
    assert len(chosen) == 141
    assert {f"row-{number}" for number in range(41)} <= chosen


def test_a_new_row_replaces_at_most_one_row_of_the_sample(monkeypatch):
    monkeypatch.setattr(folds, "MAX_ROWS_PER_CLASS", 100)
    before = {IDS[row] for row in select(IDS, LABELS, 0)}
    after = {([*IDS, "new"])[row] for row in select([*IDS, "new"], [*LABELS, "common"], 0)}
    assert len(before - after) <= 1
