"""Every error a user can meet, drawn as one tree.

AugmillError
├── PolicyError    exit 2   the policy or the call is wrong: fix the file
├── DataError      exit 3   the data did not pass: carries the report
└── StorageError   exit 4   storage or a service failed: `transient` says whether to retry
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong, or worth a look, in a policy: where, which rule, what, and what to do."""

    file: str
    line: int
    rule: str
    message: str
    remedy: str = ""
    path: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: {self.rule}"
        at = f" [{self.path}]" if self.path else ""
        advice = f" {self.remedy}" if self.remedy else ""
        return f"{where} {self.message}{at}{advice}"


class AugmillError(Exception):
    """The root. `cause` says what happened, `remedy` what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause, remedy)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.cause}\n  remedy: {self.remedy}"


class PolicyError(AugmillError):
    """The policy file or the call is wrong; `findings` holds every fault found."""

    exit_code = 2

    def __init__(self, cause: str, remedy: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(cause, remedy)
        self.findings = tuple(findings)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.cause, self.remedy, self.findings)

    def __str__(self) -> str:
        lines = [str(finding) for finding in self.findings]
        return "\n".join([*lines, super().__str__()])


class DataError(AugmillError):
    """The data did not pass; `report` holds figures and offending ids for machines."""

    exit_code = 3

    def __init__(self, cause: str, remedy: str, report: dict[str, Any] | None = None) -> None:
        super().__init__(cause, remedy)
        self.report = report or {}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.cause, self.remedy, self.report)


class StorageError(AugmillError):
    """Storage or a service failed; `transient` faults are retried, the others are not."""

    exit_code = 4

    def __init__(self, cause: str, remedy: str, *, transient: bool = False) -> None:
        super().__init__(cause, remedy)
        self.transient = transient

    def __reduce__(self) -> tuple[Any, ...]:
        return _storage_error, (self.cause, self.remedy, self.transient)


def _storage_error(cause: str, remedy: str, transient: bool) -> StorageError:
    # Exceptions cross process borders by pickle, which cannot pass keyword arguments.
    return StorageError(cause, remedy, transient=transient)
