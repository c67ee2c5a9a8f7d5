"""Which rows gates look at: the same for the same ids, rare classes whole, never more than asked."""

import numpy as np

from tasks.gates.sampling import lowest, quotas


def test_few_rows_are_all_taken():
    assert quotas({"a": 50, "b": 30}, most=80, fewest=10) == {"a": 50, "b": 30}


def test_of_many_rows_each_class_gives_its_share_and_rare_ones_all_they_have():
    assert quotas({"a": 9_000, "b": 900, "c": 5}, most=1_000, fewest=100) == {"a": 909, "b": 100, "c": 5}


def test_many_classes_share_what_there_is():
    found = quotas(dict.fromkeys(range(50), 100), most=1_000, fewest=400)
    assert sum(found.values()) == 1_000


def test_the_lowest_words_of_each_class_are_taken():
    words = np.array([5, 1, 9, 3, 7, 2], dtype=np.uint64)
    codes = np.array([0, 0, 0, 1, 1, 1])
    assert lowest(words, codes, np.array([2, 1])).tolist() == [0, 1, 5]
