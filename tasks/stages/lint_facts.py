"""What the policy's rules want to know of the data, looked up once the training rows are described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from augmill.expectations.detector import in_columns
from augmill.policies.data_facts import DataFacts
from augmill.policies.errors import DataError, Finding
from augmill.policies.lint import lint
from augmill.tasks.runs.components import catalogue, modality_of
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import DataFile
from augmill.tasks.runs.request import RunRequest, refuse
from augmill.tasks.stages.profile import Profile, read_description
from augmill.tasks.stages.sampling_plan import planned
from augmill.tasks.stages.split import RealRows

SAMPLE_ROWS = 10_000
# Among fewer rows nearly every column of numbers looks like an identifier.
FEWEST_ROWS = 50
SAMPLE_PICTURES = 32
KINDS = {"int64": "integer", "float64": "continuous", "bool": "boolean", "payload": "image"}
COUNTED = ("integer", "categorical", "text")

Amounts = Mapping[str, Mapping[str, int]]


def resolve_amounts(
    request: RunRequest, real: RealRows, profile: Profile
) -> tuple[dict[str, dict[str, int]], list[Finding]]:
    """The amounts planned, and what lint warns of now that the data are known.

    Raises PolicyError with all findings where one is an error, DataError where the amounts cannot be made.
    """
    try:
        amounts = planned(request.ctx.policy, profile.real)
    except DataError:
        # A finding with its line says more than the fault it leads to.
        refuse(request.loaded, judge_with_data(request, facts_of(request.ctx, real.files, real.types, profile, {})))
        raise
    facts = facts_of(request.ctx, real.files, real.types, profile, amounts)
    return amounts, refuse(request.loaded, judge_with_data(request, facts))


def judge_with_data(request: RunRequest, facts: DataFacts | None) -> list[Finding]:
    """Every finding of lint; with facts, the rules that need a look at the data speak as well."""
    return lint(request.loaded, catalogue(request.ctx.plugins), facts)


def facts_of(
    ctx: Context, files: Sequence[DataFile], types: Mapping[str, str], surveyed: Profile, amounts: Amounts
) -> DataFacts:
    """Figures of the real rows in `files`, whose columns have `types`; shares of values from a sample of them."""
    description = read_description(ctx, surveyed)
    described = {column["name"]: column["kind"].replace("carried", "text") for column in description.get("columns", ())}
    columns = {
        name: described.get(name) or KINDS.get(kind, "text") for name, kind in types.items() if name != ctx.policy.label
    }
    measured = _measured(ctx, surveyed.paths, description)
    return DataFacts(
        counts=counts_of(files),
        planned=amounts,
        columns=columns,
        distinct_share=_distinct(ctx, surveyed.paths, [name for name, kind in columns.items() if kind in COUNTED]),
        colour=measured.get("colour"),
        noise_share=measured.get("noise_share"),
        personal=_personal(ctx, surveyed.paths, [name for name, kind in types.items() if kind == "string"]),
    )


def counts_of(files: Sequence[DataFile]) -> dict[str, dict[str, int]]:
    """Rows by split and class."""
    counts: dict[str, Counter[str]] = {}
    for file in files:
        counts.setdefault(file.split, Counter()).update(file.labels)
    return {split: dict(sorted(labels.items())) for split, labels in sorted(counts.items())}


def _distinct(ctx: Context, paths: Sequence[str], columns: Sequence[str]) -> dict[str, float]:
    """Distinct values / rows on a sample: rows are in order of their ids, which are hashes, so heads of files do."""
    if not columns:
        return {}
    sample = _heads(ctx, paths, SAMPLE_ROWS, columns)
    if sample.num_rows < FEWEST_ROWS:
        return {}
    plain = [field.name for field in sample.schema if not pa.types.is_nested(field.type)]
    return {name: pc.count_distinct(sample[name]).as_py() / sample.num_rows for name in plain}


def _personal(ctx: Context, paths: Sequence[str], columns: Sequence[str]) -> dict[str, dict[str, int]]:
    """What looks like personal data in columns of text, by column; those without any are left out."""
    return in_columns(_heads(ctx, paths, SAMPLE_ROWS, columns)) if columns else {}


def _measured(ctx: Context, paths: Sequence[str], description: Mapping[str, Any]) -> dict[str, Any]:
    """What the modality measures for the rules, such as the noise that pictures hold already."""
    measure = getattr(modality_of(ctx), "lint_figures", None)
    return {} if measure is None else dict(measure(description, _heads(ctx, paths, SAMPLE_PICTURES)))


def _heads(ctx: Context, paths: Sequence[str], rows: int, columns: Sequence[str] | None = None) -> pa.Table:
    """The first rows of every file, some `rows` in all, or of the first so many files."""
    share = -(-rows // len(paths))
    heads = [next(ctx.table.batches(path, columns, share, absent_ok=True)) for path in paths[:rows]]
    return pa.concat_tables([pa.Table.from_batches([head]) for head in heads], promote_options="default")
