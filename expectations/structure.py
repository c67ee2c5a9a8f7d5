"""Structural expectations: true for every child, with no tolerance and no switch."""

from __future__ import annotations

from typing import Any

from augmill.expectations.build import library

gxe: Any = library().expectations


class ExpectParentsToExist(gxe.ExpectColumnValuesToBeInSet):  # type: ignore[misc]
    """Every parent of every child is a real row of this version."""

    column: str = "parents_exist"
    value_set: tuple[bool, ...] = (True,)
    description: str = "Every child names its parents, and each is a real row of this version."


class ExpectParentsInTraining(gxe.ExpectColumnValuesToBeInSet):  # type: ignore[misc]
    """No child of a validation or test row."""

    column: str = "parents_in_training"
    value_set: tuple[bool, ...] = (True,)
    description: str = "No child has a validation or test row as a parent."


class ExpectChildrenInTraining(gxe.ExpectColumnValuesToBeInSet):  # type: ignore[misc]
    """No child in the validation or test split."""

    column: str = "child_in_training"
    value_set: tuple[bool, ...] = (True,)
    description: str = "No child is in the validation or test split."


class ExpectLabelsAsPromised(gxe.ExpectColumnValuesToBeInSet):  # type: ignore[misc]
    """A child's label is its base's, or the recorded mixture of its parents' labels."""

    column: str = "label_as_promised"
    value_set: tuple[bool, ...] = (True,)
    description: str = "A child's label is its base's, or the recorded mixture of its parents'."


class ExpectProvenanceComplete(gxe.ExpectColumnValuesToBeInSet):  # type: ignore[misc]
    """Every child says where it came from."""

    column: str = "provenance_complete"
    value_set: tuple[bool, ...] = (True,)
    description: str = "Every child carries its id, split, step, operations, seed and recipe."


class ExpectSampleIdsUnique(gxe.ExpectColumnValuesToBeInSet):  # type: ignore[misc]
    """No two rows share an id."""

    column: str = "id_unique"
    value_set: tuple[bool, ...] = (True,)
    description: str = "No two rows of the version share an id."
