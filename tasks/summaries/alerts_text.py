"""Which alerts go to whom, as text for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HOURS = 3600


def text(document: Mapping[str, Any]) -> str:
    """What was registered or sent, or how alerts go out without a server."""
    ways = " and ".join(document["ways"])
    if "sent" in document:
        return "".join(f"{name}: {outcome}\n" for name, outcome in sorted(document["sent"].items()))
    if not document["automations"]:
        who = (
            f"tells {ways} by itself" if ways else "tells nobody: AUGMILL_WEBHOOK_URL and AUGMILL_ALERT_EMAIL are unset"
        )
        return f"No Prefect server outlives a run here, so each run {who}.\n"
    lines = [_line(automation) for automation in document["automations"]]
    return f"Automations on {document['server']}:\n\n" + "\n".join(lines) + "\n"


def _line(automation: Mapping[str, Any]) -> str:
    head = f"{automation['alert']:<20} {automation['done']:<14}"
    if "tells" not in automation:
        return head.rstrip()
    off = "" if automation["enabled"] else ", switched off in Prefect"
    hours = automation["quiet_seconds"] // _HOURS
    return f"{head} tells {' and '.join(automation['tells'])}, the same again after {hours} h{off}"
