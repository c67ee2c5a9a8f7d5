"""Bounded pairs for the parameters of image transforms: `(low, high)`, low first, both within limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

# YAML has no tuples, so a list of two is taken; the numbers themselves stay strict.
FloatRange = Annotated[tuple[float, float], Field(strict=False)]
IntRange = Annotated[tuple[int, int], Field(strict=False)]


@dataclass(frozen=True)
class Within:
    """Requires `low <= pair[0] <= pair[1] <= high` of an annotated pair."""

    low: float
    high: float

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        json_schema = handler(schema)
        for item in json_schema.get("prefixItems", []):
            item.update(minimum=self.low, maximum=self.high)
        return json_schema

    def _check(self, pair: tuple[float, float]) -> tuple[float, float]:
        if not self.low <= pair[0] <= pair[1] <= self.high:
            raise ValueError(f"give [low, high] with {self.low:g} <= low <= high <= {self.high:g}, got {list(pair)}")
        return pair


def widest(*pairs: tuple[float, float]) -> float:
    """The largest absolute value that any of the ranges can give."""
    return max(abs(end) for pair in pairs for end in pair)
