"""Values as YAML spells them, so that they are read back as what they were."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:[ .\-/][A-Za-z0-9_]+)*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"})

_ROUNDING = 1e-6


def to_yaml(value: Any) -> str:
    """A scalar, list or map in one line."""
    if isinstance(value, str):
        return (
            value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else json.dumps(value, ensure_ascii=False)
        )
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{to_yaml(key)}: {to_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(to_yaml(item) for item in value) + "]"
    return json.dumps(value)


def rounded_out(low: float, high: float, integral: bool) -> tuple[float, float]:
    """Bounds about a quarter of the span outside the values seen, to two digits; none below 0 if no value is."""
    span = (high - low) or abs(high) or 1.0
    step = 10.0 ** (math.floor(math.log10(span)) - 1)
    least = math.floor((low - span / 4) / step + _ROUNDING) * step
    most = math.ceil((high + span / 4) / step - _ROUNDING) * step
    least = 0.0 if low >= 0.0 > least else least
    most = 0.0 if low < 0.0 and high <= 0.0 < most else most
    if integral:
        return math.floor(least), math.ceil(most)
    return float(f"{least:.12g}"), float(f"{most:.12g}")
