"""Children of pictures: every draw from the child's own seed, every base decoded once for all its children."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augmill.policies.errors import AugmillError, DataError
from augmill.tasks.modalities import _image_codec as codec
from augmill.tasks.modalities._image_columns import BOXES, IMAGE, MASK, Pictures, boxes_column, payload_column
from augmill.tasks.modalities._image_fit import draw, library_errors
from augmill.tasks.modalities.modality_contract import ChildSpecs, Loader, Op, PoolIndex, Recorded
from augmill.tasks.rows.provenance import LABEL_WEIGHTS, OPS, PARENT_IDS, SAMPLE_ID, WEIGHTS_TYPE
from augmill.tasks.rows.randomness import bits, uniforms
from augmill.tasks.transforms.picture import Drawn, Picture

I64 = NDArray[np.int64]
# Partners come from anywhere in the pool and bases one after the other; more than this many decoded pictures would
# cost memory (200 MB each at the worst) and save next to nothing.
DECODED_AT_ONCE = 16
# Drawing and encoding by turns, each finds the processor's cache full of the other's; on pictures of 32 pixels that
# costs 10 %.
ENCODED_AT_ONCE = 8


@dataclass(frozen=True)
class Tool:
    """One op of the chain with its library object, and what was drawn for all births at once.

    `recorded_draws` holds, per birth, the recorded values that replace newly drawn ones when children are rebuilt.
    """

    op: Op
    position: int
    built: Any
    seeds: I64
    fires: NDArray[np.bool_]
    partners: I64
    recorded_draws: Sequence[Mapping[str, Any]] = ()


@dataclass
class Child:
    """A child on its way through the chain. `shares` are the parents' shares of the label, in order."""

    picture: Picture
    parents: list[int]
    shares: list[float]
    ops: list[dict[str, Any]]
    mixed: bool = False


def firing(probabilities: Sequence[float], seeds: I64) -> NDArray[np.bool_]:
    """Which ops of a chain fire for which child, (n, k): each with its probability, given that at least one does.

    The first op that fires is drawn from its distribution under that condition, later ones independently, so no
    draw has to be repeated. A chain of one op always fires: how many children there are is the step's `amount`.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    first_fires = p * np.concatenate([[1.0], np.cumprod(1.0 - p)[:-1]])
    steps = np.cumsum(first_fires) / first_fires.sum()
    # Rounding may leave the last step below 1; every draw must fall on some op.
    first = np.minimum(np.searchsorted(steps, uniforms(seeds, "fires/first"), side="right"), len(p) - 1)
    later = np.arange(len(p))[None, :] > first[:, None]
    fires = later & (uniforms(seeds, "fires", len(p)) < p[None, :])
    fires[np.arange(len(seeds)), first] = True
    return fires


def prepare(ops: Sequence[Op], pool: PoolIndex, births: ChildSpecs) -> list[Tool]:
    """Build each op's tool, and draw seeds, firing and partners for all births at once."""
    fires = firing([op.probability for op in ops], births.seeds)
    tools = []
    for position, op in enumerate(ops):
        seeds = (bits(births.seeds, f"op/{position}") >> np.uint64(1)).astype(np.int64)
        partners = np.empty((len(seeds), 0), dtype=np.int64)
        if op.module.BEHAVIOUR.label == "mix":
            partners = op.module.partners(op.params, seeds, births.bases, pool.labels)
        tools.append(Tool(op, position, op.module.build(op.params), seeds, fires[:, position], partners))
    return tools


def children(ops: Sequence[Op], pool: PoolIndex, births: ChildSpecs, load: Loader) -> pa.Table:
    """Make the children, in the order of `births`; see `Modality.children`."""
    return _make_rows(prepare(ops, pool, births), pool, births.bases, load)


def rebuild(ops: Sequence[Op], parents: pa.Table, who: PoolIndex, recorded: Recorded) -> pa.Table:
    """Published children again; see `Modality.rebuild`. A record that is not true gives another picture."""
    births = ChildSpecs(recorded.bases, np.zeros(len(recorded.seeds), np.int64), recorded.seeds)
    records = [iter(json.loads(text)) for text in recorded.ops]
    used = [1] * len(records)
    tools = []
    for tool in prepare(ops, who, births):
        recorded_draws: list[Mapping[str, Any]] = [{} for _ in records]
        partners = tool.partners.copy()
        for child in np.flatnonzero(tool.fires).tolist():
            recorded_draws[child] = next(records[child])["drawn"]
            taken = slice(used[child], used[child] + partners.shape[1])
            partners[child] = recorded.parents[child][taken]
            used[child] = taken.stop
        tools.append(replace(tool, partners=partners, recorded_draws=recorded_draws))
    return _make_rows(tools, who, births.bases, lambda pool_rows: parents.take(pa.array(pool_rows)))


