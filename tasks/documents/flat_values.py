"""Nested values as dotted names with texts, as MLflow's parameters and the difference of two policies list them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

MAX_KEYS_PER_MAPPING = 50


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Nested JSON as (`steps.0.use`, text) pairs in order; mappings of data (many keys) stay one JSON text."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    if entries and len(value) <= MAX_KEYS_PER_MAPPING:
        for name, item in entries:
            yield from flatten(item, f"{path}.{name}" if path else str(name))
    elif value is not None and value not in ({}, [], ()):
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
