"""AUG2xx: changes that may turn one class into another."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import isfinite

from augmill.policies.names import did_you_mean, natural_sort_key
from augmill.policies.rules.rule_context import Context, Hit, error, spelled, warning
from augmill.policies.schema import Remap

# Words of dataset names, descriptions and classes that betray on what a label hangs. Heuristics: `noqa` or a
# written `label_depends_on` settles a case.
ORIENTED = (
    "digit", "digits", "mnist", "emnist", "svhn", "character", "characters", "letter", "letters", "glyph", "glyphs",
    "ocr", "alphabet", "handwriting", "handwritten", "arrow", "arrows", "left", "right", "clockwise", "signs",
    "upside", "plate", "plates",
)  # fmt: skip
COLOURED = (
    "colour", "colours", "color", "colors", "skin", "lesion", "lesions", "melanoma", "dermatoscopic", "dermoscopy",
    "histology", "histopathology", "stain", "stained", "blood", "fundus", "retina", "retinal", "ripe", "ripeness",
    "fruit", "fruits", "jaundice", "litmus",
)  # fmt: skip
MIRRORED_PAIRS = (
    ("6", "9"),
    ("b", "d"),
    ("p", "q"),
    ("b", "p"),
    ("d", "q"),
    ("m", "w"),
    ("n", "u"),
    ("2", "5"),
    ("left", "right"),
    ("up", "down"),
    ("east", "west"),
)

# Ratings in halves are classes with decimals, and there are never many. Whole numbers name classes as often as not, by
# the hundred, but then each has rows to learn from; ages, counts and prices have a row or two per value.
MOST_DECIMALS = 20
MOST_SPARSE, DENSE = 50, 5
MOST_NAMED = 12


def aug201_orientation(context: Context) -> Iterator[Hit]:
    """A flip or large rotation, where the label depends on which way is up.

    Why: A 6 turned by 180 degrees is a 9, a mirrored left hand is a right hand. On scikit-learn's digits a
        vertical flip leaves only 0 and 8 readable. The children carry their parent's label, now a wrong one.
    Fix: Turn by at most 15 to 30 degrees and shift instead, or say in the transform's `labels` what becomes of each
        label: keep, forbid, or {remap: LABEL}; `augmill probe` shows which are kept. If flips are right for all of
        them, say so: `# noqa: AUG201 why`.
    Bad:
        modality: image
        description: Tell handwritten digits apart.
        steps:
          - name: mirrored
            transforms: [{use: image.vertical_flip, invariance: Somebody said that flips always help.}]
            amount: {copies: 1}
    Good:
        modality: image
        description: Tell handwritten digits apart.
        steps:
          - name: turned
            transforms:
              - use: image.rotate
                invariance: People do not write straight.
                params: {angle_degrees_range: [-10.0, 10.0]}
            amount: {copies: 1}
    """
    for use in context.uses:
        if "orientation" not in use.risks:
            continue
        open_labels = context.unsettled(use)
        why = _depends(context, "orientation", ORIENTED)
        mirrored = _mirrored(context, open_labels)
        if why and (open_labels or not use.chosen.labels):
            unsettled = f"; nothing is said of the labels {_listed(open_labels)}" if use.chosen.labels else ""
        elif mirrored:
            why, unsettled = mirrored, ""
        else:
            continue
        yield error(
            use.at,
            f"{use.chosen.use} {use.risks['orientation']}, and {why}{unsettled}.",
            "Use small rotations and shifts instead, or say keep, forbid or {remap: LABEL} of each in `labels`.",
        )


def aug202_colour(context: Context) -> Iterator[Hit]:
    """A change of colour, where the colour is the diagnosis.

    Why: The redness of a lesion, the stain of a cell or the ripeness of a fruit is what the expert looked at.
        With another hue the child is another case under the old label.
    Fix: Change brightness a little instead. If hue carries nothing here, say so: `# noqa: AUG202 why`.
    Bad:
        modality: image
        label_depends_on: [colour]
        steps:
          - name: colours
            transforms:
              - use: image.color_jitter
                invariance: Somebody said that colours never matter.
                params: {hue_degrees_range: [-30.0, 30.0]}
            amount: {copies: 1}
    Good:
        modality: image
        label_depends_on: [colour]
        steps:
          - name: light
            transforms: [{use: image.brightness_contrast, invariance: The lamp is not always equally bright.}]
            amount: {copies: 1}
    """
    why = _depends(context, "colour", COLOURED)
    for use in context.uses:
        if why and "colour" in use.risks and (context.facts is None or context.facts.colour is not False):
            yield error(
                use.at, f"{use.chosen.use} {use.risks['colour']}, and {why}.", "Change brightness a little instead."
            )


def aug203_texture(context: Context) -> Iterator[Hit]:
    """Noise or blur, where the label depends on texture.

    Why: Fine texture is the first thing that noise, blur and strong compression destroy.
    Fix: Use flips and shifts, or very small magnitudes.
    Bad:
        modality: image
        label_depends_on: [texture]
        steps:
          - name: soft
            transforms: [{use: image.gaussian_blur, invariance: The camera is not always in focus.}]
            amount: {copies: 1}
    Good:
        modality: image
        label_depends_on: [texture]
        steps:
          - name: mirrored
            transforms: [{use: image.horizontal_flip, invariance: A weave seen in a mirror is the same weave.}]
            amount: {copies: 1}
    """
    if "texture" not in context.policy.label_depends_on:
        return
    for use in context.uses:
        if "noise" in use.risks:
            yield warning(
                use.at,
                f"{use.chosen.use} {use.risks['noise']}, and the label depends on texture.",
                "Use geometry instead, or a very small magnitude.",
            )


def aug204_unknown_class(context: Context) -> Iterator[Hit]:
    """A step or a transform's `labels` name a class that the data do not have.

    Why: The step would make nothing, or remap to a class that nobody knows. Often the spelling differs: `1` and
        `1.0`, `yes` and `Yes`.
    Fix: Write the class as the data spell it.
    Bad:
        facts: {counts: {train: {benign: 250, malignant: 150}}}
        steps:
          - name: more
            transforms: [{use: tabular.random_oversample}]
            amount: {copies: 1}
            only: [malign]
    Good:
        facts: {counts: {train: {benign: 250, malignant: 150}}}
        steps:
          - name: more
            transforms: [{use: tabular.random_oversample}]
            amount: {copies: 1}
            only: [malignant]
    """
    classes = context.facts.classes if context.facts else []
    for path, step in context.steps():
        for index, label in enumerate(step.only or ()):
            if classes and spelled(label) not in classes:
                yield error(
                    (*path, "only", index),
                    f"the data have no class {spelled(label)!r}.",
                    did_you_mean(spelled(label), classes),
                )
    for use in context.uses:
        for label, fate in use.chosen.labels.items():
            referenced = [label, fate.remap] if isinstance(fate, Remap) else [label]
            for name in referenced:
                if classes and name not in classes:
                    at = (*use.path, "labels", label, *(["remap"] if name != label else []))
                    yield error(at, f"the data have no class {name!r}.", did_you_mean(name, classes))


def aug205_label_is_a_quantity(context: Context) -> Iterator[Hit]:
    """The label is a quantity and not a class.

    Why: Prices, temperatures and ages are targets of a regression. Here every value would be a class of its own, with
        a row or two: nothing can be balanced, split by class, or judged. Numbers with decimals are taken for a
        quantity if there are more than 20 of them; whole numbers if there are more than 50, with fewer than 5 rows
        each on average.
    Fix: Bin it into a column of classes at the source (`pandas.cut`), or name another column. If the numbers are
        names of classes, such as ids of persons, say so: `# noqa: AUG205 why`.
    Bad:
        facts: {counts: {train: {
          "1.5": 1, "1.6": 1, "1.7": 1, "1.8": 2, "1.9": 1, "2.1": 1, "2.2": 2, "2.3": 1, "2.4": 1, "2.5": 1, "2.6": 1,
          "2.7": 1, "2.8": 1, "2.9": 1, "3.1": 1, "3.2": 1, "3.3": 1, "3.4": 1, "3.5": 1, "3.6": 1, "3.7": 1}}}
    Good:
        facts: {counts: {train: {"0.5": 90, "1.0": 80, "1.5": 120, "2.0": 70}}}
    """
    counts = context.facts.counts if context.facts else {}
    values = [_number(label) for label in (context.facts.classes if context.facts else ())]
    numbers = [value for value in values if value is not None]
    if context.policy.label is None or not numbers or len(numbers) < len(values):
        return
    rows = sum(sum(by_class.values()) for by_class in counts.values())
    decimals = any(not value.is_integer() for value in numbers)
    if len(numbers) > MOST_DECIMALS if decimals else len(numbers) > MOST_SPARSE and rows < DENSE * len(numbers):
        yield error(
            ("label",),
            f"{context.policy.label!r} holds {len(numbers):,} different numbers in {rows:,} rows: a quantity, and no"
            " class.",
            "Bin it into a column of classes at the source (pandas.cut), or name another column; regression targets"
            " are not supported.",
        )


def _number(label: str) -> float | None:
    try:
        value = float(label)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _depends(context: Context, on: str, words: tuple[str, ...]) -> str | None:
    if on in context.policy.label_depends_on:
        return f"label_depends_on says that the label depends on {on}"
    word = context.mentions(words) if context.policy.modality == "image" else None
    return f"the policy speaks of {word!r}, where {on} matters" if word else None


def _mirrored(context: Context, open_labels: Collection[str]) -> str | None:
    classes, unsaid = ({label.lower() for label in labels} for labels in (context.labels(), open_labels))
    pair = next((pair for pair in MIRRORED_PAIRS if classes.issuperset(pair) and unsaid.intersection(pair)), None)
    return f"{pair[0]} and {pair[1]} are classes" if pair else None


def _listed(labels: Collection[str]) -> str:
    names = sorted(labels, key=natural_sort_key)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
