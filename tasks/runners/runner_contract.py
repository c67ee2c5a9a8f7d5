"""What every runner offers: one function over many shards, on threads, on processes or on Dask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Weight = Callable[[Any], float]
Warm = Callable[[], object]
"""What a worker process runs before its first shard, so that it has imported what shards need; picklable."""
OnDone = Callable[[int, float, Any], None]
"""Called in the caller's thread as shards finish: index of the item, seconds of work, result."""


class Runner(Protocol):
    """A context manager; leaving it ends every worker, whatever they are doing."""

    workers: int
    cpu_seconds: float
    """What shards have spent in processes other than this one, all threads of theirs included."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *fault: object) -> None: ...

    def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        weight: Weight | None = None,
        on_done: OnDone | None = None,
    ) -> list[Result]:
        """Results in the order of `items`; the first failure ends the rest and is raised as an AugmillError.

        `function` is a module-level function. Items and results are small and picklable. A shard may be run
        more than once (its worker was killed), so it must write whole objects or nothing. Shards that weigh
        more start first.
        """


def heaviest_first(items: Sequence[Any], weight: Weight | None) -> list[int]:
    """The order to start in: a heavy shard started last would leave the other workers waiting for it."""
    order = list(range(len(items)))
    return order if weight is None else sorted(order, key=lambda index: -weight(items[index]))


def in_order(items: Sequence[Any], weight: Weight | None) -> list[tuple[int, Any, str]]:
    """Index, item and name of every shard, in the order to start in."""
    return [(index, items[index], name_of(items[index], index)) for index in heaviest_first(items, weight)]


def name_of(item: Any, index: int) -> str:
    """What a message calls a shard: its `name`, as an attribute or a key, else its number."""
    name = item.get("name") if isinstance(item, dict) else getattr(item, "name", None)
    return str(name) if name else f"shard {index}"
