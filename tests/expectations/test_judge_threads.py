"""Frames judged by several threads at once must not be taken for one another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pandas as pd

from augmill.expectations.judge import judge
from augmill.expectations.suite import Spec

SPECS = tuple(
    Spec(type="expect_column_values_to_be_between", kwargs={"column": name, "min_value": 0}) for name in "abcdef"
)


def failed(size: int) -> list[int]:
    """Judge a frame of which the first `size` rows are below zero in every column."""
    frame = pd.DataFrame({name: [-1] * size + [1] * (3 * size) for name in "abcdef"})
    return [result.failed for result in judge(frame, SPECS).results]


def test_every_thread_gets_the_verdict_on_its_own_frame() -> None:
    sizes = [3, 50, 7, 200, 11, 1, 90, 40] * 4
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(failed, sizes)) == [[size] * 6 for size in sizes]
