"""Run the gates of a published version again, on its rows in the table.

The rows of a version cannot change, so the answers of most gates stay the same. Production data can change: the drift
gate uses the sample of today. Budgets are not judged again, because nothing is spent.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from augmill.policies.gates import Gates
from augmill.policies.schema import Policy
from augmill.tasks.rows.provenance import REAL
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs import production_source
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import AcceptedShard, ChildShard, DataFile
from augmill.tasks.runs.manifest import Published
from augmill.tasks.runs.request import SHARD_BYTES
from augmill.tasks.stages import production_sample
from augmill.tasks.stages.gate import gates_of, judge_gates
from augmill.tasks.stages.gate_evidence import Evidence
from augmill.tasks.stages.profile import profile_rows

TODAY = ("drift_coverage",)
"""Gates whose answer may change although the rows are the same."""


@dataclass(frozen=True)
class PublishedEvidence(Evidence):
    """The rows of a published version: new rows are read from its files, and no row is dropped."""

    def read(self, item: AcceptedShard, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of one file."""
        return self.ctx.table.read_table(item.shard.name, columns)

    def columns(self, item: AcceptedShard) -> list[str]:
        """The columns of one file."""
        return list(self.ctx.table.schema(item.shard.name).names)

    @property
    def fitted_on_others(self) -> Sequence[str]:
        """Ids of parents of new rows that are in no file of real training rows; the pools of the run are not stored."""
        training_ids = self._places("train")["sample_id"].combine_chunks()
        parents = pc.unique(self._links["parent"])
        return sorted(parents.filter(pc.invert(pc.is_in(parents, training_ids))).to_pylist())


def regate(
    ctx: Context, runner: Runner, published: Published, only: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """The answers of the gates of the version's policy now. `only`: names of the gates to run, None for all."""
    gates = _selected_gates(ctx.policy.gates, only)
    if not gates_of(gates):
        return []
    # A rebuilt context has no shard size; production is read in shards of the size that runs use.
    ctx = replace(ctx, policy=_with_production_uri(ctx.policy, published), shard_bytes=SHARD_BYTES)
    manifest = published.manifest
    real = [file for file in manifest.data_files if file.origin == REAL]
    production = production_source.find(ctx.policy, Path()) if gates.drift_coverage else None
    profile = profile_rows(ctx, runner, real)
    production_sample.refuse_other_columns(ctx, runner, production, manifest.types, profile.description)
    production_rows = production_sample.sample(ctx, runner, production, manifest.types)
    accepted = tuple(_accepted(file) for file in manifest.data_files if file.origin != REAL)
    evidence = PublishedEvidence(
        ctx,
        tuple(real),
        accepted,
        profile.description,
        0.0,
        runner,
        production_rows.rows,
        readable=production_rows.readable,
    )
    return [dict(answer) for answer in judge_gates(evidence, gates)]


def _selected_gates(gates: Gates, only: Collection[str] | None) -> Gates:
    excluded = {name for name in gates_of(gates) if name == "budgets" or (only is not None and name not in only)}
    return gates.model_copy(update=dict.fromkeys(excluded))


def _with_production_uri(policy: Policy, published: Published) -> Policy:
    """The policy with the recorded address of its production sample; in the file it may be a relative path."""
    gate, uri = policy.gates.drift_coverage, published.manifest.production.get("uri")
    if gate is None or uri is None:
        return policy
    gates = policy.gates.model_copy(update={"drift_coverage": gate.model_copy(update={"production": uri})})
    return policy.model_copy(update={"gates": gates})


def _accepted(file: DataFile) -> AcceptedShard:
    label = next(iter(file.labels), "")
    return AcceptedShard(ChildShard(file.path, file.step, label, file.origin, file.rows, file.bytes, 0.0))
