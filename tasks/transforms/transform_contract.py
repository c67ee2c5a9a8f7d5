"""What a transform file declares about itself; lint, plan and the laws read it, so it is data, not prose.

A transform is one file, `tasks/transforms/<modality>/<name>.py`, holding in this order: a docstring (what it
does to the data, and when it hurts), `Params`, `ACCEPTS`, `BEHAVIOUR`, optionally `risks`, then the code.
`epsilon(params) -> float` may declare what one child spends of each of its parents where the draw is differentially
private; the privacy gate adds it up over all children of a row. No transform that is shipped declares any.
`accepts(params) -> Accepts` may say what is taken with these parameters, where that is not always `ACCEPTS`, and
`libraries(params) -> tuple` which distributions of others decide the output beyond those of the fingerprint.
The module must import in a few milliseconds: heavy libraries are imported inside functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

RiskKind = Literal["orientation", "colour", "noise", "extreme"]


class Parameters(BaseModel):
    """Base of every `Params`: frozen, closed, no silent conversion except int to float."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Nothing:
    """Marks a parameter, `Annotated[..., Nothing(1.0)]`, by the value at which it changes nothing.

    `augmill probe` grows a transform from there. None: the parameter is no magnitude, a direction for example.

    Pairs named `_range` need no mark where nothing is 0, or the lower bound if 0 is out of bounds.
    """

    value: float | None


@dataclass(frozen=True)
class Accepts:
    """What data a transform takes. Anything else is refused by name before a row is touched."""

    missing: Literal["kept", "refused"] = "refused"
    columns: Literal["numeric", "mixed", "categorical", "any"] = "any"
    channels: frozenset[int] = frozenset({1, 3})
    dtypes: frozenset[str] = frozenset({"uint8"})
    min_size: tuple[int, int] = (1, 1)
    targets: frozenset[str] = frozenset({"image", "mask", "boxes"})
    unlabelled: bool = True


@dataclass(frozen=True)
class Behaviour:
    """What a transform does to labels and lineage.

    `fitted`: looks at all real training rows before it can draw. `first`: must open its chain, because it
    works on real rows and not on the output of another transform. `copies`: its children may equal a real
    row byte for byte. `joint`: it draws all children of a class at once when it is fitted, for the count and
    from the seed in its pool; another count gives other children, and rebuilding one is fitting again.
    `pool`: whether it looks at the rows of the class it makes children for, or at all rows.
    `libraries`: distributions whose version changes its output; they are part of the recipe's hash.
    """

    label: Literal["preserve", "mix"] = "preserve"
    origin: Literal["augmented", "synthetic"] = "augmented"
    fitted: bool = False
    first: bool = False
    copies: bool = False
    joint: bool = False
    pool: Literal["class", "train"] = "class"
    libraries: tuple[str, ...] = ()
