"""Run expectations over one frame in one Great Expectations validation, and turn the answers into a verdict.

Three gaps of the library are closed here: a success needs at least one judged value; an expectation that could
not be evaluated is a failure of its own, with the reason; and every expectation asked for has an answer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from augmill.expectations.build import arguments, build, library
from augmill.expectations.detector import mask
from augmill.expectations.names import NO_PERSONAL_DATA
from augmill.expectations.suite import Spec
from augmill.expectations.wording import target_of

if TYPE_CHECKING:
    import pandas as pd

MAX_SHOWN = 100
"""Failing rows kept with id and values per expectation; all are counted, and all positions are kept."""

NOTHING_JUDGED = "nothing to judge"


@dataclass(frozen=True)
class Failing:
    """One row that failed: its position in the frame, its id, and the values that were judged."""

    row: int
    sample_id: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Result:
    """One expectation's answer. `observed` is the share of rows that hold (row expectations) or the figure."""

    name: str
    column: str
    kwargs: dict[str, Any]
    success: bool
    observed: Any
    target: str
    judged: int
    failed: int
    failing: tuple[Failing, ...] = ()
    error: str = ""

    def document(self) -> dict[str, Any]:
        """The answer as JSON-able values."""
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """The answers in the order asked; `rows` holds, per answer, the positions of all failing rows."""

    results: tuple[Result, ...]
    rows: tuple[tuple[int, ...], ...] = ()

    @property
    def success(self) -> bool:
        """Whether every expectation holds."""
        return all(result.success for result in self.results)

    def reasons(self) -> dict[int, list[str]]:
        """Why each failing row fails, by position: what the quarantine keeps."""
        reasons: dict[int, list[str]] = {}
        for result, rows in zip(self.results, self.rows, strict=True):
            for row in rows:
                reasons.setdefault(row, []).append(f"{result.column}: expected {result.target} ({result.name})")
        return reasons

    def document(self) -> list[dict[str, Any]]:
        """All answers as JSON-able values."""
        return [result.document() for result in self.results]


def judge(
    frame: pd.DataFrame,
    specs: Sequence[Spec],
    row_ids: Sequence[str] | None = None,
    plugins: Mapping[str, type] | None = None,
) -> Verdict:
    """Judge one frame; `row_ids` name its rows in what is shown. Raises PolicyError for arguments that do not fit."""
    if not specs:
        return Verdict(())
    frame = frame.reset_index(drop=True)
    built = build(specs, plugins)
    answers = _validate(frame, built)
    complete = [
        Spec(type=spec.type, kwargs=arguments(expectation)) for spec, expectation in zip(specs, built, strict=True)
    ]
    pairs = [_result(spec, answers.get(position), frame, row_ids) for position, spec in enumerate(complete)]
    return Verdict(tuple(result for result, _ in pairs), tuple(rows for _, rows in pairs))


