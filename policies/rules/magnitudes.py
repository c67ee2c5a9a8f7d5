"""AUG4xx: how strongly samples are changed."""

from __future__ import annotations

from collections.abc import Iterator

from augmill.policies.rules.rule_context import Context, Hit, warning

NOISY_SHARE = 0.04  # of the full range; a clean 8-bit photograph stays below 0.01
LONG_CHAIN = 4  # RandAugment (Cubuk et al. 2020) does best with two or three
NOISY = ("noisy", "noise", "grainy", "speckle", "ultrasound", "night", "dark", "blurry", "blurred")


def aug401_extreme(context: Context) -> Iterator[Hit]:
    """A magnitude beyond what keeps a sample recognisable.

    Why: Where a person could no longer name the class, the child teaches noise. Each transform's file says what
        it holds for extreme.
    Fix: Lower the magnitude; look at the pictures of `augmill plan`.
    Bad:
        steps:
          - name: loud
            transforms:
              - use: tabular.gaussian_noise
                invariance: Within the precision of the instrument.
                params: {scale: 3.0}
            amount: {copies: 1}
    Good:
        steps:
          - name: quiet
            transforms:
              - use: tabular.gaussian_noise
                invariance: Within the precision of the instrument.
                params: {scale: 0.05}
            amount: {copies: 1}
    """
    for use in context.uses:
        if "extreme" in use.risks:
            yield warning(use.at, f"{use.chosen.use}: {use.risks['extreme']}.", "Lower the magnitude.")


def aug402_noise_on_noise(context: Context) -> Iterator[Hit]:
    """Noise or blur on data that are noisy already.

    Why: The signal that is left is the class; more noise takes it away, and the model has met noise enough.
    Fix: Leave the transform out, or apply it seldom and weakly.
    Bad:
        modality: image
        description: Grainy pictures of a night camera.
        steps:
          - name: noise
            transforms: [{use: image.gaussian_noise, invariance: The sensor is not perfect in the dark.}]
            amount: {copies: 1}
    Good:
        modality: image
        description: Sharp pictures of a studio.
        facts: {noise_share: 0.005}
        steps:
          - name: noise
            transforms: [{use: image.gaussian_noise, invariance: The sensor is not perfect in the dark.}]
            amount: {copies: 1}
    """
    measured = context.facts.noise_share if context.facts else None
    if measured is not None:
        why = f"the pictures already hold {measured:.1%} noise" if measured > NOISY_SHARE else None
    else:
        word = context.mentions(NOISY) if context.policy.modality == "image" else None
        why = f"the policy speaks of {word!r} data" if word else None
    for use in context.uses:
        if why and "noise" in use.risks:
            yield warning(use.at, f"{use.chosen.use} {use.risks['noise']}, and {why}.", "Leave it out, or weaken it.")


def aug403_long_chain(context: Context) -> Iterator[Hit]:
    """A chain of more than four transforms that always apply.

    Why: Small changes multiply: five mild ones make a strong one that nobody has looked at.
    Fix: Make some optional with `probability:`, or spread them over several steps.
    Bad:
        modality: image
        steps:
          - name: everything
            transforms:
              - {use: image.affine, invariance: The camera is held by hand.}
              - {use: image.perspective, invariance: The camera is held by hand.}
              - {use: image.brightness_contrast, invariance: The light changes with the weather.}
              - {use: image.gaussian_blur, invariance: The focus is not always right.}
              - {use: image.jpeg_compression, invariance: The phone compresses pictures.}
            amount: {copies: 1}
    Good:
        modality: image
        steps:
          - name: some
            transforms:
              - {use: image.affine, invariance: The camera is held by hand.}
              - {use: image.brightness_contrast, invariance: The light changes with the weather.}
            amount: {copies: 1}
    """
    for path, step in context.steps():
        always = sum(chosen.probability == 1.0 for chosen in step.transforms)
        if always > LONG_CHAIN:
            yield warning(
                (*path, "transforms"),
                f"step {step.name} always applies {always} transforms to one sample.",
                "Make some optional, or spread them over steps.",
            )
