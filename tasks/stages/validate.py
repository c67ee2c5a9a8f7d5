"""Validate: judge every row by the suite; rows that fail go to quarantine with the reason, never silently away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.expectations.build import check_suite
from augmill.expectations.judge import NOTHING_JUDGED, Verdict, judge
from augmill.expectations.suite import Spec
from augmill.policies.errors import DataError
from augmill.tasks.plugins import Located
from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.rows.provenance import SOURCE
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.components import catalogue, custom_expectations, modality_of, modality_part
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import IngestResult, RawShard, ValidationResult, ValidShard
from augmill.tasks.runs.map_shards import map_shards
from augmill.tasks.runs.row_index import index_of
from augmill.tasks.runs.run import Run
from augmill.tasks.sources.column_types import arrow_of, refuse_not_plain
from augmill.tasks.sources.schema_drift import drift
from augmill.tasks.stages.quarantine_rows import fault_rows, is_plain, keep_invalid, quarantine_rows

EXPECTATIONS = "augmill.expectations.*:*"
FAULT = "fault"
SHOWN = 5
OF_TYPE = ("expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list")
NO_LABEL = "its label is missing"
NO_KEY = "its key is missing"


@dataclass(frozen=True)
class ValidateItem:
    """One raw shard, and the columns of the whole source that it lacks."""

    raw: RawShard
    absent: dict[str, str]

    @property
    def name(self) -> str:
        """What messages call this piece of work."""
        return self.raw.name


def validate(run: Run, raw: IngestResult) -> ValidationResult:
    """Judge every row and the whole, and quarantine rows that fail. Raises DataError over the suite's budget."""
    with run.stage("validate") as figures:
        run.require(lambda: refuse_drift(run.ctx, run.request.known_types, raw))
        run.require(lambda: refuse_gaps(run.ctx, run.request.new_objects, raw))
        valid = judge_rows(run.ctx, run.runner, raw)
        figures["quarantined"] = keep_invalid(run.ctx, valid, run.at_ms)
        run.require(lambda: refuse_invalid(run.ctx, raw, valid))
        return valid


def judge_rows(ctx: Context, runner: Runner, raw: IngestResult) -> ValidationResult:
    """Judge every shard, then the whole. Raises DataError where the suite cannot be applied."""
    if ctx.suite.expectations:
        check_suite(ctx.suite, _custom(ctx, ctx.suite.expectations))
    if any(shard.rows for shard in raw.shards):  # else no column is known, and every row is a fault
        _refuse_unusable_columns(ctx, raw.types)
    items = [
        ValidateItem(shard, {name: kind for name, kind in raw.types.items() if name not in shard.columns})
        for shard in raw.shards
    ]
    shards = map_shards(runner, "validate", partial(validate_shard, ctx), items, weight=lambda item: item.raw.rows)
    verdict = judge_dataset(ctx, raw, shards) if any(shard.rows for shard in shards) else None
    _refuse_unjudged(ctx, shards)
    return ValidationResult(tuple(shards), verdict.document() if verdict else [], raw.types)


def refuse_invalid(ctx: Context, raw: IngestResult, valid: ValidationResult) -> None:
    """Raise DataError over the suite's budget for quarantined rows, or where the whole fails an expectation."""
    refuse_over_budget(ctx, valid.quarantined, sum(shard.rows + shard.faults for shard in raw.shards), valid.reasons)
    failed = [result for result in valid.whole if not result["success"]]
    if failed:
        raise DataError(
            "the data set as a whole fails its suite: "
            + "; ".join(f"{item['name']}: observed {item['observed']}, wanted {item['target']}" for item in failed),
            "Mend the source, or correct the expectation in the suite.",
            {"failed": failed},
        )


def refuse_over_budget(ctx: Context, failed: int, total: int, reasons: Mapping[str, int]) -> None:
    """Raise DataError where more of the `total` rows failed than the suite allows, or all of them."""
    share, budget = failed / total, ctx.suite.budget.max_quarantine_share
    if share > budget or failed == total:
        worst = sorted(reasons.items(), key=lambda item: -item[1])[:5]
        raise DataError(
            f"{failed} of {total} rows failed ({share:.2%}, the suite allows {budget:.2%}): "
            + "; ".join(f"{reason} ({count})" for reason, count in worst)
            + (f"; and {len(reasons) - len(worst)} more reasons" if len(reasons) > len(worst) else ""),
            "Mend the rows at the source (the quarantine table holds them), or raise budget.max_quarantine_share"
            + (
                ". A column whose type has changed on purpose needs expect_column_values_to_be_of_type in the suite."
                if any(reason.startswith("column ") for reason in reasons)
                else " in the suite."
            ),
            {"quarantined": failed, "rows": total, "reasons": dict(reasons)},
        )


