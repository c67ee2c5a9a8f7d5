"""Where a channel points now, for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text(document: Mapping[str, Any]) -> str:
    """What training jobs that follow the channel read from now on, and what they read before."""
    name = f"{document['dataset']}@{document['channel']}"
    now = f"{name} is version {document['version']}: training jobs now read {document['table_uri']} at that version"
    before = document["version_before"]
    if before is None:
        return now
    return f"{now}; it was {before}" if before != document["version"] else f"{now}, as before"
