"""The gates a version must pass before it is published: a figure with an interval, a target, and what failing means.

A gate that is not written is not run; but for `collapse`, whose first two figures cost nothing and which no version
should miss: `collapse: null` leaves it out.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from augmill.policies.base_model import Closed, Share

FailOrWarn = Literal["fail", "warn"]
Count = Annotated[int, Field(ge=0)]
Ratio = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]


MetricName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}$")]


class Gate(Closed):
    """What all gates have in common."""

    on_failure: FailOrWarn = Field(default="fail", description="fail: nothing is published. warn: it is told.")
    on_too_few: FailOrWarn = Field(default="warn", description="The same, where there are too few rows to judge.")


class ModelDelta(Gate):
    """A student trained on real and new rows against one trained on real rows, judged on real validation rows."""

    metric: Literal["average_precision", "balanced_accuracy", "recall_at_precision", "macro_f1"] = "average_precision"
    min: float = Field(default=0.0, ge=-1.0, le=1.0, description="The least gain of the metric that passes.")
    by: Literal["lower", "mean", "upper"] = Field(
        default="lower",
        description="What must reach `min`: the lower end of the interval (shown to help), the mean, or the upper end"
        " (not shown to hurt).",
    )
    precision: Share = Field(default=0.9, description="For recall_at_precision: the precision to hold.")
    student: Literal["boosting", "logistic"] | None = Field(
        default=None, description="Default: boosting for tables, logistic on the modality's features for the rest."
    )
    seeds: Annotated[int, Field(ge=3, le=50)] = Field(default=5, description="Students trained per side.")
    confidence: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    min_rows_per_class: Annotated[int, Field(ge=2)] = Field(
        default=10, description="Real validation rows a class needs, or there are too few rows to judge."
    )


class Privacy(Gate):
    """How much of single real rows the new rows give away."""

    max_copy_share: Share = Field(default=0.0, description="Rows that equal a real training row.")
    max_near_copy_share: Share = Field(default=0.05, description="Rows closer to a real row than real rows keep.")
    min_distance_ratio: Ratio = Field(
        default=0.9, description="Distance to the closest training row, over that to the closest held-out row."
    )
    max_membership_advantage: Share = Field(
        default=0.1, description="True less false positive rate of the best attacker who asks: was this row used?"
    )
    max_epsilon: Positive | None = Field(default=None, description="Sum over steps that are differentially private.")


class DriftCoverage(Gate):
    """How much of what production sends lies within the training distribution."""

    production: str = Field(description="A file, folder, glob or S3 address with rows as the model meets them.")
    min_coverage: Share = 0.8
    max_feature_drift: Share | None = Field(default=None, description="Largest drift of any feature.")


class Collapse(Gate):
    """That generations of synthetic rows do not feed on one another, and that the tails of the real rows are kept."""

    max_depth: Annotated[int, Field(ge=1)] = Field(
        default=1, description="Generations: 1 are children of rows that were collected, not made."
    )
    max_synthetic_fitted: Count = Field(default=0, description="Made rows of the source that steps learn from.")
    origin: str | None = Field(
        default=None,
        description="Source column that says which rows were made: real, augmented or synthetic; true or false. By"
        " default a column that holds these three words alone.",
    )
    depth: str | None = Field(default=None, description="Source column that counts generations; 0 is real.")
    min_real_share: Share | None = Field(default=None, description="Least share of real rows in training.")
    max_synthetic_per_real: Ratio | None = Field(default=None, description="Most new rows per real training row.")
    max_tail_loss: Share | None = Field(
        default=None,
        description="How much of the weight beyond real rows' outer quantiles may be lost, per class and feature.",
    )
    tail: Annotated[float, Field(gt=0.0, le=0.25)] = Field(default=0.05, description="The outer share, on each side.")


class Budgets(Gate):
    """What a version may cost. What a run that was killed had spent before is not counted."""

    max_rows: Count | None = Field(default=None, description="New rows.")
    max_bytes: Count | None = Field(default=None, description="Bytes of the new rows' files.")
    max_cpu_seconds: Ratio | None = Field(default=None, description="Of all processes of the run, up to the gates.")
    max_money: Ratio | None = Field(default=None, description="At the prices below.")
    price_per_cpu_hour: Ratio | None = None
    price_per_gb: Ratio | None = Field(default=None, description="Price of 10^9 bytes of new rows.")
    currency: str = "money"

    @model_validator(mode="after")
    def _money_has_a_price(self) -> Self:
        if self.max_money is not None and self.price_per_cpu_hour is None and self.price_per_gb is None:
            raise ValueError("max_money needs price_per_cpu_hour or price_per_gb")
        return self


class Target(Closed):
    """What a figure that `augmill report-metric` posts of a version must be, or channels that name it go back."""

    min: float | None = None
    max: float | None = None
    on_failure: FailOrWarn = Field(default="fail", description="fail: channels go back. warn: it is told.")

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"no figure is at least {self.min:g} and at most {self.max:g}: min is above max")
        return self


class Gates(Closed):
    """The gates, each by the name of its file in `tasks/gates/`; and targets of what is measured later."""

    model_delta: ModelDelta | None = None
    privacy: Privacy | None = None
    drift_coverage: DriftCoverage | None = None
    collapse: Collapse | None = Field(default_factory=Collapse)
    budgets: Budgets | None = None
    metrics: dict[MetricName, Target] = Field(
        default_factory=dict, description="Figures measured elsewhere, by name: {recall: {min: 0.8}}."
    )
