"""Pools and children by hand, without Arrow or the pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from augmill.tasks.transforms.table import Block, Column, Pool, TableSpec


@pytest.fixture(scope="session")
def overlapping():
    """120 rows, 3 features in different units, 30 of class 1 in the middle of class 0; no two rows are equal."""
    draw = np.random.default_rng(3)
    y = np.repeat([1, 0], [30, 90])
    points = draw.normal(size=(120, 3)) + 1.2 * y[:, None]
    order = draw.permutation(120)
    return (points * [1.0, 50.0, 0.01])[order], y[order]


@pytest.fixture(scope="session")
def pool_of():
    """A pool of numeric rows and optional category codes; `scaled=False` takes every scale as 1."""

    def make(numbers, y, codes=None, scaled=True, target=1):
        numbers = np.asarray(numbers, dtype=np.float64)
        codes = np.empty((len(numbers), 0), dtype=np.int32) if codes is None else np.asarray(codes, dtype=np.int32)
        columns = [
            Column(
                f"x{j}", "continuous", scale=values.std() if scaled else 1.0, centre=values.mean() if scaled else 0.0
            )
            for j, values in enumerate(numbers.T)
        ] + [Column(f"c{j}", "categorical", domain=tuple(range(max(values) + 1))) for j, values in enumerate(codes.T)]
        return Pool(
            TableSpec(tuple(columns)), Block(numbers, codes), np.asarray(y, dtype=np.int64), target, str(target)
        )

    return make


@pytest.fixture(scope="session")
def make_children():
    """Children of a fitted transform, spread over the bases by weight: (draws, block, bases)."""

    def make(module, params, pool, count, state=None):
        state = module.fit(params, pool) if state is None else state
        bases = np.flatnonzero(state["weights"])
        quota = state["weights"][bases] / state["weights"].sum() * count
        bases = np.repeat(bases, np.ceil(quota).astype(int))
        seeds = np.arange(len(bases), dtype=np.int64) * 104_729 + 11
        draws = module.draw(params, pool.spec, {**state, "size": len(pool.block)}, seeds, bases)
        return draws, applied(module, params, pool, bases, draws), bases

    def applied(module, params, pool, bases, draws):
        partners = draws.get("partners", np.empty((len(bases), 0), dtype=np.int64))
        parents = [pool.block.take(bases), *(pool.block.take(column) for column in partners.T)]
        return module.apply(params, pool.spec, parents, draws)

    make.applied = applied
    return make


@pytest.fixture(scope="session")
def spied():
    """An imbalanced-learn sampler that keeps what it drew: rows, neighbour columns, steps, and its output."""

    def make(sampler, **params):
        class Spy(sampler):
            def _generate_samples(self, X, nn_data, nn_num, rows, cols, steps, y_type=None, y=None):
                made = super()._generate_samples(X, nn_data, nn_num, rows, cols, steps, y_type, y)
                self.__dict__.setdefault("seen", []).append((X, nn_num, rows, cols, steps[:, 0], made))
                return made

        return Spy(random_state=0, **params)

    return make


@pytest.fixture(scope="session")
def same_distribution():
    """Kolmogorov and Smirnov on every column, on the sum and on the product of standardised columns."""
    from scipy.stats import ks_2samp

    def check(ours, theirs, level=0.01):
        centre, scale = theirs.mean(axis=0), theirs.std(axis=0)
        ours, theirs = (ours - centre) / scale, (theirs - centre) / scale
        views = [*zip(ours.T, theirs.T, strict=True), (ours.sum(axis=1), theirs.sum(axis=1))]
        views.append((ours.prod(axis=1), theirs.prod(axis=1)))
        worst = min(ks_2samp(one, other).pvalue for one, other in views)
        assert worst > level, worst

    return check
