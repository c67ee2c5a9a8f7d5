"""Run all health checks in parallel, each in bounded time, and collect their answers."""

from __future__ import annotations

import importlib
import pkgutil
import threading
import time
from collections.abc import Iterable

from augmill.flows import health_checks
from augmill.flows.health_answer import Answer, Kind, fail
from augmill.flows.settings import Settings
from augmill.flows.timeouts import NAME
from augmill.policies.errors import AugmillError, PolicyError

PATIENCE_SECONDS = 30.0
"""How long one check may take, including imports of heavy libraries on a busy machine."""


def examine(current: Settings) -> list[Answer]:
    """The answers of all checks, in the order of their names."""
    names = [module.name for module in pkgutil.iter_modules(health_checks.__path__, f"{health_checks.__name__}.")]
    answers_by_check: dict[str, list[Answer]] = {}
    # Not a pool: a check that hangs in spite of all must not keep this command from ending.
    threads = [
        threading.Thread(target=_run_check, args=(name, current, answers_by_check), name=f"{NAME} {name}", daemon=True)
        for name in names
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [answer for name in names for answer in answers_by_check.get(name, [_timeout_answer(name)])]


def exit_code(answers: Iterable[Answer]) -> int:
    """0 if nothing fails, 2 if a setting is wrong, else 4."""
    kinds = {answer.kind for answer in answers if answer.status == "fail"}
    return 2 if "settings" in kinds else 4 if kinds else 0


def _run_check(name: str, current: Settings, answers_by_check: dict[str, list[Answer]]) -> None:
    from augmill.tasks.sanitize.redact import redact_text

    title = name.rpartition(".")[2].replace("_", " ")
    answers: list[Answer] = []
    try:
        answers.extend(importlib.import_module(name).check(current))
    except AugmillError as fault:
        kind: Kind = "settings" if isinstance(fault, PolicyError) else "service"
        answers.append(fail(title, fault.cause, fault.remedy, kind))
    except Exception as fault:  # noqa: BLE001 (one check that breaks must not hide the others)
        answers.append(fail(title, f"{type(fault).__name__}: {fault}", "See whether what it names is there."))
    answers_by_check[name] = [
        Answer(answer.name, answer.status, redact_text(answer.detail), redact_text(answer.remedy), answer.kind)
        for answer in answers
    ]


def _timeout_answer(name: str) -> Answer:
    title = name.rpartition(".")[2].replace("_", " ")
    return fail(title, f"no answer in {PATIENCE_SECONDS:g} s", "See whether it answers at all, then ask again.")
