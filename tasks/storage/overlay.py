"""Two stores as one: reads see both, writes go to a scratch folder and never to the store below.

`plan` runs the stages of a run on an overlay: what is there already is found and reused, what is not is made in
the scratch folder, and the folder's content says afterwards what a run would have to make.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from augmill.tasks.storage.local import Folder
from augmill.tasks.storage.object_api import Objects
from augmill.tasks.storage.store import Store


@dataclass(frozen=True)
class Overlay(Store):
    """The store at `uri`, never written to, under a scratch folder that takes every write."""

    scratch: str

    def sub(self, *parts: str) -> Overlay:
        """The overlay of a sub-folder."""
        name = "/".join(parts)
        return Overlay(self.url(name), Store(self.scratch).url(name))

    def _objects(self, name: str) -> Layers:
        return Layers(Folder(self.scratch), super()._objects(name))


@dataclass(frozen=True)
class Layers:
    """The objects of a folder over those of another place; where both have a name, the folder's counts."""

    above: Folder
    below: Objects

    def exists(self, name: str) -> bool:
        """Whether either has the object."""
        return self.above.exists(name) or self.below.exists(name)

    def size(self, name: str) -> int:
        """Bytes of the object."""
        return self._holder(name).size(name)

    def sha256(self, name: str) -> str:
        """Hash of the object's bytes."""
        return self._holder(name).sha256(name)

    def read(self, name: str) -> bytes:
        """All bytes of the object."""
        return self._holder(name).read(name)

    def open(self, name: str) -> BinaryIO:
        """The object as a seekable binary stream."""
        return self._holder(name).open(name)

    def write(self, name: str, data: bytes) -> None:
        """Put the object in the scratch folder."""
        self.above.write(name, data)

    def create(self, name: str, data: bytes) -> bool:
        """Put the object in the scratch folder unless either has it."""
        return not self.below.exists(name) and self.above.create(name, data)

    def delete(self, name: str) -> None:
        """Remove the object from the scratch folder; what lies below stays."""
        self.above.delete(name)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Name and bytes of the objects of both, sorted by name."""
        for name, size, _ in self.ages(prefix):
            yield name, size

    def ages(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        """The same with the time of the last write."""
        entries = {name: (size, at) for layer in (self.below, self.above) for name, size, at in layer.ages(prefix)}
        for name, (size, at) in sorted(entries.items()):
            yield name, size, at

    def sweep(self) -> int:
        """Nothing: living writers of the store below are no concern of an overlay."""
        return 0

    def _holder(self, name: str) -> Objects:
        return self.above if self.above.exists(name) else self.below
