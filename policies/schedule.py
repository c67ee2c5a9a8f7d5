"""When a policy runs on a schedule, and what happens to a run that starts while another one is running.

No row depends on it: a changed schedule makes no new version.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from augmill.policies.base_model import Closed
from augmill.policies.names import did_you_mean

Tag = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._:-]{0,62}$")]
# What Debian's cron and Prefect's reader of cron lines agree on: no seconds, no L, W, # or @daily.
CRON_FIELD = re.compile(r"^([0-9*/,-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)+$")
CRON_REMEDY = 'minute hour day month weekday, such as "0 3 * * *" (daily at 3) or "*/30 * * * mon-fri"'


class Schedule(Closed):
    """When the dataset is run on a Prefect server; one of its runs is active at a time, others wait or are skipped."""

    cron: str | None = Field(
        default=None, description=f"{CRON_REMEDY}. Without it the dataset runs when it is asked to."
    )
    timezone: str = Field(default="UTC", description="IANA name, such as Europe/Berlin.")
    overlap: Literal["wait", "skip"] = Field(
        default="wait", description="What a run does that starts while another of the dataset is at work."
    )
    runner: Literal["auto", "thread", "process", "dask"] | None = Field(
        default=None, description="What works on the shards; default: AUGMILL_RUNNER of the worker."
    )
    tags: tuple[Tag, ...] = Field(default=(), strict=False, description="For filters in Prefect's UI.")

    @field_validator("cron")
    @classmethod
    def _cron_line(cls, line: str | None) -> str | None:
        if line is None:
            return None
        fields = line.split()
        if len(fields) != 5 or not all(CRON_FIELD.match(entry.lower()) for entry in fields):
            raise ValueError(f"is no cron line of five fields: write {CRON_REMEDY}; got {line!r}")
        from cronsim import CronSim, CronSimError  # here: most policies have no schedule

        try:
            next(CronSim(line, datetime(2024, 1, 1, tzinfo=UTC)))
        except (CronSimError, StopIteration) as fault:
            raise ValueError(f"never comes, or is no cron line ({fault}): write {CRON_REMEDY}; got {line!r}") from None
        return " ".join(fields)

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, timezone: str) -> str:
        if timezone not in timezones():
            raise ValueError(f"there is no timezone {timezone!r}. {did_you_mean(timezone, timezones()).rstrip('.?')}")
        return timezone

    @model_validator(mode="after")
    def _a_timezone_of_something(self) -> Self:
        if self.cron is None and "timezone" in self.model_fields_set:
            raise ValueError("a timezone without cron means nothing: give both, or neither")
        return self


@cache
def timezones() -> frozenset[str]:
    """Names of timezones that this machine knows, and Prefect with it."""
    from zoneinfo import available_timezones

    return frozenset(available_timezones() - {"localtime"})
