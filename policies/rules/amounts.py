"""AUG3xx: how many children are made, and of how many rows."""

from __future__ import annotations

import math
from collections.abc import Iterator

from augmill.policies.rules.rule_context import Context, Hit, error, warning
from augmill.policies.schema import MAX_ALPHA

RARE_RATE = 0.005
GOOD_RATE = 0.01
MANY_TIMES = 10
ABSURD_TIMES = 100
FEWEST_TO_JUDGE = round(1.0 / MAX_ALPHA) - 1
DISTRIBUTION = "Fit a distribution per class (tabular.gaussian_noise on the few rows is its simplest form)"


def aug301_rate_too_low(context: Context) -> Iterator[Hit]:
    """SMOTE or its kin on a class under 0.5 % of the rows.

    Why: With so few rows among so many, a line between two of them crosses the territory of the majority: most
        children are noise. Interpolation does well at 1 to 10 %.
    Fix: Use a fitted distribution per class, gather more rows, or treat the task as anomaly detection.
    Bad:
        facts: {counts: {train: {"0": 9970, "1": 30}}}
    Good:
        facts: {counts: {train: {"0": 9500, "1": 500}}}
    """
    for at, use, label, rate in _interpolated_rates(context):
        if rate < RARE_RATE:
            yield warning(
                at,
                f"class {label} is {rate:.2%} of the training rows; {use} needs 0.5 % at least, and does"
                " well at 1-10 %.",
                f"{DISTRIBUTION}, or gather more rows.",
            )


def aug302_fewer_rows_than_neighbours(context: Context) -> Iterator[Hit]:
    """A class has fewer rows than neighbours are asked for.

    Why: A row's `k_neighbors` nearest rows of its class must exist; with k = 5 that takes 6 rows.
    Fix: Lower `k_neighbors`, leave the class out with `only:`, or use a fitted distribution per class.
    Bad:
        facts: {counts: {train: {"0": 200, "1": 5}}}
    Good:
        facts: {counts: {train: {"0": 200, "1": 20}}}
    """
    for use in context.uses:
        k_neighbors = getattr(use.params, "k_neighbors", None)
        if not isinstance(k_neighbors, int) or not use.interpolates:
            continue
        for label, rows in context.applies_to(use.step).items():
            if 0 < rows <= k_neighbors and _makes(context, use.step.name, label):
                yield error(
                    use.at,
                    f"class {label} has {_counted(rows)}; {use.chosen.use} with k_neighbors"
                    f" {k_neighbors} needs {k_neighbors + 1}.",
                    f"{DISTRIBUTION}, lower k_neighbors, or leave the class out with `only:`.",
                )


def aug303_rate_below_good_range(context: Context) -> Iterator[Hit]:
    """SMOTE or its kin on a class between 0.5 % and 1 % of the rows.

    Why: Interpolation is known to do well where the class is 1 to 10 % of the rows; below, look at the children
        before believing them. (Under 0.5 % see AUG301.)
    Fix: Compare with class weights or a fitted distribution per class, on the validation split.
    Bad:
        facts: {counts: {train: {"0": 9930, "1": 70}}}
    Good:
        facts: {counts: {train: {"0": 9800, "1": 200}}}
    """
    for at, use, label, rate in _interpolated_rates(context):
        if RARE_RATE <= rate < GOOD_RATE:
            yield warning(
                at,
                f"class {label} is {rate:.2%} of the training rows; {use} does well at 1-10 %.",
                "Compare with a fitted distribution per class.",
            )


def aug304_outnumbered(context: Context) -> Iterator[Hit]:
    """Children outnumber the real rows they are made of many times over.

    Why: A model then learns the augmentation, not the data: every quirk of a few rows returns a hundredfold, and
        returns diminish long before (most published gains come from the first few copies).
    Fix: Ask for less, or gather more real rows of the class.
    Bad:
        steps:
          - name: flood
            transforms: [{use: tabular.gaussian_noise, invariance: Within the precision of the instrument.}]
            amount: {copies: 40}
    Good:
        steps:
          - name: some
            transforms: [{use: tabular.gaussian_noise, invariance: Within the precision of the instrument.}]
            amount: {copies: 3}
    """
    if context.facts and context.facts.planned:
        yield from _outnumbered_as_planned(context)
        return
    for path, step in context.steps():
        amount = step.amount
        if amount.copies is not None and amount.copies > MANY_TIMES:
            yield _outnumbered(
                (*path, "amount"), f"step {step.name} makes {amount.copies} children of every row.", amount.copies
            )
        if amount.to_share is not None and amount.to_share > MANY_TIMES / (MANY_TIMES + 1):
            yield warning(
                (*path, "amount"),
                f"step {step.name} lifts a class to {amount.to_share:.0%} of all rows.",
                "Ask for less.",
            )


