"""What changed in the policy since the parent version, as a unified diff."""

from __future__ import annotations

import difflib

from tasks.lineage.card import fenced
from tasks.lineage.document import VersionDocument


def unified(before: str, after: str, before_name: str, after_name: str) -> str:
    """The unified diff of two texts; empty when they are equal."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), before_name, after_name, n=3, lineterm="")
    return "\n".join(lines)


def markdown(document: VersionDocument) -> str:
    """The diff to the parent's policy as a Markdown page, which the artifact viewer shows; says so if none."""
    after = f"{document['dataset']}@{document['version']}"
    parent, text = document.get("parent_version"), document.get("parent_policy_text")
    if parent is None:
        return f"# Policy of {after}\n\nThis is the first version: there is no parent to compare with.\n"
    before = f"{document['dataset']}@{parent}"
    if text is None:
        return f"# Policy of {after}\n\nThe policy of {before} is not known.\n"
    changes = unified(text, document.get("policy_text", ""), before, after)
    body = fenced(changes, "diff") if changes else "The policy did not change."
    return f"# Policy: {before} to {after}\n\n{body}\n"
