"""`augmill ci` in a repository of 50 policies of which a change touches 2, and one of which it touches none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from measuring import Line, cli, home, line

POLICIES, TOUCHED, ROWS, COLUMNS = 50, 2, 20_000, 20
POLICY = """
dataset: bench-{number}
modality: tabular
source: {{uri: ../data/{number}.csv}}
label: y
steps:
  - name: balance
    transforms: [{{use: tabular.smote, invariance: made data, params: {{k_neighbors: {k}}}}}]
    amount: {{to_share: 0.3}}
  - name: noise
    transforms: [{{use: tabular.gaussian_noise, invariance: made data, params: {{scale: 0.05}}}}]
    amount: {{copies: 1}}
checks:
  distribution: {{on_failure: warn}}
gates:
  model_delta: {{on_failure: warn}}
"""


def measure(*, small: bool) -> list[Line]:
    """Whole processes, each with libraries to import and nothing in the lake."""
    with home() as environment:
        root = _repository(Path(environment["AUGMILL_HOME"]) / "repository", 1_000 if small else ROWS)
        for number in range(TOUCHED):
            _write(root, number, k=4)
        two = cli(environment, "ci", "--base", "HEAD", str(root / "policies"))
        subprocess.run(["git", "-C", root, "checkout", "--quiet", "."], check=True)
        (root / "README.md").write_text("other words")
        none = cli(environment, "ci", "--base", "HEAD", str(root / "policies"))
    return [
        line(f"ci, {TOUCHED} of {POLICIES} policies changed", two, None, "< 60 s", two < 60),
        line(f"ci, none of {POLICIES} policies changed", none, None, "< 5 s", none < 5),
    ]


def _repository(root: Path, rows: int) -> Path:
    (root / "policies").mkdir(parents=True)
    (root / "data").mkdir()
    rng = np.random.default_rng(0)
    for number in range(POLICIES):
        _write(root, number, k=5)
    for number in range(TOUCHED):  # nobody reads the others
        labels = (rng.random(rows) < 0.1).astype(np.int64)
        features = rng.normal(size=(rows, COLUMNS)) + 2.0 * labels[:, None]
        columns = {f"f{at}": features[:, at] for at in range(COLUMNS)}
        pyarrow.csv.write_csv(pa.table({**columns, "y": labels}), root / "data" / f"{number}.csv")
    alone = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    named = {f"GIT_{who}_{what}": "bench" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", "-C", root, *command], env=alone | named, check=True)
    return root


def _write(root: Path, number: int, k: int) -> None:
    (root / "policies" / f"{number}.yaml").write_text(POLICY.format(number=number, k=k))
