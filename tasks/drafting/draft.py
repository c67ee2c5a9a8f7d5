"""A policy and its suite for a source: sketched, looked at, advised, judged by lint, and advised again."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from augmill.policies.data_facts import DataFacts
from augmill.policies.errors import Finding, PolicyError
from augmill.policies.lint import lint
from augmill.policies.load import load
from augmill.tasks.drafting.infer_policy import Call, sketch
from augmill.tasks.drafting.policy_text import policy_text
from augmill.tasks.drafting.recommend_steps import Advised, ignored, spoiled_by, steps
from augmill.tasks.drafting.source_profile import Look, look, splits_named
from augmill.tasks.drafting.suite_text import suite_text
from augmill.tasks.stages.sampling_plan import planned
from augmill.tasks.transforms.catalogue import Catalogue

# What the draft says itself, in its place: the owner is unknown, and which columns look like personal data.
_SAID = frozenset({"AUG502", "AUG602", "AUG603"})
_SPLIT_COLUMNS = ("split", "subset", "partition", "fold", "set")


@dataclass(frozen=True)
class Draft:
    """Both files, what was seen, and what lint has to say about the policy."""

    policy: str
    suite: str
    seen: Look
    advised: list[Advised]
    findings: list[Finding]


def draft(call: Call, base: Path, catalogue: Catalogue) -> Draft:
    """Draft for the source of `call`, whose relative URIs begin at `base`, the folder the policy will be in."""
    seen = look(sketch(call, base), base, catalogue)
    column = next((name for name in _SPLIT_COLUMNS if name in seen.columns and splits_named(seen.columns[name])), None)
    if column is not None and not seen.is_split:
        # Classes are to be counted per split, so the rows are looked at again.
        split = seen.policy.split.model_copy(update={"fractions": None, "column": column})
        seen = look(seen.policy.model_copy(update={"split": split}), base, catalogue)
    if seen.nearly_numbers:
        seen = look(seen.policy, base, catalogue, seen.nearly_numbers)
    apart = ignored(seen)
    seen = seen.without(apart)
    refused: frozenset[str] = frozenset()
    while True:
        advised = steps(seen, catalogue, refused)
        spoiled = spoiled_by(seen, advised)
        if spoiled:
            apart |= spoiled
            seen = seen.without(spoiled)
            continue
        text, suite = policy_text(seen, advised, apart), suite_text(seen)
        findings = _judged(text, suite, seen, catalogue)
        faulty = _named(advised, {finding.path for finding in findings if finding.severity == "error"})
        if not faulty:
            _refuse(findings)
            remarks = [finding for finding in findings if finding.rule not in _SAID]
            return Draft(policy_text(seen, advised, apart, remarks), suite, seen, advised, findings)
        refused |= faulty


def _refuse(findings: Sequence[Finding]) -> None:
    """Raise PolicyError for an error that no choice of transforms mends: a draft must run as it is."""
    for finding in findings:
        if finding.severity == "error":
            raise PolicyError(finding.message.rstrip("."), finding.remedy)


def _judged(policy: str, suite: str, seen: Look, catalogue: Catalogue) -> list[Finding]:
    """What lint says, with the data in view. Raises PolicyError if the draft cannot even be loaded."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "policies", f"{seen.policy.dataset}.yaml")
        for path, text in ((file, policy), (Path(folder, "expectations", file.name), suite)):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        loaded = load(file, catalogue)
        facts: DataFacts = seen.data_facts(planned(loaded.policy, seen.train))
        return lint(loaded, catalogue, facts)


def _named(advised: list[Advised], paths: set[str]) -> frozenset[str]:
    """The transforms that the paths of findings point to."""
    return frozenset(
        chosen.use
        for number, step in enumerate(advised)
        for position, chosen in enumerate(step.chain)
        if any(path.startswith(f"steps.{number}.transforms.{position}.") for path in paths)
    )
