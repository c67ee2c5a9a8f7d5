"""A version document as MLflow wants it: parameters, metrics and tags within its rules for keys and lengths.

Plain data, no MLflow import. Limits are MLflow 3's: keys of at most 250 characters out of letters, digits and
`_ - . : / space`, parameter values 6,000, tag values 8,000.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from typing import Any

from augmill.tasks.documents.flat_values import flatten
from augmill.tasks.documents.version_document import VersionDocument

MAX_KEY = 250
MAX_PARAM = 6_000
MAX_TAG = 8_000
MAX_CLASSES = 200

PREFIX = "augmill."
RECORD = PREFIX + "record"

_REFUSED = re.compile(r"[^\w\-./: ]", re.ASCII)


def record_key(document: VersionDocument) -> str:
    """What makes a record one and the same: the table, the version, and the hash of its files."""
    parts = [document["table_uri"], document["dataset"], document["version"], document.get("version_digest", "")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def params(document: VersionDocument) -> dict[str, str]:
    """The policy, flattened. Nulls are left out: they say nothing that was asked for."""
    pairs = [(key, _clipped(text, MAX_PARAM)) for key, text in flatten(document.get("policy", {})) if text]
    keys = safe_keys([key for key, _ in pairs])
    return {keys[key]: text for key, text in pairs}


def metrics(document: VersionDocument) -> dict[str, float]:
    """Service levels, checks and row counts per class and origin; what was not measured is absent."""
    figures: dict[str, Any] = {f"sli/{level['name']}": level["observed"] for level in document.get("slis", [])}
    figures |= {f"checks/{check['name']}": check.get("observed") for check in document.get("checks", [])}
    figures |= {f"rows/{name}": count for name, count in document.get("rows", {}).items()}
    figures |= {f"stages/{stage['name']}_seconds": stage["seconds"] for stage in document.get("stages", [])}
    figures |= dict(_class_counts(document))
    finite = {name: float(figure) for name, figure in figures.items() if _is_figure(figure)}
    keys = safe_keys(list(finite))
    return {keys[name]: figure for name, figure in finite.items()}


def tags(document: VersionDocument) -> dict[str, str]:
    """Versions, hashes, channel and links, under `augmill.`, and MLflow's own tags for source and user."""
    checks = document.get("checks", [])
    missing = [level["name"] for level in document.get("slis", []) if level["observed"] is None]
    tag_values = {
        RECORD: record_key(document),
        **{PREFIX + name: document.get(name) for name in _TAGGED},
        PREFIX + "fingerprint": _text(document.get("fingerprint")),
        PREFIX + "checks": f"{sum(c['success'] for c in checks)} of {len(checks)} passed" if checks else None,
        PREFIX + "not_measured": ", ".join(missing),
        "mlflow.source.name": "augmill run",
        "mlflow.source.type": "PROJECT",
        "mlflow.source.git.commit": document.get("git_commit"),
        "mlflow.user": document.get("policy", {}).get("owner"),
    }
    return {key: _clipped(str(value), MAX_TAG) for key, value in tag_values.items() if value not in (None, "")}


_TAGGED = (
    "dataset",
    "version",
    "version_digest",
    "parent_version",
    "policy_hash",
    "git_commit",
    "channel",
    "table_uri",
    "prefect_run_url",
    "run_id",
)


def safe_keys(names: list[str]) -> dict[str, str]:
    """MLflow's spelling of each name; two names that would become one are told apart by a hash."""
    spelled: dict[str, str] = {}
    for name in names:
        key = _path_safe(_REFUSED.sub("_", name))
        changed = key != name or len(key) > MAX_KEY
        mark = hashlib.sha256(name.encode()).hexdigest()[:8]
        taken = key in spelled.values() or (changed and key in names)
        spelled[name] = f"{key[: MAX_KEY - 9]}-{mark}" if taken or len(key) > MAX_KEY else key
    return spelled


def _path_safe(key: str) -> str:
    # MLflow refuses keys that are no plain relative path: `..`, `//`, a leading or trailing slash.
    parts = [part if part.strip(".") else "_" * max(len(part), 1) for part in key.split("/")]
    return "/".join(parts)


def _class_counts(document: VersionDocument) -> Iterator[tuple[str, int]]:
    counts = document.get("rows", {}).get("by_split_origin_label", {})
    classes = {label for origins in counts.values() for labels in origins.values() for label in labels}
    for split, origins in counts.items():
        for origin, labels in origins.items():
            yield f"rows/{split}/{origin}", sum(labels.values())
            if len(classes) <= MAX_CLASSES:
                for label, count in labels.items():
                    yield f"rows/{split}/{origin}/{label.replace('/', '_')}", count


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, sort_keys=True)


def _clipped(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    note = f" ... (cut, {len(text)} characters; whole in version.json)"
    return text[: limit - len(note)] + note
