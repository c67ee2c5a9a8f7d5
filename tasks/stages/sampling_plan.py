"""How many children each class gets, and which real rows have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from augmill.policies.errors import DataError
from augmill.policies.label_transitions import fates
from augmill.policies.names import natural_sort_key
from augmill.policies.schema import Amount, Policy, Step
from augmill.tasks.rows.randomness import U64

I64 = NDArray[np.int64]


def label_name(value: str | int | bool) -> str:
    """A label of the policy as the text it has in the data."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def planned(policy: Policy, real: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Children per step and class of their base, from the real training rows per class; steps count in listed order.

    What is to be reached counts for the class that the children will have, where a transform remaps it.
    Raises DataError where a step names a class the training rows do not have, or cannot say what it would reach.
    """
    have, plan = dict(real), {}
    for step in policy.steps:
        counts = {name: count for name, count in _counts(step, have, real).items() if count}
        plan[step.name] = counts
        for name, count in expected_children(step, counts).items():
            have[name] = have.get(name, 0) + count
    return plan


def expected_children(step: Step, counts_by_parent: Mapping[str, int]) -> dict[str, int]:
    """Children per class they have once remapped, from children per class of their base; expected ones, where a
    remap is not applied to every child."""
    counts_by_label: dict[str, int] = {}
    for base, count in counts_by_parent.items():
        for label, part in _shared(count, fates(step.transforms, base)).items():
            counts_by_label[label] = counts_by_label.get(label, 0) + part
    return {label: count for label, count in counts_by_label.items() if count}


def is_deterministic(step: Step, label: str) -> bool:
    """Whether all children of rows of `label` will have one label."""
    return len(fates(step.transforms, label)) <= 1


def _wanted(step: Step, real: Mapping[str, int]) -> list[str]:
    """Classes that may be parents in this step."""
    names = sorted(real) if step.only is None else [label_name(label) for label in step.only]
    strangers = [name for name in names if not real.get(name)]
    if strangers:
        labels_text = ", ".join(sorted(real, key=natural_sort_key)[:20])
        raise DataError(
            f"step {step.name!r} is for the classes {', '.join(strangers)}, which no training row has",
            f"Use labels the training rows have ({labels_text}) in steps[{step.name}].only.",
        )
    return [name for name in names if fates(step.transforms, name)]


def _counts(step: Step, have: Mapping[str, int], real: Mapping[str, int]) -> dict[str, int]:
    labels = _wanted(step, real)
    if step.amount.copies is not None:
        return {name: step.amount.copies * real[name] for name in labels}
    bases: dict[str, dict[str, float]] = {}
    for name in labels:
        if not is_deterministic(step, name):
            raise DataError(
                f"step {step.name!r} cannot say how many children of class {name} will be remapped, because the"
                " transform that does it has a probability",
                f"Ask for copies in steps[{step.name}].amount, or remap in a step of its own.",
            )
        (label,) = fates(step.transforms, name)
        bases.setdefault(label, {})[name] = real[name]
    short = _missing(step.amount, {label: have.get(label, 0) for label in [*have, *bases]}, list(bases))
    counts: dict[str, int] = {}
    for label, count in short.items():
        counts |= _shared(count, bases[label])
    return counts


def _missing(amount: Amount, have: Mapping[str, int], labels: Sequence[str]) -> dict[str, int]:
    """How many rows each wanted class lacks."""
    if amount.to_count is not None:
        return {name: max(0, amount.to_count - have[name]) for name in labels}
    if amount.to_share is not None:
        return _to_share(amount.to_share, have, labels)
    largest = max(have.values())
    return {name: largest - have[name] for name in labels}


def _shared(count: int, weights: Mapping[str, float]) -> dict[str, int]:
    """`count` in parts in proportion to `weights`, by largest remainder."""
    total = sum(weights.values())
    exact = {name: count * weight / total for name, weight in weights.items()}
    parts = {name: int(value + 1e-9) for name, value in exact.items()}
    for name in sorted(exact, key=lambda name: (parts[name] - exact[name], name))[: count - sum(parts.values())]:
        parts[name] += 1
    return parts


def _to_share(share: float, have: Mapping[str, int], labels: Sequence[str]) -> dict[str, int]:
    """Raise every wanted class that is below `share` of all rows up to it, all at once."""
    short = [name for name in labels if have[name] < share * sum(have.values())]
    while short:
        if share * len(short) >= 1.0:
            raise DataError(
                f"{len(short)} classes cannot each reach a share of {share:g}: together that is 1 or more",
                f"Lower to_share below {1 / len(short):.3g}, or name fewer classes under `only`.",
            )
        rest = sum(count for name, count in have.items() if name not in short)
        total = rest / (1.0 - share * len(short))
        above = [name for name in short if have[name] >= share * total]
        if not above:
            return {name: round(share * total) - have[name] for name in short}
        short = [name for name in short if name not in above]
    return {}


def allocate(count: int, weights: NDArray[np.float64], tokens: U64) -> I64:
    """Copies per base, shape (n,), in proportion to `weights`; a remainder goes to the lowest tokens.

    With equal weights, more children or one more base move only the marginal ones: the others are kept.
    """
    total = weights.sum()
    if count == 0 or total <= 0:
        return np.zeros(len(weights), dtype=np.int64)
    exact = weights * (count / total)
    copies: I64 = np.floor(exact + 1e-9).astype(np.int64)
    remaining = count - int(copies.sum())
    fraction = np.round(exact - copies, 9)
    order = np.lexsort((tokens, -fraction))
    order = order[weights[order] > 0]
    if remaining > 0:
        np.add.at(copies, order[np.arange(remaining) % len(order)], 1)
    return copies
