"""Open a run: settings, policy, table and workers, and close all of it whatever happens."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from prefect.runtime import flow_run

from augmill.flows.policy_request import resolve_with_settings
from augmill.flows.preload import warm_worker
from augmill.flows.run_events import give_up
from augmill.flows.run_progress import progress
from augmill.flows.runner_choice import open_runner, suited
from augmill.flows.servers.prefect_server import EmbeddedServer
from augmill.flows.settings import RunnerName, Settings, settings
from augmill.tasks.pages.validation_page import write_refusal_page
from augmill.tasks.runs.context import OBJECTS, REGISTER, Context
from augmill.tasks.runs.deadlines import Deadlines
from augmill.tasks.runs.request import RunRequest
from augmill.tasks.runs.run import Run
from augmill.tasks.stages.quarantine_rows import store_of as quarantine_of
from augmill.tasks.storage import leases
from augmill.tasks.storage.conditional_put_probe import prove
from augmill.tasks.storage.store import Store
from augmill.tasks.telemetry.counter_store import FOLDER as TALLIES
from augmill.tasks.versions.vacuum import signs_of_life


@contextmanager
def open_run(policy: Path, runner: RunnerName | None = None) -> Iterator[Run]:
    """A run with its workers. A store that could lose commits is refused before anything is written to it."""
    current = settings()
    run_id = str(flow_run.id or "local")
    with Deadlines(current.stage_seconds, partial(give_up, policy, run_id)) as deadlines:
        with deadlines.within("look"):
            request = resolve_with_settings(policy, current)
        with _opened(current, request, runner, run_id, deadlines) as run:
            yield run


@contextmanager
def _opened(
    current: Settings, request: RunRequest, runner: RunnerName | None, run_id: str, deadlines: Deadlines
) -> Iterator[Run]:
    lake = Store(current.lake)
    if lake.is_s3:
        prove(lake.sub(OBJECTS))
    remove_half_written(request.ctx)
    size = sum(item.bytes for item in request.listing.objects)
    kind = suited(runner or current.runner, size)
    # The page of a server that ends with the run would be a dead link in its record.
    page = None if current.prefect_api_url in EmbeddedServer.running else flow_run.ui_url
    with (
        under_way(request.ctx, run_id) as hold,
        open_runner(current, kind, partial(warm_worker, request.ctx)) as workers,
    ):
        on_stage = progress(request.loaded.policy.dataset, run_id, current)
        yield Run(
            request,
            workers,
            current.tracking_uri,
            run_id,
            page,
            hold,
            deadlines,
            on_stage,
            keep_refusal=write_refusal_page,
        )


@contextmanager
def under_way(ctx: Context, run_id: str) -> Iterator[Callable[[], None]]:
    """Keep vacuum off the dataset while the block runs; yields what to call before a commit, to be sure of it."""
    about = f"run {run_id} on {platform.node()}, process {os.getpid()}"
    with leases.held(signs_of_life(ctx.objects), leases.RUNS, about) as lease:
        hold = partial(lease.wait_for, leases.CLEANING)
        hold()
        yield hold


def remove_half_written(ctx: Context) -> None:
    """Remove what writers that were killed have left half-made."""
    lake = Store(ctx.lake)
    for store in (ctx.objects, ctx.table, quarantine_of(ctx), lake.sub(OBJECTS, REGISTER), lake.sub(OBJECTS, TALLIES)):
        store.sweep()
