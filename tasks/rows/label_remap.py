"""Labels of children whose transforms remap them: the label, its shares, and a note in the record of each transform.

A label passes through the chain with its row: for a partner that is added at a mixing transform, only that transform
and the later ones apply.
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
    children: pa.Table, chain: Sequence[TransformUse], mixing: int | None, label: str | None, labels: Mapping[str, str]
) -> pa.Table:
    """The `children` that a modality returned, with their labels after the chain.

    `mixing`: the position in the chain of the transform that mixes labels. `labels` are the labels of all parents by
    id; `label` is the column. Unchanged if the chain remaps no label.
    """
    if label is None or not remaps(chain):
        return children
    rows = zip(*(children[name].to_pylist() for name in (PARENT_IDS, OPS, LABEL_WEIGHTS)), strict=True)
    relabelled = [
        _relabel_child(chain, mixing, [labels[name] for name in parents], json.loads(ops), mixed is not None)
        for parents, ops, mixed in rows
    ]
    columns = {
        label: pa.array([child[0] for child in relabelled], pa.string()).cast(children.schema.field(label).type),
        OPS: pa.array([_canonical(child[1]) for child in relabelled], pa.string()),
        LABEL_WEIGHTS: pa.array([child[2] for child in relabelled], WEIGHTS_TYPE),
    }
    for name, column in columns.items():
        at = children.schema.get_field_index(name)
        children = children.set_column(at, children.schema.field(name), column)
    return children


def _relabel_child(
    chain: Sequence[TransformUse], mixing: int | None, parents: list[str], ops: list[dict[str, Any]], mixed: bool
) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]] | None]:
    """The child's label, its record, and the shares of its parents' labels if it is a mixture."""
    label_by_place, shares = {0: parents[0]}, {0: 1.0}
    for op in ops:
        use = chain[op["position"]]
        if op["position"] == mixing:
            share = float(op["drawn"]["weight"])
            places = op["drawn"].get("partners", range(1, len(parents)))
            label_by_place |= {place: parents[place] for place in places}
            shares = {0: share, **dict.fromkeys(places, (1.0 - share) / len(places))}
        remapped = {place: after(use, name) or name for place, name in label_by_place.items()}
        changed = {label_by_place[place]: new for place, new in remapped.items() if new != label_by_place[place]}
        if changed:
            op[NOTE] = changed
        label_by_place = remapped
    weights: dict[str, float] = {}
    for place, name in label_by_place.items():
        weights[name] = weights.get(name, 0.0) + shares[place]
    return (
        label_by_place[0],
        ops,
        [{"label": name, "weight": weight} for name, weight in weights.items()] if mixed else None,
    )
