"""Gate: hold the version to be against the policy's gates, before anybody can read it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from augmill.policies.errors import DataError
from augmill.policies.gates import Gate, Gates
from augmill.tasks.documents.report_document import CheckReport
from augmill.tasks.gates.gate_contract import Evidence as Shown
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import production_sample
from augmill.tasks.stages.check import CheckResult
from augmill.tasks.stages.gate_evidence import Evidence

SAMPLING = {"model_delta", "privacy", "drift_coverage"}
"""Gates that look at samples, which are read once, before several gates ask for them at the same time."""


def gate(run: Run, checked: CheckResult) -> CheckResult:
    """The checked version with the answers of its gates; raises DataError if one may not be passed over."""
    with run.stage("gate") as figures:
        answers = judge_gates(evidence_of(run, checked), run.ctx.policy.gates)
        passed = with_answers(checked, answers)
        failed = [answer for answer in answers if not answer["success"] and answer["on_failure"] == "fail"]
        if failed:
            run.require(lambda: refuse(failed, run.keep_refusal(run, passed)))
        figures["gates"] = len(gates_of(run.ctx.policy.gates))
        return passed


def with_answers(checked: CheckResult, answers: Sequence[CheckReport]) -> CheckResult:
    """The same with the answers of gates; those that depend on how fast the run was stay out of its figures."""
    clocked = tuple(answer for answer in answers if answer.get("clocked"))
    repeatable = [answer for answer in answers if not answer.get("clocked")]
    return replace(
        checked,
        figures={**checked.figures, "checks": [*checked.figures["checks"], *repeatable]},
        judged=replace(checked.judged, answers=[*checked.judged.answers, *answers]),
        clocked=clocked,
    )


def evidence_of(run: Run, checked: CheckResult) -> Evidence:
    """What the gates are shown of the version to be."""
    production = production_sample.sample(run.ctx, run.runner, run.request.production, checked.real.types)
    return Evidence(
        run.ctx,
        tuple(checked.real.files),
        checked.accepted,
        checked.fitted.description,
        run.cpu_seconds,
        run.runner,
        production.rows,
        tuple(sorted({step.index for step in checked.fitted.steps})),
        production.readable,
    )


def gates_of(gates: Gates) -> dict[str, Gate]:
    """The gates to run, by name, in the order of the grammar."""
    gate_by_name = {name: getattr(gates, name) for name in type(gates).model_fields}
    return {name: gate for name, gate in gate_by_name.items() if isinstance(gate, Gate)}


def judge_gates(evidence: Shown, gates: Gates) -> list[CheckReport]:
    """What every gate that is written answers; a gate is the file of its name in `tasks/gates/`.

    Gates work side by side: one waits for its students while another looks for neighbours.
    """
    gate_by_name = gates_of(gates)
    modules = {name: importlib.import_module(f"augmill.tasks.gates.{name}") for name in gate_by_name}
    if len(gate_by_name.keys() & SAMPLING) > 1:
        evidence.load()
    with ThreadPoolExecutor(max(1, len(gate_by_name)), thread_name_prefix="gate") as threads:
        waiting = [
            threads.submit(modules[name].judge, evidence, gate_model) for name, gate_model in gate_by_name.items()
        ]
        return [answer for future in waiting for answer in future.result()]


def refuse(failed: Sequence[CheckReport], page: str) -> None:
    """Raise one DataError naming every gate that failed and may not be passed over, and the page that shows why."""
    raise DataError(
        "nothing was published, because these gates failed:\n"
        + "\n".join(f"  {answer['name']}: {_said(answer)}" for answer in failed),
        f"The report {page} shows the figures. Change or remove the step that fails, or the target in `gates`.",
        {"failed": list(failed), "report": page},
    )


def _said(answer: Mapping[str, Any]) -> str:
    if answer["error"]:
        return str(answer["error"])
    interval = answer["interval"]
    between = f" ({interval[0]:.4g} to {interval[1]:.4g})" if interval else ""
    ids = ", ".join(item["sample_id"] for item in answer["failing"][:5])
    return f"observed {answer['observed']:.6g}{between}, wanted {answer['target']}" + (f" ({ids} ...)" if ids else "")
