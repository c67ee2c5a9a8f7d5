"""AUG1xx: what is augmented, from what, and whether the claim behind it is written down."""

from __future__ import annotations

from collections.abc import Iterator

from augmill.policies.rules.rule_context import Context, Hit, error, warning

# What tabular.resample would call, and what makes the same rows here, each child from rows that it names.
TRACED = {
    "ADASYN": "tabular.adasyn",
    "BorderlineSMOTE": "tabular.borderline_smote",
    "SMOTE": "tabular.smote",
    "SMOTENC": "tabular.smotenc",
    "SVMSMOTE": "tabular.svm_smote",
}
MIN_REASON = 15  # characters; shorter texts ("ok", "keeps label") give a reviewer nothing to disagree with


def aug101_missing_invariance(context: Context) -> Iterator[Hit]:
    """A transform does not say why it keeps the label.

    Why: An augmentation is a claim about the data: "a slick turned by 90 degrees is a slick". Written down, a
        reviewer can disagree with it; unwritten, nobody checked it.
    Fix: Add `invariance:` with one sentence that an expert of the field could judge.
    Bad:
        steps:
          - name: noise
            transforms: [{use: tabular.gaussian_noise}]
            amount: {copies: 1}
    Good:
        steps:
          - name: noise
            transforms: [{use: tabular.gaussian_noise, invariance: Repeated measurements differ by this much.}]
            amount: {copies: 1}
    """
    for use in context.uses:
        if use.entry.behaviour.label == "mix" or use.entry.behaviour.copies:
            continue
        reason = (use.chosen.invariance or "").strip()
        if len(reason) < MIN_REASON:
            what = "says nothing about" if not reason else "hardly says"
            yield warning(
                use.at,
                f"{use.chosen.use} {what} why it keeps the label.",
                "Add `invariance:` with one sentence a reviewer can judge.",
            )


def aug104_one_source_for_two_splits(context: Context) -> Iterator[Hit]:
    """Two splits read the same source.

    Why: Rows that stand in training and in test make every figure on the test set too good, and children of the
        training rows repeat them once more.
    Fix: Give each split its own files, or give one source and let `split:` divide it.
    Bad:
        source: {uri: {train: rows.csv, test: ./rows.csv}}
        split: {}
    Good:
        source: {uri: {train: train.csv, test: test.csv}}
        split: {}
    """
    uris = context.policy.source.uri
    if isinstance(uris, dict):
        split_by_source: dict[str, str] = {}
        for split, uri in uris.items():
            first = split_by_source.setdefault(_normal(context.loaded.resolve(uri)), split)
            if first != split:
                yield error(
                    ("source", "uri", split),
                    f"{first} and {split} read the same source {uri}.",
                    "Give each split its own files.",
                )


def aug105_out_of_order(context: Context) -> Iterator[Hit]:
    """A transform that works on real rows stands behind another one.

    Why: SMOTE and its kin find the neighbours of real rows. Behind another transform they would look for the
        neighbours of rows that do not exist.
    Fix: Put it first in its chain, or give it a step of its own.
    Bad:
        steps:
          - name: late
            transforms:
              - {use: tabular.gaussian_noise, invariance: Within the precision of the instrument.}
              - {use: tabular.smote, invariance: Between two neighbours lies one of the same class.}
            amount: {balance: true}
    Good:
        steps:
          - name: first
            transforms:
              - {use: tabular.smote, invariance: Between two neighbours lies one of the same class.}
              - {use: tabular.gaussian_noise, invariance: Within the precision of the instrument.}
            amount: {balance: true}
    """
    for use in context.uses:
        if use.entry.behaviour.first and use.path[-1] != 0:
            yield error(use.at, f"{use.chosen.use} must open its chain.", "Move it to the front, or to its own step.")


def aug106_nothing_held_out(context: Context) -> Iterator[Hit]:
    """No row is held out for test or validation.

    Why: Whether augmentation helped can only be seen on real rows that were neither trained on nor augmented.
    Fix: Leave shares for validation and test, or name files or a column that hold them.
    Bad:
        split: {fractions: {train: 1.0}}
    Good:
        split: {fractions: {train: 0.8, test: 0.2}}
    """
    fractions = context.policy.split.fractions
    if fractions and isinstance(context.policy.source.uri, str) and fractions.get("train") == 1.0:
        yield warning(
            ("split", "fractions"),
            "every row is a training row; nothing can be measured.",
            "Leave a share for validation and test.",
        )


