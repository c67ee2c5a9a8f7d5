"""AUG2xx: what a transform's `labels` say of single labels, and cannot mean."""

from __future__ import annotations

from collections.abc import Iterator

from augmill.policies.label_transitions import fates
from augmill.policies.names import natural_sort_key
from augmill.policies.rules.rule_context import Context, Hit, error, spelled, warning
from augmill.policies.schema import Remap, Step


def aug206_forbidden_altogether(context: Context) -> Iterator[Hit]:
    """A step whose transforms forbid labels that the step asks for.

    Why: A row of a forbidden label is no parent of any child of the step. Where every label of the step is
        forbidden, it makes nothing; where `only` names one that is, one of the two lines is wrong.
    Fix: Take the label out of `only`, or out of the transform's `labels`; or remove the step.
    Bad:
        modality: image
        steps:
          - name: mirrored
            transforms:
              - use: image.vertical_flip
                invariance: Both look the same upside down.
                labels: {zero: keep, six: forbid, nine: forbid}
            amount: {copies: 1}
            only: [six, nine]
    Good:
        modality: image
        steps:
          - name: mirrored
            transforms:
              - use: image.vertical_flip
                invariance: Both look the same upside down.
                labels: {zero: keep, eight: keep, six: forbid, nine: forbid}
            amount: {copies: 1}
            only: [zero, eight]
    """
    for path, step in context.steps():
        if not any(use.labels for use in step.transforms):
            continue
        only = [spelled(label) for label in step.only or ()]
        barred = [label for label in only or context.applies_to(step) if not fates(step.transforms, label)]
        if barred and len(barred) == len(only or context.applies_to(step)):
            where = (*path, "only") if only else (*path, "transforms")
            remedy = "Remove the step, or forbid fewer labels."
            yield error(where, f"step {step.name} would make nothing: its transforms forbid every label.", remedy)
        elif only and barred:
            labels = ", ".join(sorted(barred, key=natural_sort_key))
            yield warning(
                (*path, "only"),
                f"step {step.name} names {labels}, which its transforms forbid: no child is made of them.",
                "Take them out of `only`, or out of `labels`.",
            )


def aug207_remap_that_cannot_be(context: Context) -> Iterator[Hit]:
    """A label is kept, forbidden or remapped where that has no meaning.

    Why: Without a label column there is nothing to remap; labels of boxes stay what they are. A transform that mixes
        labels has two of them. And whoever asks for a count, a share or a balance must be able to say how many
        children get the new label, which a remap with a probability cannot.
    Fix: Name the label column; remap in the transform that mirrors or turns; ask for `copies`, or remap in a step of
        its own, where every child is changed.
    Bad:
        modality: image
        steps:
          - name: mirrored
            transforms:
              - {use: image.brightness_contrast, invariance: Light changes.}
              - use: image.horizontal_flip
                invariance: A mirrored left hand is a right hand.
                labels: {left: {remap: right}, right: {remap: left}}
                probability: 0.5
            amount: {balance: true}
    Good:
        modality: image
        steps:
          - name: mirrored
            transforms:
              - {use: image.brightness_contrast, invariance: Light changes., probability: 0.5}
              - use: image.horizontal_flip
                invariance: A mirrored left hand is a right hand.
                labels: {left: {remap: right}, right: {remap: left}}
            amount: {balance: true}
    """
    for use in context.uses:
        at = (*use.path, "labels")
        if use.chosen.labels and context.policy.label is None:
            yield error(at, "the policy names no label column, so no label can be kept, forbidden or remapped.",
                        "Name it in `label:`; labels of boxes and masks stay what they are.")  # fmt: skip
        if use.entry.behaviour.label == "mix" and any(isinstance(fate, Remap) for fate in use.chosen.labels.values()):
            yield error(
                at,
                f"{use.chosen.use} mixes labels and cannot remap one.",
                "Write keep or forbid, or remap in another transform of the chain.",
            )
    for path, step in context.steps():
        labels = _partly_remapped(context, step)
        if step.amount.copies is None and labels:
            yield error(
                (*path, "amount"),
                f"step {step.name} cannot say how many children of class {labels[0]} will be remapped, because the"
                " transform that does it has a probability.",
                "Ask for `copies`, or remap in a step of its own.",
            )


def _partly_remapped(context: Context, step: Step) -> list[str]:
    """Labels of which some children are remapped and some are not."""
    declared = {label for use in step.transforms for label in use.labels}
    labels = {spelled(label) for label in step.only} if step.only else declared | set(context.applies_to(step))
    return sorted((label for label in labels if len(fates(step.transforms, label)) > 1), key=natural_sort_key)
