"""The catalogue of transforms is the file system: `use: tabular.smote` is `tabular/smote.py` beside this file.

Nothing is imported until a policy uses it. Users' own transforms come from `tasks/plugins.py` and are found,
checked and hashed in the same way.
"""

from __future__ import annotations

import ast
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from augmill.policies.errors import Finding, PolicyError
from augmill.tasks.plugins import RULE, Located, discover
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind

HERE = Path(__file__).parent
MODALITIES = HERE.parent / "modalities"
VERIFIERS = ("conformal",)
EXPECTATIONS = HERE.parents[1] / "expectations"
CONTRACT = "augmill.tasks.modalities.modality_contract"


@dataclass(frozen=True, order=True)
class Entry(Located):
    """One transform: where it is, and what its file declares. Pickles as a few strings."""

    @property
    def use(self) -> str:
        """The name a policy calls it by, `<modality>.<name>`."""
        return self.name

    @property
    def modality(self) -> str:
        """What kind of data it works on."""
        return self.name.partition(".")[0]

    @property
    def params_model(self) -> type[Parameters]:
        """The model of its parameters."""
        return self.module.Params  # type: ignore[no-any-return]

    @property
    def accepts(self) -> Accepts:
        """What data it takes."""
        return self.module.ACCEPTS  # type: ignore[no-any-return]

    @property
    def behaviour(self) -> Behaviour:
        """What it does to labels and lineage."""
        return self.module.BEHAVIOUR  # type: ignore[no-any-return]

    @property
    def summary(self) -> str:
        """The first line of the file's docstring, read without importing the file."""
        try:
            text = ast.get_docstring(ast.parse(self.file.read_bytes())) or ""
        except SyntaxError:
            return "(cannot be read)"
        return text.partition("\n")[0]

    def parameters(self, params: Mapping[str, Any]) -> Parameters:
        """Check the parameters of a policy. Raises pydantic's ValidationError."""
        # As JSON: a strict model refuses a Python list for a pair, but not a JSON array.
        return self.params_model.model_validate_json(json.dumps(params))

    def risks(self, params: Parameters) -> dict[RiskKind, str]:
        """What these parameters may spoil, each with the reason, for the lint rules; most files declare none."""
        declared = getattr(self.module, "risks", None)
        return dict(declared(params)) if declared is not None else {}


@dataclass(frozen=True)
class Catalogue:
    """Every transform, modality and custom expectation that exists here; `plugins` is the users' folder."""

    plugins: Path | None = None

    def names(self, modality: str | None = None) -> list[str]:
        """The transforms of one modality, or of all, sorted."""
        return [use for use in self._transforms if modality is None or use.startswith(f"{modality}.")]

    def modalities(self) -> list[str]:
        """The modalities that are built, sorted."""
        return sorted(self._modalities)

    def modality(self, name: str) -> Located:
        """The module of a modality, imported and checked. Raises PolicyError: unknown, with near misses, or a module
        that fails to import or lacks a part of `Modality`, with its file and line."""
        if name not in self._modalities:
            raise _unknown("modality", name, self.modalities())
        located = self._modalities[name]
        _check_parts(located)
        return located

    def custom(self) -> list[str]:
        """Expectations with a file of their own, ours and the users', sorted."""
        return sorted(self._expectations)

    def custom_parts(self) -> dict[str, Located]:
        """Where each of those is."""
        return dict(self._expectations)

    def expectation(self, name: str) -> type:
        """What the expectation's file calls `EXPECTATION`, a Great Expectations class."""
        located = self._expectations[name]
        declared = getattr(located.module, "EXPECTATION", None)
        if not isinstance(declared, type):
            raise _lacking(located, "EXPECTATION (a Great Expectations class)")
        return declared

    def verifiers(self) -> list[str]:
        """What can judge labels, sorted."""
        return sorted(self._verifiers)

    def verifier(self, name: str) -> Located:
        """A module that judges labels: it has `fit` and `Verifier` as `tasks/verifiers/conformal.py` has."""
        located = self._verifiers[name]
        missing = [part for part in ("fit", "Verifier") if not hasattr(located.module, part)]
        if missing:
            raise _lacking(located, " and ".join(missing))
        return located

    def find(self, use: str) -> Entry:
        """The transform called `use`, imported and checked. Raises PolicyError: unknown, with near misses,
        or a plug-in that fails to import or lacks a declaration, with the plug-in's file and line."""
        if use not in self._transforms:
            raise _unknown("transform", use, self.names())
        entry = self._transforms[use]
        _check_declarations(entry)
        return entry

    @cached_property
    def _transforms(self) -> dict[str, Entry]:
        shipped = {}
        for file in HERE.glob("*/[!_]*.py"):
            use = f"{file.parent.name}.{file.stem}"
            shipped[use] = Entry("transforms", use, f"augmill.tasks.transforms.{use}")
        plugins_by_use = discover("transforms", self.plugins, shipped)
        return dict(
            sorted({**shipped, **{use: Entry(**vars(plugin)) for use, plugin in plugins_by_use.items()}}.items())
        )

    @cached_property
    def _expectations(self) -> dict[str, Located]:
        stems = [file.stem for file in EXPECTATIONS.glob("expect_*.py")]
        shipped = {stem: Located("expectations", stem, f"augmill.expectations.{stem}") for stem in stems}
        return {**shipped, **discover("expectations", self.plugins, shipped)}

    @cached_property
    def _verifiers(self) -> dict[str, Located]:
        shipped = {name: Located("verifiers", name, f"augmill.tasks.verifiers.{name}") for name in VERIFIERS}
        return {**shipped, **discover("verifiers", self.plugins, shipped)}

    @cached_property
    def _modalities(self) -> dict[str, Located]:
        stems = {file.stem for file in MODALITIES.glob("[!_]*.py")} - {"modality_contract"}
        shipped = {stem: Located("modalities", stem, f"augmill.tasks.modalities.{stem}") for stem in stems}
        return {**shipped, **discover("modalities", self.plugins, shipped)}


