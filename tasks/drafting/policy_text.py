"""The text of a drafted policy, its reasons as comments."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from textwrap import wrap

from augmill.policies.errors import Finding
from augmill.policies.rules.amounts import FEWEST_TO_JUDGE
from augmill.policies.schema import DEFAULT_FRACTIONS, MAX_ALPHA, Label
from augmill.tasks.drafting.personal_columns import treatment_lines
from augmill.tasks.drafting.recommend_steps import (
    CHOICES,
    COPIES,
    FEWEST,
    MOST_FLAT,
    NOISE,
    SMOTE,
    SMOTENC,
    Recommendation,
    RecommendedStep,
    augmented_class_rows,
)
from augmill.tasks.drafting.source_profile import CONTRAST, SourceProfile
from augmill.tasks.drafting.yaml_scalars import to_yaml

_WIDTH = 110
_GROUPS = frozenset(
    ["patient", "subject", "person", "user", "customer", "household", "session", "group", "speaker", "writer"]
)
_ALPHA = 0.01
_FEW_COLUMNS = 20
_OF_ONE_ROW = frozenset(CHOICES) - {SMOTE, SMOTENC}


def policy_text(
    profile: SourceProfile,
    recommended: Sequence[RecommendedStep],
    ignored: Mapping[str, str],
    findings: Sequence[Finding] = (),
) -> str:
    """The whole file. `findings` are those of lint that remain."""
    policy = profile.policy
    lines = [
        f"# Drafted by `augmill init` from {profile.rows:,} rows; read it, mend it, keep it in git.",
        f"dataset: {policy.dataset}",
        f"description: {to_yaml(_description(profile))}  # what the data are for, in one sentence",
        "owner: unknown  # the team that answers for this policy",
        f"modality: {policy.modality}",
        *_source(profile),
        *([f"label: {to_yaml(policy.label)}"] if policy.label else []),
        *([f"columns: {to_yaml(policy.columns.model_dump(exclude_none=True))}"] if policy.columns else []),
        *_ignore(ignored),
        *_split(profile),
        f"expectations: {policy.dataset}",
        "seed: 0",
        *_steps(profile, recommended),
        *_checks(profile, recommended),
        "publish:",
        "  channel: canary  # `stable` once somebody has looked at the first version",
    ]
    notes = [f"{finding.rule}: {finding.message} {finding.remedy}" for finding in findings]
    return "\n".join([*lines, *_comments(notes, "", "`augmill lint` would add:")]) + "\n"


def label_value(profile: SourceProfile, name: str) -> Label:
    """A class as the policy spells it: a number where the label column holds whole numbers."""
    kind = profile.types.get(profile.policy.label or "", "string")
    return int(name) if kind == "int64" else name == "true" if kind == "bool" else name


def _description(profile: SourceProfile) -> str:
    what = "pictures" if profile.policy.modality == "image" else "rows"
    return (
        f"Tell {profile.policy.label} of {what} of {profile.policy.dataset}."
        if profile.policy.label
        else f"Find {what}."
    )


def _source(profile: SourceProfile) -> list[str]:
    source = profile.policy.source
    lines = ["source:", f"  uri: {to_yaml(source.uri)}"]
    if profile.listing.format != "builtin":
        lines.append(f"  format: {profile.listing.format}")
    if source.missing != ("",):
        lines.append(f"  missing: {to_yaml(source.missing)}  # cells that hold nothing but one of these have no value")
    if profile.unusable:
        why = "; ".join(f"{count:,} x {reason}" for reason, count in profile.unusable.most_common())
        notice = f"{profile.unusable_count} will be quarantined: {why}"
        lines += _comments([notice, profile.failure] if profile.would_fail else [notice], "  ")
    return [*lines, *treatment_lines(profile)]


def _ignore(ignored: Mapping[str, str]) -> list[str]:
    if not ignored:
        return []
    names = [f"  - {to_yaml(name)}  # {why}" for name, why in ignored.items()]
    return ["ignore:  # carried along, never fed to a transform", *names]


def _split(profile: SourceProfile) -> list[str]:
    if profile.policy.split.column:
        return [f"split: {{column: {to_yaml(profile.policy.split.column)}}}  # the source's own"]
    if profile.is_split:
        return [f"# The source says which split a row is in: {', '.join(sorted(profile.counts))}."]
    groups = [name for name in profile.columns if _is_group(name)]
    comments = [
        f"if rows with one {name!r} belong together, write `group: {name}`, or a model is tested on what it has seen"
        for name in groups[:3]
    ]
    return ["split:", f"  fractions: {to_yaml(DEFAULT_FRACTIONS)}", *_comments(comments, "  ")]


def _is_group(name: str) -> bool:
    return not _GROUPS.isdisjoint(re.split(r"[^a-z]+", name.lower()))


def _steps(profile: SourceProfile, recommended: Sequence[RecommendedStep]) -> list[str]:
    few = [f"{name} ({count})" for name, count in profile.train.items() if count < FEWEST]
    notes = [f"left out, for too few training rows to learn or to judge from: {', '.join(few)}"] if few else []
    flat = [f"{name or 'all'} ({share:.0%})" for name, share in profile.flat_share.items() if share > MOST_FLAT]
    if flat:
        notes.append(
            f"left out, for pictures of one colour, which no transform makes into another of their kind: "
            f"{', '.join(flat)}; a bound on {CONTRAST} in the suite would quarantine them"
        )
    if not recommended:
        return [*_comments(notes, ""), "steps: []  # nothing to advise: no class can be lifted, no feature varied"]
    lines = [*_comments(notes, ""), "steps:"]
    for step in recommended:
        lines += [*_comments(step.reasons, "  "), f"  - name: {step.name}", "    transforms:"]
        for chosen in step.chain:
            lines += _chosen(chosen)
        lines.append(f"    amount: {to_yaml(step.amount)}")
        if step.only:
            lines.append(f"    only: {to_yaml([label_value(profile, name) for name in step.only])}")
    return lines


def _chosen(chosen: Recommendation) -> list[str]:
    lines = [f"      - use: {chosen.use}", f"        invariance: {chosen.invariance}"]
    if len(chosen.params) > 1:
        lines += ["        params:", *(f"          {name}: {to_yaml(value)}" for name, value in chosen.params.items())]
    elif chosen.params:
        lines.append(f"        params: {to_yaml(chosen.params)}")
    if chosen.probability < 1.0:
        lines.append(f"        probability: {chosen.probability:g}")
    return lines


def _checks(profile: SourceProfile, recommended: Sequence[RecommendedStep]) -> list[str]:
    lines = [*_consistency(profile, recommended), *_distribution(profile, recommended)]
    return ["checks:", *lines] if lines else []


def _consistency(profile: SourceProfile, recommended: Sequence[RecommendedStep]) -> list[str]:
    if not profile.policy.label:
        return []
    rows = augmented_class_rows(profile, recommended)
    lines: list[str] = []
    few = [f"{name} ({count})" for name, count in rows.items() if count < FEWEST_TO_JUDGE]
    if few:
        why = f"with under {FEWEST_TO_JUDGE} rows a class cannot be judged at any alpha (AUG307): {', '.join(few)}"
        lines += [*_comments([why], "    "), "    on_too_few: warn  # `fail`, if nothing may pass unjudged"]
    least = min((count for count in rows.values() if count >= FEWEST_TO_JUDGE), default=0)
    if 0 < least < 1 / _ALPHA - 1:
        alpha = min(MAX_ALPHA, math.ceil(100 / (least + 1)) / 100)
        lines += [
            *_comments([f"{least} rows cannot be judged at alpha {_ALPHA:g}, but at {alpha:g} (AUG307)"], "    "),
            f"    alpha: {alpha:g}",
            f"    min_rate: {1 - alpha:g}",
        ]
    return ["  label_consistency:", *lines] if lines else []


def _distribution(profile: SourceProfile, recommended: Sequence[RecommendedStep]) -> list[str]:
    used = {chosen.use for step in recommended for chosen in step.chain}
    lines: list[str] = []
    if used & _OF_ONE_ROW:
        lines += [*_comments(["children of single rows lie near them, which is what is asked"], "    ")]
        lines.append("    max_near_copy_share: 1.0")
    if NOISE in used:
        numbers = sum(column["kind"] in ("continuous", "integer") for column in profile.description["columns"])
        lines += [*_comments(["noise carries the largest and smallest values a little further"], "    ")]
        lines.append(f"    max_out_of_range_share: {0.25 if numbers <= _FEW_COLUMNS else 0.5:g}")
    if COPIES in used:
        lines.append("    max_copy_share: 1.0")
    elif flat := max((share for share in profile.flat_share.values() if share <= MOST_FLAT), default=0.0):
        lines += _comments([f"up to {flat:.1%} of a class are pictures of one colour, which children repeat"], "    ")
        lines.append(f"    max_copy_share: {math.ceil(200 * flat) / 100:g}")
    elif used & {SMOTE, SMOTENC} and profile.repeated_share:
        why = f"{profile.repeated_share:.1%} of the rows repeat another: between two equal rows lies the same row again"
        lines += _comments([why], "    ")
        lines.append(f"    max_copy_share: {min(1.0, math.ceil(200 * profile.repeated_share) / 100):g}")
    return ["  distribution:", *lines] if lines else []


def _comments(texts: Sequence[str], indent: str, title: str = "") -> list[str]:
    lines = [f"{indent}# {title}"] if title and texts else []
    for text in texts:
        first, *rest = wrap(text, _WIDTH - len(indent))
        lines += [f"{indent}# {first}", *(f"{indent}#   {line}" for line in rest)]
    return lines
