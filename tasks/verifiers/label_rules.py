"""What a policy declares of labels, held against children: which parents were allowed, and what they have become."""

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
    """The chain of one step, and the place in it of the transform that mixes labels."""

    chain: Sequence[TransformUse]
    mixing: int | None

    def allows(self, label: str) -> bool:
        """Whether a row of `label` may be a parent: as a base, and where the chain mixes as a partner."""
        whole = bool(fates(self.chain, label))
        return whole if self.mixing is None else whole and bool(fates(self.chain[self.mixing :], label))

    def after(self, label: str, fired: Sequence[Fired], place: int) -> str:
        """What the label of the parent at `place` has become: the base met every transform, others those after the
        one that brought them in."""
        met = place == 0
        for position, brought in fired:
            label = (after(self.chain[position], label) or label) if met else label
            met = met or place in brought
        return label


def transition(
    children: pa.Table, declared: Mapping[str, LabelRules], child: I64, labels: pa.Array
) -> tuple[pa.Array, Mask]:
    """The parents' labels after all that was applied to them (text), and whether each may be a parent.

    Flat as `augmill_parent_ids` is: `child` says whose parent each is, the base first; `labels` are the parents' own.
    """
    allowed = np.ones(len(child), dtype=bool)
    asked = {name: rules for name, rules in declared.items() if any(use.labels for use in rules.chain)}
    if not asked or not len(child):
        return labels, allowed
    steps = np.asarray(children[at.STEP].to_pylist(), dtype=object)[child]
    own = np.asarray(labels.to_pylist(), dtype=object)
    then, place = own.copy(), np.arange(len(child)) - np.searchsorted(child, child)
    for name, rules in asked.items():
        mine = np.flatnonzero((steps == name) & (own != np.array(None)))
        barred = {label for label in set(own[mine]) if not rules.allows(label)}
        allowed[mine] = [label not in barred for label in own[mine]]
        if remaps(rules.chain):
            fired = _fired(children, rules, np.unique(child[mine]).tolist())
            for slot in mine.tolist():
                then[slot] = rules.after(own[slot], fired[child[slot]], int(place[slot]))
    return pa.array(then, pa.string()), allowed


def _fired(children: pa.Table, rules: LabelRules, rows: Sequence[int]) -> dict[int, list[Fired]]:
    """Per child the transforms that were applied: the place in the chain, and the places of the parents it brought."""
    if len(rules.chain) == 1:
        return {row: [(0, _OTHERS if rules.mixing == 0 else ())] for row in rows}
    texts = children[at.OPS].to_pylist()
    found: dict[int, list[Fired]] = {}
    for row in rows:
        ops = json.loads(texts[row] or "[]")
        rest = _OTHERS if rules.mixing is not None else ()
        found[row] = [
            (op["position"], op["drawn"].get("partners", rest if op["position"] == rules.mixing else ())) for op in ops
        ]
    return found
