"""Automations of a Prefect server that pass alerts on to a webhook and by mail, each group once in a while."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from augmill.flows.alerts.prefect_events import AUTOMATION, DATASET, PREFIX
from augmill.flows.config.alert_settings import AlertSettings
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
DESCRIPTIONS = {
    "check.failed": "A check or gate failed: nothing was published, or a version has a warning or breaches its policy.",
    "run.failed": "A run failed for another reason than its data: storage, a service, the policy, a bug.",
    "channel.rolled_back": "A channel went back to an earlier version, by hand or because of a breach.",
    "channel.promoted": "A channel names another version from now on.",
    "budget.burning": "The error budget of a service level burns at more than 3 times its rate.",
}


def register(current: Settings) -> list[dict[str, Any]]:
    """Create or update the server's automations from the settings; returns one document each. Idempotent.

    What somebody has added or switched off in Prefect's pages stays.
    """
    with prefect_api(current) as client:
        actions, block_ids = _sync_blocks(client, current.alerts)
        return [_register_automation(client, automation(kind, actions), block_ids) for kind in QUIET_SECONDS]


def remove(current: Settings) -> list[dict[str, Any]]:
    """Delete our automations and blocks from the server."""
    with prefect_api(current) as client:
        done = []
        for kind in QUIET_SECONDS:
            automations = client.read_automations_by_name(f"{AUTOMATION}{kind}")
            for automation in automations:
                client.delete_automation(automation.id)
            done.append({"alert": kind, "done": "removed" if automations else "was not there"})
        for slug, name in _BLOCKS:
            _delete_block(client, slug, name)
        return done


def automation(kind: str, actions: list[dict[str, Any]]) -> AutomationCore:
    """One automation: the first event of a group triggers it; later ones of the group are ignored for a while."""
    from prefect.events.schemas.automations import AutomationCore

    return AutomationCore.model_validate(
        {
            "name": f"{AUTOMATION}{kind}",
            "description": DESCRIPTIONS[kind],
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


def _sync_blocks(client: SyncPrefectClient, alerts: AlertSettings) -> tuple[list[dict[str, Any]], set[str]]:
    """Save the blocks that the settings need, delete the others; returns their actions, and the ids of our blocks."""
    from prefect.blocks.notifications import SlackWebhook
    from prefect.blocks.webhook import Webhook
    from pydantic import SecretStr

    from augmill.tasks.telemetry.mail import apprise_url
    from augmill.tasks.telemetry.webhook import TOKEN, token_of

    block_ids = {str(block_id) for slug, name in _BLOCKS if (block_id := _block_id(client, slug, name))}
    actions: list[dict[str, Any]] = []
    if alerts.webhook_url is None:
        _delete_block(client, *_BLOCKS[0])
    else:
        token = {TOKEN: token_of(alerts.webhook_secret)} if alerts.webhook_secret else {}
        headers = {"Content-Type": "application/json", "User-Agent": "augmill", **token}
        webhook = Webhook(url=SecretStr(alerts.webhook_url.reveal().decode()), headers=headers)
        saved_id = str(webhook.save(WEBHOOK, overwrite=True))
        actions.append({"type": "call-webhook", "block_document_id": saved_id, "payload": PAYLOAD})
    if alerts.smtp is None:
        _delete_block(client, *_BLOCKS[1])
    else:
        # Prefect has no block for SMTP. This one hands every address that is not Slack's to Apprise, which sends mail.
        mail = SlackWebhook(url=SecretStr(apprise_url(alerts.smtp, alerts.email)))
        saved_id = str(mail.save(EMAIL, overwrite=True))
        actions.append({"type": "send-notification", "block_document_id": saved_id, "subject": SUBJECT, "body": TEXT})
    return actions, block_ids | {action["block_document_id"] for action in actions}


def _register_automation(client: SyncPrefectClient, desired: AutomationCore, block_ids: set[str]) -> dict[str, Any]:
    existing = client.read_automations_by_name(desired.name)
    if not existing:
        client.create_automation(desired)
        return _automation_document(desired, "created")
    for duplicate in existing[1:]:
        client.delete_automation(duplicate.id)
    foreign_actions = [action for action in existing[0].actions if not _is_own_action(action, block_ids)]
    own_actions = [action for action in desired.actions if action.type != "do-nothing" or not foreign_actions]
    desired = desired.model_copy(update={"actions": [*own_actions, *foreign_actions], "enabled": existing[0].enabled})
    if _comparable_fields(existing[0]) == _comparable_fields(desired):
        return _automation_document(desired, "unchanged")
    client.update_automation(existing[0].id, desired)
    return _automation_document(desired, "updated")


def _is_own_action(action: Any, block_ids: set[str]) -> bool:
    return action.type == "do-nothing" or str(getattr(action, "block_document_id", "")) in block_ids


def _comparable_fields(automation: AutomationCore) -> dict[str, Any]:
    names = {"name", "description", "enabled", "trigger", "actions"}
    fields = automation.model_dump(mode="json", include=names)
    fields["trigger"] = {name: sorted(v) if isinstance(v, list) else v for name, v in fields["trigger"].items()}
    return fields


def _automation_document(automation: AutomationCore, done: str) -> dict[str, Any]:
    names = {"call-webhook": "webhook", "send-notification": "e-mail", "do-nothing": "nobody"}
    recipients = [names.get(action.type, action.type) for action in automation.actions]
    kind = automation.name.removeprefix(AUTOMATION)
    return {
        "alert": kind,
        "done": done,
        "enabled": automation.enabled,
        "tells": recipients,
        "quiet_seconds": QUIET_SECONDS[kind],
    }


def _block_id(client: SyncPrefectClient, slug: str, name: str) -> Any:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_block_document_by_name(name, slug, include_secrets=False).id
    except ObjectNotFound:
        return None


def _delete_block(client: SyncPrefectClient, slug: str, name: str) -> None:
    """Delete a block with the secrets in it, if it exists."""
    block_id = _block_id(client, slug, name)
    if block_id is not None:
        client.delete_block_document(block_id)
