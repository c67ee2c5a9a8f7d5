"""Fit: learn, once and from real training rows only, what the steps need to make children."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.policies.errors import DataError, Finding
from augmill.policies.schema import Step
from augmill.tasks.modalities.modality_contract import Arrays, Op, PoolIndex
from augmill.tasks.rows.arrays import packed, unpacked
from augmill.tasks.rows.hashing import digest_of, hash_of
from augmill.tasks.rows.identity import words_of
from augmill.tasks.rows.provenance import AUGMENTED, SYNTHETIC
from augmill.tasks.rows.randomness import word_of
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.components import is_joint, mixing_in, modality_of, ops_of, transform_code
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import FittedStep
from augmill.tasks.runs.map_shards import map_shards
from augmill.tasks.runs.row_pool import by_file, gather, of_labels
from augmill.tasks.runs.run import Run
from augmill.tasks.stages.fit_verifier import VerifierItem, fit_verifier, verifier_item
from augmill.tasks.stages.lint_facts import resolve_amounts
from augmill.tasks.stages.production_sample import refuse_other_columns
from augmill.tasks.stages.profile import Profile, profile_rows, read_description
from augmill.tasks.stages.split import RealRows
from augmill.tasks.storage.store import Store
from augmill.tasks.verifiers.label_rules import LabelRules


@dataclass(frozen=True)
class FitResult:
    """What augment and verify need: the survey, one entry per step and class, the amounts planned, the verifier.

    `verifier` is None where there are no classes to tell apart. `lint`: what the policy's rules found worth a look,
    now that the data are known.
    """

    surveyed: Profile
    steps: tuple[FittedStep, ...]
    planned: Mapping[str, Mapping[str, int]]
    verifier: str | None = None
    lint: tuple[Finding, ...] = ()

    @property
    def description(self) -> str:
        """The name of the training rows' figures."""
        return self.surveyed.description

    @property
    def index(self) -> str:
        """The name of the table that says which training row is where."""
        return self.surveyed.index

    @property
    def likeness(self) -> str:
        """The name of the table of all real rows."""
        return self.surveyed.likeness

    @property
    def real(self) -> Mapping[str, int]:
        """Real training rows per class."""
        return self.surveyed.real


@dataclass(frozen=True)
class FitItem:
    """One step for one class, to be fitted in a worker, which may use so many threads for it."""

    step: Step
    label: str
    count: int
    description: str
    index: str
    files: tuple[str, ...]
    classes: tuple[str, ...]
    threads: int = 1

    @property
    def name(self) -> str:
        """What messages call this piece of work."""
        return f"{self.step.name}/{self.label}"


def fit(run: Run, real: RealRows) -> FitResult:
    """Describe the training rows, plan the amounts, judge the policy by both, fit every step and the verifier."""
    with run.stage("fit") as figures:
        profile = profile_rows(run.ctx, run.runner, real.files)
        production = run.request.production
        run.require(lambda: refuse_other_columns(run.ctx, run.runner, production, real.types, profile.description))
        plan_amounts = run.plan_amounts or partial(resolve_amounts, run.request)
        amounts, warnings = plan_amounts(real, profile)
        fitted = replace(fit_steps(run.ctx, run.runner, profile, amounts), lint=tuple(warnings))
        figures["planned"] = sum(step.count for step in fitted.steps)
        return fitted


def fit_steps(ctx: Context, runner: Runner, surveyed: Profile, amounts: Mapping[str, Mapping[str, int]]) -> FitResult:
    """Fit every step for every class it makes children of, as many as `amounts` says, and the verifier."""
    refuse_unfit(ctx, read_description(ctx, surveyed))
    items = [
        FitItem(step, label, count, surveyed.description, surveyed.index, surveyed.paths, tuple(surveyed.real))
        for step in ctx.policy.steps
        for label, count in amounts[step.name].items()
    ]
    # Fewer pieces than workers: those who would have nothing to do lend a hand. No answer depends on threads.
    threads = runner.workers // len(items) if items else 1
    work: list[FitItem | VerifierItem] = [replace(item, threads=max(1, threads)) for item in items]
    judge = verifier_item(ctx, surveyed)
    fitted_items = map_shards(
        runner, "fit", partial(_fit_one, ctx), [*work, *([judge] if judge else [])], weight=_rows(surveyed)
    )
    verifier = fitted_items.pop() if judge else None
    return FitResult(surveyed, tuple(fitted_items), amounts, verifier)


def _fit_one(ctx: Context, item: FitItem | VerifierItem) -> Any:
    """Worker: a fitted step, or the name of the verifier."""
    return fit_verifier(ctx, item) if isinstance(item, VerifierItem) else fit_step(ctx, item)


def _rows(surveyed: Profile) -> Callable[[FitItem | VerifierItem], float]:
    return lambda item: item.rows if isinstance(item, VerifierItem) else surveyed.real[item.label]


def refuse_unfit(ctx: Context, description: Mapping[str, Any]) -> None:
    """Raise one DataError naming every transform that cannot take this data, before any child is made."""
    modality = modality_of(ctx)
    faults = [
        f"steps[{step.name}] {op.use}: {sentence}"
        for step in ctx.policy.steps
        for op in ops_of(ctx, step)
        for sentence in modality.refusals(op, description)
    ]
    if faults:
        raise DataError("\n".join(faults), "Change these steps, or the data they are given.", {"refusals": faults})


