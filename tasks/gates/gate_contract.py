"""The interface of a gate: its input and its reports.

A gate is a file `tasks/gates/<key in the policy>.py` with one function, `judge(evidence, gate)`, where `gate` is its
model from `policies/gates.py`. It returns one report per figure that has a target. The first report has the gate's
name if a service level of that name exists.
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
    """Some rows of a kind, sorted by id and chosen by id, so that the number of shards and workers does not matter.

    `rows` are their columns, provenance included, without images; `features` (n, d) are those of the modality's
    verifier; `looks` (n, 2) are words that are equal if two rows look the same to a model; `labels` (n,) are text; each
    row represents `weights` (n,) rows; `steps` (n,) are the names of the steps that made them, "" for real rows;
    `total` is the number of rows the sample was taken from.
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
    """What a gate can know of a version before it is published. Samples are read at first use and never hold test
    rows."""

    @property
    def policy(self) -> Policy:
        """The policy that makes the version."""

    @property
    def train(self) -> Sample:
        """Real training rows."""

    @property
    def validation(self) -> Sample:
        """Real validation rows."""

    @property
    def children(self) -> Sample:
        """New rows that will be published, of all steps; if training rows are sampled, children of the sample, unless
        these are too few."""

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
        """CPU seconds that the run has used so far, in all its processes."""

    @property
    def production(self) -> pa.Table:
        """Rows as production sends them, in random order; only for a gate whose policy names their source."""

    @property
    def readable(self) -> float:
        """The share of production rows that could be read like training rows: `production` holds no others."""

    @property
    def feature_columns(self) -> Sequence[str]:
        """Columns that features are made of."""

    @property
    def copies(self) -> Mapping[str, Sequence[str]]:
        """Ids of all new rows that look like a real training row, by step."""

    @property
    def epsilons(self) -> Mapping[str, float | None]:
        """The epsilon each step spends per real row, as its transforms declare; None if one of them declares none."""

    def parents(self, children: Sample) -> Sample:
        """The real rows that these new rows were made from, each once."""

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
        """Ids of rows that steps were fitted on and that are in no file of real training rows; should be empty."""

    def features(self, rows: pa.Table) -> F64:
        """The modality's verifier features of any rows, shape (n, d), computed as for the training rows."""

    def load(self) -> None:
        """Read the samples now."""

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Results in the order of `items`, from the run's workers; `function` must be a module's, items small."""

    def origin_of(self, step: Step) -> str:
        """The origin of the rows of a step: `augmented` or `synthetic`."""


def answer(
    name: str,
    gate: Gate,
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
    """The report of one figure of a gate."""
    return {
        "name": name,
        "layer": LAYER,
        "success": success,
        "observed": observed,
        "interval": list(interval) if interval is not None else None,
        "target": target,
        "description": description,
        "error": error,
        "on_failure": gate.on_failure,
        "too_few": False,
        "details": list(details),
        "failing": [{"sample_id": row["sample_id"], "values": dict(row.get("values", {}))} for row in failing],
    }


def too_few(name: str, gate: Gate, target: str, why: str, description: str = "") -> CheckReport:
    """The report of a gate that has too few rows to judge; the policy's `on_too_few` says what happens then."""
    report = answer(name, gate, False, None, target, description, error=f"{TOO_FEW}: {why}")
    return {**report, "too_few": True, "on_failure": gate.on_too_few}
