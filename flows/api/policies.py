"""Judge, plan and run a policy from Python, as the commands of the same names do."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from augmill.flows.lint_policies import findings_of
from augmill.flows.machine_faults import machine_faults
from augmill.flows.settings import RunnerName, Settings, environment_restored, quiet_libraries, settings
from augmill.policies.errors import Finding, PolicyError
from augmill.policies.names import did_you_mean

PolicyPath = str | os.PathLike[str]
PlanDocument = dict[str, Any]
"""The document of `augmill plan --json`."""
RunDocument = dict[str, Any]
"""The document of `augmill run --json`."""

_ONE_CALL = threading.RLock()


def lint(policy: PolicyPath, *, data: bool = False) -> list[Finding]:
    """Judge a policy and its suite before anything runs, as `augmill lint` does.

    Args:
        policy: The policy file.
        data: Whether to look at the first rows of the source for personal data, too. Default: no data is read.

    Returns:
        Every `Finding`: file, line, rule, message, remedy, path in the policy, and severity `error` or `warning`; among
        them faults that keep the file from being read. Empty if there is nothing to say.

    Raises:
        PolicyError: A setting is wrong, such as `AUGMILL_PLUGINS`.
        DataError, StorageError: With `data`, the source cannot be read.

    Example:
        >>> [finding.rule for finding in augmill.lint("policies/wine.yaml") if finding.severity == "error"]
        []
    """
    with machine_faults():
        return findings_of(os.fspath(policy), with_data=data)


def plan(policy: PolicyPath, *, progress: bool = False) -> PlanDocument:
    """Say what a run of a policy would do - rows, bytes, time, what is reused, what is wrong - and keep nothing of it.

    Args:
        policy: The policy file.
        progress: Whether to show on standard error how far the stages are; else it goes to the log file.

    Returns:
        The document of `augmill plan --json`. Its `exit_code` says how a run would end: 0 well, 2 lint finds errors, 3
        the data would not pass; then `lint` and `faults` say why.

    Raises:
        PolicyError: The policy cannot be understood, or there is no such file.
        DataError: The source cannot be read as it is.
        StorageError: The lake or the source cannot be reached.

    Example:
        >>> augmill.plan("policies/wine.yaml")["next_version"]
        0
    """
    from augmill.flows.plan_policy import plan_policy

    with _as_command(progress) as current:
        return plan_policy(Path(policy), current)


def run(policy: PolicyPath, *, runner: RunnerName | None = None, progress: bool = False) -> RunDocument:
    """Make, check and publish a version of a dataset as its policy asks, and record its lineage.

    All that `augmill run` does: an unchanged policy on unchanged data makes nothing, whoever listens is told, a Prefect
    server is started where the settings name none, and nothing is left running. Calls from several threads take turns.
    A stage that cannot be woken after its `AUGMILL_STAGE_SECONDS` (default: a day) ends the process, as it ends the
    command.

    Args:
        policy: The policy file. Where all else is, the settings say (`AUGMILL_HOME`, `AUGMILL_LAKE`, ...).
        runner: `auto`, `thread`, `process` or `dask`. Default: `AUGMILL_RUNNER`, else what suits the source's size.
        progress: Whether to show on standard error how far the stages are; else it goes to the log file.

    Returns:
        The document of `augmill run --json`: `dataset`, `version`, `skipped` (nothing had changed), `rows`, `checks`,
        `slis`, `mlflow`, `seconds` and more.

    Raises:
        PolicyError: The policy or the call is wrong; `findings` say where. Nothing was run.
        DataError: The data did not pass; `report` holds figures and ids. Nothing was published.
        StorageError: Storage or a service failed; `transient` says whether another try may help.

    Example:
        >>> version = augmill.run("policies/wine.yaml")["version"]
    """
    if runner is not None and runner not in get_args(RunnerName):
        raise PolicyError(f"there is no runner {runner!r}.", did_you_mean(str(runner), get_args(RunnerName)))
    from augmill.flows.run_policy import run_policy

    with _as_command(progress) as current:
        return run_policy(Path(policy), runner, current)


@contextmanager
def _as_command(progress: bool) -> Iterator[Settings]:
    """Do the block as the command line would, in a process that goes on afterwards: its environment is put back."""
    from threadpoolctl import threadpool_limits

    from augmill.flows.telemetry.logs import log_to
    from augmill.tasks.runners.progress_bar import LOGGER

    with _ONE_CALL, machine_faults(), environment_restored():
        current = settings()
        quiet_libraries(current)
        log_to(current)
        before = LOGGER.level
        LOGGER.setLevel(logging.INFO if current.observability.log_format or not progress else logging.WARNING)
        try:
            with threadpool_limits(1):  # what was imported before has read other settings
                yield current
        finally:
            LOGGER.setLevel(before)
