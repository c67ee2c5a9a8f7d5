"""The one place that knows how albumentations works: build, draw, pin what was drawn, apply.

Recorded values are drawn here, by one generator per child and op. A drawn value is handed to the library by narrowing
the range it draws from to that single value; whatever else the library draws (noise, fields, holes) comes from
generators made from the seed, so it is the same on every rebuild and need not be recorded.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from augmill.policies.errors import PolicyError
from augmill.tasks.transforms.image import _boxes
from augmill.tasks.transforms.picture import Drawn, Picture

LIBRARIES = ("albumentations", "albucore", "opencv-python-headless", "numpy")
MOVES = frozenset({"image", "mask", "boxes"})
Tool = Any
_WORD = 2**64 - 1


def build(name: str, **arguments: Any) -> Tool:
    """The library's transform called `name`. Raises PolicyError where the library would only warn."""
    import albumentations

    kind = getattr(albumentations, name)
    # Strict makes the library refuse what it would otherwise replace by defaults with a warning. The few classes
    # without a schema of their own do not know the word, and refuse by themselves.
    strict = {"strict": True} if "InitSchema" in vars(kind) else {}
    try:
        tool = kind(**arguments, **strict, p=1.0)
    except (ValueError, TypeError) as error:
        raise PolicyError(
            f"albumentations.{name} refuses {arguments}: {_first(error)}", "Correct the params."
        ) from None
    tool.random_generator = _Lazy(tool.random_generator, _start_numpy)
    tool.py_random = _Lazy(tool.py_random, random.Random.seed)
    return tool


def _first(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # pydantic's report: a headline, then field and reason, each reason followed by details in brackets.
    message = "; ".join(lines[1:3]) if len(lines) > 2 else " ".join(lines)
    return message.partition(" [type=")[0]


def border(name: str) -> int:
    """OpenCV's number for what is shown where the picture has nothing: black, its edge, or its mirror."""
    import cv2

    return int({"black": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE, "mirror": cv2.BORDER_REFLECT_101}[name])


def draw(seed: int, **ranges: tuple[float, float]) -> Drawn:
    """One recorded value per range, both ends included: integers from pairs of int, else floats."""
    draws: Drawn = {"_seed": seed}
    for place, (name, (low, high)) in enumerate(ranges.items(), start=1):
        number = _unit(seed, place)
        if isinstance(low, int) and isinstance(high, int):
            draws[name] = low + int(number * (high - low + 1))
        else:
            draws[name] = low + number * (high - low)
    return draws


def _unit(seed: int, place: int) -> float:
    """The `place`-th number in [0, 1) of a seed: the mixer of `tasks/rows/randomness.py` on one Python integer.

    An array or a generator of its own would cost more than the smallest pictures take to change.
    """
    z = (seed + place * 0x9E3779B97F4A7C15) & _WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
    return ((z ^ (z >> 31)) >> 11) * 2.0**-53


def pin(value: Any) -> tuple[Any, Any]:
    """A range that holds one value."""
    return value, value


class _Lazy:
    """A generator of the library's object that is seeded only when something is drawn from it.

    Seeding both takes 7 us, as long as it takes to mirror a small picture, which draws nothing.
    """

    def __init__(self, generator: Any, start: Callable[[Any, int], None]) -> None:
        self._generator, self._start = generator, start
        self._ready, self._seed, self._pinned = True, 0, 0

    def restart(self, seed: int) -> None:
        """Begin anew at `seed`, with the next draw."""
        self._ready, self._seed, self._pinned = False, seed, 0

    def uniform(self, *bounds: Any, **size: Any) -> Any:
        """Between pinned bounds there is nothing to draw, but what is drawn later must not move up."""
        if self._ready or size or len(bounds) != 2 or bounds[0] is not bounds[1]:
            return self.__getattr__("uniform")(*bounds, **size)
        self._pinned += 1
        return bounds[0] + 0.0

    def __getattr__(self, name: str) -> Any:
        if not self._ready:
            self._ready = True
            self._start(self._generator, self._seed)
            for _ in range(self._pinned):
                self._generator.random()
        return getattr(self._generator, name)


def _start_numpy(generator: np.random.Generator, seed: int) -> None:
    # A new generator would take 15 us, this takes 2. Seeds are mixed already, so spreading one over the 128 bits of
    # PCG64 by an odd constant is enough.
    word = seed * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": word, "inc": 0xDA3E39CB94B95BDB},
        "has_uint32": 0,
        "uinteger": 0,
    }


def parameters(tool: Tool, picture: Picture, seed: int, pins: Mapping[str, Any]) -> dict[str, Any]:
    """Everything the library needs to apply `tool`: pinned values, and arrays drawn from the seed."""
    for name, value in pins.items():
        setattr(tool, name, value)
    tool.random_generator.restart(seed)
    tool.py_random.restart(seed)
    data = {"image": picture.image}
    params = tool.update_transform_params(params=tool.get_params(), data=data)
    params.update(tool.get_params_dependent_on_data(params=params, data=data))
    return dict(params)


def recolour(tool: Tool, picture: Picture, draws: Drawn, **pins: Any) -> Picture:
    """Change pixel values only; mask and boxes stay as they are."""
    params = parameters(tool, picture, draws["_seed"], pins)
    return apply_to_pixels(tool, picture, params)


def apply_to_pixels(tool: Tool, picture: Picture, params: Mapping[str, Any]) -> Picture:
    """Apply `params` to the image alone."""
    return Picture(tool.apply_with_params(params, image=picture.image)["image"], picture.mask, picture.boxes)


def move(tool: Tool, picture: Picture, draws: Drawn, **pins: Any) -> Picture:
    """Change the geometry: mask (nearest neighbour) and boxes move with the image."""
    return apply_to_targets(tool, picture, parameters(tool, picture, draws["_seed"], pins))


def warp(tool: Tool, picture: Picture, draws: Drawn, **pins: Any) -> Picture:
    """`move` for a tool that turns, shears or scales and keeps the size.

    Pixels alone are OpenCV's at once: the library's own way there takes longer than the warp of a small picture.
    """
    params = parameters(tool, picture, draws["_seed"], pins)
    if picture.mask is not None or picture.boxes:
        return apply_to_targets(tool, picture, params)
    import cv2

    height, width = picture.image.shape[:2]
    how = {"flags": tool.interpolation, "borderMode": tool.border_mode}
    return replace(picture, image=cv2.warpAffine(picture.image, params["matrix"][:2], (width, height), **how))


def apply_to_targets(tool: Tool, picture: Picture, params: Mapping[str, Any]) -> Picture:
    """Apply `params` to the image, and to mask and boxes where there are any."""
    if picture.mask is None:
        image, mask = tool.apply_with_params(params, image=picture.image)["image"], None
    else:
        moved = tool.apply_with_params(params, image=picture.image, mask=picture.mask)
        image, mask = moved["image"], moved["mask"]
    return Picture(image, mask, _move_boxes(tool, picture, params, image.shape) if picture.boxes else picture.boxes)


def _move_boxes(tool: Tool, picture: Picture, params: Mapping[str, Any], shape: tuple[int, ...]) -> Any:
    boxes = picture.boxes or ()
    if "map_x" in params:
        return _boxes.through_map(boxes, params["map_x"], params["map_y"])
    array = tool.apply_to_bboxes(_boxes.as_array(boxes, picture.image.shape), **params)
    return _boxes.clipped_boxes(np.asarray(array, dtype=np.float64).reshape(-1, 5), boxes, shape)
