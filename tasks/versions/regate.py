"""Gates of a version that is published, on its rows as they lie in the table.

A version's rows cannot change, and so what most gates said of them stands. Production can: what the drift gate says is
of the sample as it is today. Budgets are not judged again, because nothing is spent.
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
"""Gates that may answer differently of the same rows."""


@dataclass(frozen=True)
class PublishedEvidence(Evidence):
    """The rows of a published version: new rows are read from its files, and nothing is dropped any more."""

    def read(self, item: AcceptedShard, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of one file."""
        return self.ctx.table.read_table(item.shard.name, columns)

    def columns(self, item: AcceptedShard) -> list[str]:
        """The columns of one file."""
        return list(self.ctx.table.schema(item.shard.name).names)

    @property
    def fitted_on_others(self) -> Sequence[str]:
        """Ids of parents of new rows that lie in no file of real training rows: what the pools held is not kept."""
        training_ids = self._places("train")["sample_id"].combine_chunks()
        parents = pc.unique(self._links["parent"])
        return sorted(parents.filter(pc.invert(pc.is_in(parents, training_ids))).to_pylist())


def regate(
    ctx: Context, runner: Runner, published: Published, only: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """What the gates of the version's policy say now; `only`: those of these names."""
    gates = _selected_gates(ctx.policy.gates, only)
    if not gates_of(gates):
        return []
    # Rebuilding reads no source and cuts no shard; production is read in shards as large as a run's.
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
    """The policy with the address of its production sample, which was relative to the policy's file."""
    gate, uri = policy.gates.drift_coverage, published.manifest.production.get("uri")
    if gate is None or uri is None:
        return policy
    gates = policy.gates.model_copy(update={"drift_coverage": gate.model_copy(update={"production": uri})})
    return policy.model_copy(update={"gates": gates})


def _accepted(file: DataFile) -> AcceptedShard:
    label = next(iter(file.labels), "")
    return AcceptedShard(ChildShard(file.path, file.step, label, file.origin, file.rows, file.bytes, 0.0))
