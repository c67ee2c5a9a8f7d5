"""What a run read and what it published, as MLflow dataset inputs. Thousands of files are one input: their folder."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from augmill.tasks.documents.version_document import InputDocument, VersionDocument

DIGEST = 16
"""Characters of a hash that are shown; MLflow takes 36 at most, the whole hash is in the input's tags."""

MAX_SINGLE_INPUTS = 20
MAX_TAG = 500

CONTEXT = "mlflow.data.context"


@dataclass(frozen=True)
class DataInput:
    """One dataset input: MLflow's fields as text, `tags` among them the context it was used in."""

    name: str
    digest: str
    source_type: str
    source: Mapping[str, Any]
    tags: Mapping[str, str]
    profile: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None


def data_inputs(document: VersionDocument) -> list[DataInput]:
    """The published version first (the run list shows the first), then the sources, then the parent."""
    return [_published(document), *sources(document), *_production(document), *_parent(document)]


def sources(document: VersionDocument) -> list[DataInput]:
    """Each raw object with its digest; above `MAX_SINGLE_INPUTS` objects, one input for all of them."""
    return _read(document.get("inputs", []), "source", document.get("source_uri"))


def _production(document: VersionDocument) -> list[DataInput]:
    """The rows that the drift gate looked at; nothing was learned from them."""
    return _read(document.get("production", []), "production")


def _read(objects: Sequence[InputDocument], context: str, uri: str | None = None) -> list[DataInput]:
    if len(objects) > MAX_SINGLE_INPUTS:
        return [_folder(objects, context, uri or common_folder([item["uri"] for item in objects]))]
    return [_object(item, context) for item in objects]


def digest_of(objects: Sequence[InputDocument]) -> str:
    """A hash over names and content hashes, whatever the order: changes when any object does."""
    lines = sorted(f"{item['name']}\t{_content(item)}" for item in objects)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def common_folder(uris: Sequence[str]) -> str:
    """The deepest folder that holds all of the URIs."""
    if len(uris) == 1:
        return posixpath.dirname(uris[0])
    first, last = min(uris).split("/"), max(uris).split("/")
    shared = 0
    while shared < min(len(first), len(last)) - 1 and first[shared] == last[shared]:
        shared += 1
    return "/".join(first[:shared])


def _object(item: InputDocument, context: str) -> DataInput:
    properties = {
        key: str(item.get(key))[:MAX_TAG] for key in ("sha256", "etag", "version_id", "bytes") if item.get(key)
    }
    return DataInput(
        name=item["name"][:MAX_TAG],
        digest=_short(_content(item)),
        source_type=_source_type(item["uri"]),
        source={"uri": item["uri"]},
        tags={CONTEXT: context, **properties},
        profile=_profile(rows=item.get("rows"), size=item.get("bytes")),
    )


def _folder(objects: Sequence[InputDocument], context: str, uri: str) -> DataInput:
    digest = digest_of(objects)
    size = sum(item.get("bytes", 0) for item in objects)
    rows = sum(item.get("rows", 0) for item in objects)
    return DataInput(
        name=(posixpath.basename(uri.rstrip("/*")) or "source")[:MAX_TAG],
        digest=_short(digest),
        source_type=_source_type(uri),
        source={"uri": uri},
        tags={CONTEXT: context, "sha256_of_list": digest, "objects": str(len(objects))},
        profile={**_profile(rows=rows or None, size=size or None), "num_objects": len(objects)},
    )


def _published(document: VersionDocument) -> DataInput:
    rows = document.get("rows", {})
    total = sum(int(rows[origin]) for origin in ("real", "augmented", "synthetic") if origin in rows)
    return DataInput(
        name=f"{document['dataset']}@{document['version']}",
        digest=_short(document.get("version_digest") or str(document["version"])),
        source_type="delta_table",
        source=_delta(document, document["version"]),
        tags={CONTEXT: "published"},
        profile=_profile(rows=total or None, size=document.get("storage", {}).get("total_bytes")),
        schema=_schema(document.get("columns", {})),
    )


def _parent(document: VersionDocument) -> list[DataInput]:
    parent = document.get("parent_version")
    if parent is None:
        return []
    name = f"{document['dataset']}@{parent}"
    return [DataInput(name, f"version-{parent}", "delta_table", _delta(document, parent), {CONTEXT: "parent"})]


def _delta(document: VersionDocument, version: int) -> dict[str, Any]:
    return {"path": document["table_uri"], "delta_table_version": version}


def _source_type(uri: str) -> str:
    scheme = uri.partition("://")[0] if "://" in uri else uri.partition(":")[0] if uri.startswith("builtin:") else ""
    return {"s3": "s3", "http": "http", "https": "http", "": "local", "file": "local"}.get(scheme, scheme)


def _content(item: InputDocument) -> str:
    return item.get("sha256") or item.get("etag") or hashlib.sha256(item["uri"].encode()).hexdigest()


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:").strip('"')[:DIGEST]


def _profile(rows: int | None, size: int | None) -> dict[str, int]:
    return {key: figure for key, figure in (("num_rows", rows), ("num_bytes", size)) if figure is not None}


_TYPES = (
    ("bool", "boolean"),
    ("int64", "long"),
    ("uint", "long"),
    ("int", "integer"),
    ("float", "float"),
    ("double", "double"),
    ("date", "datetime"),
    ("timestamp", "datetime"),
    ("binary", "binary"),
    ("struct<bytes", "binary"),
)


def _schema(columns: Mapping[str, str]) -> dict[str, Any] | None:
    """MLflow's column specification; nested columns are shown as text."""
    if not columns:
        return None

    def kind(arrow: str) -> str:
        return next((to for start, to in _TYPES if arrow.startswith(start)), "string")

    return {
        "mlflow_colspec": [{"name": name, "type": kind(arrow), "required": False} for name, arrow in columns.items()]
    }


def as_json(value: Mapping[str, Any] | None) -> str | None:
    """JSON text of a mapping, null for none or an empty one."""
    return json.dumps(value) if value else None
