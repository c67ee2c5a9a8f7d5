"""A csv that names picture files, with labels, masks, boxes or any more columns beside them.

`columns` of the policy says which column is which; in the table the picture is always `image`, its mask `mask`, its
boxes `boxes`. Files are looked for below the manifest's folder, then in its `images` (masks: `masks`) folder; none
may lie outside. With one row per box, the rows of a picture become one sample, whose other columns are its first
row's. A picture that is missing is a fault of the manifest's row; the source of a good row is the picture.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pyarrow as pa

from augmill.policies.errors import PolicyError
from augmill.policies.schema import BoxColumns, Columns, Policy
from augmill.tasks.rows.provenance import BOXES_TYPE, PAYLOAD_TYPE
from augmill.tasks.sources import boxes, from_csv
from augmill.tasks.sources.chunks import Wanted, typed
from augmill.tasks.sources.source_contract import Chunk, Fault, Scan, SourceListing, SourceObject, Unit
from augmill.tasks.sources.values import text_type
from augmill.tasks.sources.verified_reader import contents
from augmill.tasks.sources.work_units import groups

IMAGE, MASK, BOXES = "image", "mask", "boxes"
_FOLDERS = {IMAGE: "images", MASK: "masks"}
_BATCH = 32
Row = dict[str, str | None]


@dataclass
class _Sample:
    """One picture's rows of the manifest, the objects that hold its files, and how often the picture came before."""

    files: dict[str, str]
    number: int
    rows: list[Row]


@dataclass(frozen=True)
class _Block:
    """A few samples, read but for their pictures: boxes and the manifest's other columns as texts."""

    samples: list[_Sample]
    columns: dict[str, pa.Array]
    faults: list[Fault]


def places(policy: Policy, manifest: SourceObject) -> list[tuple[str, ...]]:
    """For every file the manifest names, where it may be, relative to the manifest's folder, best first."""
    rows, _ = _lines(policy, manifest)
    named = {_places(row[column], role) for _, row in rows for role, column in _roles(policy).items()}
    return sorted(one for one in named if one)


def units(found: SourceListing, policy: Policy, unit_bytes: int) -> list[Unit]:
    """Pictures in groups, each with its lines, so that a changed manifest changes only the groups it speaks of.

    One more unit per manifest holds what is wrong with it.
    """
    objects = {one.name: one for one in found.objects}
    made: list[Unit] = []
    for name in sorted(found.manifests):
        samples, faults = _sorted_out(policy, objects[name], objects)
        made.append(Unit("manifest", (objects[name],), _document(faults=[astuple(fault) for fault in faults])))
        by_picture: dict[str, list[_Sample]] = {}
        for sample in samples:
            by_picture.setdefault(sample.files[IMAGE], []).append(sample)
        for group in groups([objects[picture] for picture in by_picture], unit_bytes):
            members = [sample for one in group for sample in by_picture[one.name]]
            files = dict.fromkeys(file for sample in members for file in sample.files.values())
            lines = _document(samples=[astuple(sample) for sample in members])
            made.append(Unit("manifest", tuple(objects[file] for file in files), lines))
    return made


def scan(unit: Unit, policy: Policy) -> Scan:
    """Types of the manifest's other columns; no picture is opened."""
    columns = dict(_outputs(policy)) if "samples" in json.loads(unit.rows) else {}
    rows = faults = 0
    for block in _blocks(unit, policy):
        rows, faults = rows + len(block.samples), faults + len(block.faults)
        for name, values in block.columns.items():
            if name != BOXES:
                columns[name] = text_type(values, columns.get(name, "null"))
    return Scan(columns, rows, faults)


def read(unit: Unit, wanted: Wanted) -> Iterator[Chunk]:
    """One row per sample; pictures and masks as they are in their files."""
    objects = {one.name: one for one in unit.objects}
    roles = _roles(wanted.policy)
    for block in _blocks(unit, wanted.policy):
        pictures = [objects[one.files[IMAGE]] for one in block.samples]
        payloads = {role: _payloads([objects[one.files[role]] for one in block.samples]) for role in roles}
        numbers = np.array([one.number for one in block.samples], dtype=np.int64)
        chunk = typed({**payloads, **block.columns}, numbers, pictures, wanted)
        yield Chunk(chunk.table, wanted.treatment.faults(block.faults) + chunk.faults)


def _sorted_out(policy: Policy, manifest: SourceObject, objects: Collection[str]) -> tuple[list[_Sample], list[Fault]]:
    """Samples whose files are all there, rows of one picture folded where each row is a box; and what is wrong."""
    rows, faults = _lines(policy, manifest)
    folder = posixpath.dirname(manifest.name)
    folds = isinstance(_columns(policy).boxes, BoxColumns)
    samples: list[_Sample] = []
    last: dict[str, _Sample] = {}
    for number, row in rows:
        files, wrong = {}, []
        for role, column in _roles(policy).items():
            found = [name for name in _places(row[column], role) if posixpath.join(folder, name) in objects]
            files[role] = posixpath.join(folder, found[0]) if found else ""
            wrong += [] if found else [_why_not(row[column], role)]
        if wrong:
            faults.append(Fault.at(manifest, number, "; ".join(wrong), json.dumps(row)))
            continue
        before = last.get(files[IMAGE])
        if before is not None and folds:
            before.rows.append(row)
            continue
        last[files[IMAGE]] = _Sample(files, before.number + 1 if before else 0, [row])
        samples.append(last[files[IMAGE]])
    return samples, sorted(faults, key=lambda fault: fault.row)


