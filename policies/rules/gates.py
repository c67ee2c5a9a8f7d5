"""AUG7xx: gates that could never say anything."""

from __future__ import annotations

from collections.abc import Iterator

from augmill.policies.rules.rule_context import Context, Hit, error


def aug701_student_without_a_label(context: Context) -> Iterator[Hit]:
    """A gate trains a student, and the policy names no label for it to learn.

    Why: `gates.model_delta` compares two classifiers. Without a column of classes there is nothing to classify;
        targets of a regression are refused by AUG205.
    Fix: Name the column of classes in `label`, or take the gate out.
    Bad:
        label: null
        gates: {model_delta: {metric: average_precision}}
    Good:
        label: y
        gates: {model_delta: {metric: average_precision}}
    """
    if context.policy.gates.model_delta is not None and context.policy.label is None:
        at = ("gates", "model_delta")
        yield error(at, "model_delta needs a label to learn.", "Name it in `label`, or take the gate out.")


def aug702_nothing_to_judge_on(context: Context) -> Iterator[Hit]:
    """A gate judges on validation rows, and the split leaves none.

    Why: `gates.model_delta` judges students on real validation rows; test rows are never looked at before the end.
    Fix: Leave a share for validation.
    Bad:
        split: {fractions: {train: 0.8, test: 0.2}}
        gates: {model_delta: {metric: average_precision}}
    Good:
        split: {fractions: {train: 0.7, validation: 0.2, test: 0.1}}
        gates: {model_delta: {metric: average_precision}}
    """
    policy = context.policy
    uri = policy.source.uri
    splits = set(uri) if isinstance(uri, dict) else set(policy.split.fractions or ())
    if policy.gates.model_delta is not None and splits and "validation" not in splits:
        at = ("gates", "model_delta")
        yield error(at, "model_delta judges on validation rows, and there are none.", "Leave a share for them.")
