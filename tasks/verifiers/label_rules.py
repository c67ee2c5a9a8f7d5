"""A policy's rules about labels, applied to children: which parents are allowed, and what their labels become."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augmill.policies.label_transitions import after, fates, remaps
from augmill.policies.schema import TransformUse
from augmill.tasks.rows import provenance as at

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

Fired = tuple[int, Collection[int]]
_OTHERS = range(1, 1 << 30)


@dataclass(frozen=True)
class LabelRules:
    """The transforms of one step, and the position of the one that mixes labels."""

    chain: Sequence[TransformUse]
    mixing: int | None

    def allows(self, label: str) -> bool:
        """Whether a row of `label` may be a parent: as a base, and also as a partner if the chain mixes labels."""
        as_base = bool(fates(self.chain, label))
        return as_base if self.mixing is None else as_base and bool(fates(self.chain[self.mixing :], label))

    def after(self, label: str, fired: Sequence[Fired], place: int) -> str:
        """The label of the parent at `place` after the chain: every transform applies to the base, and to other
        parents those after the one that added them."""
        present = place == 0
        for position, brought in fired:
            label = (after(self.chain[position], label) or label) if present else label
            present = present or place in brought
        return label


def transition(
    children: pa.Table, declared: Mapping[str, LabelRules], child: I64, labels: pa.Array
) -> tuple[pa.Array, Mask]:
    """The parents' labels (text) after all transforms that were applied, and whether each may be a parent.

    Flat like `augmill_parent_ids`: `child` is the row of each parent's child, the base first; `labels` are the parents'
    original labels.
    """
    allowed = np.ones(len(child), dtype=bool)
    with_labels = {name: rules for name, rules in declared.items() if any(use.labels for use in rules.chain)}
    if not with_labels or not len(child):
        return labels, allowed
    steps = np.asarray(children[at.STEP].to_pylist(), dtype=object)[child]
    own = np.asarray(labels.to_pylist(), dtype=object)
    remapped, place = own.copy(), np.arange(len(child)) - np.searchsorted(child, child)
    for name, rules in with_labels.items():
        slots = np.flatnonzero((steps == name) & (own != np.array(None)))
        barred = {label for label in set(own[slots]) if not rules.allows(label)}
        allowed[slots] = [label not in barred for label in own[slots]]
        if remaps(rules.chain):
            fired = _fired_transforms(children, rules, np.unique(child[slots]).tolist())
            for slot in slots.tolist():
                remapped[slot] = rules.after(own[slot], fired[child[slot]], int(place[slot]))
    return pa.array(remapped, pa.string()), allowed


def _fired_transforms(children: pa.Table, rules: LabelRules, rows: Sequence[int]) -> dict[int, list[Fired]]:
    """Per child the applied transforms: the position in the chain, and the places of the parents that it added."""
    if len(rules.chain) == 1:
        return {row: [(0, _OTHERS if rules.mixing == 0 else ())] for row in rows}
    texts = children[at.OPS].to_pylist()
    fired_by_row: dict[int, list[Fired]] = {}
    for row in rows:
        ops = json.loads(texts[row] or "[]")
        rest = _OTHERS if rules.mixing is not None else ()
        fired_by_row[row] = [
            (op["position"], op["drawn"].get("partners", rest if op["position"] == rules.mixing else ())) for op in ops
        ]
    return fired_by_row
