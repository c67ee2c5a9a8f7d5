"""The YAML block at the head of a Hugging Face dataset card: what the hub and `datasets` read before the text."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.types as kinds

from augmill.tasks.cards.file_layout import Layout, is_boxes, is_picture
from augmill.tasks.documents.version_document import VersionDocument

_SIZES = ((10**3, "1K"), (10**4, "10K"), (10**5, "100K"), (10**6, "1M"), (10**7, "10M"), (10**8, "100M"), (10**9, "1B"))
_NAMES = {"double": "float64", "float": "float32", "halffloat": "float16", "date32[day]": "date32"}


def front_matter(document: VersionDocument, layout: Layout) -> str:
    """The block between its two lines of dashes."""
    import yaml

    text = yaml.safe_dump(metadata(document, layout), sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{text}---\n"


def metadata(document: VersionDocument, layout: Layout) -> dict[str, Any]:
    """The block as a mapping; what is not known is left out, but for the licence, which must not be guessed."""
    policy = document.get("policy", {})
    child_origins = sorted({file.origin for file in layout.files} - {"real"})
    fields: dict[str, Any] = {
        "pretty_name": f"{document['dataset']}@{document['version']}",
        "language": list(policy.get("language") or ()),
        **_license(str(policy.get("license") or "")),
        "task_categories": _tasks(policy, layout.schema),
        "size_categories": [size_category(sum(file.rows for file in layout.files))],
        "tags": [
            name
            for name in (
                "augmill",
                policy.get("modality"),
                "data-augmentation" if child_origins else "",
                *child_origins,
            )
            if name
        ],
        "configs": [{"config_name": "default", "data_files": _data_files(layout)}],
        "dataset_info": _info(layout),
    }
    return {key: value for key, value in fields.items() if value}


def size_category(rows: int) -> str:
    """The hub's name for a number of rows: `n<1K`, `1K<n<10K` and so on."""
    below = "n"
    for limit, name in _SIZES:
        if rows < limit:
            return f"{below}<{name}" if below == "n" else f"{below}<n<{name}"
        below = name
    return "n>1B"


def feature(kind: pa.DataType) -> dict[str, Any]:
    """How `datasets` calls a column's type."""
    if is_picture(kind):
        return {"dtype": "image"}
    if kinds.is_list(kind) or kinds.is_large_list(kind):
        inner = feature(kind.value_type)
        # `list: string` for plain items, `list: [{name: ...}, ...]` for records.
        return {"list": inner.get("dtype") or inner.get("struct") or [inner]}
    if kinds.is_struct(kind):
        return {"struct": [{"name": field.name, **feature(field.type)} for field in kind]}
    if kinds.is_dictionary(kind):
        return feature(kind.value_type)
    return {"dtype": _NAMES.get(str(kind), str(kind))}


def _license(license_text: str) -> dict[str, str]:
    if "://" in license_text:
        return {"license": "other", "license_link": license_text}
    return {"license": license_text or "unknown"}


def _tasks(policy: dict[str, Any], schema: pa.Schema) -> list[str]:
    if any(is_boxes(field.type) for field in schema):
        return ["object-detection"]
    if (policy.get("columns") or {}).get("mask"):
        return ["image-segmentation"]
    modality = policy.get("modality")
    return [f"{modality}-classification"] if modality in ("tabular", "image") and policy.get("label") else []


def _data_files(layout: Layout) -> list[dict[str, Any]]:
    return [
        {"split": split, "path": [layout.prefix + file.path for file in files]}
        for split, files in layout.splits.items()
    ]


def _info(layout: Layout) -> dict[str, Any]:
    total = sum(file.bytes for file in layout.files)
    return {
        "features": [{"name": field.name, **feature(field.type)} for field in layout.schema],
        "splits": [
            {"name": split, "num_bytes": sum(file.bytes for file in files), "num_examples": sum(f.rows for f in files)}
            for split, files in layout.splits.items()
        ],
        "download_size": total,
        "dataset_size": total,
    }