def aug107_amount_needs_label(context: Context) -> Iterator[Hit]:
    """An amount or a choice by class, but no label column.

    Why: `balance`, `to_share`, `to_count` and `only` speak of classes, and the policy names none.
    Fix: Name the column in `label:`, or use `copies` without `only`.
    Bad:
        label: null
        steps:
          - name: even
            transforms: [{use: tabular.gaussian_noise, invariance: Within the precision of the instrument.}]
            amount: {balance: true}
    Good:
        label: null
        steps:
          - name: twice
            transforms: [{use: tabular.gaussian_noise, invariance: Within the precision of the instrument.}]
            amount: {copies: 1}
    """
    if context.policy.label is not None or _labels_elsewhere(context):
        return
    for path, step in context.steps():
        if step.amount.copies is None or step.only is not None:
            what = "only" if step.only is not None else "amount"
            yield error(
                (*path, what),
                f"step {step.name} speaks of classes, and the policy has no label.",
                "Name the label column, or use `copies` without `only`.",
            )


def aug108_probability_does_nothing(context: Context) -> Iterator[Hit]:
    """The only transform of a step has a probability below 1, which does nothing.

    Why: Every child is made by at least one transform of its chain, so a lone one is always applied; how many
        children there are is the step's amount. Whoever wrote the probability expected something else.
    Fix: Take `probability` out, and ask for fewer children if that was meant.
    Bad:
        steps:
          - name: seldom
            transforms:
              - {use: tabular.gaussian_noise, invariance: Within the precision of the instrument., probability: 0.5}
            amount: {copies: 1}
    Good:
        steps:
          - name: always
            transforms:
              - {use: tabular.gaussian_noise, invariance: Within the precision of the instrument.}
            amount: {copies: 1}
    """
    for path, step in context.steps():
        if len(step.transforms) == 1 and step.transforms[0].probability < 1.0:
            chosen = step.transforms[0]
            yield warning(
                (*path, "transforms", 0, "probability"),
                f"probability {chosen.probability:g} does nothing: {chosen.use} is the only transform of step"
                f" {step.name}, and every child is changed by at least one.",
                "Take it out; how many children there are is the step's amount.",
            )


def aug109_label_is_no_feature(context: Context) -> Iterator[Hit]:
    """One column plays two parts that exclude each other.

    Why: A label that is ignored is not there to be checked; a key that is the label makes all rows of a class one.
    Fix: Take the column out of `ignore:`, or name another key.
    Bad:
        ignore: [target]
    Good:
        ignore: [row_number]
    """
    policy = context.policy
    if policy.label is not None and policy.label in policy.ignore:
        at = ("ignore", policy.ignore.index(policy.label))
        yield error(at, f"{policy.label!r} is the label and is ignored.", "Take it out of `ignore:`.")
    for path, name in ((("key",), policy.key), (("split", "group"), policy.split.group)):
        if policy.label is not None and name == policy.label:
            yield error(path, f"{name!r} is the label and also {'.'.join(path)}.", "Name another column.")


def aug110_sampler_that_cannot_be_traced(context: Context) -> Iterator[Hit]:
    """A sampler of imbalanced-learn is called whose rows a transform here makes with their true parents.

    Why: A library's sampler does not say which rows it made a row of: its children name their nearest rows instead,
        all of them change with every amount and every training row, and each is rebuilt by fitting again.
    Fix: Use the transform of that name, which draws from the same distribution child by child.
    Bad:
        steps:
          - name: even
            transforms:
              - use: tabular.resample
                params: {sampler: SMOTE, params: {k_neighbors: 3}}
                invariance: Between two neighbours lies one of the same class.
            amount: {balance: true}
    Good:
        steps:
          - name: even
            transforms:
              - use: tabular.smote
                params: {k_neighbors: 3}
                invariance: Between two neighbours lies one of the same class.
            amount: {balance: true}
    """
    for use in context.uses:
        sampler = getattr(use.params, "sampler", None)
        if use.chosen.use == "tabular.resample" and sampler in TRACED:
            yield warning(
                (*use.path, "params", "sampler"),
                f"{sampler} does not say which rows its children are made of.",
                f"Use {TRACED[sampler]}, whose children name their parents.",
            )


def _labels_elsewhere(context: Context) -> bool:
    # In an image folder the folder is the label; boxes and masks carry their own.
    return context.policy.modality != "tabular"


def _normal(uri: str) -> str:
    return uri.rstrip("/").replace("/./", "/")
