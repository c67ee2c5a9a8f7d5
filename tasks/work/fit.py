"""Fit: learn, once and from real training rows only, what the steps need to make children."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from policies.errors import DataError, Finding
from policies.schema import Step
from tasks.modalities.contract import Arrays, Op, PoolIndex
from tasks.rows.arrays import packed, unpacked
from tasks.rows.hashing import digest_of, hash_of
from tasks.rows.identity import by_id, words_of
from tasks.rows.provenance import AUGMENTED, SAMPLE_ID, SYNTHETIC
from tasks.runners.contract import Runner
from tasks.storage.store import Store
from tasks.work.context import Context
from tasks.work.descriptors import DataFile, FittedStep
from tasks.work.index import label_text
from tasks.work.parts import modality_code, modality_of, ops_of, transform_code
from tasks.work.pool import by_file, gather, same_label, user_columns
from tasks.work.shards import each

DESCRIBE_ROWS = 65_536


@dataclass(frozen=True)
class Surveyed:
    """The training rows: their figures, who is where, their files, and how many there are of each class."""

    description: str
    index: str
    paths: tuple[str, ...]
    real: Mapping[str, int]


@dataclass(frozen=True)
class Fitted:
    """What augment needs: figures of the data, one entry per step and class, and the amounts planned.

    `lint`: what the policy's rules found worth a look, now that the data are known.
    """

    description: str
    index: str
    steps: tuple[FittedStep, ...]
    real: Mapping[str, int]
    planned: Mapping[str, Mapping[str, int]]
    verifier: str | None = None
    likeness: str = ""
    lint: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class FitItem:
    """One step for one class, to be fitted in a worker, which may use so many threads for it."""

    step: Step
    label: str
    count: int
    description: str
    index: str
    files: tuple[str, ...]
    threads: int = 1

    @property
    def name(self) -> str:
        """What messages call this piece of work."""
        return f"{self.step.name}/{self.label}"


def survey(ctx: Context, real: Sequence[DataFile]) -> Surveyed:
    """Count and describe the training rows. Raises DataError where there are none, or one class only."""
    train = [file for file in real if file.split == "train"]
    if not train:
        raise DataError("no row is left for training", "Check the source, the suite and the split fractions.")
    paths = tuple(file.path for file in train)
    index = write_index(ctx, train)
    counts = Counter[str]()
    for file in train:
        counts.update(file.labels)
    if ctx.policy.label and len(counts) < 2:
        raise DataError(
            f"the label column {ctx.policy.label!r} has one class only: {', '.join(counts)}",
            "Check the column and the source; without two classes there is nothing to balance or to verify.",
        )
    return Surveyed(describe(ctx, paths), index, paths, dict(sorted(counts.items())))


def fit(ctx: Context, runner: Runner, surveyed: Surveyed, amounts: Mapping[str, Mapping[str, int]]) -> Fitted:
    """Fit every step for every class it makes children of, as many as `amounts` says."""
    refuse_unfit(ctx, read_description(ctx, surveyed))
    items = [
        FitItem(step, label, count, surveyed.description, surveyed.index, surveyed.paths)
        for step in ctx.policy.steps
        for label, count in amounts[step.name].items()
    ]
    # Fewer pieces than workers: those who would have nothing to do lend a hand. No answer depends on threads.
    threads = runner.workers // len(items) if items else 1
    items = [replace(item, threads=max(1, threads)) for item in items]
    steps = each(runner, "fit", partial(fit_step, ctx), items, weight=lambda item: surveyed.real[item.label])
    return Fitted(surveyed.description, surveyed.index, tuple(steps), surveyed.real, amounts)


def read_description(ctx: Context, surveyed: Surveyed) -> dict[str, Any]:
    """The figures of the training rows."""
    return dict(json.loads(ctx.work.read(f"{surveyed.description}.json")))


def write_index(ctx: Context, files: Sequence[DataFile]) -> str:
    """Keep who is where in the given real files, sorted by id; returns the object's name."""
    name = f"index/{hash_of([file.path for file in files], ctx.policy.label)}"
    if not ctx.work.exists(f"{name}.parquet"):
        parts = []
        columns = [SAMPLE_ID, *([ctx.policy.label] if ctx.policy.label else [])]
        for file in files:
            table = ctx.table.read_table(file.path, columns=columns)
            rows = table.num_rows
            parts.append(
                pa.table(
                    {
                        "sample_id": table[SAMPLE_ID],
                        "label": label_text(table, ctx.policy.label),
                        "split": pa.repeat(file.split, rows),
                        "file": pa.repeat(file.path, rows),
                        "row": pa.array(np.arange(rows)),
                    }
                )
            )
        ctx.work.write_table(f"{name}.parquet", by_id(pa.concat_tables(parts), "sample_id"))
    return name


