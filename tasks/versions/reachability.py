"""Which objects of the work folder are still needed, found by the names that documents contain.

Objects form groups: a descriptor and its data share a folder and a hash. A group is needed if a manifest that stays
names it, if it is young, or if the descriptor of a needed group names it. A group is removed as a whole, beginning with
the object that was written last: its presence means that the others are present.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from augmill.tasks.storage.store import Aged, Store

_GROUP = re.compile(r"[a-z_]+/[0-9a-f]{40}")
_AT_ONCE = 8
_WRITTEN_LAST = {"likeness": ".parquet", "verifier": ".npz"}
"""Ending of the object that is written last, by folder, where that is not the descriptor."""


@dataclass
class Group:
    """The objects of one result; `at`: when the last of them was written, in seconds since 1970."""

    objects: list[Aged] = field(default_factory=list)

    @property
    def at(self) -> float:
        """When the group was last written to."""
        return max(entry.at for entry in self.objects)

    @property
    def descriptors(self) -> list[str]:
        """Its JSON documents, which may name other groups."""
        return [entry.name for entry in self.objects if entry.name.endswith(".json")]


def groups(work: Store) -> dict[str, Group]:
    """Everything in the work folder, by group; objects whose names have no group are left out."""
    groups_by_name: dict[str, Group] = {}
    for entry in work.ages():
        group = group_of(entry.name)
        if group:
            groups_by_name.setdefault(group, Group()).objects.append(entry)
    return groups_by_name


def group_of(name: str) -> str:
    """The group that an object of the work folder belongs to; empty if it belongs to none."""
    match = _GROUP.match(name)
    return match.group() if match else ""


def needed_groups(work: Store, groups_by_name: Mapping[str, Group], texts: Iterable[str], young: float) -> set[str]:
    """Groups that the texts name or that were written since `young` (seconds since 1970), and all they lead to."""
    todo = {name for text in texts for name in _GROUP.findall(text)}.intersection(groups_by_name)
    todo |= {name for name, group in groups_by_name.items() if group.at >= young}
    needed_names: set[str] = set()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while todo:
            needed_names |= todo
            documents = [name for group in todo for name in groups_by_name[group].descriptors]
            read = pool.map(lambda name: work.read(name).decode(), documents)
            todo = {name for text in read for name in _GROUP.findall(text)}.intersection(groups_by_name) - needed_names
    return needed_names


def in_order(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The objects that were written last in their groups, which must be removed first, and all other objects."""
    marks: list[str] = []
    others: list[str] = []
    for name in names:
        group = group_of(name)
        last = _WRITTEN_LAST.get(name.partition("/")[0], ".json")
        (marks if name == group + last else others).append(name)
    return marks, others


def delete(store: Store, names: Iterable[str]) -> None:
    """Remove objects, several at once."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(store.delete, names):
            pass
