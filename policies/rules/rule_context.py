"""The input of a rule (`Context`) and its output (`Hit`)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pydantic import BaseModel

from augmill.policies.data_facts import DataFacts
from augmill.policies.load import Catalogue, Entry, Loaded
from augmill.policies.schema import Label, Policy, Step, TransformUse
from augmill.policies.yaml_source import Path


@dataclass(frozen=True)
class Hit:
    """A finding of a rule: where, what, what to do."""

    path: Path
    message: str
    remedy: str
    severity: Literal["error", "warning"] = "warning"


@dataclass(frozen=True)
class Use:
    """One transform of a chain, with its entry in the catalogue and its checked parameters."""

    path: Path
    step: Step
    chosen: TransformUse
    entry: Entry
    params: BaseModel

    @property
    def at(self) -> Path:
        """The path of its name, where findings about it point."""
        return (*self.path, "use")

    @cached_property
    def risks(self) -> Mapping[str, str]:
        """What these parameters may spoil, by kind: the reason."""
        return self.entry.risks(self.params)

    @property
    def interpolates(self) -> bool:
        """Whether it makes new rows between rows of one class, as SMOTE and its kin do."""
        does = self.entry.behaviour
        return bool(does.origin == "synthetic" and does.label == "preserve" and not does.copies)


@dataclass(frozen=True)
class Context:
    """A policy, what it uses, and what is known of its data (None before the data were read)."""

    loaded: Loaded
    catalogue: Catalogue
    facts: DataFacts | None = None

    @property
    def policy(self) -> Policy:
        """The checked policy."""
        return self.loaded.policy

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """Every transform of every step, in order."""
        return tuple(
            Use(
                ("steps", number, "transforms", position),
                step,
                chosen,
                self.catalogue.find(chosen.use),
                self.loaded.params[step.name, position],
            )
            for number, step in enumerate(self.policy.steps)
            for position, chosen in enumerate(step.transforms)
        )

    def steps(self) -> Iterator[tuple[Path, Step]]:
        """Every step with its path."""
        for number, step in enumerate(self.policy.steps):
            yield ("steps", number), step

    def labels(self) -> set[str]:
        """Every class that is known: from the data, or from the steps that name some."""
        step_labels = {spelled(label) for step in self.policy.steps for label in step.only or ()}
        return step_labels | set(self.facts.classes if self.facts else ())

    def unsettled(self, use: Use) -> list[str]:
        """Labels a transform may meet that its `labels` do not list; without data figures, those of the steps."""
        step_labels = [spelled(label) for label in use.step.only or ()] or list(self.labels())
        candidates = self.applies_to(use.step) or step_labels
        return [label for label in candidates if label not in use.chosen.labels]

    def mentions(self, words: Collection[str]) -> str | None:
        """The first of `words` that dataset name, description, label column or a class name holds as a word."""
        texts = [self.policy.dataset, self.policy.description, self.policy.label or "", *sorted(self.labels())]
        spoken = {word for text in texts for word in re.findall(r"[a-z0-9]+", text.lower().replace("_", " "))}
        return next((word for word in words if word in spoken), None)

    def applies_to(self, step: Step) -> dict[str, int]:
        """Real training rows of each class that a step applies to; empty before the data were read."""
        train = self.facts.train if self.facts else {}
        only = None if step.only is None else {spelled(label) for label in step.only}
        return {label: rows for label, rows in train.items() if only is None or label in only}


def spelled(label: Label) -> str:
    """A label of the policy as the data spells it."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def error(path: Path, message: str, remedy: str) -> Hit:
    """A finding that ends in exit code 2."""
    return Hit(path, message, remedy, "error")


def warning(path: Path, message: str, remedy: str) -> Hit:
    """A finding worth a look."""
    return Hit(path, message, remedy, "warning")
