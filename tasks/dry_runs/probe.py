"""Probe: grow each transform of a policy on held-out real rows until labels move, and say up to where they do not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from augmill.policies.errors import DataError, PolicyError
from augmill.policies.schema import Policy, TransformUse
from augmill.tasks.dry_runs.dry_run import run_to_verifier
from augmill.tasks.dry_runs.probe_bench import (
    Bench,
    classes_of,
    moves_at,
    moves_by_weight,
    op_of,
    real_moves,
    refuse_unfit,
)
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.components import catalogue
from augmill.tasks.runs.map_shards import map_shards
from augmill.tasks.runs.request import RunRequest
from augmill.tasks.stages.fit_verifier import load_verifier
from augmill.tasks.transforms.magnitudes import Magnitude, magnitudes, most
from augmill.tasks.verifiers.label_shift import SHORT, Moves, Status, Target, status, statuses, together

FACTORS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)
"""Times the policy's magnitude: dense where policies are, and on to the bounds."""
WEIGHTS = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Ways from a row to its partner, for transforms that interpolate."""
HALVINGS = 3
"""Steps by which the last consistent magnitude is looked for: to an eighth of a step of `FACTORS`."""
ROWS = 200
BEGINS = {"degraded": "degraded_at", "inconsistent": "inconsistent_at", "unfamiliar": "unfamiliar_at"}

Curve = dict[float, dict[str, Moves]]


def probe(
    request: RunRequest, runner: Runner, scratch: str, uses: Sequence[str] = (), rows: int = ROWS
) -> dict[str, Any]:
    """The curves as one JSON-able document. `uses`: transforms by name, in place of the policy's own.

    `scratch` is an empty folder, to be removed afterwards; nothing is published. Raises PolicyError for a name that
    is none, DataError where no class has rows enough to judge.
    """
    subjects = _by_name(request, uses) if uses else _of_policy(request.ctx.policy)
    if not subjects:
        raise PolicyError(
            f"{request.loaded.display_path} has no step, so there is no transform to probe",
            "Add a step, or name transforms: `--transform image.rotate`.",
        )
    bench = Bench(run_to_verifier(request, runner, scratch), rows)
    for use, _ in subjects:
        refuse_unfit(bench, use)
    real = real_moves(bench)
    if not together(real).judged:
        few = ", ".join(f"{label} has {moves.rows}" for label, moves in real.items())
        raise DataError(
            f"too few rows to judge any class: {few}", "The verifier needs 19 training rows of a class at least."
        )
    verifier = load_verifier(bench.rehearsed.ctx, bench.rehearsed.verifier)
    asks = request.ctx.policy.checks.label_consistency
    target = Target(asks.min_rate, asks.max_unfamiliar_share)
    return {
        "dataset": request.ctx.policy.dataset,
        "policy": request.loaded.display_path,
        "min_rate": asks.min_rate,
        "max_unfamiliar_share": asks.max_unfamiliar_share,
        "verifier": {
            "accuracy": verifier.accuracy,
            "alpha": verifier.alpha,
            "min_accuracy": asks.min_verifier_accuracy,
        },
        "real": _point(real, real, target),
        "transforms": [_transform(bench, runner, use, steps, real, target) for use, steps in subjects],
    }


def _of_policy(policy: Policy) -> list[tuple[TransformUse, list[str]]]:
    """Every transform as the policy uses it, once, with the steps that do."""
    uses_with_steps: list[tuple[TransformUse, list[str]]] = []
    for step in policy.steps:
        for use in step.transforms:
            alone = use.model_copy(update={"invariance": None, "probability": 1.0})
            steps = next((steps for other, steps in uses_with_steps if other == alone), None)
            if steps is None:
                uses_with_steps.append((alone, [step.name]))
            elif step.name not in steps:
                steps.append(step.name)
    return uses_with_steps


def _by_name(request: RunRequest, uses: Sequence[str]) -> list[tuple[TransformUse, list[str]]]:
    """Transforms with their own defaults. Raises PolicyError for unknown ones and those of another modality."""
    parts = catalogue(request.ctx.plugins)
    for name in uses:
        entry = parts.find(name)
        if entry.modality != request.ctx.policy.modality:
            raise PolicyError(
                f"{name} works on {entry.modality} data, the policy is {request.ctx.policy.modality}",
                f"Choose from {', '.join(parts.names(request.ctx.policy.modality))}.",
            )
        required = [key for key, field in entry.params_model.model_fields.items() if field.is_required()]
        if required:
            raise PolicyError(
                f"{name} needs {', '.join(required)}, which a name alone does not give", "Put it into a step."
            )
    return [(TransformUse(use=name), []) for name in dict.fromkeys(uses)]


def _transform(
    bench: Bench, runner: Runner, use: TransformUse, steps: list[str], real: Mapping[str, Moves], target: Target
) -> dict[str, Any]:
    op = op_of(bench, use)
    grown = magnitudes(op.params)
    if grown:
        kind, curve = "range", _grow(bench, runner, use, most(grown), real, target)
    elif op.module.BEHAVIOUR.fitted and op.module.BEHAVIOUR.label == "preserve":
        kind, curve = "weight", _by_weight(bench, runner, use)
    else:
        kind, curve = "on_off", {}
    if not curve:
        kind, curve = "on_off", {1.0: moves_at(bench, use, None) or {}}
    points = [
        {
            "at": at,
            "ranges": {parameter.name: parameter.range_at(at) for parameter in grown},
            **_point(moves, real, target),
        }
        for at, moves in sorted(curve.items())
    ]
    return {
        "use": use.use,
        "steps": steps,
        "kind": kind,
        "forbidden": [label for label in real if label not in classes_of(bench, use)],
        "points": points,
        "classes": _classes(points),
        "suggested": _suggested(points, grown) if kind == "range" else None,
    }


def _grow(
    bench: Bench, runner: Runner, use: TransformUse, end: float, real: Mapping[str, Moves], target: Target
) -> Curve:
    """The curve at `FACTORS` up to `end`, and some more between the last consistent magnitude and the first other."""
    factors = [*(factor for factor in FACTORS if factor < end), end]
    measured = map_shards(
        runner, f"probe {use.use}", partial(moves_at, bench, use), factors, lambda _: 1.0, "magnitudes"
    )
    curve = {at: moves for at, moves in zip(factors, measured, strict=True) if moves is not None}
    passed, failed = 0.0, next((at for at in sorted(curve) if _fails(curve[at], real, target)), None)
    if failed is None:
        return curve
    passed = max((at for at in curve if at < failed), default=0.0)
    for _ in range(HALVINGS):
        middle = (passed + failed) / 2.0
        moves = moves_at(bench, use, middle)
        if moves is None:
            break
        curve[middle] = moves
        passed, failed = (passed, middle) if _fails(moves, real, target) else (middle, failed)
    return curve


def _by_weight(bench: Bench, runner: Runner, use: TransformUse) -> Curve:
    """The curve over interpolation weights; empty where the transform has none."""
    labels = classes_of(bench, use)
    measure = partial(_of_class, bench, use)
    moves_by_label = map_shards(runner, f"probe {use.use}", measure, labels, lambda _: 1.0, "classes")
    judged_moves = {label: moves for label, moves in zip(labels, moves_by_label, strict=True) if moves is not None}
    return {
        at: {label: moves[number] for label, moves in judged_moves.items()}
        for number, at in enumerate(WEIGHTS)
        if judged_moves
    }


def _of_class(bench: Bench, use: TransformUse, label: str) -> list[Moves] | None:
    try:
        return moves_by_weight(bench, use, label, WEIGHTS)
    except DataError:  # too few rows of the class for its neighbours, or none in danger
        return None


def _fails(moves: Mapping[str, Moves], real: Mapping[str, Moves], target: Target) -> bool:
    """Whether a class, or all of them taken together, falls short of what is declared."""
    all_statuses = {*statuses(moves, real, target).values(), _overall(moves, real, target)}
    return not all_statuses.isdisjoint(SHORT)


def _overall(moves: Mapping[str, Moves], real: Mapping[str, Moves], target: Target) -> Status:
    return status(together(moves), together({label: real[label] for label in moves}), target)


def _point(moves: Mapping[str, Moves], real: Mapping[str, Moves], target: Target) -> dict[str, Any]:
    judged = statuses(moves, real, target)
    return {
        "all": {**together(moves).figures(), "status": _overall(moves, real, target)},
        "by_class": [
            {"label": label, **row_moves.figures(), "status": judged[label]} for label, row_moves in moves.items()
        ],
    }


def _classes(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Per class the magnitudes at which it is first degraded, inconsistent and unfamiliar; the lowest in front."""
    row_by_label: dict[str, dict[str, Any]] = {}
    for point in points:
        for row in point["by_class"]:
            class_row = row_by_label.setdefault(row["label"], {"label": row["label"], **dict.fromkeys(BEGINS.values())})
            class_row["too_few"] = row["status"] == "too_few"
            # An inconsistent class is degraded as well, at this magnitude or a smaller one.
            for state in ("degraded", "inconsistent") if row["status"] == "inconsistent" else (row["status"],):
                if state in BEGINS and class_row[BEGINS[state]] is None:
                    class_row[BEGINS[state]] = point["at"]
    for class_row in row_by_label.values():
        class_row["short_at"] = min(
            (class_row[key] for key in BEGINS.values() if class_row[key] is not None), default=None
        )
    never = float("inf")
    order = ("short_at", *BEGINS.values())
    return sorted(
        row_by_label.values(), key=lambda row: tuple(never if row[key] is None else row[key] for key in order)
    )