def validate_shard(ctx: Context, item: ValidateItem) -> ValidShard:
    """Worker: keep the index of the rows that pass, and the rows that fail with their reasons."""
    suite = [spec.model_dump(mode="json") for spec in ctx.suite.row()]
    policy = ctx.policy
    rule = policy.split.model_dump(mode="json", exclude={"fractions", "salt"})
    settings = [policy.label, policy.key, sorted(policy.ignore), rule]
    code = ctx.code_version(validate_shard, modality_part(ctx), EXPECTATIONS, *_custom_parts(ctx))
    name = f"valid/{hash_of(code, item.raw.name, sorted(item.absent), suite, settings)}"

    def make() -> ValidShard:
        rows = with_columns(ctx.work.read_table(f"{item.raw.name}.parquet"), item.absent)
        reasons, judged = row_reasons(ctx, rows)
        passed = np.array([position for position in range(rows.num_rows) if position not in reasons], dtype=np.int64)
        ctx.work.write_table(f"{name}.parquet", index_of(policy, rows.take(pa.array(passed)), passed))
        quarantined = quarantine_rows(rows, reasons, "validate")
        if item.raw.faults:
            quarantined = pa.concat_tables(
                [quarantined, fault_rows(ctx.work.read_table(f"{item.raw.name}.faults.parquet"))]
            )
        if quarantined.num_rows:
            ctx.work.write_table(f"{name}.quarantine.parquet", quarantined)
        counts = Counter(reason for row in quarantined["reasons"].to_pylist() for reason in row)
        counts_by_reason = dict(sorted(counts.items()))
        return ValidShard(name, item.raw.name, len(passed), quarantined.num_rows, counts_by_reason, judged)

    return ctx.once(ValidShard, name, make)


def with_columns(rows: pa.Table, absent: Mapping[str, str]) -> pa.Table:
    """The rows with the columns they lack, all null, so that every shard looks alike."""
    for name, kind in absent.items():
        rows = rows.append_column(name, pa.nulls(rows.num_rows, arrow_of(kind)))
    return rows


def row_reasons(ctx: Context, rows: pa.Table) -> tuple[dict[int, list[str]], list[int]]:
    """Why rows fail, by position: unusable payloads, missing labels or keys, and the suite's row expectations.

    Beside it, how many rows each of the suite's row expectations could judge.
    """
    if not rows.num_rows:  # a shard of nothing but faults may lack every column
        return {}, [0] * len(ctx.suite.row())
    facts = modality_of(ctx).facts(ctx.policy, rows)
    reasons: dict[int, list[str]] = {}
    for position, fault in enumerate(facts[FAULT].to_pylist()):
        if fault is not None:
            reasons.setdefault(position, []).append(fault)
    for column, reason in ((ctx.policy.label, NO_LABEL), (ctx.policy.key, NO_KEY)):
        if column is not None:
            for empty in np.flatnonzero(np.asarray(rows[column].is_null().combine_chunks())):
                reasons.setdefault(int(empty), []).append(reason)
    usable = np.array([position for position in range(rows.num_rows) if position not in reasons], dtype=np.int64)
    specs = ctx.suite.row()
    if not specs or not len(usable):
        return reasons, [0] * len(specs)
    verdict = judge(_frame(rows, facts, usable), specs, plugins=_custom(ctx, specs))
    refuse_unevaluated(verdict)
    for position, texts in verdict.reasons().items():
        reasons.setdefault(int(usable[position]), []).extend(texts)
    return reasons, [result.judged for result in verdict.results]


def _refuse_unjudged(ctx: Context, shards: Sequence[ValidShard]) -> None:
    """Zero rows judged is never a success: an expectation on a column without any value says nothing."""
    if not any(shard.rows for shard in shards):
        return
    silent = [
        f"{spec.type} on {', '.join(map(repr, columns_of(spec)))}"
        for number, spec in enumerate(ctx.suite.row())
        if not any(shard.judged[number] for shard in shards)
    ]
    if silent:
        raise DataError(
            f"no row could be judged by {'; '.join(silent)}: the column has no value at all",
            "Mend the column at the source, or take the expectation out of the suite.",
            {"not_judged": silent},
        )


def judge_dataset(ctx: Context, raw: IngestResult, valid: Sequence[ValidShard]) -> Verdict | None:
    """Judge the suite's dataset-wide expectations on the columns they name, over all valid rows."""
    specs = ctx.suite.dataset()
    if not specs:
        return None
    column_names = sorted({name for spec in specs for name in columns_of(spec) if name in raw.types})
    by_raw = {shard.name: shard for shard in raw.shards}
    parts = []
    for shard in valid:
        positions = ctx.work.read_table(f"{shard.name}.parquet", columns=["position"])["position"]
        present = [name for name in column_names if name in by_raw[shard.raw].columns] or [SOURCE]
        rows = ctx.work.read_table(f"{shard.raw}.parquet", columns=present).take(positions)
        parts.append(with_columns(rows, {name: raw.types[name] for name in column_names if name not in present}))
    table = pa.concat_tables(parts, promote_options="default")
    typed = [spec for spec in specs if spec.type in OF_TYPE]
    others = [spec for spec in specs if spec.type not in OF_TYPE]
    verdicts = [
        judge(rows.to_pandas(), part, plugins=_custom(ctx, part))
        for rows, part in ((table, others), (_filled(table), typed))
    ]
    verdict = Verdict(tuple(result for part_verdict in verdicts for result in part_verdict.results))
    refuse_unevaluated(verdict)
    return verdict


