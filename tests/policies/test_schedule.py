"""Cron lines, timezones and what else a policy says of its runs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from augmill.policies.schedule import Schedule


@pytest.mark.parametrize(
    "cron", ["0 3 * * *", "*/30 * * * mon-fri", "15,45 8-18/2 1 jan,JUL *", "0 0 29 2 *", "0 0 * * 7", " 0  3 * * * "]
)
def test_what_we_take_for_a_cron_line_prefect_takes_too(cron):
    from prefect.client.schemas.schedules import CronSchedule

    ours = Schedule(cron=cron)
    assert CronSchedule(cron=ours.cron, timezone=ours.timezone).cron == " ".join(cron.split())


@pytest.mark.parametrize(
    "cron",
    [
        *("", "daily", "@daily", "0 3 * *", "0 3 * * * *", "60 * * * *", "0 24 * * *", "0 0 0 * *", "0 0 * 13 *"),
        *("0 0 30 2 *", "*/0 * * * *", "0 0 L * *", "0 0 * * 5#2", "H 3 * * *", "5-1 * * * *", "0 3 * * fri day"),
        *("every day at 3", "0 0 * * someday", "1,,2 * * * *", "0 3 * * *; rm -rf /"),
    ],
)
def test_what_is_no_cron_line_or_never_comes_is_refused_with_what_to_write(cron):
    with pytest.raises(ValidationError, match="minute hour day month weekday") as caught:
        Schedule(cron=cron)
    assert repr(cron) in str(caught.value)


def test_a_timezone_is_known_by_its_name_and_means_nothing_without_cron():
    assert Schedule(cron="0 3 * * *", timezone="Europe/Berlin").timezone == "Europe/Berlin"
    with pytest.raises(ValidationError, match="Did you mean Europe/Berlin"):
        Schedule(cron="0 3 * * *", timezone="Europe/Berln")
    for name in ("", "localtime", "../../etc/passwd", "CEST5", "utc"):
        with pytest.raises(ValidationError, match="there is no timezone"):
            Schedule(cron="0 3 * * *", timezone=name)
    with pytest.raises(ValidationError, match="timezone without cron"):
        Schedule(timezone="UTC")


def test_without_a_word_a_dataset_runs_when_asked_to_and_a_second_run_waits():
    assert Schedule().model_dump() == {
        "cron": None,
        "timezone": "UTC",
        "overlap": "wait",
        "runner": None,
        "tags": (),
    }
