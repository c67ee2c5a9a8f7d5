"""The stages of a run up to the verifier, for those who want to look and not to publish."""

from __future__ import annotations

from dataclasses import dataclass, replace

from augmill.policies.errors import DataError, PolicyError
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.request import RunRequest
from augmill.tasks.stages.fit_verifier import VerifierItem, fit_verifier
from augmill.tasks.stages.ingest import ingest
from augmill.tasks.stages.profile import Profile, profile_rows
from augmill.tasks.stages.split import place_all, refuse_unplaced, write_real
from augmill.tasks.stages.validate import refuse_drift, refuse_gaps, refuse_invalid, validate


@dataclass(frozen=True)
class DryRun:
    """The real rows as a run would publish them, in a scratch folder, and the verifier fitted on those for training."""

    ctx: Context
    surveyed: Profile
    verifier: str


def run_to_verifier(asked: RunRequest, runner: Runner, scratch: str) -> DryRun:
    """Run the stages with the code of a run, on a folder laid over the lake; raises what a run would raise.

    The policy needs a label: without classes there is nothing to verify.
    """
    if asked.ctx.policy.label is None:
        raise PolicyError(
            f"{asked.loaded.display_path} names no label column, so there is no label that could move",
            "Name the column in `label:`.",
        )
    ctx = replace(asked.ctx, scratch=scratch)
    raw = ingest(ctx, runner, asked.listing, asked.expected_types)
    refuse_drift(ctx, asked.known_types, raw)
    refuse_gaps(ctx, asked.new_objects, raw)
    valid = validate(ctx, runner, raw)
    refuse_invalid(ctx, raw, valid)
    if not any(shard.rows for shard in valid.shards):
        raise DataError("no row is left for training", "Check the source and the suite.")
    placing = place_all(ctx, valid, asked)
    refuse_unplaced(ctx, valid, placing)
    real = write_real(ctx, runner, valid, placing)
    surveyed = profile_rows(ctx, runner, real.files)
    item = VerifierItem(surveyed.index, surveyed.description, surveyed.likeness, sum(surveyed.real.values()))
    return DryRun(ctx, surveyed, fit_verifier(ctx, item))
