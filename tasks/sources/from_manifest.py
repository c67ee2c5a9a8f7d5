"""A csv that names picture files, with columns for labels, masks, boxes or other data.

`columns` of the policy says which column is which; in the table the picture is always `image`, its mask `mask`, its
boxes `boxes`. Files are looked up below the manifest's folder, then in its `images` (masks: `masks`) folder; none may
lie outside. With one row per box, the rows of a picture become one sample; its other columns are taken from the first
row. A missing picture is a fault of the manifest's row; the source of a valid row is the picture.
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
from augmill.tasks.sources.chunks import ReadOptions, typed
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
    """The manifest's rows of one picture, its files by role, and the number of earlier samples of the same picture."""

    files: dict[str, str]
    number: int
    rows: list[Row]


@dataclass(frozen=True)
class _Block:
    """Some samples without their pictures: boxes and the manifest's other columns as texts."""

    samples: list[_Sample]
    columns: dict[str, pa.Array]
    faults: list[Fault]


def candidate_paths(policy: Policy, manifest: SourceObject) -> list[tuple[str, ...]]:
    """The paths to try for every file of the manifest, first choice first, relative to the manifest's folder."""
    rows, _ = _lines(policy, manifest)
    paths = {_lookup_paths(row[column], role) for _, row in rows for role, column in _roles(policy).items()}
    return sorted(candidates for candidates in paths if candidates)


def units(listing: SourceListing, policy: Policy, unit_bytes: int) -> list[Unit]:
    """Pictures in groups, each with its lines, so that a changed manifest changes only the groups of changed lines.

    One more unit per manifest holds its faults.
    """
    objects = {source.name: source for source in listing.objects}
    manifest_units: list[Unit] = []
    for name in sorted(listing.manifests):
        samples, faults = _samples_and_faults(policy, objects[name], objects)
        manifest_units.append(
            Unit("manifest", (objects[name],), _document(faults=[astuple(fault) for fault in faults]))
        )
        by_picture: dict[str, list[_Sample]] = {}
        for sample in samples:
            by_picture.setdefault(sample.files[IMAGE], []).append(sample)
        for group in groups([objects[picture] for picture in by_picture], unit_bytes):
            members = [sample for picture in group for sample in by_picture[picture.name]]
            files = dict.fromkeys(file for sample in members for file in sample.files.values())
            lines = _document(samples=[astuple(sample) for sample in members])
            manifest_units.append(Unit("manifest", tuple(objects[file] for file in files), lines))
    return manifest_units


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


def read(unit: Unit, options: ReadOptions) -> Iterator[Chunk]:
    """One row per sample; pictures and masks with the bytes of their files."""
    objects = {source.name: source for source in unit.objects}
    roles = _roles(options.policy)
    for block in _blocks(unit, options.policy):
        pictures = [objects[sample.files[IMAGE]] for sample in block.samples]
        payloads = {role: _payloads([objects[sample.files[role]] for sample in block.samples]) for role in roles}
        numbers = np.array([sample.number for sample in block.samples], dtype=np.int64)
        chunk = typed({**payloads, **block.columns}, numbers, pictures, options)
        yield Chunk(chunk.table, options.treatment.faults(block.faults) + chunk.faults)


def _samples_and_faults(
    policy: Policy, manifest: SourceObject, objects: Collection[str]
) -> tuple[list[_Sample], list[Fault]]:
    """Samples whose files all exist, and the faults; if each row is a box, the rows of a picture become one sample."""
    rows, faults = _lines(policy, manifest)
    folder = posixpath.dirname(manifest.name)
    folds = isinstance(_columns(policy).boxes, BoxColumns)
    samples: list[_Sample] = []
    last: dict[str, _Sample] = {}
    for number, row in rows:
        files, reasons = {}, []
        for role, column in _roles(policy).items():
            existing = [name for name in _lookup_paths(row[column], role) if posixpath.join(folder, name) in objects]
            files[role] = posixpath.join(folder, existing[0]) if existing else ""
            reasons += [] if existing else [_missing_reason(row[column], role)]
        if reasons:
            faults.append(Fault.at(manifest, number, "; ".join(reasons), json.dumps(row)))
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
    objects = {source.name: source for source in unit.objects}
    for start in range(0, len(samples), _BATCH):
        yield _block(samples[start : start + _BATCH], objects, policy)


def _block(samples: list[_Sample], objects: Mapping[str, SourceObject], policy: Policy) -> _Block:
    readable: list[_Sample] = []
    box_lists: list[boxes.Boxes] = []
    faults: list[Fault] = []
    for sample in samples:
        try:
            box_lists.append(_boxes(sample, policy))
            readable.append(sample)
        except boxes.NoBox as error:
            faults.append(Fault.at(objects[sample.files[IMAGE]], sample.number, str(error), json.dumps(sample.rows)))
    names = [name for name in samples[0].rows[0] if name not in _consumed(policy)]
    columns = {name: pa.array([sample.rows[0][name] for sample in readable], pa.string()) for name in names}
    if BOXES in _outputs(policy):
        columns[BOXES] = pa.array(box_lists, BOXES_TYPE)
    return _Block(readable, columns, faults)


def _boxes(sample: _Sample, policy: Policy) -> boxes.Boxes:
    columns = _columns(policy).boxes
    if isinstance(columns, BoxColumns):
        return boxes.from_rows(sample.rows, columns)
    return boxes.from_json(sample.rows[0][columns]) if columns else []


def _payloads(files: Sequence[SourceObject]) -> pa.Array:
    data = contents(files)
    return pa.array([{"bytes": next(data), "path": file.name} for file in files], PAYLOAD_TYPE)


def _lookup_paths(name: str | None, role: str) -> tuple[str, ...]:
    path = posixpath.normpath(name) if name else ".."
    if path.startswith(("/", "..")) or path == ".":
        return ()
    return path, posixpath.join(_FOLDERS[role], path)


def _missing_reason(name: str | None, role: str) -> str:
    if name is None:
        return f"no {role} file is named"
    if not _lookup_paths(name, role):
        return f"{role} file {name!r} lies outside the manifest's folder"
    return f"{role} file {name!r} is missing, and not in {_FOLDERS[role]}/ either"


def _columns(policy: Policy) -> Columns:
    return policy.columns or Columns()


def _roles(policy: Policy) -> dict[str, str]:
    """The columns that name files, by the role of the files."""
    columns = _columns(policy)
    return {IMAGE: columns.image} | ({MASK: columns.mask} if columns.mask else {})


def _consumed(policy: Policy) -> set[str]:
    """Columns of the manifest that become pictures, masks and boxes."""
    box_columns = _columns(policy).boxes
    corners = (
        set(box_columns.model_dump().values())
        if isinstance(box_columns, BoxColumns)
        else {box_columns}
        if box_columns
        else set()
    )
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
