"""Specs to Great Expectations objects, counted, so that none is dropped on the way."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from augmill.expectations.suite import Spec, Suite
from augmill.policies.errors import Finding, PolicyError


@lru_cache(maxsize=1)
def shipped_modules() -> tuple[str, ...]:
    """The files of this folder that define expectations, by stem; one in a file `expect_*.py` is in the catalogue."""
    files = sorted(Path(__file__).parent.glob("[!_]*.py"))
    return tuple(
        file.stem
        for file in files
        if not file.stem.startswith("expect_") and "\nclass Expect" in file.read_text("utf-8")
    )


def library() -> ModuleType:
    """Great Expectations, imported once. Costs seconds, so only what judges calls this."""
    with warnings.catch_warnings():
        # Great Expectations 1.24 still imports `sre_parse` and `sre_constants`, deprecated since Python 3.11.
        warnings.filterwarnings("ignore", message=r"module 'sre_\w+' is deprecated", category=DeprecationWarning)
        return importlib.import_module("great_expectations")


def expectation_class(name: str, plugins: Mapping[str, type] | None = None) -> type:
    """The class behind a name: the users' own, ours, or built in. Raises PolicyError if there is none."""
    library()
    if plugins and name in plugins:
        return plugins[name]
    for module in shipped_modules():
        importlib.import_module(f"augmill.expectations.{module}")
    registry = importlib.import_module("great_expectations.expectations.registry")
    expectation = registry._registered_expectations.get(name)
    if expectation is None:
        raise PolicyError(f"There is no expectation called {name!r}.", "Check its spelling and the plug-in folder.")
    return expectation  # type: ignore[no-any-return]


def build(specs: Sequence[Spec], plugins: Mapping[str, type] | None = None) -> list[Any]:
    """One Great Expectations object per spec, in order. Raises PolicyError where the arguments do not fit."""
    return [_build_one(spec, {"position": position}, plugins) for position, spec in enumerate(specs)]


def arguments(built: Any) -> dict[str, Any]:
    """What an expectation was built with, the defaults of its class included."""
    names = sorted(set(built.__fields__) - _EVERYWHERE)
    values = {name: getattr(built, name) for name in names}
    return {name: value for name, value in values.items() if value is not None and (name, value) not in _USUAL}


def check_suite(suite: Suite, plugins: Mapping[str, type] | None = None) -> None:
    """Raise one PolicyError with the line of every expectation whose arguments do not fit."""
    findings: list[Finding] = []
    for position, spec in enumerate(suite.expectations):
        try:
            _build_one(spec, {}, plugins)
        except PolicyError as error:
            findings.append(suite.finding(position, "AUG011", error.cause, error.remedy))
    if findings:
        raise PolicyError(f"{findings[0].file} has faults.", "Mend the lines above.", findings)


def _build_one(spec: Spec, meta: dict[str, Any], plugins: Mapping[str, type] | None) -> Any:
    expectation = expectation_class(spec.type, plugins)
    try:
        return expectation(**spec.kwargs, meta={**spec.meta, **meta})
    # Great Expectations raises pydantic 1 errors, its own, ValueError and TypeError for a bad argument.
    except Exception as broken:  # noqa: BLE001
        allowed = sorted(set(expectation.__fields__) - _EVERYWHERE)  # type: ignore[attr-defined]
        cause = f"{spec.type} does not take these arguments: {_first_words(broken)}"
        raise PolicyError(cause, f"It takes: {', '.join(allowed)}.") from None


_USUAL = (("mostly", 1), ("strict_min", False), ("strict_max", False), ("ignore_row_if", "both_values_are_missing"))
_EVERYWHERE = {
    "id",
    "meta",
    "notes",
    "result_format",
    "description",
    "catch_exceptions",
    "rendered_content",
    "severity",
    "windows",
    "batch_id",
    "table",
}


def _first_words(broken: Exception) -> str:
    errors = getattr(broken, "errors", None)
    if callable(errors):
        parts = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in errors()]
        return "; ".join(parts)[:300] + "."
    return " ".join(str(broken).split())[:300] + "."