def _filled(rows: pa.Table) -> pa.Table:
    """The rows with 0 or False for missing whole numbers and booleans, which pandas else holds as other types."""
    for at, field in enumerate(rows.schema):
        if pa.types.is_integer(field.type) or pa.types.is_boolean(field.type):
            rows = rows.set_column(at, field.name, pc.fill_null(rows[field.name], pa.scalar(False).cast(field.type)))
    return rows


def _custom(ctx: Context, specs: Sequence[Spec]) -> dict[str, type]:
    return custom_expectations(ctx.plugins, (spec.type for spec in specs))


def _custom_parts(ctx: Context) -> list[Located]:
    """Where the users' own expectations of the suite are."""
    names = {spec.type for spec in ctx.suite.expectations}
    return [part for name, part in catalogue(ctx.plugins).custom_parts().items() if name in names]


def columns_of(spec: Spec) -> list[str]:
    """The columns an expectation speaks of."""
    columns = [spec.kwargs.get(key) for key in ("column", "column_A", "column_B")]
    return [name for name in columns if isinstance(name, str)] + list(spec.kwargs.get("column_list") or [])


def refuse_unevaluated(verdict: Verdict) -> None:
    """Raise DataError where Great Expectations could not apply an expectation: that is no pass and no fail."""
    faults = [
        f"{result.name} on {result.column!r}: {result.error}"
        for result in verdict.results
        if result.error not in ("", NOTHING_JUDGED)
    ]
    if faults:
        raise DataError(
            "the suite could not be evaluated: " + "; ".join(faults),
            "Correct the expectation's column or arguments in the suite.",
            {"could_not_evaluate": faults},
        )


def _frame(rows: pa.Table, facts: pa.Table, usable: np.ndarray[Any, np.dtype[np.int64]]) -> Any:
    plain = rows.select([field.name for field in rows.schema if is_plain(field)])
    for name in facts.column_names:
        if name != FAULT:
            plain = plain.append_column(name, facts[name])
    return plain.take(pa.array(usable)).to_pandas()


def refuse_drift(ctx: Context, before: Mapping[str, str] | None, raw: IngestResult) -> None:
    """Raise DataError where columns came or went since the last version and the suite does not allow it."""
    dropped = {name for name, how in ctx.policy.source.pii.items() if how == "drop"}
    change = drift({name: kind for name, kind in (before or raw.types).items() if name not in dropped}, raw.types)
    allowed = ctx.suite.columns
    refused = []
    if change.appeared and allowed.extra == "refuse":
        refused += [f"column {name!r} appeared" for name in change.appeared]
    if change.disappeared and allowed.missing == "refuse":
        refused += [f"column {name!r} disappeared" for name in change.disappeared]
    if refused:
        raise DataError(
            f"the source's columns are not those of the last version: {'; '.join(refused)}",
            "Mend the source, or allow it in the suite: columns: {extra: allow, missing: allow}.",
            {"refused": refused},
        )


def refuse_gaps(ctx: Context, new_objects: Collection[str], raw: IngestResult) -> None:
    """Raise DataError where new files lack columns that others of this run have, and the suite does not allow it."""
    files_by_column = gaps_of(raw.gaps, new_objects)
    if files_by_column and ctx.suite.columns.missing == "refuse":
        sentences = [
            f"column {name!r} is missing from {_named(files)}" for name, files in list(files_by_column.items())[:SHOWN]
        ]
        sentences += [f"and {len(files_by_column) - SHOWN:,} columns more"] if len(files_by_column) > SHOWN else []
        raise DataError(
            f"the files of the source do not have the same columns: {'; '.join(sentences)}",
            "Give all files the same columns, or take some out of source.uri. If a file may lack them, so that its "
            "rows have no value there, allow it in the suite: columns: {missing: allow}.",
            {"missing": files_by_column},
        )


def gaps_of(gaps: Mapping[str, Sequence[str]], new_objects: Collection[str]) -> dict[str, list[str]]:
    """Columns that new files lack. Files that an older version took as they are may lack what has appeared since."""
    files_by_column = {name: [file for file in files if file in new_objects] for name, files in gaps.items()}
    return {name: files for name, files in files_by_column.items() if files}


def _named(files: Sequence[str]) -> str:
    more = f" and {len(files) - SHOWN:,} more" if len(files) > SHOWN else ""
    return ", ".join(files[:SHOWN]) + more


def _refuse_unusable_columns(ctx: Context, types: Mapping[str, str]) -> None:
    policy = ctx.policy
    column_by_key = {"label": policy.label, "key": policy.key, "split.group": policy.split.group}
    column_by_key |= {"split.column": policy.split.column}
    faults = [f"{where}: {name!r}" for where, name in column_by_key.items() if name is not None and name not in types]
    faults += [f"ignore: {name!r}" for name in policy.ignore if name not in types]
    if faults:
        raise DataError(
            f"the source has no such column: {', '.join(faults)}",
            f"Name one of its columns: {', '.join(list(types)[:40])}.",
        )
    refuse_not_plain(column_by_key, types)
