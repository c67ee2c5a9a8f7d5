"""Verify: score every child - is its family right, could its label be wrong, is it a copy - and judge nothing yet."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.rows.identity import words_of
from augmill.tasks.rows.provenance import LABEL_WEIGHTS, OPS, PARENT_IDS, SAMPLE_ID
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.components import mixing_in, modality_of, modality_part, ops_of, verifier_of
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import ChildShard, Described
from augmill.tasks.runs.map_shards import map_shards
from augmill.tasks.runs.row_index import label_text
from augmill.tasks.runs.run import Run
from augmill.tasks.stages.augment import step_named
from augmill.tasks.stages.fit import FitResult
from augmill.tasks.stages.fit_verifier import groups_of, keep_sample, load_verifier
from augmill.tasks.storage.store import Store
from augmill.tasks.transforms.transform_contract import Behaviour
from augmill.tasks.verifiers import distribution, parentage
from augmill.tasks.verifiers.distribution import SAMPLE, Contents
from augmill.tasks.verifiers.label_rules import LabelRules

USE = re.compile(r'"use":"([a-z0-9_.]+)"')


@dataclass(frozen=True)
class ScoredShard(Described):
    """The object that holds the score columns of one shard of children, row for row."""

    name: str
    shard: str
    rows: int


@dataclass(frozen=True)
class ScoreResult:
    """Scores of all children, the verifier they were scored by (None: no classes to tell apart), and real rows."""

    shards: tuple[ScoredShard, ...]
    children: tuple[ChildShard, ...]
    verifier: str | None
    likeness: str

    @property
    def rows(self) -> int:
        """Children scored."""
        return sum(shard.rows for shard in self.shards)


@dataclass(frozen=True)
class VerifyItem:
    """One shard of children, and how many its step and class have in all: that sets the share that is sampled."""

    shard: ChildShard
    siblings: int
    verifier: str | None
    likeness: str
    description: str

    @property
    def name(self) -> str:
        """What messages call this piece of work."""
        return self.shard.name


def verify(run: Run, fitted: FitResult, children: Sequence[ChildShard]) -> ScoreResult:
    """Score every child against the real rows it came from and the verifier that never saw them."""
    with run.stage("verify") as figures:
        scored = score_children(run.ctx, run.runner, fitted, children)
        figures["rows"] = scored.rows
        return scored


def score_children(ctx: Context, runner: Runner, fitted: FitResult, children: Sequence[ChildShard]) -> ScoreResult:
    """Score all children, shard by shard, with the verifier that was fitted on real training rows."""
    siblings: dict[tuple[str, str], int] = {}
    for shard in children:
        siblings[shard.step, shard.label] = siblings.get((shard.step, shard.label), 0) + shard.rows
    items = [
        VerifyItem(shard, siblings[shard.step, shard.label], fitted.verifier, fitted.likeness, fitted.description)
        for shard in children
    ]
    shards = map_shards(runner, "verify", partial(verify_shard, ctx), items, weight=lambda item: item.shard.rows)
    return ScoreResult(tuple(shards), tuple(children), fitted.verifier, fitted.likeness)


def verify_shard(ctx: Context, item: VerifyItem) -> ScoredShard:
    """Worker: the score columns of one shard of children, and the features of a sample of them."""
    policy = ctx.policy
    steps = policy.model_dump(mode="json", include={"steps": {"__all__": {"name", "transforms"}}})
    code = ctx.code_version(verify_shard, verifier_of(ctx), modality_part(ctx))
    name = f"scores/{hash_of(code, item.shard.name, item.siblings, item.verifier, item.likeness, steps)}"

    def make() -> ScoredShard:
        rows = ctx.work.read_table(f"{item.shard.name}.parquet")
        description = json.loads(ctx.work.read(f"{item.description}.json"))
        scores = _structure(ctx, rows, item.likeness)
        scores = _add(scores, _likeness(ctx, rows, description, item))
        if item.verifier is not None:
            features = modality_of(ctx).features(description, rows)
            scores = _add(scores, judge_labels(ctx, rows, features, item.verifier, item.likeness))
            _sample(ctx, name, rows, features, item.siblings)
        # Not the shard's class, which is that of the parents: a transform may have remapped the label.
        columns = {"transform": _fired(ctx, rows, item.shard.step), "label": label_text(rows, ctx.policy.label)}
        table = pa.table({SAMPLE_ID: rows[SAMPLE_ID], **columns})
        ctx.work.write_table(f"{name}.parquet", _add(table, scores))
        return ScoredShard(name, item.shard.name, rows.num_rows)

    return ctx.once(ScoredShard, name, make)


def promises(ctx: Context) -> dict[str, Behaviour]:
    """What each step's chain does to labels."""
    return {
        step.name: parentage.promise_of([op.module.BEHAVIOUR for op in ops_of(ctx, step)]) for step in ctx.policy.steps
    }


