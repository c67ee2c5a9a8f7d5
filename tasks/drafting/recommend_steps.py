"""Which steps suit the data: as many children as small classes support, by transforms that the columns allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from augmill.policies.names import natural_sort_key
from augmill.policies.rules.amounts import RARE_RATE
from augmill.policies.rules.hygiene import IDENTIFIER_SHARE
from augmill.tasks.drafting.source_profile import SourceProfile
from augmill.tasks.modalities.modality_contract import Op
from augmill.tasks.transforms.catalogue import Catalogue

K_NEIGHBORS = 5
# SMOTE is known to serve classes of ten rows and more; below, all children lie on a few lines.
FEWEST_FOR_SMOTE = 2 * K_NEIGHBORS
# Below, there is next to nothing to learn from.
FEWEST = 5
# Where more rows than this stand on the least or largest value, noise carries half of them beyond it.
PILED = 0.1
# A class below this share of the largest is worth balancing.
BALANCED = 0.5
# Published gains come from the first few copies; AUG304 warns at ten.
MOST_COPIES = 5

# Moved or mirrored, a picture of one colour stays as it is, and any light makes another one's copy of it. Of classes
# with more of them no children are drafted; what few there are, the draft allows for.
MOST_FLAT = 0.1

SMOTE, SMOTENC = "tabular.smote", "tabular.smotenc"
NOISE, COPIES = "tabular.gaussian_noise", "tabular.random_oversample"
FLIP, AFFINE, LIGHT = "image.horizontal_flip", "image.affine", "image.brightness_contrast"


@dataclass(frozen=True)
class Recommendation:
    """A transform with parameters, and why it keeps the label."""

    use: str
    invariance: str
    params: Mapping[str, Any] = field(default_factory=dict)
    probability: float = 1.0


@dataclass(frozen=True)
class RecommendedStep:
    """One step of a draft, and why it is there."""

    name: str
    chain: tuple[Recommendation, ...]
    amount: Mapping[str, Any]
    only: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


CHOICES = {
    choice.use: choice
    for choice in (
        Recommendation(
            SMOTE, "A point between two neighbouring rows of a class is of that class.", {"k_neighbors": K_NEIGHBORS}
        ),
        Recommendation(
            SMOTENC, "A blend of neighbouring rows of a class is of that class.", {"k_neighbors": K_NEIGHBORS}
        ),
        Recommendation(
            NOISE, "Measuring again changes a value by a few hundredths of its spread, and no class.", {"scale": 0.05}
        ),
        Recommendation(COPIES, "A copy of a row is of the row's class."),
        Recommendation(FLIP, "Seen in a mirror, the picture shows the same.", probability=0.5),
        Recommendation(
            AFFINE,
            "A picture taken a little askew, aside or closer shows the same.",
            {
                "angle_degrees_range": [-8.0, 8.0],
                "shift_share_range": [-0.06, 0.06],
                "scale_range": [0.95, 1.05],
                "shear_degrees_range": [-4.0, 4.0],
            },
        ),
        Recommendation(
            LIGHT,
            "A little more or less light does not change what is seen.",
            {"brightness_shift_range": [-0.1, 0.1], "contrast_factor_range": [0.8, 1.2]},
        ),
    )
}


def identifier_columns(profile: SourceProfile) -> dict[str, str]:
    """Columns that identify rows rather than describe them, each with the reason."""
    reasons = {}
    for column in profile.columns.values():
        if column.name in (profile.policy.label, profile.policy.split.column):
            continue
        share = column.distinct_share
        if column.counts_up:
            reasons[column.name] = "counts up from row to row: the place of a row, not a property"
        elif column.kind == "int64" and column.rows > 20 and share >= IDENTIFIER_SHARE:
            reasons[column.name] = f"{share:.0%} of its values differ, as ids do (AUG503)"
        elif column.kind == "string" and share >= IDENTIFIER_SHARE:
            reasons[column.name] = f"{share:.0%} of its texts differ: an id or free text (AUG503)"
    return reasons


def spoiled_by(profile: SourceProfile, recommended: Sequence[RecommendedStep]) -> dict[str, str]:
    """Features that the noise of a step would spoil, each with the reason."""
    if NOISE not in {chosen.use for step in recommended for chosen in step.chain}:
        return {}
    features = [
        column["name"] for column in profile.description["columns"] if column["kind"] in ("continuous", "integer")
    ]
    reasons = {}
    for name in features:
        bound, share = profile.columns[name].piled
        if share > PILED and len(profile.columns[name].values) != 2:
            reasons[name] = f"{share:.0%} of its values are {bound:g}, its bound: noise would carry them beyond"
    return reasons if len(reasons) < len(features) else {}


def steps(profile: SourceProfile, catalogue: Catalogue, refused: frozenset[str] = frozenset()) -> list[RecommendedStep]:
    """Steps for the classes of the source; `refused` names transforms that lint reports an error for here."""
    steps_for_modality = _image_steps if profile.policy.modality == "image" else _table_steps
    recommended = [
        _without_lone_probability(step) for step in steps_for_modality(profile, catalogue, refused) if step.chain
    ]
    names = [step.name for step in recommended]
    return [
        replace(step, name=f"{step.name}-{index + 1}") if names.count(step.name) > 1 else step
        for index, step in enumerate(recommended)
    ]


def _without_lone_probability(step: RecommendedStep) -> RecommendedStep:
    """The same step without the probability of a single transform, which has no effect (AUG108)."""
    return step if len(step.chain) > 1 else replace(step, chain=(replace(step.chain[0], probability=1.0),))


def augmented_class_rows(profile: SourceProfile, recommended: Sequence[RecommendedStep]) -> dict[str, int]:
    """Training rows of each class that any step makes children for."""
    train = profile.train
    return {name: train[name] for step in recommended for name in (step.only or train)}


def refusals(catalogue: Catalogue, chosen: Recommendation, profile: SourceProfile) -> list[str]:
    """Why a transform cannot take this data, as its modality says."""
    entry = catalogue.find(chosen.use)
    op = Op(chosen.use, entry.module, entry.parameters(chosen.params), 1.0)
    refused: list[str] = catalogue.modality(profile.policy.modality).module.refusals(op, profile.description)
    return refused


def _image_steps(profile: SourceProfile, catalogue: Catalogue, refused: frozenset[str]) -> list[RecommendedStep]:
    usable = [
        choice for choice in CHOICES.values()
        if choice.use.startswith("image.") and choice.use not in refused and not refusals(catalogue, choice, profile)
    ]  # fmt: skip
    train = {name: count for name, count in profile.train.items() if profile.flat_share[name] <= MOST_FLAT}
    if not train:
        return []
    only = tuple(train) if len(train) < len(profile.train) else ()
    largest, least = max(train.values()), min(train.values())
    uneven = least < BALANCED * largest <= (1 + MOST_COPIES) * BALANCED * least
    amount, why = ({"balance": True}, _sizes(train, tuple(train))) if uneven else ({"copies": 1}, "")
    mirrored = f"no {FLIP}: lint finds that the label depends on orientation (AUG201)" if FLIP in refused else ""
    return [
        RecommendedStep(
            "pose", tuple(choice for choice in usable if choice.use != LIGHT), amount, only, _reasons(why, mirrored)
        ),
        RecommendedStep("light", tuple(choice for choice in usable if choice.use == LIGHT), {"copies": 1}, only),
    ]


def _table_steps(profile: SourceProfile, catalogue: Catalogue, refused: frozenset[str]) -> list[RecommendedStep]:
    del refused
    train = profile.train
    largest, total = max(train.values()), sum(train.values())
    small = [name for name, count in train.items() if FEWEST <= count < BALANCED * largest]
    single, why_single = _of_single_rows(profile, catalogue)
    if not small and min(train.values()) >= FEWEST:
        even = "the classes are about equally large, so every row gets one child"
        return (
            [RecommendedStep("vary", (single,), {"copies": 1}, (), (even, why_single))] if single.use != COPIES else []
        )
    between, why_between = _between_rows(profile, catalogue)
    dense = [name for name in small if between and train[name] >= max(FEWEST_FOR_SMOTE, RARE_RATE * total)]
    sparse = [name for name in small if name not in dense]
    recommended = []
    for chosen, names in ((between or single, dense), (single, sparse)):
        for amount, some in _amounts(train, names):
            thin = (_too_thin(train, some, total) if between else why_between, why_single)
            why = (why_between,) if chosen is between else thin
            recommended.append(RecommendedStep("balance", (chosen,), amount, some, (_sizes(train, some), *why)))
    return recommended


def _between_rows(profile: SourceProfile, catalogue: Catalogue) -> tuple[Recommendation | None, str]:
    """The member of the SMOTE family that takes this table, or why none does."""
    refused = {use: refusals(catalogue, CHOICES[use], profile) for use in (SMOTE, SMOTENC)}
    if not refused[SMOTE]:
        return CHOICES[SMOTE], "all features are numbers and none is missing: interpolate between neighbours"
    if not refused[SMOTENC]:
        return CHOICES[SMOTENC], "features are numbers and categories, none missing: interpolate and vote"
    why = next((text for text in refused[SMOTENC] if "missing" in text), "there is no number to interpolate")
    return None, f"no interpolation between rows: {why.split(';')[0]}"


def _of_single_rows(profile: SourceProfile, catalogue: Catalogue) -> tuple[Recommendation, str]:
    """What makes a child of one row in this table."""
    if not refusals(catalogue, CHOICES[NOISE], profile):
        return CHOICES[NOISE], "a little noise on every number is the simplest fitted distribution per class"
    return CHOICES[COPIES], "there is no number to vary, so rows are copied: more weight, nothing new"


def _amounts(train: Mapping[str, int], names: Sequence[str]) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    """Balance the classes that can be lifted so far; the others get as many children as their rows can bear."""
    near = tuple(name for name in names if train[name] * (1 + MOST_COPIES) >= max(train.values()))
    far = tuple(name for name in names if name not in near)
    amounts: list[tuple[dict[str, Any], tuple[str, ...]]] = [({"balance": True}, near), ({"copies": MOST_COPIES}, far)]
    return [pair for pair in amounts if pair[1]]


def _sizes(train: Mapping[str, int], names: Sequence[str]) -> str:
    first = sorted(names, key=natural_sort_key)[:10]
    sizes = ", ".join(f"class {name}: {train[name]:,} rows" for name in first) + (", ..." if len(names) > 10 else "")
    return f"{sizes}; the largest class has {max(train.values()):,} (training rows)"


def _too_thin(train: Mapping[str, int], names: Sequence[str], total: int) -> str:
    least = min(train[name] for name in names)
    if least < FEWEST_FOR_SMOTE:
        return f"{least} rows are too few to interpolate between (AUG302)"
    return f"a class of {least / total:.2%} of the rows is too thin to interpolate in (AUG301)"


def _reasons(*reasons: str) -> tuple[str, ...]:
    return tuple(reason for reason in reasons if reason)
