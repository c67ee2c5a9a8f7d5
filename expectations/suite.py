"""A dataset's suite: what every raw row, and the raw rows together, must satisfy.

Great Expectations silently drops an expectation whose type it does not know. Here that is a fault with file,
line and near misses, and what was built is counted against what was asked (`build.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError

from augmill.expectations.names import DATASET, OURS, REFUSED, ROW, Scope, scope_of
from augmill.policies import yaml_source
from augmill.policies.base_model import Closed, Share
from augmill.policies.errors import Finding, PolicyError
from augmill.policies.names import did_you_mean
from augmill.policies.validation_errors import Reporter, findings_of

Presence = Literal["allow", "refuse"]


class Budget(Closed):
    """How much may go wrong before nothing is published."""

    max_quarantine_share: Share = 0.01


class Drift(Closed):
    """What happens to raw columns that are new, or gone, since the last version."""

    extra: Presence = "allow"
    missing: Presence = "refuse"


class Spec(Closed):
    """One expectation by its Great Expectations name, as JSON-able values: small enough for any scheduler."""

    type: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    kwargs: dict[str, Any] = Field(default_factory=dict)
    meta: dict[str, Any] = Field(default_factory=dict)


class Suite(Closed):
    """A suite file. `row()` is judged on every shard, `dataset()` on the whole."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    description: str = ""
    budget: Budget = Field(default_factory=Budget)
    columns: Drift = Field(default_factory=Drift)
    expectations: tuple[Spec, ...] = Field(default=(), strict=False)

    _scopes: tuple[Scope, ...] = PrivateAttr(default=())
    _where: tuple[str, tuple[int, ...]] = PrivateAttr(default=("", ()))

    def row(self) -> tuple[Spec, ...]:
        """The expectations that judge one row at a time."""
        return tuple(spec for spec, scope in zip(self.expectations, self._scopes, strict=True) if scope == "row")

    def dataset(self) -> tuple[Spec, ...]:
        """The expectations that need all rows."""
        return tuple(spec for spec, scope in zip(self.expectations, self._scopes, strict=True) if scope == "dataset")

    def finding(self, position: int, rule: str, message: str, remedy: str) -> Finding:
        """A finding at the line of one expectation."""
        file, lines = self._where
        line = lines[position] if position < len(lines) else 1
        return Finding(file, line, rule, message, remedy, f"expectations.{position}")


def load_suite(path: Path | str, custom: Mapping[str, Scope] | None = None) -> Suite:
    """Read a suite file; `custom` names the users' own expectations. Raises PolicyError with every fault."""
    display_path = str(path)
    try:
        raw = yaml_source.read_bounded(Path(path))
        if raw is None:
            raise _error([Finding(display_path, 1, "AUG010", "The suite is larger than 1 MiB.", "Is this the data?")])
        text = raw.decode("utf-8-sig")
    except OSError as broken:
        why = broken.strerror or str(broken)
        raise _error(
            [Finding(display_path, 1, "AUG010", f"The suite cannot be read: {why}.", "Check its path.")]
        ) from None
    except UnicodeDecodeError:
        raise _error([Finding(display_path, 1, "AUG010", "The suite is not UTF-8.", "Save it as UTF-8.")]) from None
    return parse_suite(text, display_path, custom)


def parse_suite(text: str, display_path: str, custom: Mapping[str, Scope] | None = None) -> Suite:
    """Check the text of a suite. Raises PolicyError with every fault, each with its line."""
    document = yaml_source.parse(text)
    reporter = Reporter(display_path, document)
    findings = [Finding(display_path, fault.line, "AUG010", fault.message, fault.remedy) for fault in document.faults]
    if not isinstance(document.value, dict):
        if not findings:
            findings = [reporter.finding((), "AUG010", "The file holds no suite.", "Begin with `name: NAME`.")]
        raise _error(findings)
    entries = document.value.get("expectations")
    for position, item in enumerate(entries if isinstance(entries, list) else []):
        findings += _type_findings(item, position, reporter, custom or {})
    try:
        suite = Suite.model_validate(document.value)
    except ValidationError as error:
        findings += findings_of(error, Suite, (), reporter, "AUG011")
        raise _error(findings) from None
    if findings:
        raise _error(findings)
    lines = tuple(document.line_of(("expectations", position)) for position in range(len(suite.expectations)))
    return _with_scopes(suite, custom or {}, (display_path, lines))


def _with_scopes(suite: Suite, custom: Mapping[str, Scope], where: tuple[str, tuple[int, ...]]) -> Suite:
    suite._where = where
    suite._scopes = tuple(
        custom[spec.type] if spec.type in custom else scope_of(spec.type, _mostly(spec)) for spec in suite.expectations
    )
    return suite


def _mostly(spec: Spec) -> float:
    mostly = spec.kwargs.get("mostly", 1.0)
    return float(mostly) if isinstance(mostly, int | float) else 1.0


def _type_findings(item: Any, position: int, reporter: Reporter, custom: Mapping[str, Scope]) -> list[Finding]:
    name = item.get("type") if isinstance(item, dict) else None
    if not isinstance(name, str) or name in ROW | DATASET | OURS or name in custom:
        return []
    path = ("expectations", position, "type")
    if name in REFUSED:
        return [reporter.finding(path, "AUG012", f"{name} cannot judge these rows: {REFUSED[name]}.", "Remove it.")]
    near = did_you_mean(name, [*ROW, *DATASET, *OURS, *custom])
    return [reporter.finding(path, "AUG012", f"there is no expectation called {name!r}.", near)]


def _error(findings: list[Finding]) -> PolicyError:
    faults = "1 fault" if len(findings) == 1 else f"{len(findings)} faults"
    return PolicyError(f"{findings[0].file} has {faults}.", "Mend the lines above.", sorted(findings))