def aug305_majority_interpolated(context: Context) -> Iterator[Hit]:
    """SMOTE or its kin also on the largest class.

    Why: Interpolation fills a class that is too thin. The largest class has rows enough: the children cost time
        and storage, and the imbalance stays.
    Fix: Use `balance` or `to_share`, or name the small classes in `only:`.
    Bad:
        facts: {counts: {train: {"0": 500, "1": 50}}}
        steps:
          - name: all
            transforms: [{use: tabular.smote, invariance: Between two neighbours lies one of the same class.}]
            amount: {copies: 1}
    Good:
        facts: {counts: {train: {"0": 500, "1": 50}}}
        steps:
          - name: small
            transforms: [{use: tabular.smote, invariance: Between two neighbours lies one of the same class.}]
            amount: {copies: 1}
            only: [1]
    """
    for use in context.uses:
        train = context.facts.train if context.facts else {}
        if use.interpolates and use.step.amount.copies is not None and len(train) > 1:
            largest = max(train, key=lambda label: train[label])
            if largest in context.applies_to(use.step):
                yield warning(
                    use.at,
                    f"{use.chosen.use} also copies the largest class, {largest}.",
                    "Name the small classes in `only:`, or use `balance`.",
                )


def aug306_step_makes_nothing(context: Context) -> Iterator[Hit]:
    """A step would make no child.

    Why: What it asks for is already there, often by an earlier step. A policy that says more than it does misleads.
    Fix: Raise the amount, or remove the step.
    Bad:
        facts: {counts: {train: {"0": 500, "1": 400}}, planned: {balance: {"0": 0, "1": 0}}}
    Good:
        facts: {counts: {train: {"0": 500, "1": 400}}, planned: {balance: {"0": 0, "1": 100}}}
    """
    planned = context.facts.planned if context.facts else {}
    for path, step in context.steps():
        if step.name in planned and not sum(planned[step.name].values()):
            yield warning(
                (*path, "amount"), f"step {step.name} would make no child.", "Raise its amount, or remove the step."
            )


def aug307_too_few_to_judge(context: Context) -> Iterator[Hit]:
    """A class has too few rows for the label check at this alpha.

    Why: A class-conditional conformal threshold at alpha needs 1/alpha - 1 calibration rows; with fewer it is
        infinite, and no child of the class could ever be contradicted (Vovk 2012). The check then reaches an alpha
        of 1 / (rows + 1) only, and the report prints it. Above 0.05, so with under 19 rows, it does not judge.
    Fix: Set `checks.label_consistency.alpha` to 1 / (rows + 1) if that is 0.05 or less. With under 19 rows gather
        more, or set `on_too_few: fail`.
    Bad:
        facts: {counts: {train: {"0": 500, "1": 41}}}
    Good:
        facts: {counts: {train: {"0": 500, "1": 41}}}
        checks: {label_consistency: {alpha: 0.05}}
    """
    check = context.policy.checks.label_consistency
    needed = round(1.0 / check.alpha) - 1
    if check.on_too_few == "fail" or context.policy.label is None:
        return
    for path, step in context.steps():
        for label, rows in context.applies_to(step).items():
            if rows >= needed or not _makes(context, step.name, label):
                continue
            if rows >= FEWEST_TO_JUDGE:
                why = f"judging its labels at alpha {check.alpha:g} takes {needed}."
                # Rounded up: a little less would not do.
                remedy = f"Set checks.label_consistency.alpha to {math.ceil(1000 / (rows + 1)) / 1000:g} or more."
            else:
                why = f"under {FEWEST_TO_JUDGE} its labels cannot be judged at any alpha."
                remedy = "Gather rows, or set checks.label_consistency.on_too_few to fail, so that such a run fails."
            yield warning((*path, "name"), f"class {label} has {_counted(rows)}; {why}", remedy)


def _interpolated_rates(context: Context) -> Iterator[tuple[tuple[str | int, ...], str, str, float]]:
    train = context.facts.train if context.facts else {}
    total = sum(train.values())
    for use in context.uses:
        for label, rows in context.applies_to(use.step).items() if use.interpolates else ():
            if rows and _makes(context, use.step.name, label):
                yield use.at, use.chosen.use, label, rows / total


def _makes(context: Context, step: str, label: str) -> bool:
    # Without a plan every class a step applies to counts.
    planned = context.facts.planned.get(step) if context.facts else None
    return planned is None or planned.get(label, 0) > 0


def _outnumbered_as_planned(context: Context) -> Iterator[Hit]:
    facts = context.facts
    children: dict[str, int] = {}
    for path, step in context.steps():
        for label, planned in (facts.planned.get(step.name, {}) if facts else {}).items():
            before, rows = children.get(label, 0), facts.train.get(label, 0) if facts else 0
            children[label] = before + planned
            if rows and before <= MANY_TIMES * rows < children[label]:
                times = children[label] / rows
                yield _outnumbered(
                    (*path, "amount"),
                    f"{f'class {label}' if label else 'the dataset'} would have {children[label]:,} children of"
                    f" {rows:,} real rows, {times:.0f} times as many.",
                    times,
                )


def _counted(rows: int) -> str:
    return f"{rows:,} training row{'s' * (rows != 1)}"


def _outnumbered(path: tuple[str | int, ...], message: str, times: float) -> Hit:
    remedy = "Ask for less, or gather more real rows."
    return error(path, message, remedy) if times > ABSURD_TIMES else warning(path, message, remedy)