def describe(ctx: Context, paths: Sequence[str]) -> str:
    """Keep the figures of the training rows that transforms need; returns the document's name."""
    modality = modality_of(ctx)
    policy = ctx.policy
    asked = [policy.label, policy.key, list(policy.ignore), policy.split.group, policy.split.column]
    name = f"describe/{hash_of(list(paths), asked, modality_code(ctx), ctx.fingerprint)}"

    def batches() -> Iterator[pa.Table]:
        for path in paths:
            for batch in ctx.table.batches(path, batch_rows=DESCRIBE_ROWS):
                yield user_columns(pa.Table.from_batches([batch]))

    ctx.once_json(name, lambda: modality.describe(policy, batches()))
    return name


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
    whole = any(op.module.BEHAVIOUR.pool == "train" for op in ops)
    modality = modality_of(ctx)
    asked = [item.step.model_dump(mode="json", exclude={"amount"}), ctx.policy.seed]
    made_from = [item.index, item.description, transform_code(ctx, item.step), ctx.fingerprint]
    name = f"fit/{hash_of(asked, item.label, whole, made_from)}"

    def make() -> FittedStep:
        from threadpoolctl import threadpool_limits

        index, pool = _cut(ctx, item, whole)
        places = ctx.work.read_table(f"{index}.parquet")
        who = PoolIndex(places["sample_id"].to_pylist(), places["label"].to_pylist(), item.label)
        rows = ctx.work.read_table(f"{pool}.parquet") if pool else None
        load = (lambda wanted: rows.take(pa.array(wanted))) if rows is not None else by_file(ctx.table, places)
        if hasattr(modality, "warm"):
            modality.warm(ops)  # a library that is not loaded yet would not hear of its threads
        with threadpool_limits(item.threads, user_api="openmp"):
            state = modality.fit(ops, description, who, load)
        digest = digest_of(*[state[key] for key in sorted(state)])
        depends = any(op.module.BEHAVIOUR.fitted or op.module.BEHAVIOUR.label == "mix" for op in ops)
        # Who is in the pool, not where: the same rows in other files have the same children.
        members = digest_of(words_of(places["sample_id"])) if depends else ""
        recipe = _recipe(ctx, item, description, digest if depends else "", members)
        ctx.work.write(f"{name}.npz", packed(state))
        return FittedStep(item.step.name, item.label, 0, recipe, f"{name}.npz", index, pool, origin_of(ops))

    fitted = ctx.once(FittedStep, name, make)
    return FittedStep(**{**fitted.to_json(), "count": item.count})


def origin_of(ops: Sequence[Op]) -> str:
    """Rows of a chain are synthetic as soon as one transform of it invents values from several rows."""
    return SYNTHETIC if any(op.module.BEHAVIOUR.origin == SYNTHETIC for op in ops) else AUGMENTED


def read_state(work: Store, fitted: FittedStep) -> Arrays:
    """What `fit_step` kept, without pickle."""
    return unpacked(work.read(fitted.state))


def _cut(ctx: Context, item: FitItem, whole: bool) -> tuple[str, str | None]:
    """Names of the pool's index and, where the modality works on copies of rows, of the rows themselves."""
    only = None if whole else item.label
    index = item.index
    if only is not None and ctx.policy.label:
        index = f"index/{hash_of(item.index, only)}"
        if not ctx.work.exists(f"{index}.parquet"):
            places = ctx.work.read_table(f"{item.index}.parquet")
            keep = np.asarray(places["label"].to_pylist(), dtype=object) == only
            ctx.work.write_table(f"{index}.parquet", places.filter(pa.array(keep)))
    if not modality_of(ctx).POOLED:
        return index, None
    pool = f"pool/{hash_of(list(item.files), only, ctx.policy.label)}"
    if not ctx.work.exists(f"{pool}.parquet"):
        keep_rows = same_label(only, ctx.policy.label) if only is not None else None
        ctx.work.write_table(f"{pool}.parquet", gather(ctx.table, item.files, keep_rows))
    return index, pool


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
    name = hash_of(recipe)
    ctx.objects.write(f"recipes/{name}.json", json.dumps(recipe, sort_keys=True).encode())
    return name
