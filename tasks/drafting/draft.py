"""A policy and its suite for a source: inferred, profiled, filled with steps, checked by lint, and corrected."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from augmill.policies.data_facts import DataFacts
from augmill.policies.errors import Finding, PolicyError
from augmill.policies.lint import lint
from augmill.policies.load import load
from augmill.tasks.drafting.infer_policy import DraftRequest, infer_policy
from augmill.tasks.drafting.policy_text import policy_text
from augmill.tasks.drafting.recommend_steps import RecommendedStep, identifier_columns, spoiled_by, steps
from augmill.tasks.drafting.source_profile import SourceProfile, profile_source, splits_named
from augmill.tasks.drafting.suite_text import suite_text
from augmill.tasks.stages.sampling_plan import planned
from augmill.tasks.transforms.catalogue import Catalogue

# What the draft says itself, in its place: the owner is unknown, and which columns look like personal data.
_STATED_IN_DRAFT = frozenset({"AUG502", "AUG602", "AUG603"})
_SPLIT_COLUMNS = ("split", "subset", "partition", "fold", "set")


@dataclass(frozen=True)
class Draft:
    """Both files, the profile of the source, and the findings of lint about the policy."""

    policy: str
    suite: str
    profile: SourceProfile
    recommended: list[RecommendedStep]
    findings: list[Finding]


def draft(request: DraftRequest, base: Path, catalogue: Catalogue) -> Draft:
    """Draft for the source of `request`, whose relative URIs begin at `base`, the folder the policy will be in."""
    profile = profile_source(infer_policy(request, base), base, catalogue)
    column = next(
        (name for name in _SPLIT_COLUMNS if name in profile.columns and splits_named(profile.columns[name])), None
    )
    if column is not None and not profile.is_split:
        # Classes are to be counted per split, so the rows are profiled again.
        split = profile.policy.split.model_copy(update={"fractions": None, "column": column})
        profile = profile_source(profile.policy.model_copy(update={"split": split}), base, catalogue)
    if profile.nearly_numbers:
        profile = profile_source(profile.policy, base, catalogue, profile.nearly_numbers)
    ignored = identifier_columns(profile)
    profile = profile.without(ignored)
    refused: frozenset[str] = frozenset()
    while True:
        recommended = steps(profile, catalogue, refused)
        spoiled = spoiled_by(profile, recommended)
        if spoiled:
            ignored |= spoiled
            profile = profile.without(spoiled)
            continue
        text, suite = policy_text(profile, recommended, ignored), suite_text(profile)
        findings = _lint_findings(text, suite, profile, catalogue)
        faulty = _transforms_at(recommended, {finding.path for finding in findings if finding.severity == "error"})
        if not faulty:
            _refuse(findings)
            remarks = [finding for finding in findings if finding.rule not in _STATED_IN_DRAFT]
            return Draft(policy_text(profile, recommended, ignored, remarks), suite, profile, recommended, findings)
        refused |= faulty


def _refuse(findings: Sequence[Finding]) -> None:
    """Raise PolicyError for an error that no choice of transforms mends: a draft must run as it is."""
    for finding in findings:
        if finding.severity == "error":
            raise PolicyError(finding.message.rstrip("."), finding.remedy)


def _lint_findings(policy: str, suite: str, profile: SourceProfile, catalogue: Catalogue) -> list[Finding]:
    """The findings of lint, given the facts of the data. Raises PolicyError if the draft cannot even be loaded."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "policies", f"{profile.policy.dataset}.yaml")
        for path, text in ((file, policy), (Path(folder, "expectations", file.name), suite)):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        loaded = load(file, catalogue)
        facts: DataFacts = profile.data_facts(planned(loaded.policy, profile.train))
        return lint(loaded, catalogue, facts)


def _transforms_at(recommended: list[RecommendedStep], paths: set[str]) -> frozenset[str]:
    """The transforms that the paths of findings point to."""
    return frozenset(
        chosen.use
        for number, step in enumerate(recommended)
        for position, chosen in enumerate(step.chain)
        if any(path.startswith(f"steps.{number}.transforms.{position}.") for path in paths)
    )
