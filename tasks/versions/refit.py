"""Fit again: children that a sampler drew all at once are made again from the training rows, as they were at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.policies.errors import DataError
from augmill.tasks.modalities.modality_contract import ChildSpecs
from augmill.tasks.rows.arrays import packed
from augmill.tasks.rows.hashing import digest_of, hash_of
from augmill.tasks.rows.identity import words_of
from augmill.tasks.runs.components import modality_of, ops_of
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import FittedStep
from augmill.tasks.runs.row_pool import open_pool, places_of
from augmill.tasks.stages.augment import relabelled, step_named
from augmill.tasks.stages.fit import FitItem, cut_pool, learn, looks_at_all, origin_of, read_state, state_digest

I64 = NDArray[np.int64]


def refitted_children(
    ctx: Context, recipe: Mapping[str, Any], index: str, bases: pa.Array, copies: I64, seeds: I64
) -> pa.Table:
    """Children of one recipe by the ids of their bases, which copy each is, and its seed, as `children` made them.

    `index` names who is where among the training rows. Raises DataError where fitting again does not give what it
    gave at first, because a training row has gone since, or a library is another one.
    """
    fitted = _fit_again(ctx, recipe, index)
    pool, places, load = open_pool(ctx, fitted)
    step = step_named(ctx, fitted.step)
    at = pc.index_in(bases, places["sample_id"].combine_chunks()).to_numpy().astype(np.int64)
    # A copy is -1 where a seed was tampered with: its child has another id, and so is told apart whatever it holds.
    births = ChildSpecs(at, np.maximum(copies, 0), seeds)
    state = read_state(ctx.work, fitted)
    children = modality_of(ctx).children(ops_of(ctx, step), recipe["description"], pool, state, births, load)
    return relabelled(ctx, step, children, pool)


def _fit_again(ctx: Context, recipe: Mapping[str, Any], index: str) -> FittedStep:
    """The step of a recipe for its class, fitted on the same rows for as many children; kept in the scratch folder."""
    step = step_named(ctx, recipe["step"])
    ops = ops_of(ctx, step)
    name = f"refit/{hash_of(recipe, index)}"

    def make() -> FittedStep:
        everyone = places_of(ctx.work, index)
        files, classes = (tuple(pc.unique(everyone[column]).to_pylist()) for column in ("file", "label"))
        item = FitItem(step, recipe["label"], recipe["count"], "", index, files, classes)
        own, pool = cut_pool(ctx, item, looks_at_all(ops))
        places = places_of(ctx.work, own)
        if digest_of(words_of(places["sample_id"])) != recipe["pool"]:
            raise DataError(
                f"step {step.name!r} was fitted on other training rows than this version has",
                "Publish it again: the next run fits it on the rows there are.",
            )
        state = learn(ctx, item, ops, recipe["description"], places, pool)
        if state_digest(state) != recipe["state"]:
            raise DataError(
                f"fitting step {step.name!r} again on the same rows gives other children",
                "Rebuild with the libraries and on the kind of processor that the version's record names.",
            )
        ctx.work.write(f"{name}.npz", packed(state))
        return FittedStep(step.name, item.label, item.count, "", f"{name}.npz", own, pool, origin_of(ops))

    return ctx.once(FittedStep, name, make)