def _unknown(what: str, name: str, names: list[str]) -> PolicyError:
    # Only the last part is compared: the modality in front would make strangers look alike.
    stem = name.rpartition(".")[2]
    stems = get_close_matches(stem, {other.rpartition(".")[2] for other in names}, n=3, cutoff=0.6)
    near = [other for match in stems for other in names if other.rpartition(".")[2] == match]
    remedy = f"Did you mean {' or '.join(near[:3])}?" if near else f"Known: {', '.join(names) or 'none'}."
    return PolicyError(f"There is no {what} called {name}.", remedy)


def _lacking(plugin: Located, what: str) -> PolicyError:
    message = f"The plug-in {plugin.name} lacks {what}."
    finding = Finding(file=str(plugin.file), line=1, rule=RULE, message=message, remedy="Declare it in that file.")
    return PolicyError("A plug-in cannot be used.", "Declare what is missing in its file.", [finding])


def _check_declarations(entry: Entry) -> None:
    module = entry.module
    params = getattr(module, "Params", None)
    wrong = [
        name
        for name, right in (
            ("Params (a subclass of Parameters)", isinstance(params, type) and issubclass(params, Parameters)),
            ("ACCEPTS (an Accepts)", isinstance(getattr(module, "ACCEPTS", None), Accepts)),
            ("BEHAVIOUR (a Behaviour)", isinstance(getattr(module, "BEHAVIOUR", None), Behaviour)),
            ("a docstring", bool(module.__doc__)),
        )
        if not right
    ]
    if wrong:
        remedy = "See tasks/transforms/transform_contract.py for what a transform file declares."
        message = f"The transform {entry.use} lacks {', '.join(wrong)}."
        finding = Finding(file=str(entry.file), line=1, rule=RULE, message=message, remedy=remedy)
        raise PolicyError("A transform cannot be used.", remedy, [finding])


def _check_parts(located: Located) -> None:
    module = located.module
    functions, constants = _parts_of_a_modality()
    wrong = [f"{name} (a constant)" for name in constants if not hasattr(module, name)]
    wrong += [f"{name} (a function)" for name in functions if not callable(getattr(module, name, None))]
    if wrong:
        remedy = "See Modality in tasks/modalities/modality_contract.py for what a modality file holds."
        message = f"The modality {located.name} lacks {', '.join(wrong)}."
        finding = Finding(file=str(located.file), line=1, rule=RULE, message=message, remedy=remedy)
        raise PolicyError("A modality cannot be used.", remedy, [finding])


@cache
def _parts_of_a_modality() -> tuple[list[str], list[str]]:
    """The functions and the constants of `Modality`; by its name, as modalities are, since it imports Arrow."""
    protocol = importlib.import_module(CONTRACT).Modality
    functions = [name for name, part in vars(protocol).items() if callable(part) and not name.startswith("_")]
    return functions, list(protocol.__annotations__)
