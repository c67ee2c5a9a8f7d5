"""What a run does that finds nothing to do: before any server, worker or library is started."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from augmill.flows.settings import Settings

if TYPE_CHECKING:
    from augmill.tasks.runs.request import RunRequest


def finish_unchanged(asked: RunRequest, current: Settings) -> dict[str, Any] | None:
    """The document of the current version if this run would only make it again, its channel and record seen to."""
    document = asked.document
    if document is None:
        return None
    document["announced"] = announce_kept(asked)
    send_waiting(asked, current)
    return document


def announce_kept(asked: RunRequest) -> str | None:
    """Point the policy's channel at the version there is: naming a channel changes no row, so no run would do it.

    Returns the channel if it was moved.
    """
    from augmill.tasks.stages.publish import announce

    if asked.before is None:
        return None
    return announce(asked.ctx, asked.before.version, int(time.time() * 1000), "none: nothing had changed")


def send_waiting(asked: RunRequest, current: Settings) -> None:
    """Send records that MLflow could not take when their versions were published."""
    if any(True for _ in asked.ctx.objects.sub("spool").list()):
        from augmill.tasks.versions.record import send_spooled

        send_spooled(asked.ctx.objects, current.tracking_uri)
