"""Draws are pure functions of their seed and stream, and behave like random numbers."""

import numpy as np
import pytest
from scipy import stats

from augmill.tasks.rows.randomness import child_seeds, generator, integers, mix, normals, uniforms, word_of

SEEDS = child_seeds(word_of("step", 0, "s"), mix(np.arange(20_000, dtype=np.uint64)), np.zeros(20_000, dtype=np.int64))


def test_the_mixer_is_splitmix64() -> None:
    # The first outputs of SplitMix64 seeded with 0, as published with the algorithm.
    golden = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        states = np.arange(3, dtype=np.uint64) * golden
    assert [hex(value) for value in mix(states)] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]


def test_a_draw_does_not_depend_on_the_others() -> None:
    assert (uniforms(SEEDS, "u")[100:200] == uniforms(SEEDS[100:200], "u")).all()
    assert (uniforms(SEEDS, "u", 7)[5] == uniforms(SEEDS[5:6], "u", 7)[0]).all()


def test_streams_and_seeds_give_other_numbers() -> None:
    assert (uniforms(SEEDS, "a") != uniforms(SEEDS, "b")).all()
    assert len(np.unique(SEEDS)) == len(SEEDS)


def test_uniforms_are_uniform_and_uncorrelated_between_streams() -> None:
    first, second = uniforms(SEEDS, "a"), uniforms(SEEDS, "b")
    assert stats.kstest(first, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    lanes = uniforms(SEEDS, "c", 4)
    assert np.abs(np.corrcoef(lanes.T) - np.eye(4)).max() < 0.03


def test_normals_are_normal() -> None:
    assert stats.kstest(normals(SEEDS, "n", 2).ravel(), "norm").pvalue > 0.01


def test_integers_stay_below_their_bound_and_reach_all_values() -> None:
    drawn = integers(SEEDS, "i", 7)
    assert set(drawn.tolist()) == set(range(7))
    assert stats.chisquare(np.bincount(drawn)).pvalue > 0.01


def test_seeds_fit_a_signed_column() -> None:
    assert SEEDS.min() >= 0


@pytest.mark.parametrize(("one", "other"), [(("a", "bc"), ("ab", "c")), (("1",), (1,))])
def test_parts_of_a_word_cannot_run_together(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert word_of(*one) != word_of(*other)


def test_a_generator_of_ones_own_repeats_itself() -> None:
    assert (generator(5, "x").random(4) == generator(5, "x").random(4)).all()
    assert (generator(5, "x").random(4) != generator(5, "y").random(4)).all()
