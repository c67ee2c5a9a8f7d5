"""Names as a person reads them: in the order expected, and near misses for those that do not exist."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from math import isfinite

MOST_NAMES = 40
_DIGITS = 20


def natural_sort_key(name: str) -> tuple[int, float, str, str]:
    """The key to sort names by where a person reads them: numbers by size, then words by letter, V2 before V10."""
    spread = re.sub(r"[0-9]+", lambda digits: digits[0].zfill(_DIGITS), name)
    try:
        number = float(name)
    except ValueError:
        return 1, 0.0, spread, name
    return (0, number, spread, name) if isfinite(number) else (1, 0.0, spread, name)


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """The remedy for a name that does not exist: near misses, or all there are."""
    names = sorted(candidates, key=natural_sort_key)
    near = get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return f"Choose from {', '.join(names[:MOST_NAMES])}{more}." if names else "Nothing may stand here."
