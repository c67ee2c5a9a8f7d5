"""How image transforms see one sample: pixels, and the mask and boxes that must move with them.

An image transform module holds, beside the declarations of `transform_contract.py`:

    build(params) -> tool                          once per process; the library's object, or None
    draw(tool, params, picture, seed) -> Drawn      scalars by name; keys that begin with `_` are not recorded
    apply(tool, params, pictures, draws) -> Picture  pure; pictures[0] is the base, then the partners

A mixing transform also holds `partners(params, seeds, bases, labels) -> int64 (n, m)`, which picks rows of
the pool (real training rows sorted by id) before any picture is read; its `draw` is given all pictures, as `apply`
is, and `draws["weight"]` is the base's share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Drawn = dict[str, Any]


@dataclass(frozen=True)
class Box:
    """One object in pixels, `xmin <= x < xmax`, as in Pascal VOC without its off-by-one."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float
    label: str


@dataclass(frozen=True)
class Picture:
    """`image` (h, w) or (h, w, c), uint8 or uint16; `mask` (h, w) integer instance or class numbers."""

    image: NDArray[Any]
    mask: NDArray[np.integer[Any]] | None = None
    boxes: tuple[Box, ...] | None = field(default=None)

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB, 4 with an alpha channel."""
        return 1 if self.image.ndim == 2 else int(self.image.shape[2])
