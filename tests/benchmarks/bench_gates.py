"""A table of 100,000 rows x 30 columns with every gate written: the stage `gate` beside the stage `augment`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measuring import CLI, Line, home, line, output

COLUMNS, POSITIVE_SHARE = 30, 0.05
POLICY = """
dataset: bench-gates
modality: tabular
source: {{uri: {file}}}
label: y
steps:
  - name: balance
    transforms: [{{use: tabular.smote, invariance: made data, params: {{k_neighbors: 5}}}}]
    amount: {{balance: true}}
  - name: noise
    transforms: [{{use: tabular.gaussian_noise, invariance: made data, params: {{scale: 0.05}}}}]
    amount: {{copies: 1}}
gates:
{gates}
"""
GATES = {
    "model_delta": "{on_failure: warn}",
    "privacy": "{on_failure: warn}",
    "drift_coverage": "{production: PRODUCTION, max_feature_drift: 0.5, on_failure: warn}",
    "collapse": "{min_real_share: 0.1, max_synthetic_per_real: 10.0, max_tail_loss: 0.5, on_failure: warn}",
    "budgets": "{max_rows: 1000000, max_bytes: 1000000000, max_cpu_seconds: 10000.0}",
}


def measure(*, small: bool) -> list[Line]:
    """One run; what its stages took is in the document it prints."""
    rows = 5_000 if small else 100_000
    with home(AUGMILL_RUNNER="process", AUGMILL_WORKERS="2") as environment:
        folder = Path(environment["AUGMILL_HOME"])
        pq.write_table(_data(rows), folder / "rows.parquet")
        pq.write_table(_data(rows // 10, seed=1), folder / "production.parquet")
        gates = "\n".join(f"  {name}: {asked}" for name, asked in GATES.items())
        gates = gates.replace("PRODUCTION", str(folder / "production.parquet"))
        policy = folder / "bench.yaml"
        policy.write_text(POLICY.format(file=folder / "rows.parquet", gates=gates))
        document = json.loads(output(["-c", CLI, "run", str(policy), "--json"], environment))
    stages = {stage["name"]: stage for stage in document["stages"]}
    gate, augment = stages["gate"]["seconds"], stages["augment"]["seconds"]
    return [line(f"all gates, {rows:,} x {COLUMNS} / stage augment", gate, augment, "<= 2", gate <= 2 * augment)]


def _data(rows: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < POSITIVE_SHARE).astype(np.int64)
    features = rng.normal(size=(rows, COLUMNS)) + 0.3 * labels[:, None]
    return pa.table({**{f"f{number}": features[:, number] for number in range(COLUMNS)}, "y": labels})