def _lines(policy: Policy, manifest: SourceObject) -> tuple[list[tuple[int, Row]], list[Fault]]:
    rows: list[tuple[int, Row]] = []
    faults: list[Fault] = []
    for block in from_csv.blocks(manifest, policy.source.missing):
        _check_columns(policy, list(block.texts), manifest.name)
        faults += block.faults
        rows += zip(block.rows.tolist(), pa.table(block.texts).to_pylist(), strict=True)
    return rows, faults


def _blocks(unit: Unit, policy: Policy) -> Iterator[_Block]:
    document = json.loads(unit.rows)
    if "faults" in document:
        yield _Block([], {}, [Fault(*fault) for fault in document["faults"]])
        return
    samples = [_Sample(*sample) for sample in document["samples"]]
    objects = {one.name: one for one in unit.objects}
    for start in range(0, len(samples), _BATCH):
        yield _block(samples[start : start + _BATCH], objects, policy)


def _block(samples: list[_Sample], objects: Mapping[str, SourceObject], policy: Policy) -> _Block:
    kept: list[_Sample] = []
    listed: list[boxes.Boxes] = []
    faults: list[Fault] = []
    for sample in samples:
        try:
            listed.append(_boxes(sample, policy))
            kept.append(sample)
        except boxes.NoBox as error:
            faults.append(Fault.at(objects[sample.files[IMAGE]], sample.number, str(error), json.dumps(sample.rows)))
    names = [name for name in samples[0].rows[0] if name not in _consumed(policy)]
    columns = {name: pa.array([one.rows[0][name] for one in kept], pa.string()) for name in names}
    if BOXES in _outputs(policy):
        columns[BOXES] = pa.array(listed, BOXES_TYPE)
    return _Block(kept, columns, faults)


def _boxes(sample: _Sample, policy: Policy) -> boxes.Boxes:
    asked = _columns(policy).boxes
    if isinstance(asked, BoxColumns):
        return boxes.from_rows(sample.rows, asked)
    return boxes.from_json(sample.rows[0][asked]) if asked else []


def _payloads(files: Sequence[SourceObject]) -> pa.Array:
    data = contents(files)
    return pa.array([{"bytes": next(data), "path": one.name} for one in files], PAYLOAD_TYPE)


def _places(name: str | None, role: str) -> tuple[str, ...]:
    path = posixpath.normpath(name) if name else ".."
    if path.startswith(("/", "..")) or path == ".":
        return ()
    return path, posixpath.join(_FOLDERS[role], path)


def _why_not(name: str | None, role: str) -> str:
    if name is None:
        return f"no {role} file is named"
    if not _places(name, role):
        return f"{role} file {name!r} lies outside the manifest's folder"
    return f"{role} file {name!r} is missing, and not in {_FOLDERS[role]}/ either"


def _columns(policy: Policy) -> Columns:
    return policy.columns or Columns()


def _roles(policy: Policy) -> dict[str, str]:
    """The columns that name files, by what the files are."""
    asked = _columns(policy)
    return {IMAGE: asked.image} | ({MASK: asked.mask} if asked.mask else {})


def _consumed(policy: Policy) -> set[str]:
    """Columns of the manifest that become pictures, masks and boxes."""
    asked = _columns(policy).boxes
    corners = set(asked.model_dump().values()) if isinstance(asked, BoxColumns) else {asked} if asked else set()
    return {*_roles(policy).values(), *corners}


def _outputs(policy: Policy) -> dict[str, str]:
    """The columns that pictures, masks and boxes become, with their types."""
    kinds = dict.fromkeys(_roles(policy), "payload")
    return kinds | ({BOXES: "boxes"} if _columns(policy).boxes else {})


def _check_columns(policy: Policy, names: Sequence[str], file: str) -> None:
    for column in sorted(_consumed(policy) - set(names)):
        near = get_close_matches(column, names, 1)
        raise PolicyError(
            f"{file} has no column {column!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
            f"set `columns` in the policy; the manifest has {', '.join(names)}",
        )
    for column in sorted((set(names) - _consumed(policy)) & set(_outputs(policy))):
        raise PolicyError(
            f"{file} has a column {column!r}, which is what the policy's files or boxes are called in the table",
            f"rename that column of the manifest, or name it in `columns.{column}`",
        )


def _document(**parts: Any) -> str:
    return json.dumps(parts, ensure_ascii=False)
