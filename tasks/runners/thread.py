"""Shards on threads of this process: nothing to start, nothing to pickle; for work that releases the GIL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Self

from augmill.tasks.runners import shard
from augmill.tasks.runners.runner_contract import Item, OnDone, Result, Weight, in_order


class Runner:
    """A pool of threads; see `runner_contract.Runner`."""

    cpu_seconds = 0.0  # nothing is spent elsewhere

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def __enter__(self) -> Self:
        self.pool = ThreadPoolExecutor(self.workers, thread_name_prefix="shard")
        return self

    def __exit__(self, *fault: object) -> None:
        """Drop what has not started; a thread cannot be killed, so what runs is waited for."""
        self.pool.shutdown(cancel_futures=True)

    def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        weight: Weight | None = None,
        on_done: OnDone | None = None,
    ) -> list[Result]:
        """See `runner_contract.Runner.map`."""
        started: dict[Future[shard.Outcome], int] = {
            self.pool.submit(shard.run, function, item, name): index for index, item, name in in_order(items, weight)
        }
        results: dict[int, Result] = {}
        try:
            for future in as_completed(started):
                outcome, index = future.result(), started[future]
                results[index] = shard.unwrap_outcome(outcome)
                if on_done:
                    on_done(index, outcome.seconds, results[index])
        finally:
            for future in started:
                future.cancel()
        return [results[index] for index in range(len(items))]
