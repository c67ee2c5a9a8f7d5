"""The stages of a run in their one order. Runs, plans, probes, reviews and canaries all go through this list.

raw data -> ingest -> validate -> split -> fit -> augment -> verify -> check -> gate -> publish -> record
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, Protocol, TypeVar, get_args

from augmill.tasks.runs.descriptors import ChildShard, IngestResult, ValidationResult
from augmill.tasks.runs.run import Run
from augmill.tasks.stages.augment import augment
from augmill.tasks.stages.check import CheckResult, check
from augmill.tasks.stages.fit import FitResult, fit
from augmill.tasks.stages.gate import gate
from augmill.tasks.stages.ingest import ingest
from augmill.tasks.stages.publish import Version, publish
from augmill.tasks.stages.split import RealRows, split
from augmill.tasks.stages.validate import validate
from augmill.tasks.stages.verify import ScoreResult, verify
from augmill.tasks.versions.record import record

P = ParamSpec("P")
R = TypeVar("R")

Stage = Literal["ingest", "validate", "split", "fit", "augment", "verify", "check", "gate", "publish", "record"]
STAGES: tuple[Stage, ...] = get_args(Stage)


class Caller(Protocol):
    """What stands around every stage: nothing, a Prefect task, or a test that changes what a stage hands on."""

    def __call__(self, stage: Callable[P, R]) -> Callable[P, R]:
        """The stage, or something that is called like it and calls it; its name is `stage.__name__`."""


@dataclass
class Results:
    """What the stages have handed on so far; None where a stage has not ended. A stage with a result is not run."""

    raw: IngestResult | None = None
    valid: ValidationResult | None = None
    real: RealRows | None = None
    fitted: FitResult | None = None
    children: list[ChildShard] | None = None
    scored: ScoreResult | None = None
    checked: CheckResult | None = None
    passed: CheckResult | None = None
    version: Version | None = None
    document: dict[str, Any] | None = None


def ended(result: R | None) -> R:
    """A result of a stage that has ended; asking for it before that is a fault in our code."""
    if result is None:
        raise RuntimeError("this stage has not ended yet")
    return result


def as_it_is(stage: Callable[P, R]) -> Callable[P, R]:
    """The stage itself, called in this process with nothing around it."""
    return stage


def run_until(last: Stage, run: Run, call: Caller = as_it_is, results: Results | None = None) -> Results:
    """Run the stages up to and including `last`, and return what each handed on.

    `results` of an earlier call are gone on from, and hold what was reached when a stage raises one of our errors.
    """
    results = results if results is not None else Results()
    for stage in _stages(run, call, results):
        if stage == last:
            break
    return results


def _stages(run: Run, call: Caller, done: Results) -> Iterator[Stage]:
    raw = done.raw = done.raw or call(ingest)(run)
    yield "ingest"
    valid = done.valid = done.valid or call(validate)(run, raw)
    yield "validate"
    real = done.real = done.real or call(split)(run, valid)
    yield "split"
    fitted = done.fitted = done.fitted or call(fit)(run, real)
    yield "fit"
    children = done.children = done.children or call(augment)(run, fitted)
    yield "augment"
    scored = done.scored = done.scored or call(verify)(run, fitted, children)
    yield "verify"
    checked = done.checked = done.checked or call(check)(run, real, fitted, scored)
    yield "check"
    passed = done.passed = done.passed or call(gate)(run, checked)
    yield "gate"
    version = done.version = done.version or call(publish)(run, real, passed)
    yield "publish"
    done.document = done.document or call(record)(run, version, passed)
    yield "record"
