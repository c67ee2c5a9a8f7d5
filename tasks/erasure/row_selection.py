"""Select the rows of a data set to erase, in every version that can be read, not only in the current one.

Real rows are selected by a condition on their columns or by their ids; children are selected if a parent is. Rows in
quarantine are selected by a condition too, because a run that reads them again would quarantine them again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.policies.errors import PolicyError
from augmill.tasks.rows import predicate
from augmill.tasks.rows.erasure_digests import Rule, as_texts, digests
from augmill.tasks.rows.identity import content_words
from augmill.tasks.rows.predicate import Condition
from augmill.tasks.rows.provenance import NAMES, NEAREST, OPS, PARENT_IDS, REAL, SAMPLE_ID
from augmill.tasks.runs.descriptors import DataFile
from augmill.tasks.runs.erasure_list import salt_of, user_rows
from augmill.tasks.runs.manifest import METADATA_KEY, Manifest, Published, published
from augmill.tasks.runs.row_index import bond_words
from augmill.tasks.sources.column_types import arrow_of
from augmill.tasks.storage import quarantine_table
from augmill.tasks.storage.delta import Table
from augmill.tasks.storage.delta_schema import held_type
from augmill.tasks.storage.store import Store
from augmill.tasks.versions.versions import Lake

SHOWN = 5


@dataclass(frozen=True)
class ErasureRequest:
    """The rows to erase: those that meet a condition, or those of some ids. `typed`: the condition before the hashes of
    its values were added."""

    condition: Condition | None
    ids: tuple[str, ...] = ()
    typed: Condition | None = None

    @property
    def shape(self) -> str:
        """The request without any values."""
        condition = self.typed or self.condition
        return predicate.shape(condition) if condition else f"{len(self.ids)} ids"

    def mask(self, rows: pa.Table) -> pa.ChunkedArray:
        """A mask of the rows that the request selects, (n,)."""
        if self.condition:
            return predicate.mask(self.condition, rows)
        return pc.is_in(rows[SAMPLE_ID], pa.array(self.ids, pa.string()))

    def mentions(self, line: str) -> bool:
        """Whether a line that could not be parsed as a row contains one of the values of the condition."""
        values = predicate.values(self.condition) if self.condition else []
        return any(re.search(rf"(?<!\w){re.escape(typed)}(?!\w)", line) for typed, _ in values if typed)


@dataclass
class ErasureSelection:
    """The selected rows. `ids`, `children`: ids by file; `rows`: user columns by set of columns; `raw`: how many rows
    meet the condition, quarantined ones too, by raw shard of the current version; `quarantined`: how many rows of the
    quarantine table are selected, counted only if nothing else holds any."""

    current: Published
    manifests: dict[int, Manifest]
    ids: dict[str, list[str]] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[tuple[str, ...], list[pa.Table]] = field(default_factory=dict)
    raw: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0

    @property
    def all_ids(self) -> set[str]:
        """Ids of the real rows, of all versions."""
        return {name for names in self.ids.values() for name in names}

    def holds(self, rows: pa.Table, request: ErasureRequest) -> bool:
        """Whether one of these source rows is selected: by the condition, or because it equals a selected row."""
        if request.condition and pc.any(request.mask(rows)).as_py():
            return True
        return any(_have_common_rows(user_rows(rows), names, tables) for names, tables in self.rows.items())

    def files(self) -> tuple[list[DataFile], list[DataFile]]:
        """Every file of the versions once: files of real rows, and files of children."""
        files_by_path = {file.path: file for manifest in self.manifests.values() for file in manifest.data_files}
        real = [file for file in files_by_path.values() if file.origin == REAL]
        return real, [file for file in files_by_path.values() if file.origin != REAL]

    def holding(self) -> list[int]:
        """Versions that hold one of the rows or a child of one."""
        files = self.ids.keys() | self.children.keys()
        return [
            version
            for version, manifest in self.manifests.items()
            if any(file.path in files for file in manifest.data_files)
        ]

    def of_current(self) -> tuple[dict[str, int], dict[str, int]]:
        """Numbers of selected rows in the current version: real rows by split, children by step."""
        real: dict[str, int] = {}
        children: dict[str, int] = {}
        for file in self.current.manifest.data_files:
            real[file.split] = real.get(file.split, 0) + len(self.ids.get(file.path, ()))
            if file.origin != REAL:
                children[file.step] = children.get(file.step, 0) + len(self.children.get(file.path, ()))
        return {name: count for name, count in real.items() if count}, children


def choose(lake: Lake, dataset: str, request: ErasureRequest) -> ErasureSelection:
    """Find the rows. Raises PolicyError for an unknown column or id, or if no row is found."""
    selection = ErasureSelection(lake.readable(dataset), manifests_of(lake, dataset))
    store = lake.store.sub(dataset)
    if request.condition:
        kinds = _types_by_column(selection.manifests.values())
        predicate.refuse_unknown(request.condition, list(kinds))
        predicate.refuse_other_kinds(request.condition, kinds, predicate.ORDERED)
        _choose_raw(lake.objects(dataset).sub("work"), request, selection)
    real, children = selection.files()
    _choose_real(store, request, real, selection)
    if request.condition and not selection.ids and not selection.raw:
        selection.quarantined = _in_quarantine(lake.store.sub(f"{dataset}.quarantine"), request, selection)
    _refuse_missing(store, request, children, selection)
    _choose_children(store, children, selection, selection.all_ids)
    return selection


def _in_quarantine(store: Store, request: ErasureRequest, selection: ErasureSelection) -> int:
    """How many rows in quarantine are selected: a broken line that the source no longer has is stored nowhere else."""
    current = quarantine_table.table(store).current()
    files = current.files if current else ()
    return sum(
        is_selected(row, request, selection) for file in files for row in store.read_table(file.path).to_pylist()
    )


def widen(lake: Lake, request: ErasureRequest, selection: ErasureSelection) -> None:
    """Find the rows also in versions that were published after the selection."""
    dataset = selection.current.manifest.dataset
    late_manifests = {
        version: manifest
        for version, manifest in manifests_of(lake, dataset).items()
        if version not in selection.manifests
    }
    searched_paths = {file.path for files in selection.files() for file in files}
    real, children = ErasureSelection(selection.current, late_manifests).files()
    store = lake.store.sub(dataset)
    late_request = request if request.condition else ErasureRequest(None, tuple(sorted(selection.all_ids)))
    _choose_real(store, late_request, [file for file in real if file.path not in searched_paths], selection)
    _choose_children(
        store, [file for file in children if file.path not in searched_paths], selection, selection.all_ids
    )
    selection.manifests.update(late_manifests)


def select_again(lake: Lake, request: ErasureRequest, selection: ErasureSelection) -> ErasureSelection:
    """The same rows, searched again in the version that is current now; an empty selection is no error."""
    dataset = selection.current.manifest.dataset
    current = lake.readable(dataset)
    remaining = ErasureSelection(current, {current.version: current.manifest})
    store = lake.store.sub(dataset)
    real, children = remaining.files()
    _choose_real(store, ErasureRequest(None, tuple(sorted(selection.all_ids))), real, remaining)
    if request.condition:
        _choose_real(store, request, real, remaining)
    _choose_children(store, children, remaining, selection.all_ids | remaining.all_ids)
    return remaining


def manifests_of(lake: Lake, dataset: str) -> dict[int, Manifest]:
    """The manifests of all versions that have not been removed, by version."""
    table, objects, removed = lake.store.sub(dataset), lake.objects(dataset), lake.tombstones(dataset)
    manifests = {}
    for commit in Table(table).history()[::-1]:
        if commit.version not in removed and METADATA_KEY in commit.metadata:
            published_version = published(table, objects, commit.version)
            if published_version is not None:
                manifests[commit.version] = published_version.manifest
    return manifests


def rules_of(objects: Store, request: ErasureRequest, selection: ErasureSelection) -> list[Rule]:
    """Rules for the erasure list: the rows by all their columns, by their key, and by the values of the condition."""
    salt, key = salt_of(objects), selection.current.manifest.policy["key"]
    rules = []
    keys: set[str] = set()
    for names, tables in selection.rows.items():
        rows = pa.concat_tables(tables)
        rules.append(Rule(names, False, frozenset(digests(salt, rows, names, False))))
        if key in names:
            keys.update(digests(salt, rows.filter(pc.is_valid(rows[key])), [key], True))
    if keys:
        rules.append(Rule((key,), True, frozenset(keys)))
    return [*rules, *_value_rules(salt, request.condition, selection.current.manifest.types)]


def _value_rules(salt: bytes, condition: Condition | None, types: Mapping[str, str]) -> Iterator[Rule]:
    """Rules by the values of equality conditions, so that matching rows that arrive later are refused too."""
    by_columns: dict[tuple[str, ...], set[str]] = {}
    for values in (predicate.equalities(condition) if condition else None) or ():
        names = tuple(sorted(values))
        row = pa.table({name: _typed(values[name], types.get(name)) for name in names})
        by_columns.setdefault(names, set()).update(digests(salt, row, names, True))
    for names, value_digests in sorted(by_columns.items()):
        yield Rule(names, True, frozenset(value_digests))


def _typed(literal: predicate.Literal, kind: str | None) -> pa.Array:
    text, value = literal
    scalar = predicate.scalar_of(literal, held_type(arrow_of(kind), "")) if kind is not None else None
    if scalar is None:  # the column had another type in an earlier version, or no type at all
        return pa.array([str(value).lower() if isinstance(value, bool) else text])
    return as_texts(pa.chunked_array([pa.repeat(scalar, 1)])).combine_chunks()


def _types_by_column(manifests: Iterable[Manifest]) -> dict[str, list[pa.DataType]]:
    """All types that each column has had, by column."""
    types_by_column: dict[str, list[pa.DataType]] = {}
    for manifest in manifests:
        for name, kind in manifest.types.items():
            types_by_column.setdefault(name, []).append(held_type(arrow_of(kind), name))
    return types_by_column


def _choose_real(store: Store, request: ErasureRequest, files: Sequence[DataFile], selection: ErasureSelection) -> None:
    column_names = [SAMPLE_ID, *(predicate.columns(request.condition) if request.condition else ())]
    for file in files:
        batches = list(store.batches(file.path, column_names, absent_ok=True))
        if not batches:
            continue
        mask = request.mask(pa.Table.from_batches(batches))
        if pc.any(mask).as_py():
            rows = store.read_table(file.path).filter(mask)
            selection.ids[file.path] = rows[SAMPLE_ID].to_pylist()
            _add_rows(selection, rows)


def _choose_raw(work: Store, request: ErasureRequest, selection: ErasureSelection) -> None:
    for name in dict.fromkeys(str(shard["raw"]) for shard in selection.current.manifest.valid):
        if work.exists(f"{name}.parquet"):
            rows = work.read_table(f"{name}.parquet")
            mask = request.mask(rows)
            if pc.any(mask).as_py():
                selection.raw[name] = pc.sum(mask).as_py()
                _add_rows(selection, rows.filter(mask))


def is_selected(row: Mapping[str, Any], request: ErasureRequest, selection: ErasureSelection) -> bool:
    """Whether a row of the quarantine table is selected, or is a child of a selected row."""
    try:
        content = json.loads(row["content"])
    except ValueError:
        content = None
    if not isinstance(content, dict):
        return request.mentions(str(row["content"]))
    selected_ids = selection.all_ids
    if selected_ids.intersection(content.get(PARENT_IDS) or ()) or (row["sample_id"] in selected_ids):
        return True
    if f'"parents":"{NEAREST}"' in str(content.get(OPS)):  # any row the sampler saw may be in it
        return True
    types = selection.current.manifest.types
    cells = {name: _cell(content[name], types[name]) for name in types if name in content}
    if row["payload"] is not None:
        payload = next((name for name in types if name not in content), None)
        cells |= {payload: pa.array([{"bytes": row["payload"], "path": None}])} if payload else {}
    return bool(cells) and selection.holds(pa.table(cells), request)


def _cell(value: Any, kind: str) -> pa.Array:
    arrow_type = held_type(arrow_of(kind), "")
    try:
        return pa.array([value], arrow_type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value)], pa.string())


def _have_common_rows(rows: pa.Table, names: Sequence[str], tables: Sequence[pa.Table]) -> bool:
    present = [name for name in names if name in rows.column_names]
    row_words = bond_words(content_words(rows, present))
    return bool(np.isin(row_words, bond_words(content_words(pa.concat_tables(tables), names))).any())


def _add_rows(selection: ErasureSelection, rows: pa.Table) -> None:
    plain = user_rows(rows)
    names = tuple(sorted(name for name in plain.column_names if name not in NAMES))
    selection.rows.setdefault(names, []).append(plain.select(names))


def _choose_children(
    store: Store, files: Sequence[DataFile], selection: ErasureSelection, parents: Collection[str]
) -> None:
    """Add the children of the rows, the children of these, and so on until there are no more."""
    todo = parents
    while todo:
        parent_ids = pa.array(sorted(todo), pa.string())
        todo = set()
        for file in files:
            rows = store.read_table(file.path, columns=[SAMPLE_ID, PARENT_IDS]).combine_chunks()
            lists = rows[PARENT_IDS].combine_chunks()
            child_rows = pc.unique(pc.list_parent_indices(lists).filter(pc.is_in(lists.flatten(), parent_ids)))
            new = set(rows[SAMPLE_ID].take(child_rows).to_pylist()).difference(selection.children.get(file.path, ()))
            if new:
                selection.children.setdefault(file.path, []).extend(sorted(new))
                todo |= new


def _refuse_missing(
    store: Store, request: ErasureRequest, children: Sequence[DataFile], selection: ErasureSelection
) -> None:
    dataset = selection.current.manifest.dataset
    if request.condition:
        if not selection.ids and not selection.raw and not selection.quarantined:
            predicate.refuse_other_kinds(
                request.condition, _types_by_column(selection.manifests.values()), predicate.EQUAL
            )
            raise PolicyError(
                f"no row of {dataset} meets the condition {request.shape}, in any version",
                "Look at the values: what has been forgotten before is not there any more.",
            )
        return
    missing = sorted(set(request.ids) - selection.all_ids)
    if not missing:
        return
    for file in children:
        rows = store.read_table(file.path, columns=[SAMPLE_ID, PARENT_IDS])
        child_rows = rows.filter(pc.is_in(rows[SAMPLE_ID], pa.array(missing, pa.string()))).to_pylist()
        if child_rows:
            raise PolicyError(
                f"{child_rows[0][SAMPLE_ID]} is a child that step {file.step} made: the next run would make it again",
                f"Forget its parents: {', '.join(child_rows[0][PARENT_IDS])}; or change the step.",
            )
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    raise PolicyError(
        f"{dataset} has no row {', '.join(missing[:SHOWN])}{more} in any version",
        f"A row is named by its {SAMPLE_ID}, 32 hexadecimal digits.",
    )
