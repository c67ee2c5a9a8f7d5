"""The policy of a source, inferred from its names and first rows; it has no steps yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from augmill.policies.errors import PolicyError
from augmill.policies.schema import Policy
from augmill.tasks.sources import from_csv
from augmill.tasks.sources.formats import SUFFIXES
from augmill.tasks.sources.source_contract import SourceListing
from augmill.tasks.sources.source_reader import discover, scan, types_of, units

_FILE_COLUMNS = ("file", "filename", "file_name", "path", "filepath", "image", "image_path", "img")
_MASK_COLUMNS = ("mask", "mask_file", "mask_path")
_BOX_LABELS = ("label", "class", "category", "name")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
# Words that mean "no value" in nearly every file they stand in. `None` is often a category, so it is not here.
_NO_VALUE = ("?", "NA", "N/A", "n/a", "NULL", "null", "NaN", "nan", "#N/A")
_UNIT_BYTES = 64 << 20


@dataclass(frozen=True)
class DraftRequest:
    """What the user asked `augmill init` for. `uri` is relative to the folder the policy will be in."""

    uri: str | dict[str, str]
    label: str | None
    dataset: str
    format: str | None = None


def infer_policy(request: DraftRequest, base: Path) -> Policy:
    """A policy without steps: modality, columns of a manifest, texts that mean no value."""
    try:
        policy = _policy(request)
    except ValidationError as fault:  # of what the user gave, only the name has a form
        raise PolicyError(
            f"a dataset cannot be called {request.dataset!r}",
            f"use lower-case letters, digits and hyphens, as in --dataset {dataset_name(request.dataset)}",
        ) from fault
    listing = discover(policy, base)
    if listing.format == "csv":
        columns = _manifest_columns(policy, listing)
        if columns is not None:
            return _policy(request, "image", format="manifest", columns=columns)
    if listing.format == "image_folder":
        return _policy(request, "image", label=request.label or "label")
    if listing.format == "manifest":
        raise PolicyError(
            "no column of the manifest names picture files",
            f"call that column one of {', '.join(_FILE_COLUMNS)}; files are looked for below the manifest's folder",
        )
    tokens = _missing_tokens(policy, listing) if listing.format == "csv" else []
    types = types_of(scan(unit, policy) for unit in units(listing, policy, _UNIT_BYTES))
    is_image = types.get("image") == "payload"
    if request.label is None and not is_image:
        raise PolicyError("no label column was named", "name it with --label COLUMN; augmentation keeps labels")
    return _policy(request, "image" if is_image else "tabular", missing=tokens)


def _policy(
    request: DraftRequest,
    modality: str = "tabular",
    *,
    format: str | None = None,
    columns: Mapping[str, Any] | None = None,
    missing: list[str] | None = None,
    label: str | None = None,
) -> Policy:
    source: dict[str, Any] = {"uri": request.uri, "format": format or request.format}
    if missing:
        source["missing"] = ["", *missing]
    return Policy.model_validate(
        {
            "dataset": request.dataset,
            "modality": modality,
            "source": source,
            "label": label or request.label,
            "columns": columns,
        }
    )


def _manifest_columns(policy: Policy, listing: SourceListing) -> dict[str, Any] | None:
    """`columns` of a policy, if one column of the csv holds names of pictures."""
    blocks = (block for file in listing.objects for block in from_csv.blocks(file, policy.source.missing))
    first = next((block for block in blocks if len(block.rows)), None)
    if first is None:
        return None
    lower = {name.lower(): name for name in reversed(list(first.texts))}
    image = next((lower[name] for name in _FILE_COLUMNS if name in lower and _pictures(first.texts[lower[name]])), None)
    if image is None:
        return None
    columns: dict[str, Any] = {"image": image}
    mask = next((lower[name] for name in _MASK_COLUMNS if name in lower), None)
    if mask is None and _has_masks(listing):
        mask = image
    if mask is not None:
        columns["mask"] = mask
    label = next((lower[name] for name in _BOX_LABELS if name in lower and lower[name] != policy.label), None)
    if label is not None and all(name in lower for name in _CORNERS):
        columns["boxes"] = {**{name: lower[name] for name in _CORNERS}, "label": label}
    elif "boxes" in lower:
        columns["boxes"] = lower["boxes"]
    return columns


def _pictures(names: pa.StringArray) -> bool:
    filled = names.drop_null().slice(0, 20).to_pylist()
    return bool(filled) and all(PurePosixPath(name).suffix.lower() in SUFFIXES["image_folder"] for name in filled)


def _has_masks(listing: SourceListing) -> bool:
    return all(
        not file.uri.startswith("s3://") and Path(file.uri).with_name("masks").is_dir() for file in listing.objects
    )


def _missing_tokens(policy: Policy, listing: SourceListing) -> list[str]:
    """Which of the usual words for "no value" stand alone in cells of the source."""
    words = pa.array(_NO_VALUE)
    tokens: set[str] = set()
    for file in listing.objects:
        for block in from_csv.blocks(file, policy.source.missing):
            for texts in block.texts.values():
                tokens |= set(pc.unique(texts.filter(pc.is_in(texts, value_set=words))).to_pylist())
    return [word for word in _NO_VALUE if word in tokens]


def dataset_name(uri: str) -> str:
    """A name for the dataset from the last part of its URI that says something."""
    parts = [part for part in re.split(r"[/:]", uri) if part.strip(".") and not re.search(r"[*?\[]", part)]
    stem = re.sub(r"\.[A-Za-z0-9]+$", "", parts[-1]) if parts else ""
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:63].rstrip("-")
    return name or "dataset"
