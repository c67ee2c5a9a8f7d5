"""Counter-based random numbers: every draw is a pure function of (policy seed, step, parent, copy, stream).

No generator is shared, so a child does not depend on how many others there are, in what order, or in
which process they are made. The mixer is SplitMix64 (Steele, Lea, Flood 2014), vectorised over children.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
F64 = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_LOW63 = np.uint64(2**63 - 1)


def mix(words: U64) -> U64:
    """Scramble 64-bit words so that every output bit depends on every input bit."""
    with np.errstate(over="ignore"):
        z = words + _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * _M1
        z = (z ^ (z >> np.uint64(27))) * _M2
        return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def word_of(*parts: str | int) -> np.uint64:
    """Hash a few names and numbers to one 64-bit word; different parts never give the same text."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big"))


def child_seeds(step_word: np.uint64, parent_words: U64, copies: NDArray[Any]) -> NDArray[np.int64]:
    """One seed per child, shape (n,), non-negative so that it fits a signed Parquet column."""
    with np.errstate(over="ignore"):
        words = mix(mix(parent_words ^ step_word) + copies.astype(np.uint64) * _GOLDEN)
    return (words & _LOW63).astype(np.int64)


def bits(seeds: NDArray[np.int64], stream: str | int, width: int | None = None) -> U64:
    """Raw 64-bit draws, shape (n,) or (n, width), for the stream called `stream`."""
    with np.errstate(over="ignore"):
        base = mix(seeds.astype(np.uint64) ^ word_of("stream", stream))
        if width is None:
            return mix(base)
        lanes = np.arange(1, width + 1, dtype=np.uint64) * _GOLDEN
        return mix(base[:, None] + lanes[None, :])


def uniforms(seeds: NDArray[np.int64], stream: str | int, width: int | None = None) -> F64:
    """Uniform draws in [0, 1), shape (n,) or (n, width)."""
    return (bits(seeds, stream, width) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def integers(seeds: NDArray[np.int64], stream: str | int, high: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Uniform integers in [0, high), shape (n,); `high` may differ per child."""
    return np.floor(uniforms(seeds, stream) * high).astype(np.int64)


def normals(seeds: NDArray[np.int64], stream: str | int, width: int) -> F64:
    """Standard normal draws, shape (n, width), by Box and Muller (1958)."""
    u = 1.0 - uniforms(seeds, f"{stream}/radius", width)
    v = uniforms(seeds, f"{stream}/angle", width)
    return np.asarray(np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * v), dtype=np.float64)


def generator(seed: int, stream: str | int = 0) -> np.random.Generator:
    """A separate NumPy generator for one child, for draws that need more than scalars."""
    return np.random.Generator(np.random.PCG64([seed, int(word_of("stream", stream))]))