def _make_rows(tools: Sequence[Tool], pool: PoolIndex, bases: I64, load: Loader) -> pa.Table:
    needed = np.unique(np.concatenate([bases, *(tool.partners[tool.fires].ravel() for tool in tools)]))
    rows = load(needed)
    pictures = Pictures(rows)

    place = {pool_row: row for row, pool_row in enumerate(needed.tolist())}

    @functools.lru_cache(maxsize=DECODED_AT_ONCE)
    def read(pool_row: int) -> Picture:
        return pictures.read(place[pool_row])

    rows_by_birth: list[Any] = [None] * len(bases)
    at = np.searchsorted(needed, bases)
    # Children of one base follow each other, so that it is decoded once; the result keeps the order of births.
    order = np.argsort(bases, kind="stable").tolist()
    for start in range(0, len(order), ENCODED_AT_ONCE):
        few = order[start : start + ENCODED_AT_ONCE]
        grown = [_child(tools, birth, int(bases[birth]), read, pool) for birth in few]
        for birth, child in zip(few, grown, strict=True):
            rows_by_birth[birth] = _row(child, pool, jpeg=codec.is_jpeg(pictures.encoded(place[child.parents[0]])))
    return _table(rows, at, rows_by_birth)


def _child(tools: Sequence[Tool], birth: int, base: int, read: Callable[[int], Picture], pool: PoolIndex) -> Child:
    child = Child(read(base), [base], [1.0], [])
    for tool in tools:
        if not tool.fires[birth]:
            continue
        partners = tool.partners[birth].tolist()
        try:
            _step(child, tool, birth, partners, [read(partner) for partner in partners])
        except AugmillError:
            raise
        except library_errors() as error:
            cause = f"{tool.op.use} failed on row {pool.ids[base]}: {str(error).strip() or type(error).__name__}"
            raise DataError(cause, "Take the transform out of the step, or quarantine the row.") from error
    return child


def _step(child: Child, tool: Tool, birth: int, partners: Sequence[int], pictures: Sequence[Picture]) -> None:
    """Draw first, then apply, and record what was drawn."""
    op, before = tool.op, child.picture
    draws = draw(op, tool.built, [before, *pictures], int(tool.seeds[birth]))
    if tool.recorded_draws:
        draws = {**draws, **tool.recorded_draws[birth]}
    child.picture = op.module.apply(tool.built, op.params, [before, *pictures], draws)
    record: dict[str, Any] = {"use": op.use, "position": tool.position, "drawn": recorded(draws)}
    if before.boxes:
        record["boxes_dropped"] = len(before.boxes) - len(child.picture.boxes or ())
    child.ops.append(record)
    if partners:
        share = float(draws["weight"])
        child.shares = [old * share for old in child.shares] + [(1.0 - share) / len(partners)] * len(partners)
        child.parents.extend(partners)
        child.mixed = True


def recorded(draws: Drawn) -> dict[str, Any]:
    """The drawn values that belong into `ops`, as plain Python scalars; keys with `_` are drawn again instead."""
    return {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in draws.items()
        if not key.startswith("_")
    }


# One spelling for one record: sorted keys, no spaces, floats as Python's shortest repr.
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def _row(child: Child, pool: PoolIndex, *, jpeg: bool) -> dict[str, Any]:
    picture = child.picture
    return {
        # JPEG has no transparency and no 16 bits, but neither has a child of a JPEG.
        IMAGE: codec.encode(picture.image, jpeg=jpeg),
        MASK: None if picture.mask is None else codec.encode(picture.mask),
        BOXES: picture.boxes,
        PARENT_IDS: [pool.ids[parent] for parent in child.parents],
        OPS: _canonical(child.ops),
        LABEL_WEIGHTS: _label_weights(child, pool) if child.mixed else None,
    }


def _label_weights(child: Child, pool: PoolIndex) -> list[dict[str, Any]]:
    weights: dict[str, float] = {}
    for parent, share in zip(child.parents, child.shares, strict=True):
        label = str(pool.labels[parent])
        weights[label] = weights.get(label, 0.0) + share
    return [{"label": label, "weight": weight} for label, weight in weights.items()]


def _table(rows: pa.Table, at: I64, child_rows: Sequence[dict[str, Any]]) -> pa.Table:
    """The base's other columns beside the new pictures; `at` is each child's base in `rows`."""
    new = {name for name in (IMAGE, MASK, BOXES) if name in rows.column_names}
    carried = rows.select([name for name in rows.column_names if name not in new and name != SAMPLE_ID])
    carried = carried.take(pa.array(at))
    columns, fields = [], []
    for field in rows.schema:
        if field.name == SAMPLE_ID:
            continue
        if field.name == BOXES:
            column = boxes_column([row[BOXES] for row in child_rows], field.type)
        elif field.name in new:
            column = payload_column([row[field.name] for row in child_rows], field.type)
        else:
            column = carried.column(field.name)
        columns.append(column)
        fields.append(field)
    for name, kind in ((PARENT_IDS, pa.list_(pa.string())), (OPS, pa.string()), (LABEL_WEIGHTS, WEIGHTS_TYPE)):
        columns.append(pa.array([row[name] for row in child_rows], kind))
        fields.append(pa.field(name, kind))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))
