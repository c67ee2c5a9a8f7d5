"""The one place that knows how imbalanced-learn's samplers are found, checked, called and answered.

A sampler of another package is taken where an installed distribution holds it that itself requires imbalanced-learn
or scikit-learn: a policy is data, and must not name whatever lies about on Python's path.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import packages_distributions, requires
from typing import Any

import numpy as np
from numpy.typing import NDArray
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from augmill.policies.names import did_you_mean
from augmill.tasks.transforms.table import F64, I64

DISTRIBUTION = "imbalanced-learn"
GROUNDS = frozenset({DISTRIBUTION, "scikit-learn"})
"""What a distribution must require before a sampler of it is imported."""

SET_BY_THE_RUN = {
    "sampling_strategy": "the step's `amount` says how many rows are made",
    "random_state": "it is derived from the policy's seed, the step and the class",
    "n_jobs": "the runner decides on workers, and rows may not depend on them",
    "categorical_features": "they are the columns of categories and booleans",
}
FAULTS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a sampler raises on data that it cannot work with; the library has no error of its own."""


class NotOnlyAdded(ValueError):
    """The sampler gave back other rows than it was to add to, or rows of another class."""


class NotRepeatable(ValueError):
    """The sampler gave other rows for the same rows and the same seed."""


@lru_cache(maxsize=64)
def sampler_class(name: str) -> type[Any]:
    """The class that a policy names. Raises ValueError: unknown, with near misses, or no over-sampler."""
    if ":" not in name:
        from imblearn import over_sampling

        if name not in over_sampling.__all__:
            near = _near(name, over_sampling.__all__)
            raise ValueError(
                f"imbalanced-learn has no over-sampler called {name!r} ({near}); one of another package is written "
                "package.module:Class"
            )
        return getattr(over_sampling, name)  # type: ignore[no-any-return]
    module, _, attribute = name.partition(":")
    distribution_of(name)
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except ImportError as fault:
        raise ValueError(f"{module} cannot be imported: {fault}") from None
    except AttributeError:
        raise ValueError(f"{module} has no class called {attribute!r}") from None
    if not isinstance(kind, type) or not hasattr(kind, "fit_resample") or not _takes(kind, "sampling_strategy"):
        raise ValueError(f"{name} is no over-sampler: that is a class with fit_resample and sampling_strategy")
    if getattr(kind, "_sampling_type", "over-sampling") != "over-sampling" or module.startswith("imblearn.combine"):
        raise ValueError(f"{name} removes rows, and a step with transforms only adds some")
    return kind


def distribution_of(name: str) -> str:
    """The installed distribution that holds the class; its version decides the rows. Raises ValueError for none."""
    if ":" not in name:
        return DISTRIBUTION
    top = name.partition(":")[0].partition(".")[0]
    for owner in packages_distributions().get(top, ()):
        needs = {canonicalize_name(Requirement(text).name) for text in requires(owner) or ()}
        if canonicalize_name(owner) == DISTRIBUTION or needs & GROUNDS:
            return owner
    raise ValueError(f"no installed distribution that requires {' or '.join(sorted(GROUNDS))} holds {top!r}")


def refuse_set_by_the_run(arguments: Mapping[str, Any]) -> None:
    """Raise one ValueError for arguments that no policy may give, whatever the sampler."""
    taken = [f"leave out {key}: {reason}" for key, reason in SET_BY_THE_RUN.items() if key in arguments]
    if taken:
        raise ValueError("; ".join(taken))


def check(name: str, arguments: Mapping[str, Any]) -> None:
    """Raise one ValueError for arguments that the sampler does not have or would refuse."""
    kind = sampler_class(name)
    parameters = inspect.signature(kind).parameters
    if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        own = [key for key in parameters if key not in SET_BY_THE_RUN]
        unknown = [f"{name} has no argument {key!r} ({_near(key, own)})" for key in arguments if key not in parameters]
        if unknown:
            raise ValueError("; ".join(unknown))
    try:
        sampler = build(name, arguments, {}, 0, ())
        if hasattr(sampler, "_validate_params"):
            sampler._validate_params()
    except FAULTS as fault:
        raise ValueError(f"{name} refuses its params: {first_line(fault)}") from None
    shrinkage = arguments.get("shrinkage")
    if kind.__name__ == "RandomOverSampler" and (isinstance(shrinkage, Mapping) or not shrinkage or shrinkage < 0):
        raise ValueError(
            "RandomOverSampler only copies rows unless shrinkage is a number above 0; tabular.random_oversample copies "
            "them and says of which row each is a copy"
        )


def build(
    name: str, arguments: Mapping[str, Any], amounts: Mapping[int, int], seed: int, categorical: tuple[int, ...]
) -> Any:
    """The sampler, to bring each class of `amounts` to so many rows; `categorical` are places of columns."""
    kind = sampler_class(name)
    own = {"sampling_strategy": dict(amounts), "random_state": seed, "categorical_features": list(categorical)}
    return kind(**arguments, **{key: value for key, value in own.items() if _takes(kind, key)})


def neighbours_needed(name: str, arguments: Mapping[str, Any]) -> int:
    """How many neighbours of its class the sampler wants for a row; 0 if it does not say."""
    sampler = build(name, arguments, {}, 0, ())
    values = (getattr(sampler, key, None) for key in ("k_neighbors", "n_neighbors"))
    return next((int(value) for value in values if isinstance(value, int)), 0)


def rows_added(sampler: Any, points: NDArray[Any], labels: I64, target: int, twice: bool) -> F64:
    """What the sampler adds to the rows, shape (m, p): all of class `target`, in its own order.

    `twice` has it work again and compares. Raises NotOnlyAdded, NotRepeatable, or whatever the sampler raises.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # sums of k-means are added up in the order of threads
        added = _added(sampler, points, labels, target)
        if twice and not np.array_equal(added, _added(sampler, points, labels, target)):
            raise NotRepeatable("it gave other rows for the same rows and the same random_state")
    return added


def _added(sampler: Any, points: NDArray[Any], labels: I64, target: int) -> F64:
    values, classes = sampler.fit_resample(points.copy(), labels.copy())[:2]
    values, classes = np.asarray(values, dtype=np.float64), np.asarray(classes)
    size = len(points)
    if len(values) < size or not (np.array_equal(values[:size], points) and np.array_equal(classes[:size], labels)):
        raise NotOnlyAdded("it did not give back the rows that it was to add to")
    if not (classes[size:] == target).all():
        raise NotOnlyAdded("it added rows of other classes")
    if not np.isfinite(values).all():
        raise NotOnlyAdded("it added rows with values that are no numbers")
    return values[size:]


def first_line(fault: Exception) -> str:
    """What an error says, on one line."""
    return " ".join(str(fault).split()) or type(fault).__name__


def _takes(kind: type[Any], argument: str) -> bool:
    return argument in inspect.signature(kind).parameters


def _near(name: str, names: Any) -> str:
    text = did_you_mean(name, names)
    return text[0].lower() + text[1:].rstrip(".")
