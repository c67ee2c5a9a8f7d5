"""Label expectations: what the verifier's outcomes must amount to, and whether it can judge at all."""

from __future__ import annotations

from typing import Any

from augmill.expectations.build import library

gxe: Any = library().expectations


class ExpectLabelConsistencyRate(gxe.ExpectColumnMinToBeBetween):  # type: ignore[misc]
    """1 - contradicted / judged, over all children, before anything is dropped."""

    column: str = "label_consistency_rate"
    min_value: float | None = 0.99
    description: str = "The share of judged children whose label the verifier does not contradict."


class ExpectDropShare(gxe.ExpectColumnMaxToBeBetween):  # type: ignore[misc]
    """Dropping more than this hides a wrong step instead of mending it."""

    column: str = "drop_share"
    max_value: float | None = 0.1
    description: str = "The share of children dropped because their label is contradicted."


class ExpectUnfamiliarShare(gxe.ExpectColumnMaxToBeBetween):  # type: ignore[misc]
    """Beyond this, the verifier no longer knows most of what it judges."""

    column: str = "unfamiliar_share"
    max_value: float | None = 0.5
    description: str = "The share of judged children that lie off the known distribution."


class ExpectEnoughRowsToJudge(gxe.ExpectColumnMaxToBeBetween):  # type: ignore[misc]
    """Children of classes with too few real rows are not judged; that must be known, not passed over."""

    column: str = "too_few_share"
    max_value: float | None = 0.0
    description: str = "The share of children whose class has too few real rows to judge a label."


class ExpectVerifierToTellClassesApart(gxe.ExpectColumnMinToBeBetween):  # type: ignore[misc]
    """Balanced accuracy on held-out real rows, rescaled so that guessing is 0."""

    column: str = "verifier_accuracy"
    min_value: float | None = 0.5
    description: str = "How well the verifier tells classes apart on held-out real rows; guessing is 0."


class ExpectVerifierToCatchSwappedLabels(gxe.ExpectColumnMinToBeBetween):  # type: ignore[misc]
    """Real rows of other classes that would be contradicted under a class's label, in the worst class."""

    column: str = "catch_rate"
    min_value: float | None = 0.05
    description: str = "The share of held-out real rows that the verifier contradicts when given a wrong label."