def fit_step(ctx: Context, item: FitItem) -> FittedStep:
    """Worker: cut the pool, fit the chain's first transform on it, and name what was learned."""
    description = json.loads(ctx.work.read(f"{item.description}.json"))
    ops = ops_of(ctx, item.step)
    uses_all_rows = looks_at_all(ops)
    identity = [item.step.model_dump(mode="json", exclude={"amount"}), ctx.policy.seed]
    if is_joint(ops):
        identity.append(item.count)
    code = [transform_code(ctx, item.step), ctx.code_version(fit_step)]
    made_from = [item.index, item.description, code, ctx.fingerprint]
    name = f"fit/{hash_of(identity, item.label, uses_all_rows, made_from)}"

    def make() -> FittedStep:
        index, pool = cut_pool(ctx, item, uses_all_rows)
        places = ctx.work.read_table(f"{index}.parquet")
        state = learn(ctx, item, ops, description, places, pool)
        digest = state_digest(state)
        depends = any(op.module.BEHAVIOUR.fitted or op.module.BEHAVIOUR.label == "mix" for op in ops)
        # Who is in the pool, not where: the same rows in other files have the same children.
        members = digest_of(words_of(places["sample_id"])) if depends else ""
        recipe = _recipe(ctx, item, description, digest if depends else "", members)
        ctx.work.write(f"{name}.npz", packed(state))
        return FittedStep(item.step.name, item.label, 0, recipe, f"{name}.npz", index, pool, origin_of(ops))

    fitted = ctx.once(FittedStep, name, make)
    # A sampler may have made fewer rows than planned; the others are reported, not made up for.
    count = min(item.count, int(read_state(ctx.work, fitted)["weights"].sum())) if is_joint(ops) else item.count
    return FittedStep(**{**fitted.to_json(), "count": count})


def learn(
    ctx: Context, item: FitItem, ops: Sequence[Op], description: Mapping[str, Any], places: pa.Table, pool: str | None
) -> Arrays:
    """What the chain learns from the pool whose rows `places` names, and which may be kept under the name `pool`."""
    from threadpoolctl import threadpool_limits

    modality = modality_of(ctx)
    seed = int(word_of("joint", ctx.policy.seed, item.step.name, item.label) >> np.uint64(1))
    ids, labels = places["sample_id"].to_pylist(), places["label"].to_pylist()
    who = PoolIndex(ids, labels, item.label, item.count, seed)
    rows = ctx.work.read_table(f"{pool}.parquet") if pool else None
    load = (
        (lambda places_to_load: rows.take(pa.array(places_to_load))) if rows is not None else by_file(ctx.table, places)
    )
    if hasattr(modality, "warm"):
        modality.warm(ops)  # a library that is not loaded yet would not hear of its threads
    with threadpool_limits(item.threads, user_api="openmp"):
        return modality.fit(ops, description, who, load)  # type: ignore[no-any-return]


def state_digest(state: Arrays) -> str:
    """What stands for a fitted state in a recipe."""
    return digest_of(*[state[key] for key in sorted(state)])


def looks_at_all(ops: Sequence[Op]) -> bool:
    """Whether the chain looks at all training rows, not only at those of the class."""
    return any(op.module.BEHAVIOUR.pool == "train" for op in ops)


def origin_of(ops: Sequence[Op]) -> str:
    """Rows of a chain are synthetic as soon as one transform of it invents values from several rows."""
    return SYNTHETIC if any(op.module.BEHAVIOUR.origin == SYNTHETIC for op in ops) else AUGMENTED


def read_state(work: Store, fitted: FittedStep) -> Arrays:
    """What `fit_step` kept, without pickle."""
    return unpacked(work.read(fitted.state))


def cut_pool(ctx: Context, item: FitItem, uses_all_rows: bool) -> tuple[str, str | None]:
    """Names of the pool's index and, where the modality works on copies of rows, of the rows themselves."""
    only = _only(ctx, item, uses_all_rows)
    index = item.index
    if only is not None and ctx.policy.label:
        index = f"index/{hash_of(item.index, only)}"
        if not ctx.work.exists(f"{index}.parquet"):
            places = ctx.work.read_table(f"{item.index}.parquet")
            keep = pc.is_in(places["label"], pa.array(only, pa.string()))
            ctx.work.write_table(f"{index}.parquet", places.filter(keep))
    if not modality_of(ctx).POOLED:
        return index, None
    pool = f"pool/{hash_of(list(item.files), only, ctx.policy.label)}"
    if not ctx.work.exists(f"{pool}.parquet"):
        keep_rows = of_labels(only, ctx.policy.label) if only is not None else None
        ctx.work.write_table(f"{pool}.parquet", gather(ctx.table, item.files, keep_rows))
    return index, pool


def _only(ctx: Context, item: FitItem, uses_all_rows: bool) -> list[str] | None:
    """The classes whose rows the step may use for this one; None if all. A partner, too, must not be forbidden."""
    if not uses_all_rows:
        return [item.label]
    mixing = mixing_in(ctx, item.step)
    rules = LabelRules(item.step.transforms, mixing)
    if mixing is None or all(rules.allows(label) for label in item.classes):
        return None
    return [label for label in item.classes if rules.allows(label)]


def _recipe(ctx: Context, item: FitItem, description: Mapping[str, Any], state: str, pool: str) -> str:
    """Keep everything that decides a child of this step and class, and name it by its hash."""
    recipe = {
        "step": item.step.name,
        "label": item.label,
        "seed": ctx.policy.seed,
        "transforms": [use.model_dump(mode="json", exclude={"invariance"}) for use in item.step.transforms],
        "code": transform_code(ctx, item.step),
        "fingerprint": ctx.fingerprint,
        "description": description if modality_of(ctx).POOLED else None,
        "state": state,
        "pool": pool,
    }
    if is_joint(ops_of(ctx, item.step)):
        recipe["count"] = item.count
    name = hash_of(recipe)
    ctx.objects.write(f"recipes/{name}.json", json.dumps(recipe, sort_keys=True).encode())
    return name
