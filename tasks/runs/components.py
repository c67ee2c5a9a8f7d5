"""The parts a policy names - modality, transforms - looked up in the catalogue, once per process."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from augmill.policies.schema import Step
from augmill.tasks.modalities.modality_contract import Op
from augmill.tasks.plugins import Located
from augmill.tasks.runs.context import Context
from augmill.tasks.transforms.catalogue import Catalogue

MAKES_CHILDREN = "augmill.tasks.stages.augment:make_children"


@lru_cache(maxsize=8)
def catalogue(plugins: Path | None) -> Catalogue:
    """The catalogue of built-in parts and those of a plug-in folder."""
    return Catalogue(plugins)


def modality_of(ctx: Context) -> ModuleType:
    """The module of the policy's modality; it holds the functions of `Modality`."""
    return modality_part(ctx).module


def modality_part(ctx: Context) -> Located:
    """Where the policy's modality is, whose code is part of the name of whatever it makes."""
    return catalogue(ctx.plugins).modality(ctx.policy.modality)


def ops_of(ctx: Context, step: Step) -> list[Op]:
    """The chain of a step, ready to use."""
    ops = []
    for use in step.transforms:
        entry = catalogue(ctx.plugins).find(use.use)
        ops.append(Op(use.use, entry.module, entry.parameters(use.params), use.probability))
    return ops


def mixing_in(ctx: Context, step: Step) -> int | None:
    """The place of the transform that mixes labels in the chain of a step, if one does."""
    return next((at for at, op in enumerate(ops_of(ctx, step)) if op.module.BEHAVIOUR.label == "mix"), None)


def verifier_of(ctx: Context) -> Located:
    """The module that judges labels: the built-in one, or the plug-in that the policy names."""
    return catalogue(ctx.plugins).verifier(ctx.policy.checks.label_consistency.verifier)


def custom_expectations(plugins: Path | None, names: Iterable[str]) -> dict[str, type]:
    """The users' own expectations among `names`, imported."""
    parts = catalogue(plugins)
    return {name: parts.expectation(name) for name in sorted(set(names).intersection(parts.custom()))}


def is_joint(ops: Iterable[Op]) -> bool:
    """Whether a transform of the chain draws all children of a class at once."""
    return any(op.module.BEHAVIOUR.joint for op in ops)


def _libraries(op: Op) -> tuple[str, ...]:
    declared = getattr(op.module, "libraries", None)
    return () if declared is None else tuple(declared(op.params))


def transform_code(ctx: Context, step: Step) -> list[str]:
    """Hash of all code that decides a step's children - what makes them, its transforms, the modality - and the
    versions of distributions that a transform names in its parameters."""
    transforms = [catalogue(ctx.plugins).find(use.use) for use in step.transforms]
    library_versions = [f"{name}=={version(name)}" for op in ops_of(ctx, step) for name in _libraries(op)]
    return [ctx.code_version(MAKES_CHILDREN, modality_part(ctx), *transforms), *library_versions]
