"""What every shard function needs to know, small enough to travel to a worker with each shard."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from augmill.expectations.suite import Suite
from augmill.policies.schema import Policy
from augmill.tasks.code_version.closure import Root, code_version
from augmill.tasks.runs.descriptors import DataFile, Described
from augmill.tasks.sanitize.secret import Secret
from augmill.tasks.sources.pii_treatment import Treatment
from augmill.tasks.storage import json_objects
from augmill.tasks.storage.overlay import Overlay
from augmill.tasks.storage.store import Store

D = TypeVar("D", bound=Described)

OBJECTS = ".augmill"
REGISTER = ".datasets"


@dataclass(frozen=True)
class Context:
    """One run of one policy. `fingerprint` is the hash of library versions and CPU; it is part of every name.

    With `scratch`, a folder, nothing is written to the lake: what is made goes there. `pii_key` travels to workers
    as part of this, in memory; it has no text that could be logged. `forgotten`: the entries of the list of rows that
    must not come back. `code_cache` is a file that remembers what was read of source files; any process does without.
    """

    policy: Policy
    base: Path
    suite: Suite
    lake: str
    fingerprint: str
    shard_rows: int
    shard_bytes: int
    plugins: Path | None = None
    scratch: str | None = None
    pii_key: Secret | None = field(default=None, repr=False)
    forgotten: tuple[str, ...] = ()
    code_cache: Path | None = None

    def code_version(self, *roots: Root) -> str:
        """A hash of all the code that the roots stand on; see `tasks/code_version/closure.py`."""
        return code_version(roots, self.code_cache)

    @cached_property
    def treatment(self) -> Treatment:
        """What is done to personal data while the source is read."""
        return Treatment.of(self.policy, self.pii_key)

    @cached_property
    def objects(self) -> Store:
        """Our own objects, outside the table's folder: work shards, channels, ledgers, recipes."""
        return self._lake.sub(OBJECTS, self.policy.dataset)

    @cached_property
    def work(self) -> Store:
        """Results of stages, each named by the hash of what it was made from."""
        return self.objects.sub("work")

    @cached_property
    def table(self) -> Store:
        """The Delta table's folder."""
        return self._lake.sub(self.policy.dataset)

    @property
    def _lake(self) -> Store:
        return Store(self.lake) if self.scratch is None else Overlay(self.lake, self.scratch)

    def once(self, kind: type[D], name: str, make: Callable[[], D]) -> D:
        """Return the descriptor kept under `name`, or make it now and keep it: done means it exists."""
        return kind.from_json(self.once_json(name, lambda: make().to_json()))

    def sealed(self, name: str, make: Callable[[], DataFile]) -> DataFile:
        """The same for a file of the table's folder, made again if it is gone: vacuum deletes what no version names."""
        file = self.once(DataFile, name, make)
        if self.table.exists(file.path):
            return file
        self.work.delete(f"{name}.json")
        return self.once(DataFile, name, make)

    def once_json(self, name: str, make: Callable[[], Any]) -> Any:
        """The same for a plain JSON document."""
        key = f"{name}.json"
        if self.work.exists(key):
            return json_objects.value(self.work, key, "remove it: the next run makes it again")
        # Keys stay in their order, which is that of columns; and what is made now is what a rerun will read.
        text = json.dumps(make())
        self.work.write(key, text.encode())
        return json.loads(text)
