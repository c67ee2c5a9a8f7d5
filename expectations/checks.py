"""Which expectations judge a run, as specs: light, so that a plan can list them without any library.

The classes behind the names stand in the files beside this one, found by name in `build.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from augmill.expectations.suite import Spec
from augmill.policies.schema import Distribution, LabelConsistency

MAX_CLASS_SHARE_GAP = 0.05
MIN_CATCH_RATE = 0.05
"""At alpha 0.01 a verifier that guesses catches 1-3 % of swapped labels; below this it is blind for a class."""

STRUCTURAL = {
    "parents_exist": "expect_parents_to_exist",
    "parents_in_training": "expect_parents_in_training",
    "child_in_training": "expect_children_in_training",
    "label_as_promised": "expect_labels_as_promised",
    "provenance_complete": "expect_provenance_complete",
    "id_unique": "expect_sample_ids_unique",
    "in_one_split": "expect_rows_in_one_split",
    "not_a_held_out_row": "expect_no_copy_of_held_out_row",
}
"""Score column and the expectation that judges it. This layer has no switch."""


def structural(columns: Sequence[str]) -> tuple[Spec, ...]:
    """Expectations for the structural score columns a frame holds; each must be true and present on every row."""
    scored = [name for name in columns if name in STRUCTURAL]
    present = [Spec(type="expect_column_values_to_not_be_null", kwargs={"column": name}) for name in scored]
    return (*(Spec(type=STRUCTURAL[name]) for name in scored), *present)


def semantic(check: LabelConsistency) -> tuple[Spec, ...]:
    """Expectations for the verifier's figures, with the policy's targets."""
    return (
        _at_least("expect_label_consistency_rate", check.min_rate),
        _at_most("expect_drop_share", check.max_drop_share),
        _at_most("expect_unfamiliar_share", check.max_unfamiliar_share),
        _at_most("expect_enough_rows_to_judge", 0.0),
        _at_least("expect_verifier_to_tell_classes_apart", check.min_verifier_accuracy),
        _at_least("expect_verifier_to_catch_swapped_labels", MIN_CATCH_RATE),
    )


def distributional(check: Distribution, figures: Sequence[str]) -> tuple[Spec, ...]:
    """Expectations for the distributional figures that are measured for this modality."""
    every = {
        "copy_share": _at_most("expect_copy_share", check.max_copy_share),
        "near_copy_share": _at_most("expect_near_copy_share", check.max_near_copy_share),
        "coverage": _at_least("expect_coverage", check.min_coverage),
        "out_of_range_share": _at_most("expect_out_of_range_share", check.max_out_of_range_share),
        "columns_of_other_type": _at_most("expect_column_types_of_real_data", 0.0),
        "class_share_gap": _at_most("expect_class_shares_as_planned", MAX_CLASS_SHARE_GAP),
    }
    return tuple(spec for name, spec in every.items() if name in figures)


def custom(names: Sequence[str], kwargs: dict[str, dict[str, Any]] | None = None) -> tuple[Spec, ...]:
    """The users' own expectations, by name."""
    return tuple(Spec(type=name, kwargs=(kwargs or {}).get(name, {})) for name in names)


def _at_least(name: str, target: float) -> Spec:
    return Spec(type=name, kwargs={"min_value": target})


def _at_most(name: str, target: float) -> Spec:
    return Spec(type=name, kwargs={"max_value": target})
