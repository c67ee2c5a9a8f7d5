"""How strong a transform is, read from its `Params`: parameters that grow from nothing to their bounds.

Nothing is registered: a pair named `_range` is a magnitude, and so is what a file marks with `Nothing`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from augmill.tasks.transforms.transform_contract import Nothing, Parameters

MOST = 32.0
"""Times the policy's magnitude that are tried at most, where no bound comes before."""

_INSIDE = 1e-3  # of the way back from a bound that is itself not allowed


@dataclass(frozen=True)
class Magnitude:
    """One parameter: where it changes nothing, the policy's value or pair, and how far it may go."""

    name: str
    nothing: float
    low: float
    high: float
    bounds: tuple[float, float]
    pair: bool
    integral: bool

    @property
    def ends(self) -> tuple[float, ...]:
        """The ends of the policy's range that are farthest from nothing, one on each side that it reaches."""
        if not self.pair:
            return (self.high,)
        return tuple(
            end
            for end, beyond in ((self.low, self.low < self.nothing), (self.high, self.high > self.nothing))
            if beyond
        )

    @property
    def room(self) -> float:
        """How many times the policy's magnitude the bounds allow."""
        times = [(self.bounds[end > self.nothing] - self.nothing) / (end - self.nothing) for end in self.ends]
        return max((time for time in times if math.isfinite(time)), default=MOST)

    def grown(self, end: float, factor: float) -> float:
        """A value of the policy, `factor` times as far from nothing, within bounds."""
        value = min(max(self.nothing + factor * (end - self.nothing), self.bounds[0]), self.bounds[1])
        return round(value) if self.integral else value

    def range_at(self, factor: float) -> Any:
        """What a policy would write for it."""
        grown = [self.grown(end, factor) for end in (self.low, self.high)]
        return grown if self.pair else grown[1]


def magnitudes(params: Parameters) -> list[Magnitude]:
    """The magnitudes among the parameters, in their order; empty where a transform is only on or off."""
    growing = []
    for name, field in type(params).model_fields.items():
        mark = next((mark for mark in field.metadata if isinstance(mark, Nothing)), None)
        if mark is not None and mark.value is None:
            continue
        if mark is not None or name.endswith("_range"):
            # A policy may have switched a part off; then there is only the file's own default to grow.
            tried = (_magnitude(name, field, mark, value) for value in (getattr(params, name), field.default))
            growing += [magnitude for magnitude in tried if magnitude is not None and magnitude.ends][:1]
    return growing


def most(grown: Sequence[Magnitude]) -> float:
    """The factor at which every magnitude has reached its bound, or `MOST`."""
    return min(MOST, max((magnitude.room for magnitude in grown), default=1.0))


def pinned(params: Parameters, grown: Sequence[Magnitude], factor: float) -> Iterator[Parameters | None]:
    """The parameters with every magnitude at one end, grown by `factor`: one for each combination of ends.

    None where the transform refuses such values.
    """
    for ends in product(*(magnitude.ends for magnitude in grown)):
        values = {magnitude.name: magnitude.grown(end, factor) for magnitude, end in zip(grown, ends, strict=True)}
        pins = {
            magnitude.name: [values[magnitude.name]] * 2 if magnitude.pair else values[magnitude.name]
            for magnitude in grown
        }
        try:
            yield type(params).model_validate_json(json.dumps({**params.model_dump(mode="json"), **pins}))
        except ValidationError:
            yield None


def _magnitude(name: str, field: FieldInfo, mark: Nothing | None, value: Any) -> Magnitude | None:
    pair = isinstance(value, tuple)
    values = value if pair else (value, value)
    if len(values) != 2 or not all(isinstance(end, int | float) and not isinstance(end, bool) for end in values):
        return None
    low, high = _bounds(field)
    derived = 0.0 if low <= 0.0 <= high else low
    nothing = derived if mark is None or mark.value is None else mark.value
    integral = all(isinstance(end, int) for end in values)
    return Magnitude(name, nothing, values[0], values[1], (low, high), pair, integral)


def _bounds(field: FieldInfo) -> tuple[float, float]:
    """The bounds that pydantic's constraints or `Within` set; a bound that is not allowed itself is moved inside."""
    low, high = -math.inf, math.inf
    for mark in field.metadata:
        low, high = max(low, getattr(mark, "low", low)), min(high, getattr(mark, "high", high))
        low = max(low, _number(mark, "ge"), _number(mark, "gt") + _INSIDE)
        high = min(high, -_number(mark, "le", -1.0), -_number(mark, "lt", -1.0) - _INSIDE)
    return low, high


def _number(mark: object, name: str, sign: float = 1.0) -> float:
    value = getattr(mark, name, None)
    return -math.inf if value is None else sign * float(value)
