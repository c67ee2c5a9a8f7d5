"""Which rows gates look at: the same for the same ids, rare classes whole, never more than asked."""

import numpy as np

from augmill.tasks.stats.row_sample import bottom_k, quotas


def test_few_rows_are_all_taken():
    assert quotas({"a": 50, "b": 30}, most=80) == {"a": 50, "b": 30}


def test_rare_classes_are_taken_whole_and_the_others_share_what_is_left():
    assert quotas({"a": 9_000, "b": 900, "c": 5}, most=1_000) == {"a": 498, "b": 497, "c": 5}


def test_every_class_has_a_row_at_least():
    assert set(quotas(dict.fromkeys(range(50), 100), most=10).values()) == {1}


def test_the_lowest_words_of_each_class_are_taken():
    words = np.array([5, 1, 9, 3, 7, 2], dtype=np.uint64)
    codes = np.array([0, 0, 0, 1, 1, 1])
    assert bottom_k(words, codes, np.array([2, 1])).tolist() == [0, 1, 5]