def _structure(ctx: Context, rows: pa.Table, likeness: str) -> pa.Table:
    declared = {step.name: LabelRules(step.transforms, mixing_in(ctx, step)) for step in ctx.policy.steps}
    return parentage.structure(rows, real_index(ctx.work, likeness), promises(ctx), ctx.policy.label, declared)


@lru_cache(maxsize=2)
def real_index(store: Store, likeness: str) -> parentage.RealIndex:
    """All real rows of the version to be."""
    table = store.read_table(f"{likeness}.parquet", columns=["sample_id", "split", "label"]).combine_chunks()
    return parentage.RealIndex(*(table[name].combine_chunks() for name in ("sample_id", "split", "label")))


@lru_cache(maxsize=2)
def _looks(store: Store, likeness: str) -> tuple[Contents, Contents]:
    """What all real rows look like, and what those outside training do."""
    table = store.read_table(f"{likeness}.parquet", columns=["look0", "look1", "split"])
    words = np.stack([table["look0"].to_numpy(), table["look1"].to_numpy()], axis=1)
    held_out = np.asarray(pc.not_equal(table["split"], "train").combine_chunks())
    return Contents(words), Contents(words[held_out])


def _likeness(ctx: Context, rows: pa.Table, description: dict[str, Any], item: VerifyItem) -> pa.Table:
    modality = modality_of(ctx)
    real, held_out = _looks(ctx.work, item.likeness)
    own = modality.appearance(ctx.policy, rows)
    copies_allowed = any(op.module.BEHAVIOUR.copies for op in ops_of(ctx, step_named(ctx, item.shard.step)))
    copied = real.hold(own)
    return pa.table(
        {
            "not_a_held_out_row": pa.array(~held_out.hold(own)),
            "looks_real": pa.array(copied),
            "copy": pa.array(copied & (not copies_allowed)),
            "in_range": pa.array(distribution.in_range(rows, modality.bounds(description))),
        }
    )


def judge_labels(ctx: Context, rows: pa.Table, features: NDArray[np.float64], verifier: str, likeness: str) -> pa.Table:
    """How the verifier judges the labels of children, each by a model that has seen none of its parents."""
    judge = load_verifier(ctx, verifier)
    weights = rows[LABEL_WEIGHTS].combine_chunks()
    parents = rows[PARENT_IDS].combine_chunks()
    groups = groups_of(ctx, likeness, parents.flatten())
    if groups is not None:
        parents = pa.ListArray.from_arrays(parents.offsets, groups)
    return judge.judge(features, label_text(rows, ctx.policy.label), parents, weights)


def _sample(ctx: Context, name: str, rows: pa.Table, features: NDArray[np.float64], siblings: int) -> None:
    """Keep the features of the children with the lowest ids: ids are hashes, so that is a random sample."""
    limit = np.uint64(min(1.0, SAMPLE / siblings) * float(2**64 - 2**11))
    chosen = words_of(rows[SAMPLE_ID])[:, 0] <= limit
    labels = label_text(rows, ctx.policy.label).to_pylist()
    keep_sample(ctx, name, features[chosen], [label for label, keep in zip(labels, chosen, strict=True) if keep])


def _fired(ctx: Context, rows: pa.Table, step: str) -> pa.Array:
    """Which transforms made each child, joined by +."""
    chain = ops_of(ctx, step_named(ctx, step))
    if len(chain) == 1:
        return pa.repeat(chain[0].use, rows.num_rows)
    return pa.array(["+".join(USE.findall(text)) for text in rows[OPS].to_pylist()], pa.string())


def _add(table: pa.Table, more: pa.Table) -> pa.Table:
    for name in more.column_names:
        table = table.append_column(name, more[name])
    return table
