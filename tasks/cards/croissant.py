"""A version as a Croissant file: JSON-LD that catalogues index and `mlcroissant` reads rows by (MLCommons, 1.0).

One record set, `rows`, over one set of files; every file stands beside with its hash. The addresses inside are the
names of the vocabularies, as JSON-LD wants them; nothing is loaded from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.types as kinds

from augmill.policies.names import natural_sort_key
from augmill.tasks.cards.file_layout import Layout, is_picture
from augmill.tasks.cards.limitations import limits
from augmill.tasks.documents.version_document import VersionDocument
from augmill.tasks.rows.provenance import MEANINGS, ORIGIN, SAMPLE_ID, SPLIT

ROWS, FILES, SPLITS, LABELS = "rows", "files", "splits", "labels"
CONFORMS_TO = ("http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0")
SPLIT_KINDS = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}
_TERMS = (
    "citeAs column equivalentProperty extract field fileProperty fileObject fileSet format includes isLiveDataset "
    "jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source "
    "subField transform"
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{name: f"cr:{name}" for name in _TERMS.split()},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
}
_DATES = {"date": "sc:Date", "time": "sc:Time"}


def croissant(document: VersionDocument, layout: Layout) -> bytes:
    """The file, UTF-8, ending with a line feed; the same bytes for the same version."""
    return (json.dumps(jsonld(document, layout), indent=1, ensure_ascii=False) + "\n").encode()


def jsonld(document: VersionDocument, layout: Layout) -> dict[str, Any]:
    """The same as a mapping."""
    policy = document.get("policy", {})
    name, version = document["dataset"], document["version"]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "conformsTo": list(CONFORMS_TO),
        "description": policy.get("description") or f"Version {version} of {name}.",
        "version": f"{version}.0.0",
        "url": document["table_uri"],
        "license": _license(str(policy.get("license") or "")),
        "creator": {"@type": "sc:Organization", "name": policy.get("owner") or "not named in the policy"},
        "datePublished": document.get("published_on", ""),
        "citeAs": f"{name}, version {version}. Policy {document.get('policy_hash', '')}.",
        "keywords": [word for word in ("augmill", policy.get("modality"), "data augmentation") if word],
        **({"inLanguage": list(policy["language"])} if policy.get("language") else {}),
        **_responsible(document),
        "distribution": list(_distribution(layout)),
        "recordSet": list(_record_sets(document, layout)),
    }


def _license(license_text: str) -> Any:
    return license_text or {
        "@type": "sc:CreativeWork",
        "name": "unknown",
        "description": "The policy names no licence.",
    }


def _responsible(document: VersionDocument) -> dict[str, Any]:
    """Properties of the responsible-AI extension: where rows came from, how they were processed, their limits."""
    raw = [f"{item['name']} (sha256 {item.get('sha256', 'unknown')})" for item in document.get("inputs", [])[:50]]
    steps = [
        f"{step['name']}: {', '.join(step.get('use', []))}; {step.get('published', 0)} rows made"
        for step in document.get("steps", [])
    ]
    properties = {
        "rai:dataCollection": f"Read from {', '.join(raw)}." if raw else "",
        "rai:dataPreprocessingProtocol": steps,
        "rai:dataLimitations": list(limits(document)),
    }
    return {key: value for key, value in properties.items() if value}


def _distribution(layout: Layout) -> Iterator[dict[str, Any]]:
    for file in layout.files:
        yield {
            "@type": "cr:FileObject",
            "@id": file.path,
            "name": file.path.rpartition("/")[2],
            "description": f"{file.rows} rows: {file.split}, {file.origin}.",
            "contentUrl": layout.prefix + file.path,
            "contentSize": f"{file.bytes} B",
            "encodingFormat": "application/x-parquet",
            "sha256": file.sha256,
        }
    yield {
        "@type": "cr:FileSet",
        "@id": FILES,
        "name": FILES,
        # Each by its name: the folder holds files of other versions too.
        "description": "The files of this version.",
        "encodingFormat": "application/x-parquet",
        "includes": [file.path for file in layout.files],
    }


def _record_sets(document: VersionDocument, layout: Layout) -> Iterator[dict[str, Any]]:
    yield {
        "@type": "cr:RecordSet",
        "@id": SPLITS,
        "name": SPLITS,
        "description": "The splits of the rows.",
        "dataType": "cr:Split",
        "key": {"@id": f"{SPLITS}/name"},
        "field": [_enumerated(f"{SPLITS}/name", "sc:Text"), _enumerated(f"{SPLITS}/kind", "sc:URL")],
        "data": [{f"{SPLITS}/name": split, f"{SPLITS}/kind": SPLIT_KINDS[split]} for split in layout.splits],
    }
    label = document.get("policy", {}).get("label")
    counts = document.get("rows", {}).get("by_split_origin_label", {})
    names = sorted(
        {class_name for origins in counts.values() for labels in origins.values() for class_name in labels},
        key=natural_sort_key,
    )
    if label and names:
        yield {
            "@type": "cr:RecordSet",
            "@id": LABELS,
            "name": LABELS,
            "description": f"The classes of column {label}, as text.",
            "dataType": "sc:Enumeration",
            "key": {"@id": f"{LABELS}/name"},
            "field": [_enumerated(f"{LABELS}/name", "sc:Text")],
            "data": [{f"{LABELS}/name": class_name} for class_name in names],
        }
    yield {
        "@type": "cr:RecordSet",
        "@id": ROWS,
        "name": ROWS,
        "description": "Every row of the version: real ones, and those that were made of them.",
        "key": {"@id": _id(ROWS, SAMPLE_ID)},
        "field": [
            *(_field(field, label) for field in layout.schema if field.name != SPLIT),
            *([_from_path(ORIGIN)] if layout.hive else []),
            _split(layout),
        ],
    }


def _enumerated(field_id: str, kind: str) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": field_id, "name": field_id.rpartition("/")[2], "dataType": kind}


def _field(field: pa.Field, label: str | None) -> dict[str, Any]:
    field_id = _id(ROWS, field.name)
    entry = {"@type": "cr:Field", "@id": field_id, "name": field.name, "description": _meaning(field, label)}
    if is_picture(field.type):
        return {**entry, "dataType": "sc:ImageObject", "source": _column(field.name, "bytes")}
    kind, repeated = field.type, {}
    if kinds.is_list(kind):
        kind, repeated = kind.value_type, {"repeated": True}
    if kinds.is_struct(kind):
        parts = [
            {**_enumerated(f"{field_id}/{part.name}", data_type(part.type)), "source": _column(field.name, part.name)}
            for part in kind
        ]
        return {**entry, **repeated, "subField": parts}
    types = [data_type(kind), *(["cr:Label"] if field.name == label else [])]
    return {**entry, **repeated, "dataType": types if len(types) > 1 else types[0], "source": _column(field.name)}


def _meaning(field: pa.Field, label: str | None) -> str:
    if field.name in MEANINGS:
        return MEANINGS[field.name]
    return "The label." if field.name == label else f"A column of the source, {field.type}."


def _split(layout: Layout) -> dict[str, Any]:
    if layout.hive:  # no reference: to follow it, mlcroissant overwrites the path that the origin is read from as well
        return {**_from_path(SPLIT), "dataType": ["sc:Text", "cr:Split"]}
    entry = {**_enumerated(_id(ROWS, SPLIT), "sc:Text"), "description": MEANINGS[SPLIT], "source": _column(SPLIT)}
    return {**entry, "references": {"field": {"@id": f"{SPLITS}/name"}}}


def _from_path(name: str) -> dict[str, Any]:
    """A column that stands in the paths of the files.

    Two patterns where one would do: by a single one mlcroissant would filter, and by a glob of its own that takes in
    files of other versions.
    """
    return {
        **_enumerated(_id(ROWS, name), "sc:Text"),
        "description": MEANINGS[name],
        "source": {
            "fileSet": {"@id": FILES},
            "extract": {"fileProperty": "fullpath"},
            "transform": [{"regex": f".*{name}=([^/]+/.*)"}, {"regex": "([^/]+)/.*"}],
        },
    }


def _column(name: str, part: str = "") -> dict[str, Any]:
    source: dict[str, Any] = {"fileSet": {"@id": FILES}, "extract": {"column": name}}
    return {**source, "transform": {"jsonPath": part}} if part else source


def data_type(kind: pa.DataType) -> str:
    """The schema.org type of a column of plain values."""
    if kinds.is_boolean(kind):
        return "sc:Boolean"
    if kinds.is_integer(kind):
        return "sc:Integer"
    if kinds.is_floating(kind) or kinds.is_decimal(kind):
        return "sc:Float"
    if kinds.is_timestamp(kind):
        return "sc:DateTime"
    return next((name for begin, name in _DATES.items() if str(kind).startswith(begin)), "sc:Text")


def _id(*parts: str) -> str:
    """An identifier is an IRI: what a column may be called and an IRI may not hold is escaped."""
    return "/".join(quote(part, safe="") for part in parts)
