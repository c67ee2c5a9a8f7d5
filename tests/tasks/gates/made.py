"""Evidence made of arrays, for tests of one gate: no lake, no run."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

import numpy as np
import pyarrow as pa

from augmill.policies.schema import Policy
from augmill.tasks.gates.gate_contract import Sample
from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.rows.provenance import LABEL_WEIGHTS, PARENT_IDS, SAMPLE_ID, WEIGHTS_TYPE

COLUMNS = 4


def blobs(count: int, share: float, seed: int, apart: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Two overlapping clouds; class 1 is the rarer."""
    random = np.random.default_rng(seed)
    labels = (np.arange(count) < share * count).astype(int)
    return random.normal(size=(count, COLUMNS)) + apart * labels[:, None], labels.astype(str)


def sample(features, labels, kind: str, steps=None, parents=None, weights=None, mixtures=None) -> Sample:
    """Rows as gates are shown them; ids are hashes of their number."""
    count = len(labels)
    ids = [hash_of(kind, number)[:32] for number in range(count)]
    columns = {f"f{at}": features[:, at] for at in range(features.shape[1])} | {SAMPLE_ID: ids}
    if parents is not None:
        columns[PARENT_IDS] = pa.array(parents, pa.list_(pa.string()))
        columns[LABEL_WEIGHTS] = pa.array(mixtures or [None] * count, WEIGHTS_TYPE)
    return Sample(
        pa.table(columns),
        features,
        np.zeros((count, 2), dtype=np.uint64),
        np.asarray(labels, dtype=np.str_),
        np.ones(count) if weights is None else weights,
        np.full(count, "") if steps is None else np.asarray(steps),
        count,
    )


class Made:
    """Evidence in memory. `new` maps steps to (features, labels, index of the parent of each row)."""

    cpu_seconds = 0.0
    made_bytes = 0
    fitted_on_others = ()
    schema = pa.schema([])

    def __init__(self, train, validation, new=None, modality: str = "tabular", mixtures=None) -> None:
        self.new = new or {}
        self._train, self._validation, self.mixtures = train, validation, mixtures
        steps = [
            {"name": name, "transforms": [{"use": f"{modality}.noise"}], "amount": {"copies": 1}} for name in self.new
        ]
        self.policy = Policy.model_validate(
            {"dataset": "made", "modality": modality, "source": {"uri": "x.csv"}, "label": "y", "steps": steps}
        )

    @cached_property
    def train(self) -> Sample:
        return sample(*self._train, "train")

    @cached_property
    def validation(self) -> Sample:
        return sample(*self._validation, "validation")

    @cached_property
    def children(self) -> Sample:
        ids = self.train.rows[SAMPLE_ID].to_pylist()
        parts = list(self.new.items())
        features = np.concatenate([rows for _, (rows, _, _) in parts])
        labels = np.concatenate([labels for _, (_, labels, _) in parts])
        parents = [[ids[at]] for _, (_, _, bases) in parts for at in bases]
        steps = [name for name, (_, labels, _) in parts for _ in labels]
        return sample(features, labels, "child", steps, parents, mixtures=self.mixtures)

    @property
    def real(self):
        return dict(Counter(self._train[1].tolist()))

    @property
    def made(self):
        return dict(Counter((name, label) for name, (_, labels, _) in self.new.items() for label in labels.tolist()))

    def map(self, function, items):
        return [function(item) for item in items]