def merge(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict from those of all shards of a dataset; row positions are lost, ids and counts are kept."""
    columns = list(zip(*(verdict.results for verdict in verdicts), strict=True))
    merged = tuple(_merged(results) for results in columns)
    return Verdict(merged, tuple(() for _ in merged))


def _merged(results: Sequence[Result]) -> Result:
    judged, failed = sum(r.judged for r in results), sum(r.failed for r in results)
    failing_rows = tuple(failing for r in results for failing in r.failing)[:MAX_SHOWN]
    # A shard with nothing to judge is left out of the result, unless no shard had anything.
    judged_results = [r for r in results if r.error != NOTHING_JUDGED] or list(results[:1])
    error = next((r.error for r in judged_results if r.error), "")
    return replace(
        judged_results[0],
        success=all(r.success for r in judged_results),
        observed=(judged - failed) / judged if judged else None,
        judged=judged,
        failed=failed,
        failing=failing_rows,
        error=error,
    )


def _validate(frame: pd.DataFrame, expectations: list[Any]) -> dict[int, Any]:
    from great_expectations.validator.v1_validator import Validator

    gx = library()
    # The query text lists every failing row once more; nobody reads it.
    form = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
    suite = gx.ExpectationSuite(name="augmill", expectations=expectations)
    with _ONE_AT_A_TIME:
        validator = Validator(_batches(), result_format=form, batch_parameters={"dataframe": frame})
        answers: Any = validator.validate_expectation_suite(suite).results
    return {int(answer.expectation_config.meta["position"]): answer for answer in answers}


# Great Expectations caches what it computes per batch, and takes frames of two threads for one batch: their rows mix.
_ONE_AT_A_TIME = threading.Lock()


@lru_cache(maxsize=1)
def _batches() -> Any:
    gx = library()
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    # The context it makes when asked for none writes a folder for its docs site, which nothing removes.
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_pandas("augmill").add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("rows")


def _result(
    spec: Spec, answer: Any, frame: pd.DataFrame, row_ids: Sequence[str] | None
) -> tuple[Result, tuple[int, ...]]:
    columns = _columns(spec)
    base = Result(spec.type, ", ".join(columns), dict(spec.kwargs), False, None, target_of(spec), 0, 0)
    if answer is None:
        return replace(base, error="could not evaluate: Great Expectations gave no answer"), ()
    error = _exception(answer.exception_info)
    if error:
        return replace(base, error=f"could not evaluate: {error}"), ()
    figures = answer.result
    if "unexpected_count" not in figures or "element_count" not in figures:
        return _aggregate(base, answer, frame), ()
    judged = int(figures["element_count"]) - int(figures.get("missing_count") or 0)
    if spec.type in ("expect_column_values_to_not_be_null", "expect_column_values_to_be_null"):
        judged = int(figures["element_count"])
    if judged == 0:
        return replace(base, error=NOTHING_JUDGED), ()
    rows = tuple(int(row) for row in figures.get("unexpected_index_list") or ())
    failing_rows = tuple(_failing(spec.type, row, columns, frame, row_ids) for row in rows[:MAX_SHOWN])
    failed = int(figures["unexpected_count"])
    share = (judged - failed) / judged
    done = replace(
        base, success=bool(answer.success), observed=share, judged=judged, failed=failed, failing=failing_rows
    )
    return done, rows


def _aggregate(base: Result, answer: Any, frame: pd.DataFrame) -> Result:
    """Answers about all rows. `answer` is the library's result object."""
    judged = _present(base, frame)
    if judged == 0 and not base.name.startswith("expect_table"):
        return replace(base, error=NOTHING_JUDGED)
    value = _plain(answer.result.get("observed_value"))
    if value is None and "unexpected_count" in answer.result:
        value = {"unexpected": _plain(answer.result.get("partial_unexpected_list", []))}
    if value is None and base.name not in _WITHOUT_FIGURE:
        return replace(base, judged=judged, error="not measured: the figure is missing")
    success = bool(answer.success)
    return replace(base, success=success, observed=value, judged=judged, failed=0 if success else judged)


def _present(base: Result, frame: pd.DataFrame) -> int:
    counts_missing = base.column not in frame.columns or base.name in _JUDGES_MISSING
    return len(frame) if counts_missing else int(frame[base.column].notna().sum())


# These answer yes or no; every other expectation that shows no figure did not measure it.
_WITHOUT_FIGURE = ("expect_column_to_exist", "expect_column_distinct_values_to_contain_set")
_JUDGES_MISSING = (
    "expect_column_to_exist",
    "expect_column_proportion_of_non_null_values_to_be_between",
    "expect_column_values_to_be_of_type",
    "expect_column_values_to_be_in_type_list",
)


def _columns(spec: Spec) -> list[str]:
    kwargs = spec.kwargs
    names = [kwargs.get("column"), kwargs.get("column_A"), kwargs.get("column_B"), *kwargs.get("column_list", ())]
    return [str(name) for name in names if name is not None]


def _failing(kind: str, row: int, columns: list[str], frame: pd.DataFrame, row_ids: Sequence[str] | None) -> Failing:
    values = {name: _plain(frame[name].iloc[row]) for name in columns}
    if kind in NO_PERSONAL_DATA:  # which must not be repeated in reports
        values = {name: mask(value) if isinstance(value, str) else value for name, value in values.items()}
    return Failing(row, str(row_ids[row]) if row_ids is not None else str(row), values)


def _exception(info: Any) -> str:
    if not info:
        return ""
    if "raised_exception" in info:
        info = {"": info}
    for exception in info.values():
        if exception.get("raised_exception"):
            return " ".join(str(exception.get("exception_message")).split())[:300]
    return ""


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | np.ndarray):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return None if str(value) in ("NaT", "<NA>") else str(value)
