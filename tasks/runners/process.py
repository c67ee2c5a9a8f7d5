"""Shards on processes of this machine, in a pool that outlives its workers.

A worker killed by signal 9 costs the shard it had in flight, which is run again on a new worker; the workers
die with this process. `concurrent.futures` does neither: one death breaks its whole pool, and Prefect's with it.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, Self, cast

from augmill.tasks.runners import shard
from augmill.tasks.runners.runner_contract import Item, OnDone, Result, Warm, Weight, heaviest_first, name_of

PROGRAM = Path(__file__).with_name("process_worker.py")
DEATHS_ALLOWED = 3


class Worker:
    """One worker process and the parent's end of the connection to it."""

    def __init__(self, warm: Warm | None) -> None:
        self.connection, worker_end = Pipe()
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", str(PROGRAM), str(worker_end.fileno())],
            stdin=subprocess.PIPE,
            stdout=2,  # standard output belongs to --json
            pass_fds=[worker_end.fileno()],
            process_group=0,  # Ctrl-C is for the flow, which then ends its workers
        )
        worker_end.close()
        with contextlib.suppress(BrokenPipeError):  # dead already: found out when it is waited for
            self.connection.send(sys.path)
            self.connection.send(warm)

    def end(self) -> int:
        """Kill it and return its exit code. Nothing is lost: objects are written whole or not at all."""
        self.process.kill()
        self.process.communicate()
        self.connection.close()
        return self.process.returncode


class Runner:
    """A pool of processes; see `runner_contract.Runner`. One `map` at a time.

    They are started as shards come, or at once where there is something to warm them up with.
    """

    def __init__(self, workers: int, warm: Warm | None = None) -> None:
        self.workers = workers
        self.warm = warm
        self.cpu_seconds = 0.0
        self.pool: dict[Connection, Worker] = {}

    def __enter__(self) -> Self:
        if self.warm is not None:
            for _ in range(self.workers):
                self._start()
        return self

    def __exit__(self, *fault: object) -> None:
        """End every worker, whatever it is doing."""
        for worker in self.pool.values():
            worker.end()
        self.pool.clear()

    def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        weight: Weight | None = None,
        on_done: OnDone | None = None,
    ) -> list[Result]:
        """See `runner_contract.Runner.map`. A shard that kills its worker three times ends the run."""
        if len(items) == 1:  # a process of its own would import every library again, to work while we wait
            return [shard.run_here(function, items[0], on_done=on_done)]
        waiting = deque(heaviest_first(items, weight))
        deaths: Counter[int] = Counter()
        busy: dict[Connection, int] = {}
        results: dict[int, Result] = {}
        try:
            while len(results) < len(items):
                self._hand_out(function, items, waiting, busy)
                for connection in cast(list[Connection], wait(list(busy))):
                    index = busy.pop(connection)
                    outcome = self._outcome(connection)
                    if isinstance(outcome, int):
                        deaths[index] += 1
                        if deaths[index] == DEATHS_ALLOWED:
                            raise shard.killed(name_of(items[index], index), DEATHS_ALLOWED, _how(outcome))
                        waiting.appendleft(index)
                        continue
                    results[index] = shard.unwrap_outcome(outcome)
                    self.cpu_seconds += outcome.cpu_seconds
                    if on_done:
                        on_done(index, outcome.seconds, results[index])
        finally:
            for connection in busy:  # only after a failure: its answer would be taken for another shard's
                self.pool.pop(connection).end()
        return [results[index] for index in range(len(items))]

    def _hand_out(
        self, function: Callable[..., Any], items: Sequence[Any], waiting: deque[int], busy: dict[Connection, int]
    ) -> None:
        idle = [connection for connection in self.pool if connection not in busy]
        while waiting and len(busy) < self.workers:
            connection = idle.pop() if idle else self._start()
            index = waiting.popleft()
            # A worker that died while idle is found out below, as one that dies at work.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.send((function, items[index], name_of(items[index], index)))
            busy[connection] = index

    def _start(self) -> Connection:
        worker = Worker(self.warm)
        self.pool[worker.connection] = worker
        return worker.connection

    def _outcome(self, connection: Connection) -> shard.Outcome | int:
        """What a worker sent, or its exit code if it died."""
        try:
            return cast(shard.Outcome, connection.recv())
        except (EOFError, OSError):
            return self.pool.pop(connection).end()


def _how(exit_code: int) -> str:
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
