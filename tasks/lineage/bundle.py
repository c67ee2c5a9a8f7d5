"""The files that every record carries, made of the document alone."""

from __future__ import annotations

import json

from tasks.lineage import card, page, pictures, policy_diff
from tasks.lineage.document import VersionDocument
from tasks.lineage.redact import redact_all


def bundle(document: VersionDocument) -> dict[str, bytes]:
    """File name to bytes: data card, lineage page, class balance, policy, its diff, and the document itself."""
    clean: VersionDocument = redact_all(document)
    return {
        "data_card.html": card.html(clean),
        "data_card.md": card.markdown(clean).encode(),
        "lineage.html": page.html(clean),
        "class_balance.svg": pictures.balance(clean),
        "policy.yaml": clean.get("policy_text", "").encode(),
        "policy_diff.md": policy_diff.markdown(clean).encode(),
        "version.json": json.dumps(clean, indent=1, sort_keys=True).encode(),
    }
