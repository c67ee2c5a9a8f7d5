"""Resolve a policy into a request: policy, source listing and current version, without Prefect or writing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from augmill.flows.settings import Settings, quiet_libraries, settings

if TYPE_CHECKING:  # every command's --help would wait for NumPy and Arrow
    from augmill.tasks.runs.request import RunRequest
    from augmill.tasks.versions.versions import Lake


def resolve_with_settings(
    policy: Path, current: Settings, *, refuse_errors: bool = True, base: Path | None = None
) -> RunRequest:
    """Resolve a policy, its source and its table with the locations of the settings."""
    from augmill.tasks.runs.request import resolve_request

    return resolve_request(
        policy,
        lake=current.lake,
        home=current.home,
        plugins=current.plugins,
        shard_rows=current.shard_rows,
        shard_bytes=current.shard_bytes,
        pii_key=current.pii_key,
        roots=current.data_roots,
        refuse_errors=refuse_errors,
        base=base,
    )


def open_lake() -> Lake:
    """The lake of the settings, with all published versions."""
    from augmill.tasks.storage.store import Store
    from augmill.tasks.versions.versions import Lake

    current = settings()
    quiet_libraries(current)
    return Lake(Store(current.lake))
