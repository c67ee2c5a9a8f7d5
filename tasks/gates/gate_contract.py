"""What a gate is given and what it answers.

A gate is a file `tasks/gates/<key in the policy>.py` with one function, `judge(evidence, asked)`, where `asked` is its
model from `policies/gates.py`. It answers with one entry per figure that has a target. The first entry bears the
gate's name where a service level of that name exists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augmill.policies.gates import Gate
from augmill.policies.schema import Policy, Step
from augmill.tasks.documents.report_document import CheckReport, Detail
from augmill.tasks.runners.runner_contract import Item, Result

F64 = NDArray[np.float64]
U64 = NDArray[np.uint64]
LAYER = "gates"
TOO_FEW = "too few rows to judge"
NO_FEATURE = "no column is a feature, so all rows look alike"


@dataclass(frozen=True)
class Sample:
    """Some rows of a kind, chosen by their ids: the same whatever the number of shards or workers. Sorted by id.

    `rows` are their columns, provenance included, without pictures; `features` (n, d) are what the modality's verifier
    sees; `looks` (n, 2) are words that are equal where two rows look alike to a model; `labels` (n,) are text; each
    row stands for `weights` (n,) rows; `steps` (n,) name what made it, "" for real rows; `total` is how many rows
    there are in all.
    """

    rows: pa.Table
    features: F64
    looks: U64
    labels: NDArray[np.str_]
    weights: F64
    steps: NDArray[np.str_]
    total: int

    def __len__(self) -> int:
        return len(self.labels)


class Evidence(Protocol):
    """What a version to be holds. Samples are read when they are first asked for; test rows are never among them."""

    @property
    def policy(self) -> Policy:
        """The policy the version is made by."""

    @property
    def train(self) -> Sample:
        """Real training rows."""

    @property
    def validation(self) -> Sample:
        """Real validation rows."""

    @property
    def children(self) -> Sample:
        """New rows that will be published, of all steps; where training rows are sampled, children of the sample,
        unless these are too few."""

    @property
    def real(self) -> Mapping[str, int]:
        """Real training rows by class."""

    @property
    def made(self) -> Mapping[tuple[str, str], int]:
        """New rows that will be published, by step and class."""

    @property
    def made_bytes(self) -> int:
        """Bytes of the files that hold the new rows."""

    @property
    def cpu_seconds(self) -> float:
        """What the run has spent so far, on all its processes."""

    @property
    def production(self) -> pa.Table:
        """Rows as production sends them, in an order of chance; asked for by a gate that names them."""

    @property
    def readable(self) -> float:
        """The share of production rows that could be read as training rows are: `production` holds no others."""

    @property
    def feature_columns(self) -> Sequence[str]:
        """Columns that features are made of."""

    @property
    def copies(self) -> Mapping[str, Sequence[str]]:
        """Ids of all new rows that look like a real training row, by step."""

    @property
    def epsilons(self) -> Mapping[str, float | None]:
        """What each step spends of any one real row, as its transforms declare; None where one of them does not."""

    def parents(self, children: Sample) -> Sample:
        """The real rows that some new rows were made of, each once."""

    def children_of(self, ids: Sequence[str]) -> F64:
        """Features of the new rows that were made of the given real rows."""

    @property
    def schema(self) -> pa.Schema:
        """Columns of the real rows, as they will be published."""

    def column(self, name: str) -> pa.Table:
        """One column of all real training rows, beside their ids."""

    def head(self, name: str) -> pa.ChunkedArray:
        """The first values of a column of the real training rows."""

    @property
    def fitted_on_others(self) -> Sequence[str]:
        """Ids of rows that steps learned from and that lie in no file of real training rows; there should be none."""

    def features(self, rows: pa.Table) -> F64:
        """What the modality's verifier sees of any rows, shape (n, d), on the footing of the training rows."""

    def load(self) -> None:
        """Read the samples now."""

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Results in the order of `items`, from the run's workers; `function` is one of a module, items are small."""

    def origin_of(self, step: Step) -> str:
        """`augmented` or `synthetic`: what the rows of a step are."""


def answer(
    name: str,
    asked: Gate,
    success: bool,
    observed: float | int | None,
    target: str,
    description: str = "",
    *,
    interval: tuple[float, float] | None = None,
    details: Sequence[Detail] = (),
    error: str = "",
    failing: Sequence[Mapping[str, Any]] = (),
) -> CheckReport:
    """One figure of a gate, as all reports show it."""
    return {
        "name": name,
        "layer": LAYER,
        "success": success,
        "observed": observed,
        "interval": list(interval) if interval is not None else None,
        "target": target,
        "description": description,
        "error": error,
        "on_failure": asked.on_failure,
        "too_few": False,
        "details": list(details),
        "failing": [{"sample_id": row["sample_id"], "values": dict(row.get("values", {}))} for row in failing],
    }


def too_few(name: str, asked: Gate, target: str, why: str, description: str = "") -> CheckReport:
    """The answer of a gate that cannot judge: it passes nothing and condemns nothing, and does what was asked."""
    told = answer(name, asked, False, None, target, description, error=f"{TOO_FEW}: {why}")
    return {**told, "too_few": True, "on_failure": asked.on_too_few}
