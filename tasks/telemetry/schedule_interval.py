"""The longest time that a cron line leaves between two runs: after a longer silence a run is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
YEARS = timedelta(days=2 * 366)
MOST_RUNS = 1500
"""More than a week of runs every ten minutes, and two years of daily ones."""


def longest(cron: str) -> float | None:
    """Seconds of the longest gap in the first runs of a leap year and the next; None for a line that never comes.

    Time zones are left out: they shift a run by the hour of summer time, twice a year. Raises ValueError for what is
    no cron line.
    """
    from cronsim import CronSim, CronSimError

    try:
        runs = CronSim(cron, BEGIN)
        first_runs = [
            run for run, _ in zip(takewhile(lambda run: run < BEGIN + YEARS, runs), range(MOST_RUNS), strict=False)
        ]
    except CronSimError as fault:
        raise ValueError(str(fault)) from fault
    return max(((after - before).total_seconds() for before, after in pairwise(first_runs)), default=None)
