"""Mean and standard deviation that do not depend on how rows are batched or ordered: the sums are exact.

Values are cut into 18-bit digits on a grid that is the same for all batches. Digits are small whole numbers, so
float64 sums of them and of their products are exact, and the running totals are Python integers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

_DIGIT_BITS = 18
_ROWS_AT_ONCE = 2**14  # at most 2**16, so that 2 * 18 + 16 bits fit a float64; less stays in the cache
_SMALLEST = 1080  # every float64 is a whole multiple of 2**-1080


class Moments:
    """Running exact sums of finite numbers and of their squares."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0
        self._squares = 0

    def add(self, values: F64) -> None:
        """Count in finite values, shape (n,)."""
        for start in range(0, len(values), _ROWS_AT_ONCE):
            self._add(values[start : start + _ROWS_AT_ONCE])
        self.count += len(values)

    def _add(self, values: F64) -> None:
        places, digits = _digits(values)
        products = digits @ digits.T
        for i, place in enumerate(places):
            self._sum += int(digits[i].sum()) << place
            for j, other in enumerate(places):
                self._squares += int(products[i, j]) << (place + other)

    def to_json(self) -> list[int]:
        """How many, and their sums: whole numbers of some hundred digits."""
        return [self.count, self._sum, self._squares]

    def merge(self, other: Sequence[int]) -> None:
        """Add the sums that `to_json` of another object returned."""
        count, total, squares = other
        self.count += count
        self._sum += total
        self._squares += squares

    @property
    def mean(self) -> float:
        """The mean, correctly rounded."""
        return float(Fraction(self._sum, self.count << _SMALLEST))

    @property
    def deviation(self) -> float:
        """The standard deviation (divided by n, as StandardScaler does)."""
        # isqrt and not math.sqrt: a variance can be beyond float64 where its root is not.
        spread = self.count * self._squares - self._sum**2
        extra = max(0, 128 - spread.bit_length()) // 2
        return float(Fraction(math.isqrt(spread << (2 * extra)), self.count << (_SMALLEST + extra)))


def _digits(values: F64) -> tuple[list[int], F64]:
    """Whole numbers below 2**18, shape (digits, n), with values = sum over digits of digit * 2**(place - 1080)."""
    rest, places, digits = values.copy(), [], []
    while largest := max(float(rest.max(initial=0.0)), -float(rest.min(initial=0.0))):
        top = (math.frexp(largest)[1] + _SMALLEST - 1) // _DIGIT_BITS * _DIGIT_BITS
        exponent = max(top - _SMALLEST, -1074)
        digit = rest / math.ldexp(1.0, exponent)
        np.trunc(digit, out=digit)
        rest -= digit * math.ldexp(1.0, exponent)
        places.append(exponent + _SMALLEST)
        digits.append(digit)
    return places, np.stack(digits) if digits else np.empty((0, len(values)))
