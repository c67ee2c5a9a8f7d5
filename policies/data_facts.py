"""What the rules may know about the data when `plan` and `run` have looked at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class DataFacts:
    """Figures of real rows; what was not measured stays empty or None, and rules that need it stay silent.

    `counts`: split -> class -> real rows. `planned`: step -> class -> children the step would make.
    `columns`: column -> continuous | integer | boolean | categorical | text | image, the label left out.
    `distinct_share`: column -> distinct values / rows, on a sample. `colour`: whether pictures have colour.
    `personal`: column of text -> what looks like personal data in it -> different values that do, on a sample.
    `noise_share`: the noise already in the pictures (standard deviation / full range; Immerkaer 1996).
    """

    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    planned: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    distinct_share: Mapping[str, float] = field(default_factory=dict)
    colour: bool | None = None
    noise_share: float | None = None
    personal: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def train(self) -> Mapping[str, int]:
        """Real training rows per class."""
        return self.counts.get("train", {})

    @property
    def classes(self) -> list[str]:
        """Every class of every split, sorted."""
        return sorted({label for counts in self.counts.values() for label in counts})
