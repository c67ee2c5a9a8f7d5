"""The shape of a dataset's history: what the lineage page and the events of other tools read. Plain JSON.

Times are milliseconds since 1970, sizes bytes. What is not known is absent or null, never zero.
"""

from __future__ import annotations

from typing import Any, Required, TypedDict

from augmill.tasks.documents.version_document import CheckDocument, RowsDocument, RunLink, StepDocument


class NewObject(TypedDict):
    """One raw object that no version before was made from; `rows` it gave this version."""

    name: str
    uri: str
    sha256: str
    bytes: int
    rows: int | None


class Inputs(TypedDict):
    """The raw objects of a version: how many, and what is new, changed and gone since the version before.

    `new` names some of the `new_objects`; `new_rows` are the real rows of all of them. `changed` are new under a name
    that was known.
    """

    objects: int
    bytes: int
    folder: str
    new: list[NewObject]
    new_objects: int
    new_bytes: int
    new_rows: int | None
    changed: int
    removed: int


class VersionRecord(TypedDict, total=False):
    """One version: what it was made from and how, and what has become of it. A purged one says little.

    `before` is the version that policy and inputs are compared with: the last one that was not purged.
    `policy_changes`: path, value before and value after. `gone`: why, when and by whom its files went. `pages`: what
    lies beside it in the lake.
    """

    version: Required[int]
    at_ms: Required[int]
    before: int | None
    parent: int | None
    run_id: str
    policy_hash: str
    policy_name: str
    policy_changes: list[list[str]]
    policy_diff: str
    git_commit: str | None
    steps: list[StepDocument]
    rows: RowsDocument
    checks: list[CheckDocument]
    inputs: Inputs
    mlflow: RunLink | None
    gone: dict[str, Any] | None
    pinned: str | None
    forgotten: list[dict[str, Any]]
    pages: list[str]


class Moved(TypedDict):
    """One move of a channel; `after` is the version that was current then."""

    channel: str
    version: int
    at_ms: int
    reason: str
    by: str
    why: str
    after: int


class Measured(TypedDict):
    """Figures of a version that came later; `breaches` are those that its policy does not allow."""

    version: int
    at_ms: int
    kind: str
    by: str
    checks: list[dict[str, Any]]
    breaches: list[str]


class History(TypedDict):
    """A dataset from its first version on. `folded`: how many versions, the oldest, are left out."""

    dataset: str
    description: str
    owner: str
    table_uri: str
    at_ms: int
    folded: int
    chapters: list[VersionRecord]
    moves: list[Moved]
    measured: list[Measured]
