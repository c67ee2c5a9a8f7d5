"""Labels of children whose transforms remap them: the label, its shares, and a note in the record of each transform.

A label moves along the chain with its row: a partner that joins at a mixing transform meets only what comes after.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from augmill.policies.label_transitions import after, remaps
from augmill.policies.schema import TransformUse
from augmill.tasks.rows.provenance import LABEL_WEIGHTS, OPS, PARENT_IDS, WEIGHTS_TYPE

NOTE = "relabelled"
"""The key in `augmill_ops` under which a transform's record holds {label before: label after}."""

# One spelling for one record, that of the modalities.
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def relabel(
    made: pa.Table, chain: Sequence[TransformUse], mixing: int | None, label: str | None, labels: Mapping[str, str]
) -> pa.Table:
    """`made`, as a modality returned it, with the labels that its children have after the chain.

    `mixing`: the place in the chain of the transform that mixes labels. `labels` holds the label of every parent by
    id; `label` is the column. Untouched unless the chain remaps.
    """
    if label is None or not remaps(chain):
        return made
    rows = zip(*(made[name].to_pylist() for name in (PARENT_IDS, OPS, LABEL_WEIGHTS)), strict=True)
    told = [
        _child(chain, mixing, [labels[name] for name in parents], json.loads(ops), mixed is not None)
        for parents, ops, mixed in rows
    ]
    columns = {
        label: pa.array([one[0] for one in told], pa.string()).cast(made.schema.field(label).type),
        OPS: pa.array([_canonical(one[1]) for one in told], pa.string()),
        LABEL_WEIGHTS: pa.array([one[2] for one in told], WEIGHTS_TYPE),
    }
    for name, column in columns.items():
        at = made.schema.get_field_index(name)
        made = made.set_column(at, made.schema.field(name), column)
    return made


def _child(
    chain: Sequence[TransformUse], mixing: int | None, parents: list[str], ops: list[dict[str, Any]], mixed: bool
) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]] | None]:
    """The child's label, its record, and the shares of its parents' labels if it is a mixture."""
    held, shares = {0: parents[0]}, {0: 1.0}
    for op in ops:
        use = chain[op["position"]]
        if op["position"] == mixing:
            share = float(op["drawn"]["weight"])
            places = op["drawn"].get("partners", range(1, len(parents)))
            held |= {place: parents[place] for place in places}
            shares = {0: share, **dict.fromkeys(places, (1.0 - share) / len(places))}
        then = {place: after(use, known) or known for place, known in held.items()}
        changed = {held[place]: new for place, new in then.items() if new != held[place]}
        if changed:
            op[NOTE] = changed
        held = then
    weights: dict[str, float] = {}
    for place, known in held.items():
        weights[known] = weights.get(known, 0.0) + shares[place]
    return held[0], ops, [{"label": name, "weight": weight} for name, weight in weights.items()] if mixed else None
