"""Held-out real rows on a bench: one transform, at one magnitude, and what the verifier makes of it.

The rows are training rows, each judged by a model of the verifier that has not seen it, nor any row of its group.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.policies.errors import DataError
from augmill.policies.label_transitions import fates
from augmill.policies.schema import TransformUse
from augmill.tasks.dry_runs.dry_run import DryRun
from augmill.tasks.modalities.modality_contract import Arrays, ChildSpecs, Op, PoolIndex, Recorded
from augmill.tasks.rows.identity import words_of
from augmill.tasks.rows.label_remap import relabel
from augmill.tasks.rows.provenance import LABEL_WEIGHTS, OPS, PARENT_IDS, SAMPLE_ID, WEIGHTS_TYPE
from augmill.tasks.rows.randomness import child_seeds, integers, word_of
from augmill.tasks.runs.components import catalogue, modality_of
from augmill.tasks.runs.row_pool import by_file, places_of
from augmill.tasks.stages.verify import judge_labels
from augmill.tasks.transforms.magnitudes import magnitudes, pinned
from augmill.tasks.transforms.transform_contract import Parameters
from augmill.tasks.verifiers.label_shift import Moves, count

I64 = NDArray[np.int64]
FEWEST, MOST = 20, 4_000
"""Rows of a class that are kept however many classes there are, and rows of all classes at one magnitude."""


@dataclass(frozen=True)
class Bench:
    """What every measurement needs. `per_class`: rows of each class that are changed and judged."""

    rehearsed: DryRun
    per_class: int

    @cached_property
    def description(self) -> dict[str, Any]:
        """The figures of the training rows."""
        return dict(json.loads(self.rehearsed.ctx.work.read(f"{self.rehearsed.surveyed.description}.json")))

    @cached_property
    def places(self) -> pa.Table:
        """Who of the training rows is where, sorted by id."""
        return places_of(self.rehearsed.ctx.work, self.rehearsed.surveyed.index)

    def of_class(self, label: str, allowed: I64 | None = None) -> I64:
        """The rows of a class with the lowest ids, which are hashes: a random sample, and always the same."""
        labels = self.places["label"].combine_chunks()
        rows = np.flatnonzero(pc.equal(labels, label).to_numpy(zero_copy_only=False))
        rows = rows if allowed is None else rows[np.isin(rows, allowed)]
        return rows[: min(self.per_class, max(FEWEST, MOST // len(self.rehearsed.surveyed.real)))]


def real_moves(bench: Bench) -> dict[str, Moves]:
    """The noise floor: how often the verifier contradicts the rows as they are."""
    rows = np.concatenate([bench.of_class(label) for label in bench.rehearsed.surveyed.real])
    table = by_file(bench.rehearsed.ctx.table, bench.places)(rows)
    parents = pa.array([[name] for name in table[SAMPLE_ID].to_pylist()], pa.list_(pa.string()))
    table = table.append_column(PARENT_IDS, parents)
    table = table.append_column(LABEL_WEIGHTS, pa.nulls(table.num_rows, WEIGHTS_TYPE))
    return _judged(bench, table, bench.places["label"].take(pa.array(rows)).combine_chunks())


def moves_at(bench: Bench, use: TransformUse, factor: float | None) -> dict[str, Moves] | None:
    """Per class what the verifier makes of rows changed by a transform whose magnitudes stand `factor` times as far
    from nothing as in the policy; with None as the policy has it. None where the transform takes no such values."""
    op = op_of(bench, use)
    variants: list[Parameters | None] = [op.params]
    if factor is not None:
        variants = list(pinned(op.params, magnitudes(op.params), factor))
    if any(params is None for params in variants):
        return None
    moves_by_label: dict[str, Moves] = {}
    ready = [replace(op, params=params) for params in variants if params is not None]
    for children, labels in _variants(bench, use, ready):
        for label, moves in _judged(bench, children, labels).items():
            moves_by_label[label] = moves_by_label.get(label, Moves()) + moves
    return moves_by_label


def moves_by_weight(bench: Bench, use: TransformUse, label: str, weights: tuple[float, ...]) -> list[Moves] | None:
    """For one class: rows moved towards their partner by each of `weights`, made again from their own records.

    None where the transform records no weight: then it has no magnitude.
    """
    op = op_of(bench, use)
    pool, load, births, state = _class_pool(bench, use, op, label)
    modality = modality_of(bench.rehearsed.ctx)
    children = modality.children([op], bench.description, pool, state, births, load)
    ops = [json.loads(text) for text in children[OPS].to_pylist()]
    if not ops or "weight" not in ops[0][0]["drawn"]:
        return None
    names = children[PARENT_IDS].to_pylist()
    place = {name: row for row, name in enumerate(pool.ids)}
    parents = [[place[name] for name in family] for family in names]
    moves = []
    for weight in weights:
        for record in ops:
            record[0]["drawn"]["weight"] = weight
        recorded = Recorded(parents, births.seeds, [json.dumps(record) for record in ops])
        rows = load(np.arange(len(pool.ids)))
        moved = modality.rebuild([op], bench.description, rows, pool, recorded)
        moves.append(_judged(bench, _relabelled(bench, use, moved), pa.array([label] * len(parents)))[label])
    return moves


def op_of(bench: Bench, use: TransformUse) -> Op:
    """The transform, ready to use on every row."""
    entry = catalogue(bench.rehearsed.ctx.plugins).find(use.use)
    return Op(use.use, entry.module, entry.parameters(use.params), 1.0)


def classes_of(bench: Bench, use: TransformUse) -> list[str]:
    """The classes that the transform may be applied to."""
    return [label for label in bench.rehearsed.surveyed.real if fates([use], label)]


def _variants(bench: Bench, use: TransformUse, ops: list[Op]) -> Iterator[tuple[pa.Table, pa.Array]]:
    """Changed rows with the class each was of; with several ops each row is changed by one that its seed names."""
    modality = modality_of(bench.rehearsed.ctx)
    if ops[0].module.BEHAVIOUR.fitted:
        for label in classes_of(bench, use):
            pool, load, births, state = _class_pool(bench, use, ops[0], label)
            children = modality.children(ops[:1], bench.description, pool, state, births, load)
            yield _relabelled(bench, use, children), pa.array([label] * children.num_rows)
        return
    rows = np.concatenate([bench.of_class(label) for label in classes_of(bench, use)])
    seeds = _seeds(bench, use, bench.places, rows)
    labels = bench.places["label"].to_pylist()
    pool = PoolIndex(bench.places["sample_id"].to_pylist(), labels, "")
    load = by_file(bench.rehearsed.ctx.table, bench.places)
    turn = integers(seeds, "variant", len(ops))
    for number, op in enumerate(ops):
        variant_rows = np.flatnonzero(turn == number)
        if len(variant_rows):
            births = ChildSpecs(rows[variant_rows], np.zeros(len(variant_rows), dtype=np.int64), seeds[variant_rows])
            children = modality.children([op], bench.description, pool, {}, births, load)
            yield _relabelled(bench, use, children), pa.array([labels[row] for row in rows[variant_rows]])


def _class_pool(bench: Bench, use: TransformUse, op: Op, label: str) -> tuple[PoolIndex, Any, ChildSpecs, Arrays]:
    """The pool of a class as fit would cut it, what the transform learned from it, and births of some of its rows."""
    places = bench.places
    if op.module.BEHAVIOUR.pool == "class":
        places = places.filter(pc.equal(places["label"], label))
    seed = bench.rehearsed.ctx.policy.seed
    pool = PoolIndex(places["sample_id"].to_pylist(), places["label"].to_pylist(), label, bench.per_class, seed)
    load = by_file(bench.rehearsed.ctx.table, places)
    state = modality_of(bench.rehearsed.ctx).fit([op], bench.description, pool, load)
    rows = np.flatnonzero(state["weights"])[: bench.per_class].astype(np.int64)
    births = ChildSpecs(rows, np.zeros(len(rows), dtype=np.int64), _seeds(bench, use, places, rows))
    return pool, load, births, state


def _seeds(bench: Bench, use: TransformUse, places: pa.Table, rows: I64) -> I64:
    words = words_of(places["sample_id"].take(pa.array(rows)))[:, 0]
    step = word_of("probe", bench.rehearsed.ctx.policy.seed, use.use)
    return child_seeds(step, words, np.zeros(len(rows), dtype=np.int64))


def _relabelled(bench: Bench, use: TransformUse, children: pa.Table) -> pa.Table:
    labels: Mapping[str, str] = dict(
        zip(bench.places["sample_id"].to_pylist(), bench.places["label"].to_pylist(), strict=True)
    )
    return relabel(children, [use], None, bench.rehearsed.ctx.policy.label, labels)


def _judged(bench: Bench, rows: pa.Table, labels: pa.Array) -> dict[str, Moves]:
    dry_run = bench.rehearsed
    features = modality_of(dry_run.ctx).features(bench.description, rows)
    scores = judge_labels(dry_run.ctx, rows, features, dry_run.verifier, dry_run.surveyed.likeness)
    return count(scores["outcome"].combine_chunks(), labels)


def refuse_unfit(bench: Bench, use: TransformUse) -> None:
    """Raise DataError where the transform cannot take this data."""
    sentences = modality_of(bench.rehearsed.ctx).refusals(op_of(bench, use), bench.description)
    if sentences:
        raise DataError("\n".join(f"{use.use}: {sentence}" for sentence in sentences), "Probe another transform.")
