"""Which rows of a data set are to be forgotten: looked for in every version that can be read, not only the current.

Real rows are chosen by a condition on their columns or by their ids; children go because their parents do. Rows in
quarantine are chosen by a condition too: a run that read them again would only quarantine them again.
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
    """What somebody wants forgotten: rows that meet a condition, or rows by their ids. `typed`: the condition before
    the hashes of its values were put beside them."""

    condition: Condition | None
    ids: tuple[str, ...] = ()
    typed: Condition | None = None

    @property
    def shape(self) -> str:
        """The question without any value in it."""
        condition = self.typed or self.condition
        return predicate.shape(condition) if condition else f"{len(self.ids)} ids"

    def mask(self, rows: pa.Table) -> pa.ChunkedArray:
        """Which of the rows are meant."""
        if self.condition:
            return predicate.mask(self.condition, rows)
        return pc.is_in(rows[SAMPLE_ID], pa.array(self.ids, pa.string()))

    def mentions(self, line: str) -> bool:
        """Whether a line that is no row holds one of the values asked for: it cannot be read any closer."""
        values = predicate.values(self.condition) if self.condition else []
        return any(re.search(rf"(?<!\w){re.escape(typed)}(?!\w)", line) for typed, _ in values if typed)


@dataclass
class ErasureSelection:
    """The rows that were found. `ids` and `children` by file; `rows`: user columns by set of columns; `raw`: rows of
    the current version's shards that meet the condition, those in quarantine with them; `quarantined`: rows of the
    quarantine table, counted where nothing but that table holds any."""

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

    def holds(self, rows: pa.Table, asked: ErasureRequest) -> bool:
        """Whether one of these rows of a source is meant, by the condition or by what the chosen ones held."""
        if asked.condition and pc.any(asked.mask(rows)).as_py():
            return True
        return any(_in_common(user_rows(rows), names, tables) for names, tables in self.rows.items())

    def files(self) -> tuple[list[DataFile], list[DataFile]]:
        """Every file of the versions once: those of real rows, and those of children."""
        known = {file.path: file for manifest in self.manifests.values() for file in manifest.data_files}
        real = [file for file in known.values() if file.origin == REAL]
        return real, [file for file in known.values() if file.origin != REAL]

    def holding(self) -> list[int]:
        """Versions that hold one of the rows or a child of one."""
        files = self.ids.keys() | self.children.keys()
        return [
            version
            for version, manifest in self.manifests.items()
            if any(file.path in files for file in manifest.data_files)
        ]

    def of_current(self) -> tuple[dict[str, int], dict[str, int]]:
        """Rows of the current version that would go: real ones by split, children by step."""
        real: dict[str, int] = {}
        made: dict[str, int] = {}
        for file in self.current.manifest.data_files:
            real[file.split] = real.get(file.split, 0) + len(self.ids.get(file.path, ()))
            if file.origin != REAL:
                made[file.step] = made.get(file.step, 0) + len(self.children.get(file.path, ()))
        return {name: count for name, count in real.items() if count}, made


def choose(lake: Lake, dataset: str, asked: ErasureRequest) -> ErasureSelection:
    """Look for the rows. Raises PolicyError for a column or an id that there is not, or where nothing is found."""
    chosen = ErasureSelection(lake.readable(dataset), manifests_of(lake, dataset))
    store = lake.store.sub(dataset)
    if asked.condition:
        kinds = _kinds(chosen.manifests.values())
        predicate.refuse_unknown(asked.condition, list(kinds))
        predicate.refuse_other_kinds(asked.condition, kinds, predicate.ORDERED)
        _choose_raw(lake.objects(dataset).sub("work"), asked, chosen)
    real, children = chosen.files()
    _choose_real(store, asked, real, chosen)
    if asked.condition and not chosen.ids and not chosen.raw:
        chosen.quarantined = _in_quarantine(lake.store.sub(f"{dataset}.quarantine"), asked, chosen)
    _refuse_missing(store, asked, children, chosen)
    _choose_children(store, children, chosen, chosen.all_ids)
    return chosen


def _in_quarantine(store: Store, asked: ErasureRequest, chosen: ErasureSelection) -> int:
    """How many rows in quarantine are meant: a broken line that its source has lost since stands nowhere else."""
    current = quarantine_table.table(store).current()
    files = current.files if current else ()
    return sum(is_meant(row, asked, chosen) for file in files for row in store.read_table(file.path).to_pylist())


def widen(lake: Lake, asked: ErasureRequest, chosen: ErasureSelection) -> None:
    """Look for the rows in versions, too, that have been published since they were chosen."""
    dataset = chosen.current.manifest.dataset
    late = {version: one for version, one in manifests_of(lake, dataset).items() if version not in chosen.manifests}
    known = {file.path for files in chosen.files() for file in files}
    real, children = ErasureSelection(chosen.current, late).files()
    store = lake.store.sub(dataset)
    again = asked if asked.condition else ErasureRequest(None, tuple(sorted(chosen.all_ids)))
    _choose_real(store, again, [file for file in real if file.path not in known], chosen)
    _choose_children(store, [file for file in children if file.path not in known], chosen, chosen.all_ids)
    chosen.manifests.update(late)


def left(lake: Lake, asked: ErasureRequest, chosen: ErasureSelection) -> ErasureSelection:
    """The same rows, looked for once more in the version that is current now; finding nothing is no fault."""
    dataset = chosen.current.manifest.dataset
    now = lake.readable(dataset)
    again = ErasureSelection(now, {now.version: now.manifest})
    store = lake.store.sub(dataset)
    real, children = again.files()
    _choose_real(store, ErasureRequest(None, tuple(sorted(chosen.all_ids))), real, again)
    if asked.condition:
        _choose_real(store, asked, real, again)
    _choose_children(store, children, again, chosen.all_ids | again.all_ids)
    return again


def manifests_of(lake: Lake, dataset: str) -> dict[int, Manifest]:
    """What every version that is not gone holds."""
    table, objects, gone = lake.store.sub(dataset), lake.objects(dataset), lake.gone(dataset)
    found = {}
    for commit in Table(table).history()[::-1]:
        if commit.version not in gone and METADATA_KEY in commit.metadata:
            one = published(table, objects, commit.version)
            if one is not None:
                found[commit.version] = one.manifest
    return found


def rules_of(objects: Store, asked: ErasureRequest, chosen: ErasureSelection) -> list[Rule]:
    """What to put on the list: the rows by all their columns, by their key, and by the values asked for."""
    salt, key = salt_of(objects), chosen.current.manifest.policy["key"]
    found = []
    keys: set[str] = set()
    for names, tables in chosen.rows.items():
        rows = pa.concat_tables(tables)
        found.append(Rule(names, False, frozenset(digests(salt, rows, names, False))))
        if key in names:
            keys.update(digests(salt, rows.filter(pc.is_valid(rows[key])), [key], True))
    if keys:
        found.append(Rule((key,), True, frozenset(keys)))
    return [*found, *_standing(salt, asked.condition, chosen.current.manifest.types)]


def _standing(salt: bytes, condition: Condition | None, types: Mapping[str, str]) -> Iterator[Rule]:
    """Rules by the values of a condition that asks for equal values, so that rows that come later are refused too."""
    by_columns: dict[tuple[str, ...], set[str]] = {}
    for values in (predicate.equalities(condition) if condition else None) or ():
        names = tuple(sorted(values))
        row = pa.table({name: _typed(values[name], types.get(name)) for name in names})
        by_columns.setdefault(names, set()).update(digests(salt, row, names, True))
    for names, found in sorted(by_columns.items()):
        yield Rule(names, True, frozenset(found))


def _typed(literal: predicate.Literal, kind: str | None) -> pa.Array:
    text, value = literal
    scalar = predicate.scalar_of(literal, held_type(arrow_of(kind), "")) if kind is not None else None
    if scalar is None:  # the column had another type once, or has had none
        return pa.array([str(value).lower() if isinstance(value, bool) else text])
    return as_texts(pa.chunked_array([pa.repeat(scalar, 1)])).combine_chunks()


def _kinds(manifests: Iterable[Manifest]) -> dict[str, list[pa.DataType]]:
    """The types that every column has had."""
    found: dict[str, list[pa.DataType]] = {}
    for manifest in manifests:
        for name, kind in manifest.types.items():
            found.setdefault(name, []).append(held_type(arrow_of(kind), name))
    return found


def _choose_real(store: Store, asked: ErasureRequest, files: Sequence[DataFile], chosen: ErasureSelection) -> None:
    wanted = [SAMPLE_ID, *(predicate.columns(asked.condition) if asked.condition else ())]
    for file in files:
        batches = list(store.batches(file.path, wanted, absent_ok=True))
        if not batches:
            continue
        mask = asked.mask(pa.Table.from_batches(batches))
        if pc.any(mask).as_py():
            rows = store.read_table(file.path).filter(mask)
            chosen.ids[file.path] = rows[SAMPLE_ID].to_pylist()
            _keep(chosen, rows)


def _choose_raw(work: Store, asked: ErasureRequest, chosen: ErasureSelection) -> None:
    for name in dict.fromkeys(str(one["raw"]) for one in chosen.current.manifest.valid):
        if work.exists(f"{name}.parquet"):
            rows = work.read_table(f"{name}.parquet")
            mask = asked.mask(rows)
            if pc.any(mask).as_py():
                chosen.raw[name] = pc.sum(mask).as_py()
                _keep(chosen, rows.filter(mask))


def is_meant(row: Mapping[str, Any], asked: ErasureRequest, chosen: ErasureSelection) -> bool:
    """Whether a row of the quarantine table is meant, or a child of one that is."""
    try:
        content = json.loads(row["content"])
    except ValueError:
        content = None
    if not isinstance(content, dict):
        return asked.mentions(str(row["content"]))
    gone = chosen.all_ids
    if gone.intersection(content.get(PARENT_IDS) or ()) or (row["sample_id"] in gone):
        return True
    if f'"parents":"{NEAREST}"' in str(content.get(OPS)):  # any row the sampler saw may be in it
        return True
    types = chosen.current.manifest.types
    cells = {name: _cell(content[name], types[name]) for name in types if name in content}
    if row["payload"] is not None:
        payload = next((name for name in types if name not in content), None)
        cells |= {payload: pa.array([{"bytes": row["payload"], "path": None}])} if payload else {}
    return bool(cells) and chosen.holds(pa.table(cells), asked)


def _cell(value: Any, kind: str) -> pa.Array:
    wanted = held_type(arrow_of(kind), "")
    try:
        return pa.array([value], wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value)], pa.string())


def _in_common(rows: pa.Table, names: Sequence[str], tables: Sequence[pa.Table]) -> bool:
    present = [name for name in names if name in rows.column_names]
    ours = bond_words(content_words(rows, present))
    return bool(np.isin(ours, bond_words(content_words(pa.concat_tables(tables), names))).any())


def _keep(chosen: ErasureSelection, rows: pa.Table) -> None:
    plain = user_rows(rows)
    names = tuple(sorted(name for name in plain.column_names if name not in NAMES))
    chosen.rows.setdefault(names, []).append(plain.select(names))


def _choose_children(
    store: Store, files: Sequence[DataFile], chosen: ErasureSelection, parents: Collection[str]
) -> None:
    """Children of the rows, their children in turn, and so on until there are no more."""
    todo = parents
    while todo:
        gone = pa.array(sorted(todo), pa.string())
        todo = set()
        for file in files:
            rows = store.read_table(file.path, columns=[SAMPLE_ID, PARENT_IDS]).combine_chunks()
            lists = rows[PARENT_IDS].combine_chunks()
            mine = pc.unique(pc.list_parent_indices(lists).filter(pc.is_in(lists.flatten(), gone)))
            new = set(rows[SAMPLE_ID].take(mine).to_pylist()).difference(chosen.children.get(file.path, ()))
            if new:
                chosen.children.setdefault(file.path, []).extend(sorted(new))
                todo |= new


def _refuse_missing(
    store: Store, asked: ErasureRequest, children: Sequence[DataFile], chosen: ErasureSelection
) -> None:
    dataset = chosen.current.manifest.dataset
    if asked.condition:
        if not chosen.ids and not chosen.raw and not chosen.quarantined:
            predicate.refuse_other_kinds(asked.condition, _kinds(chosen.manifests.values()), predicate.EQUAL)
            raise PolicyError(
                f"no row of {dataset} meets the condition {asked.shape}, in any version",
                "Look at the values: what has been forgotten before is not there any more.",
            )
        return
    missing = sorted(set(asked.ids) - chosen.all_ids)
    if not missing:
        return
    for file in children:
        rows = store.read_table(file.path, columns=[SAMPLE_ID, PARENT_IDS])
        mine = rows.filter(pc.is_in(rows[SAMPLE_ID], pa.array(missing, pa.string()))).to_pylist()
        if mine:
            raise PolicyError(
                f"{mine[0][SAMPLE_ID]} is a child that step {file.step} made: the next run would make it again",
                f"Forget its parents: {', '.join(mine[0][PARENT_IDS])}; or change the step.",
            )
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    raise PolicyError(
        f"{dataset} has no row {', '.join(missing[:SHOWN])}{more} in any version",
        f"A row is named by its {SAMPLE_ID}, 32 hexadecimal digits.",
    )
