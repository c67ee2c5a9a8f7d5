"""What children will cost: a few are made, verified, weighed and thrown away; the rest is extrapolated."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from augmill.tasks.runners.shard import run_here
from augmill.tasks.runs.context import Context
from augmill.tasks.stages.augment import ChildItem, make_children
from augmill.tasks.stages.fit import FitResult
from augmill.tasks.stages.verify import VerifyItem, verify_shard

WARM_UP = 2
FEW = 32
GROWTH = 8
MOST = 2048
LONG_ENOUGH_SECONDS = 0.1
PER_STEP = 512


@dataclass(frozen=True)
class Cost:
    """Bytes of the children's files as they are first written, and CPU seconds to make and to verify them."""

    bytes: float = 0.0
    augment_seconds: float = 0.0
    verify_seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.bytes + other.bytes,
            self.augment_seconds + other.augment_seconds,
            self.verify_seconds + other.verify_seconds,
        )

    def __mul__(self, times: float) -> Cost:
        return Cost(self.bytes * times, self.augment_seconds * times, self.verify_seconds * times)


@dataclass(frozen=True)
class Sample:
    """So many children of one step and class, really made."""

    rows: int
    cost: Cost


def estimate(ctx: Context, fitted: FitResult, items: Sequence[ChildItem]) -> Cost:
    """The cost of making and verifying the given shards of children. `ctx` must be one whose writes are thrown away."""
    total = Cost()
    for step in dict.fromkeys(item.fitted.step for item in items):
        total += _of_step(ctx, fitted, [item for item in items if item.fitted.step == step])
    return total


def _of_step(ctx: Context, fitted: FitResult, items: Sequence[ChildItem]) -> Cost:
    """Fixed cost per shard and cost per row from two sizes of one class; other classes by how heavy a few rows are."""
    labels = dict.fromkeys(item.fitted.label for item in items)
    largest = {label: max((item for item in items if item.fitted.label == label), key=_size) for label in labels}
    reference = max(largest.values(), key=_size)
    few, many = _two_samples(ctx, fitted, reference)
    fixed, slope = _line(few, many)
    total = Cost()
    for label, item in largest.items():
        class_items = [item for item in items if item.fitted.label == label]
        cost = fixed * len(class_items) + slope * sum(map(_size, class_items))
        if item is not reference:
            rows = min(few.rows, max(4, PER_STEP // len(labels)))
            other = _sample(ctx, fitted, item, rows)
            weight = (other.cost.bytes / other.rows) / (few.cost.bytes / few.rows) if other.rows == few.rows else 1.0
            cost = replace(cost, bytes=cost.bytes * weight)
        total += cost
    return total


def _two_samples(ctx: Context, fitted: FitResult, item: ChildItem) -> tuple[Sample, Sample]:
    """A small and a larger sample; the first children of a process pay for imports, so they are not counted."""
    _sample(ctx, fitted, item, WARM_UP)
    few = many = _sample(ctx, fitted, item, FEW)
    while many.cost.augment_seconds < LONG_ENOUGH_SECONDS and many.rows < min(_size(item), MOST):
        many = _sample(ctx, fitted, item, many.rows * GROWTH)
    return few, many


def _line(few: Sample, many: Sample) -> tuple[Cost, Cost]:
    """Cost per shard and per row such that both samples cost what they did."""
    if few.rows == many.rows:
        return Cost(), many.cost * (1 / many.rows)
    slope = (many.cost + few.cost * -1.0) * (1 / (many.rows - few.rows))
    # A clock that says more rows take less time says that the cost per row is lost in the noise.
    slope = Cost(*(max(0.0, value) for value in (slope.bytes, slope.augment_seconds, slope.verify_seconds)))
    fixed = many.cost + slope * -many.rows
    return Cost(*(max(0.0, value) for value in (fixed.bytes, fixed.augment_seconds, fixed.verify_seconds))), slope


def _sample(ctx: Context, fitted: FitResult, item: ChildItem, rows: int) -> Sample:
    stop = min(item.stop, item.start + rows)
    began = time.process_time()
    sample_item = replace(item, name=f"sample-{item.name}-{stop - item.start}", stop=stop)
    sample_shard = run_here(partial(make_children, ctx), sample_item)
    between = time.process_time()
    run_here(
        partial(verify_shard, ctx),
        VerifyItem(sample_shard, sample_shard.rows, fitted.verifier, fitted.likeness, fitted.description),
    )
    cost = Cost(float(sample_shard.bytes), between - began, time.process_time() - between)
    return Sample(max(1, sample_shard.rows), cost)


def _size(item: ChildItem) -> int:
    return item.stop - item.start
