"""A run under way: its request, its workers, and the clock of its stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from augmill.policies.errors import DataError
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.deadlines import Deadlines, unlimited
from augmill.tasks.runs.request import RunRequest  # CARVE
from augmill.tasks.telemetry.spans import span


class Run:
    """A run under way: tasks get it, and hand on descriptors. A plain class, so that Prefect does not look inside.

    `hold` returns once no vacuum is at work on the dataset, nor will be for a while: call it before a commit.
    `on_stage` is told the name of each stage that ends, and its seconds. A dry run notes by `on_refusal` why a run
    would be refused, and may plan other amounts by `plan_amounts`. `keep_refusal` keeps the report of a run whose
    checks forbid to publish, and returns its address.
    """

    def __init__(
        self,
        request: RunRequest,
        runner: Runner,
        tracking_uri: str,
        run_id: str,
        prefect_url: str | None = None,
        hold: Callable[[], None] = lambda: None,
        deadlines: Deadlines | None = None,
        on_stage: Callable[[str, float], None] = lambda *_: None,
        on_refusal: Callable[[DataError], None] | None = None,
        plan_amounts: Callable[[Any, Any], Any] | None = None,
        keep_refusal: Callable[[Run, Any], str] = lambda *_: "",
    ) -> None:
        self.request = request
        self.runner = runner
        self.tracking_uri = tracking_uri
        self.run_id = run_id
        self.prefect_url = prefect_url
        self.hold = hold
        self.deadlines = deadlines or unlimited()
        self.on_stage = on_stage
        self.on_refusal = on_refusal
        self.plan_amounts = plan_amounts
        self.keep_refusal = keep_refusal
        self.started = time.time()
        self.stages: list[dict[str, Any]] = []

    @property
    def ctx(self) -> Context:
        """What shard functions need."""
        return self.request.ctx

    @property
    def at_ms(self) -> int:
        """When the run began, in milliseconds since 1970: the time that commits bear."""
        return int(self.started * 1000)

    def require(self, check: Callable[[], object]) -> None:
        """Raise the DataError that `check` raises; a dry run notes it and goes on, since there may be more to say."""
        try:
            check()
        except DataError as error:
            if self.on_refusal is None:
                raise
            self.on_refusal(error)

    @contextmanager
    def stage(self, name: str) -> Iterator[dict[str, Any]]:
        """Time a stage for the trace; figures put into the yielded dict become its attributes."""
        with span(name, stage=name) as figures, self.deadlines.within(name):
            began, cpu = time.time(), self._cpu_seconds()
            yield figures
            figures["cpu_seconds"] = round(self._cpu_seconds() - cpu, 3)
        self.stages.append({"name": name, "started_unix": began, "seconds": time.time() - began, "figures": figures})
        self.on_stage(name, self.stages[-1]["seconds"])

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of the stages so far, on this process and its workers."""
        return round(float(sum(stage["figures"]["cpu_seconds"] for stage in self.stages)), 3)

    def _cpu_seconds(self) -> float:
        return time.process_time() + self.runner.cpu_seconds
