"""Which labels children get from a chain of transforms, each of which may keep, forbid or remap a label."""

from __future__ import annotations

from collections.abc import Sequence

from augmill.policies.schema import Remap, TransformUse


def after(use: TransformUse, label: str) -> str | None:
    """The label of a row of `label` after the transform was applied to it; None where that is forbidden."""
    fate = use.labels.get(label, "keep")
    if isinstance(fate, Remap):
        return fate.remap
    return label if fate == "keep" else None


def fates(chain: Sequence[TransformUse], label: str) -> dict[str, float]:
    """The labels that children of a row of `label` may have, each with its chance; empty if it may have no child.

    A row has no child of a chain in which a transform forbids its label, or a label that it could have at that point.
    """
    if any(after(use, label) is None for use in chain):
        return {}
    states = {(label, False): 1.0}
    for use in chain:
        reached: dict[tuple[str, bool], float] = {}
        for (current, changed), chance in states.items():
            next_label = after(use, current)
            if next_label is None:
                return {}
            applied, passed = chance * use.probability, chance * (1.0 - use.probability)
            reached[next_label, True] = reached.get((next_label, True), 0.0) + applied
            if passed:
                reached[current, changed] = reached.get((current, changed), 0.0) + passed
        states = reached
    # At least one transform of a chain is applied to every child.
    changed_chance = sum(chance for (_, changed), chance in states.items() if changed)
    chance_by_label: dict[str, float] = {}
    for (current, changed), chance in states.items():
        if changed:
            chance_by_label[current] = chance_by_label.get(current, 0.0) + chance / changed_chance
    return chance_by_label


def remaps(chain: Sequence[TransformUse]) -> bool:
    """Whether children may have another label than their parents."""
    return any(isinstance(fate, Remap) for use in chain for fate in use.labels.values())