def _suggested(points: Sequence[Mapping[str, Any]], grown: Sequence[Magnitude]) -> dict[str, Any] | None:
    """The largest magnitude below which nothing falls short, as a policy writes it; None where none was found."""
    last_consistent = None
    for point in points:
        if not {point["all"]["status"], *(row["status"] for row in point["by_class"])}.isdisjoint(SHORT):
            break
        last_consistent = point
    if last_consistent is None:
        return None
    return {
        "at": last_consistent["at"],
        "params": {parameter.name: _rounded(parameter, last_consistent["at"]) for parameter in grown},
        "moved_share": last_consistent["all"]["moved_share"],
        "interval": last_consistent["all"]["interval"],
        "whole": last_consistent is points[-1],
    }


def _rounded(parameter: Magnitude, factor: float) -> Any:
    """The range with three digits of each end's distance from nothing, cut and not rounded up."""
    value = parameter.range_at(factor)
    ends = [_cut(end, parameter.nothing) for end in (value if parameter.pair else [value])]
    ends = [round(end) for end in ends] if parameter.integral else ends
    return ends if parameter.pair else ends[0]


def _cut(end: float, nothing: float) -> float:
    """`end` moved towards `nothing`, so that its distance has three significant digits."""
    distance = abs(end - nothing)
    if distance == 0.0:
        return end
    digits = 2 - math.floor(math.log10(distance))
    cut = math.floor(distance * 10.0**digits + 1e-9) / 10.0**digits
    return round(nothing + math.copysign(cut, end - nothing), max(digits, 0))
