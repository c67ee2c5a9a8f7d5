"""What a run does if nothing has changed, before any server, worker or library is started."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from augmill.flows.settings import Settings

if TYPE_CHECKING:
    from augmill.tasks.runs.request import RunRequest


def finish_unchanged(request: RunRequest, current: Settings) -> dict[str, Any] | None:
    """The document of the current version if a run would only make it again; its channel and records are updated."""
    document = request.document
    if document is None:
        return None
    document["announced"] = move_channel(request)
    send_spooled_records(request, current)
    return document


def move_channel(request: RunRequest) -> str | None:
    """Point the policy's channel at the current version: a new channel name changes no row, so no run would do it.

    Returns the channel if it was moved.
    """
    from augmill.tasks.stages.publish import announce

    if request.before is None:
        return None
    return announce(request.ctx, request.before.version, int(time.time() * 1000), "none: nothing had changed")


def send_spooled_records(request: RunRequest, current: Settings) -> None:
    """Send records that MLflow could not take when their versions were published."""
    if any(True for _ in request.ctx.objects.sub("spool").list()):
        from augmill.tasks.versions.record import send_spooled

        send_spooled(request.ctx.objects, current.tracking_uri)
