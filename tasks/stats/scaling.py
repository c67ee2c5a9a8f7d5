"""Scaling of features: centred by the median, compressed by asinh against heavy tails, unit spread, clipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

CLIP = 6.0
"""Scaled features are clipped here, so that one outlier value cannot move a row away from its class."""


@dataclass(frozen=True)
class Scaling:
    """Parameters from the real rows, each of shape (d,); columns that are constant in them are left out (`keep`)."""

    median: F64
    width: F64
    centre: F64
    spread: F64
    keep: NDArray[np.bool_]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays by name, to be stored."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Scaling:
        """The scaling from stored arrays."""
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})

    def apply(self, features: F64) -> F64:
        """Scaled features, shape (n, kept columns)."""
        columns = features[:, self.keep] if not self.keep.all() else features
        scaled = np.arcsinh((columns - self.median[self.keep]) / self.width[self.keep])
        scaled -= self.centre[self.keep]
        scaled /= self.spread[self.keep]
        return np.clip(scaled, -CLIP, CLIP, out=scaled)


def fit(features: F64) -> Scaling:
    """Learn the scaling from real rows, shape (n, d), n at least 1. asinh is linear near 0 and a logarithm far out."""
    low, median, high = np.quantile(features, [0.25, 0.5, 0.75], axis=0)
    deviation = features.std(axis=0)
    keep = deviation > 1e-12 * np.maximum(1.0, np.abs(features).max(axis=0))
    quartiles = (high - low) / 1.349
    # A column that is mostly one value has no quartile width; its standard deviation still gives a scale.
    width = np.where(keep, np.where(quartiles > 0.1 * deviation, quartiles, deviation), 1.0)
    squashed = np.arcsinh((features - median) / width)
    spread = np.where(keep, np.maximum(squashed.std(axis=0), 1e-9), 1.0)
    return Scaling(median, width, squashed.mean(axis=0), spread, keep)
