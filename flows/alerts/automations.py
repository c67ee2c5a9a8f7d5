"""Automations of a Prefect server that pass alerts on to a webhook and by mail, each group once in a while."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from augmill.flows.alerts.prefect_events import AUTOMATION, DATASET, PREFIX
from augmill.flows.config.alert_settings import Alerts
from augmill.flows.servers.prefect_api import prefect_api
from augmill.flows.settings import Settings
from augmill.tasks.telemetry.alert import QUIET_SECONDS

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

WEBHOOK, EMAIL = "augmill-webhook", "augmill-email"
"""Names of the blocks on the server that hold the addresses and their secrets."""

SUBJECT = "[{{ event.payload.alert.severity }}] {{ event.payload.alert.title }}"
PAYLOAD = "{{ event.payload.alert | tojson }}"
TEXT = """\
{{ event.payload.alert.text }}

dataset  {{ event.payload.alert.dataset }}
run      {{ event.payload.alert.run_id }}
at       {{ event.payload.alert.at }}
group    {{ event.payload.alert.group }}
"""
SAID = {
    "check.failed": "A check or gate failed: nothing was published, or a version has a warning or breaches its policy.",
    "run.failed": "A run failed for another reason than its data: storage, a service, the policy, a bug.",
    "channel.rolled_back": "A channel went back to an earlier version, by hand or because of a breach.",
    "channel.promoted": "A channel names another version from now on.",
    "budget.burning": "The error budget of a service level burns at more than 3 times its rate.",
}


def register(current: Settings) -> list[dict[str, Any]]:
    """Bring the server's automations in line with the settings; says of each what was done. Twice is as once.

    What somebody has added or switched off in Prefect's pages stays.
    """
    with prefect_api(current) as client:
        actions, ours = _actions(client, current.alerts)
        return [_registered(client, automation(kind, actions), ours) for kind in QUIET_SECONDS]


def remove(current: Settings) -> list[dict[str, Any]]:
    """Take our automations and blocks off the server."""
    with prefect_api(current) as client:
        done = []
        for kind in QUIET_SECONDS:
            found = client.read_automations_by_name(f"{AUTOMATION}{kind}")
            for one in found:
                client.delete_automation(one.id)
            done.append({"alert": kind, "done": "removed" if found else "was not there"})
        for slug, name in _BLOCKS:
            _forget(client, slug, name)
        return done


def automation(kind: str, actions: list[dict[str, Any]]) -> AutomationCore:
    """One automation: the first event of a group acts, and the group is quiet for a while."""
    from prefect.events.schemas.automations import AutomationCore

    return AutomationCore.model_validate(
        {
            "name": f"{AUTOMATION}{kind}",
            "description": SAID[kind],
            "trigger": {
                "type": "event",
                "posture": "Reactive",
                "expect": [f"{PREFIX}{kind}"],
                "match": {"prefect.resource.id": f"{DATASET}*", "augmill.severity": ["page", "ticket", "info"]},
                "for_each": ["augmill.group"],
                "threshold": 1,
                "within": timedelta(seconds=QUIET_SECONDS[kind]),
            },
            "actions": actions or [{"type": "do-nothing"}],
        }
    )


_BLOCKS = (("webhook", WEBHOOK), ("slack-webhook", EMAIL))


def _actions(client: SyncPrefectClient, alerts: Alerts) -> tuple[list[dict[str, Any]], set[str]]:
    """Save the blocks that are wanted and forget the others; the actions that use them, and the ids of all of ours."""
    from prefect.blocks.notifications import SlackWebhook
    from prefect.blocks.webhook import Webhook
    from pydantic import SecretStr

    from augmill.tasks.telemetry.mail import apprise_url
    from augmill.tasks.telemetry.webhook import TOKEN, token_of

    ours = {str(known) for slug, name in _BLOCKS if (known := _known(client, slug, name))}
    actions: list[dict[str, Any]] = []
    if alerts.webhook_url is None:
        _forget(client, *_BLOCKS[0])
    else:
        token = {TOKEN: token_of(alerts.webhook_secret)} if alerts.webhook_secret else {}
        headers = {"Content-Type": "application/json", "User-Agent": "augmill", **token}
        webhook = Webhook(url=SecretStr(alerts.webhook_url.reveal().decode()), headers=headers)
        identity = str(webhook.save(WEBHOOK, overwrite=True))
        actions.append({"type": "call-webhook", "block_document_id": identity, "payload": PAYLOAD})
    if alerts.smtp is None:
        _forget(client, *_BLOCKS[1])
    else:
        # Prefect has no block for SMTP. This one hands every address that is not Slack's to Apprise, which sends mail.
        mail = SlackWebhook(url=SecretStr(apprise_url(alerts.smtp, alerts.email)))
        identity = str(mail.save(EMAIL, overwrite=True))
        actions.append({"type": "send-notification", "block_document_id": identity, "subject": SUBJECT, "body": TEXT})
    return actions, ours | {action["block_document_id"] for action in actions}


def _registered(client: SyncPrefectClient, wanted: AutomationCore, ours: set[str]) -> dict[str, Any]:
    known = client.read_automations_by_name(wanted.name)
    if not known:
        client.create_automation(wanted)
        return _told(wanted, "created")
    for double in known[1:]:
        client.delete_automation(double.id)
    foreign = [action for action in known[0].actions if not _is_ours(action, ours)]
    mine = [action for action in wanted.actions if action.type != "do-nothing" or not foreign]
    wanted = wanted.model_copy(update={"actions": [*mine, *foreign], "enabled": known[0].enabled})
    if _shown(known[0]) == _shown(wanted):
        return _told(wanted, "unchanged")
    client.update_automation(known[0].id, wanted)
    return _told(wanted, "updated")


def _is_ours(action: Any, ours: set[str]) -> bool:
    return action.type == "do-nothing" or str(getattr(action, "block_document_id", "")) in ours


def _shown(automation: AutomationCore) -> dict[str, Any]:
    names = {"name", "description", "enabled", "trigger", "actions"}
    shown = automation.model_dump(mode="json", include=names)
    shown["trigger"] = {name: sorted(v) if isinstance(v, list) else v for name, v in shown["trigger"].items()}
    return shown


def _told(automation: AutomationCore, done: str) -> dict[str, Any]:
    names = {"call-webhook": "webhook", "send-notification": "e-mail", "do-nothing": "nobody"}
    told = [names.get(action.type, action.type) for action in automation.actions]
    kind = automation.name.removeprefix(AUTOMATION)
    return {
        "alert": kind,
        "done": done,
        "enabled": automation.enabled,
        "tells": told,
        "quiet_seconds": QUIET_SECONDS[kind],
    }


def _known(client: SyncPrefectClient, slug: str, name: str) -> Any:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_block_document_by_name(name, slug, include_secrets=False).id
    except ObjectNotFound:
        return None


def _forget(client: SyncPrefectClient, slug: str, name: str) -> None:
    """Remove a block with the secrets in it, if it is there."""
    known = _known(client, slug, name)
    if known is not None:
        client.delete_block_document(known)
