"""Map a shard function over its items on whatever runner there is, with progress by work, not by count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from augmill.tasks.runners.progress_bar import progress
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.telemetry.context_propagation import carried

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_shards(
    runner: Runner,
    stage: str,
    function: Callable[[Item], Result],
    items: Sequence[Item],
    weight: Callable[[Item], float],
    unit: str = "rows",
) -> list[Result]:
    """Results in the order of `items`; heavy items start first; one progress line per stage."""
    total = sum(weight(item) for item in items)
    with progress(stage, total=total, unit=unit) as bar:
        return runner.map(
            carried(function),
            items,
            weight=weight,
            on_done=lambda index, _seconds, _result: bar.advance(weight(items[index])),
        )
