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
    asked: RunRequest, runner: Runner, scratch: str, uses: Sequence[str] = (), rows: int = ROWS
) -> dict[str, Any]:
    """The curves as one JSON-able document. `uses`: transforms by name, in place of the policy's own.

    `scratch` is an empty folder, to be removed afterwards; nothing is published. Raises PolicyError for a name that
    is none, DataError where no class has rows enough to judge.
    """
    subjects = _by_name(asked, uses) if uses else _of_policy(asked.ctx.policy)
    if not subjects:
        raise PolicyError(
            f"{asked.loaded.display_path} has no step, so there is no transform to probe",
            "Add a step, or name transforms: `--transform image.rotate`.",
        )
    bench = Bench(run_to_verifier(asked, runner, scratch), rows)
    for use, _ in subjects:
        refuse_unfit(bench, use)
    real = real_moves(bench)
    if not together(real).judged:
        few = ", ".join(f"{label} has {moves.rows}" for label, moves in real.items())
        raise DataError(
            f"too few rows to judge any class: {few}", "The verifier needs 19 training rows of a class at least."
        )
    verifier = load_verifier(bench.rehearsed.ctx, bench.rehearsed.verifier)
    asks = asked.ctx.policy.checks.label_consistency
    target = Target(asks.min_rate, asks.max_unfamiliar_share)
    return {
        "dataset": asked.ctx.policy.dataset,
        "policy": asked.loaded.display_path,
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
    found: list[tuple[TransformUse, list[str]]] = []
    for step in policy.steps:
        for use in step.transforms:
            alone = use.model_copy(update={"invariance": None, "probability": 1.0})
            steps = next((steps for known, steps in found if known == alone), None)
            if steps is None:
                found.append((alone, [step.name]))
            elif step.name not in steps:
                steps.append(step.name)
    return found


def _by_name(asked: RunRequest, uses: Sequence[str]) -> list[tuple[TransformUse, list[str]]]:
    """Transforms with their own defaults. Raises PolicyError for unknown ones and those of another modality."""
    known = catalogue(asked.ctx.plugins)
    for name in uses:
        entry = known.find(name)
        if entry.modality != asked.ctx.policy.modality:
            raise PolicyError(
                f"{name} works on {entry.modality} data, the policy is {asked.ctx.policy.modality}",
                f"Choose from {', '.join(known.names(asked.ctx.policy.modality))}.",
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
        {"at": at, "ranges": {one.name: one.range_at(at) for one in grown}, **_point(moves, real, target)}
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
    held, failed = 0.0, next((at for at in sorted(curve) if _fails(curve[at], real, target)), None)
    if failed is None:
        return curve
    held = max((at for at in curve if at < failed), default=0.0)
    for _ in range(HALVINGS):
        middle = (held + failed) / 2.0
        moves = moves_at(bench, use, middle)
        if moves is None:
            break
        curve[middle] = moves
        held, failed = (held, middle) if _fails(moves, real, target) else (middle, failed)
    return curve


def _by_weight(bench: Bench, runner: Runner, use: TransformUse) -> Curve:
    """The curve over interpolation weights; empty where the transform has none."""
    labels = classes_of(bench, use)
    measure = partial(_of_class, bench, use)
    found = map_shards(runner, f"probe {use.use}", measure, labels, lambda _: 1.0, "classes")
    known = {label: moves for label, moves in zip(labels, found, strict=True) if moves is not None}
    return {at: {label: moves[number] for label, moves in known.items()} for number, at in enumerate(WEIGHTS) if known}


def _of_class(bench: Bench, use: TransformUse, label: str) -> list[Moves] | None:
    try:
        return moves_by_weight(bench, use, label, WEIGHTS)
    except DataError:  # too few rows of the class for its neighbours, or none in danger
        return None


def _fails(moves: Mapping[str, Moves], real: Mapping[str, Moves], target: Target) -> bool:
    """Whether a class, or all of them taken together, falls short of what is declared."""
    found = {*statuses(moves, real, target).values(), _overall(moves, real, target)}
    return not found.isdisjoint(SHORT)


def _overall(moves: Mapping[str, Moves], real: Mapping[str, Moves], target: Target) -> Status:
    return status(together(moves), together({label: real[label] for label in moves}), target)


def _point(moves: Mapping[str, Moves], real: Mapping[str, Moves], target: Target) -> dict[str, Any]:
    judged = statuses(moves, real, target)
    return {
        "all": {**together(moves).figures(), "status": _overall(moves, real, target)},
        "by_class": [{"label": label, **one.figures(), "status": judged[label]} for label, one in moves.items()],
    }


def _classes(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Per class the magnitudes at which it is first degraded, inconsistent and unfamiliar; the lowest in front."""
    found: dict[str, dict[str, Any]] = {}
    for point in points:
        for one in point["by_class"]:
            mine = found.setdefault(one["label"], {"label": one["label"], **dict.fromkeys(BEGINS.values())})
            mine["too_few"] = one["status"] == "too_few"
            # An inconsistent class is degraded as well, at this magnitude or a smaller one.
            for state in ("degraded", "inconsistent") if one["status"] == "inconsistent" else (one["status"],):
                if state in BEGINS and mine[BEGINS[state]] is None:
                    mine[BEGINS[state]] = point["at"]
    for mine in found.values():
        mine["short_at"] = min((mine[key] for key in BEGINS.values() if mine[key] is not None), default=None)
    never = float("inf")
    order = ("short_at", *BEGINS.values())
    return sorted(found.values(), key=lambda one: tuple(never if one[key] is None else one[key] for key in order))


def _suggested(points: Sequence[Mapping[str, Any]], grown: Sequence[Magnitude]) -> dict[str, Any] | None:
    """The largest magnitude below which nothing falls short, as a policy writes it; None where none was found."""
    held = None
    for point in points:
        if not {point["all"]["status"], *(one["status"] for one in point["by_class"])}.isdisjoint(SHORT):
            break
        held = point
    if held is None:
        return None
    return {
        "at": held["at"],
        "params": {one.name: _rounded(one, held["at"]) for one in grown},
        "moved_share": held["all"]["moved_share"],
        "interval": held["all"]["interval"],
        "whole": held is points[-1],
    }


def _rounded(one: Magnitude, factor: float) -> Any:
    """The range with three digits of each end's distance from nothing, cut and not rounded up."""
    value = one.range_at(factor)
    ends = [_cut(end, one.nothing) for end in (value if one.pair else [value])]
    ends = [round(end) for end in ends] if one.integral else ends
    return ends if one.pair else ends[0]


def _cut(end: float, nothing: float) -> float:
    """`end` moved towards `nothing`, so that its distance has three significant digits."""
    apart = abs(end - nothing)
    if apart == 0.0:
        return end
    digits = 2 - math.floor(math.log10(apart))
    cut = math.floor(apart * 10.0**digits + 1e-9) / 10.0**digits
    return round(nothing + math.copysign(cut, end - nothing), max(digits, 0))
