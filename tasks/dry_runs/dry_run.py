"""The stages of a run up to the verifier, for those who want to look and not to publish."""

from __future__ import annotations

from dataclasses import dataclass, replace

from augmill.policies.errors import PolicyError
from augmill.tasks.pipeline import ended, run_until
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.request import RunRequest
from augmill.tasks.runs.run import Run
from augmill.tasks.stages.fit_verifier import VerifierItem, fit_verifier
from augmill.tasks.stages.profile import Profile, profile_rows


@dataclass(frozen=True)
class DryRun:
    """The real rows as a run would publish them, in a scratch folder, and the verifier fitted on those for training."""

    ctx: Context
    surveyed: Profile
    verifier: str


def run_to_verifier(request_on_lake: RunRequest, runner: Runner, scratch: str) -> DryRun:
    """Run the stages with the code of a run, on a folder laid over the lake; raises what a run would raise.

    The policy needs a label: without classes there is nothing to verify.
    """
    if request_on_lake.ctx.policy.label is None:
        raise PolicyError(
            f"{request_on_lake.loaded.display_path} names no label column, so there is no label that could move",
            "Name the column in `label:`.",
        )
    request = replace(request_on_lake, ctx=replace(request_on_lake.ctx, scratch=scratch))
    real = ended(run_until("split", Run(request, runner, "", "dry run")).real)
    profile = profile_rows(request.ctx, runner, real.files)
    item = VerifierItem(profile.index, profile.description, profile.likeness, sum(profile.real.values()))
    return DryRun(request.ctx, profile, fit_verifier(request.ctx, item))
