"""Verdicts as the reports and `run --json` show them."""

from __future__ import annotations

from augmill.expectations.build import expectation_class
from augmill.expectations.judge import Result, Verdict
from augmill.expectations.names import DATASET, ROW
from augmill.tasks.documents.report_document import CheckReport


def answers(verdict: Verdict, layer: str, on_failure: str = "fail") -> list[CheckReport]:
    """One entry per expectation, in order; built-in ones are told apart by the column they judge."""
    return [_check_report(result, layer, on_failure) for result in verdict.results]


def _check_report(result: Result, layer: str, on_failure: str) -> CheckReport:
    built_in = result.name in ROW or result.name in DATASET
    name = f"{result.name}({result.column})" if built_in and result.column else result.name
    # A figure of ours stands in a frame of one row; that row is not what was judged.
    of_rows = layer not in ("semantic", "distributional")
    answer: CheckReport = {
        "name": name.removeprefix("expect_"),
        "layer": layer,
        "success": result.success,
        "observed": result.observed,
        "target": result.target,
        "error": result.error,
        "description": "" if built_in else _description(result.name),
        "on_failure": on_failure,
        "failing": [{"sample_id": row.sample_id, "values": row.values} for row in result.failing],
    }
    return answer | {"judged": result.judged, "failed": result.failed} if of_rows else answer


def _description(name: str) -> str:
    field = expectation_class(name).__fields__.get("description")  # type: ignore[attr-defined]
    return str(field.default or "") if field is not None else ""
