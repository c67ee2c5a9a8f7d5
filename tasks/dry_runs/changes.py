"""What is different from the current version before anything is computed: source, policy, suite, columns, libraries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from augmill.expectations.suite import Suite
from augmill.policies.errors import PolicyError
from augmill.policies.schema import Policy
from augmill.tasks.cards.policy_diff import unified
from augmill.tasks.rows.fingerprint import differences, fingerprint
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.manifest import Manifest, Published
from augmill.tasks.runs.request import RunRequest, code_of
from augmill.tasks.sources.column_types import join
from augmill.tasks.sources.schema_drift import drift, gaps
from augmill.tasks.sources.source_reader import types_of, units_of
from augmill.tasks.stages.ingest import scan_unit
from augmill.tasks.stages.validate import gaps_of

SHOWN = 5


def changes(request: RunRequest) -> dict[str, Any]:
    """Raw objects, policy, suite, libraries and code against those of the current version; `reasons` in words."""
    before, loaded = request.before, request.loaded
    if before is None:
        return {"reasons": ["nothing is published yet"]}
    old, version_name = before.manifest, f"{loaded.policy.dataset}@{before.version}"
    differences_by_kind: dict[str, Any] = {
        "inputs": _inputs(request, before),
        "policy": _policy(request, before),
        "policy_diff": unified(old.policy_text, loaded.text, version_name, loaded.path.name),
        "suite_diff": unified(old.suite_text, request.suite_text, version_name, "suite"),
        "fingerprint": differences(fingerprint(), old.fingerprint),
        "production": _production_changed(request, old),
        "code": _code_changed(request, old),
        "pii_key": bool(old.pii_key) and old.pii_key != request.ctx.treatment.key_fingerprint,
    }
    return {**differences_by_kind, "reasons": _reasons(differences_by_kind, old.policy_hash != loaded.content_hash)}


def _inputs(request: RunRequest, before: Published) -> dict[str, Any]:
    old = {item["name"]: item["sha256"] for item in before.manifest.inputs}
    new = {item.name: item.sha256 for item in request.listing.objects}
    return {
        "added": sorted(new.keys() - old.keys()),
        "changed": sorted(name for name in new.keys() & old.keys() if new[name] != old[name]),
        "removed": sorted(old.keys() - new.keys()),
        "unchanged": sum(old.get(name) == digest for name, digest in new.items()),
    }


def _production_changed(request: RunRequest, old: Manifest) -> bool:
    was = [(item["name"], item["sha256"]) for item in old.production.get("objects", [])]
    now = request.production.objects if request.production else ()
    return was != [(item.name, item.sha256) for item in now]


def _code_changed(request: RunRequest, old: Manifest) -> bool:
    """Whether the policy that stood then would be run by other code now; naming other parts is no change of code."""
    try:
        policy = Policy.model_validate_json(json.dumps(old.policy))
        return old.code != code_of(replace(request.ctx, policy=policy))
    except (PolicyError, ValidationError):
        return True  # a part that it names is gone, or means something else now


def _policy(request: RunRequest, before: Published) -> dict[str, list[str]]:
    """Which steps come, go or change, and which other keys of the policy differ."""
    old, new = before.manifest.policy, request.ctx.policy.model_dump(mode="json")
    was, now = ({step["name"]: step for step in policy["steps"]} for policy in (old, new))
    return {
        "added": [name for name in now if name not in was],
        "changed": [name for name in now if name in was and was[name] != now[name]],
        "removed": [name for name in was if name not in now],
        "keys": [key for key in new if key != "steps" and new[key] != old.get(key)],
    }


def _reasons(differences_by_kind: Mapping[str, Any], policy_changed: bool) -> list[str]:
    reasons = []
    for word in ("added", "changed", "removed"):
        names = differences_by_kind["inputs"][word]
        if names:
            more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
            reasons.append(f"raw objects {word}: {', '.join(names[:SHOWN])}{more}")
    if policy_changed:
        steps = [
            f"step {name} {word}"
            for word in ("added", "changed", "removed")
            for name in differences_by_kind["policy"][word]
        ]
        changed = [*steps, *differences_by_kind["policy"]["keys"]]
        reasons.append(f"the policy changed: {', '.join(changed) or 'the order of its steps'}")
    if differences_by_kind["suite_diff"]:
        reasons.append("the suite changed")
    reasons += [f"another library or processor: {sentence}" for sentence in differences_by_kind["fingerprint"]]
    if differences_by_kind["pii_key"]:
        reasons.append("columns are hashed with another AUGMILL_PII_KEY, or no longer: their rows are new rows")
    if differences_by_kind["production"]:
        reasons.append("the production sample changed")
    if differences_by_kind["code"]:
        reasons.append("augmill's own code or a plug-in changed")
    return reasons


def columns(ctx: Context, request: RunRequest) -> list[dict[str, Any]]:
    """Columns that appeared, disappeared or changed type since the current version, and what the suite says of it.

    Beside them, columns that some of the files have and others lack, with `files`, those that lack them.
    """
    looks = [(unit, scan_unit(ctx, unit)) for unit in units_of(ctx.policy, request.listing)]
    new = types_of(scan for _, scan in looks)
    lacking = gaps_of(gaps(looks, new), request.new_objects)
    says = _says(ctx.suite)
    missing = [{**_column(name, "missing", "", new[name], says), "files": files} for name, files in lacking.items()]
    return [*_changed_columns(request, new, says), *missing]


def _changed_columns(request: RunRequest, new: Mapping[str, str], says: Mapping[str, str]) -> list[dict[str, Any]]:
    if request.before is None:
        return []
    change = drift(request.before.manifest.types, new)
    changed = [_column(name, "appeared", "", kind, says) for name, kind in change.appeared.items()]
    changed += [_column(name, "disappeared", kind, "", says) for name, kind in change.disappeared.items()]
    # A narrower type than before is no change: its values are kept as what the column was.
    wider = {name: pair for name, pair in change.changed.items() if join(*pair) != pair[0]}
    return changed + [_column(name, "changed", *pair, says) for name, pair in wider.items()]


def _says(suite: Suite) -> dict[str, str]:
    words = {"allow": "allowed by the suite", "refuse": "refused by the suite"}
    return {
        "appeared": words[suite.columns.extra],
        "disappeared": words[suite.columns.missing],
        "missing": f"{words[suite.columns.missing]}{'; no value there' * (suite.columns.missing == 'allow')}",
        "changed": "stays as it was; rows with values that do not fit are quarantined",
    }


def _column(name: str, change: str, before: str, now: str, says: Mapping[str, str]) -> dict[str, Any]:
    return {"column": name, "change": change, "before": before, "now": now, "says": says[change]}
