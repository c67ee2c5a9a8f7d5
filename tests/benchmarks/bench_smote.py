"""A table of 1 million rows x 30 columns through `tabular.smote`, end to end, beside imbalanced-learn's bare call."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measuring import Line, cli, home, line, peak_memory

COLUMNS, TARGET_SHARE = 30, 0.25
# imbalanced-learn's call grows with the square of the rare class, the rest of the run hardly at all.
POSITIVE_SHARES = (0.02, 0.05, 0.1)
POLICY = """
dataset: bench-smote
modality: tabular
source: {{uri: {file}}}
label: y
split: {{fractions: {{train: 1.0}}}}
steps:
  - name: balance
    transforms: [{{use: tabular.smote, invariance: made data, params: {{k_neighbors: 5}}}}]
    amount: {{to_share: {share}}}
"""


def measure(*, small: bool) -> list[Line]:
    """One run per share of the rare class: what a good policy asks for is 1 to 10 %."""
    rows = 20_000 if small else 1_000_000
    return [one for share in POSITIVE_SHARES[: 1 if small else None] for one in _measure(rows, share)]


def _measure(rows: int, share: float) -> list[Line]:
    """The whole process less imbalanced-learn's own call on the same rows and amount, and the memory it took."""
    features, labels = data(rows, share)
    bare = _bare(features, labels)
    with home(AUGMILL_RUNNER="process", AUGMILL_WORKERS="2") as environment:
        file = Path(environment["AUGMILL_HOME"], "rows.parquet")
        columns = {f"f{number}": features[:, number] for number in range(COLUMNS)}
        pq.write_table(pa.table({**columns, "y": labels}), file)
        del features, columns
        policy = Path(environment["AUGMILL_HOME"], "bench.yaml")
        policy.write_text(POLICY.format(file=file, share=TARGET_SHARE))
        with peak_memory() as memory:
            whole = cli(environment, "run", str(policy))
    own, size = whole - bare, f"smote, {rows:,} x {COLUMNS}, {share:.0%} positive"
    return [
        line(f"{size}: pipeline's own share / imblearn", own, bare, "<= 3", own <= 3 * bare),
        line(f"{size}: peak of any process", memory["gib"], None, "< 3 GiB", memory["gib"] < 3, "GiB"),
    ]


def data(rows: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = (rng.random(rows) < share).astype(np.int64)
    features = rng.normal(size=(rows, COLUMNS)) + labels[:, None]
    return features, labels


def _bare(features: np.ndarray, labels: np.ndarray) -> float:
    from imblearn.over_sampling import SMOTE

    minority, rest = int(labels.sum()), int((labels == 0).sum())
    wanted = round(rest * TARGET_SHARE / (1 - TARGET_SHARE))
    began = time.perf_counter()
    SMOTE(sampling_strategy={1: max(wanted, minority)}, random_state=0).fit_resample(features, labels)
    return time.perf_counter() - began
