"""Evidence of made rows, as gates see it: real rows around the middle of their class, planted children."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from augmill.policies.schema import Policy
from augmill.tasks.gates.gate_contract import Sample
from augmill.tasks.rows.provenance import PARENT_IDS, SAMPLE_ID

CLASSES = ("hay", "straw")
STEP = {"name": "planted", "transforms": [{"use": "tabular.gaussian_noise"}], "amount": {"copies": 1}}
POLICY = Policy.model_validate({"dataset": "made", "modality": "tabular", "source": {"uri": "x.csv"}, "steps": [STEP]})


def sample(features, labels, prefix, parents=None, steps=None, weights=None, columns=None):
    """A sample with ids `<prefix>0000` and so on."""
    ids = [f"{prefix}{number:04d}" for number in range(len(features))]
    rows = {SAMPLE_ID: pa.array(ids, pa.string()), **(columns or {})}
    if parents is not None:
        rows[PARENT_IDS] = pa.array([[parent] for parent in parents], pa.list_(pa.string()))
    count = len(features)
    return Sample(
        pa.table(rows),
        np.asarray(features, dtype=np.float64),
        np.zeros((count, 2), np.uint64),
        np.asarray(labels, dtype=np.str_),
        np.ones(count) if weights is None else np.asarray(weights, dtype=np.float64),
        np.asarray(steps if steps is not None else [""] * count, dtype=np.str_),
        count,
    )


def real_rows(count, seed, prefix, dimensions=5):
    """Rows of two classes, a quarter of them straw, ten standard deviations apart."""
    random = np.random.default_rng(seed)
    labels = np.where(np.arange(count) % 4 == 0, CLASSES[1], CLASSES[0])
    features = random.normal(size=(count, dimensions)) + 10.0 * (labels == CLASSES[1])[:, None]
    return sample(features, labels, prefix)


@dataclass
class Made:
    """A stand-in for `Evidence` over given samples."""

    train: Sample
    validation: Sample
    children: Sample
    policy: Policy = POLICY
    copies: dict = field(default_factory=dict)
    epsilons: dict = field(default_factory=lambda: {"planted": None})
    production: pa.Table = field(default_factory=lambda: pa.table({}))
    readable: float = 1.0
    feature_columns: tuple = ("a", "b")

    def features(self, rows):
        return np.stack([rows[name].to_numpy() for name in self.feature_columns], axis=1)

    @property
    def made(self):
        pairs = zip(self.children.steps.tolist(), self.children.labels.tolist(), strict=True)
        found = {}
        for pair in pairs:
            found[pair] = found.get(pair, 0) + 1
        return found

    def parents(self, children):
        wanted = {parent for row in children.rows[PARENT_IDS].to_pylist() for parent in row}
        return taken(self.train, [at for at, one in enumerate(self.train.rows[SAMPLE_ID].to_pylist()) if one in wanted])

    def children_of(self, ids):
        wanted = set(ids)
        keep = [bool(wanted.intersection(row)) for row in self.children.rows[PARENT_IDS].to_pylist()]
        return self.children.features[np.array(keep, dtype=bool)]


def taken(sample, at):
    from augmill.tasks.gates.sample_ops import take as some

    return some(sample, np.asarray(at, dtype=np.int64))


def evidence(beside, train=300, validation=160, count=None, **more):
    """Real rows and, of each training row in turn, a child that `beside(features, random)` puts somewhere."""
    real, fresh = real_rows(train, 1, "a"), real_rows(validation, 2, "b")
    count = train if count is None else count
    base = np.arange(count) % train
    features = beside(real.features[base], np.random.default_rng(3))
    parents = [real.rows[SAMPLE_ID][int(one)].as_py() for one in base]
    children = sample(features, real.labels[base], "c", parents, ["planted"] * count)
    return Made(real, fresh, children, **more)
