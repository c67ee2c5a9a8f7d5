"""What changed in the policy since the parent version: setting by setting, and line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from augmill.tasks.documents.flat_values import flatten
from augmill.tasks.documents.version_document import VersionDocument
from augmill.tasks.html_pages.elements import Markup, escape, page, table
from augmill.tasks.sanitize.redact import redact_text

MAX_CHANGES = 30
MAX_VALUE = 200


def unified(before: str, after: str, before_name: str, after_name: str) -> str:
    """The unified diff of two texts, without what is secret in them; empty when the rest is equal."""
    old, new = redact_text(before).splitlines(), redact_text(after).splitlines()
    lines = difflib.unified_diff(old, new, before_name, after_name, n=3, lineterm="")
    return "\n".join(lines)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[list[str]]:
    """What is asked for differently: path, value before and value after, as text, empty where there is none."""
    old, new = dict(flatten(dict(before))), dict(flatten(dict(after)))
    paths = [path for path in {**old, **new} if old.get(path) != new.get(path)]
    return [[path, old.get(path, "")[:MAX_VALUE], new.get(path, "")[:MAX_VALUE]] for path in paths][:MAX_CHANGES]


def coloured(diff: str) -> Markup:
    """A unified diff as markup, what came in green and what went in red."""
    return Markup(f"<pre>{chr(10).join(_line(line) for line in diff.splitlines())}</pre>")


def _line(line: str) -> str:
    kind = {"+": "good", "-": "bad"}.get(line[:1])
    return f'<span class="{kind}">{escape(line)}</span>' if kind else escape(line)


def html(document: VersionDocument) -> bytes:
    """The page that compares the policy with that of the parent version; says so if there is none."""
    title = f"What changed in the policy of {document['dataset']}@{document['version']}"
    return page(title, [f"<h1>{escape(title)}</h1>", *_body(document)])


def _body(document: VersionDocument) -> Iterator[str]:
    parent, text = document.get("parent_version"), document.get("parent_policy_text")
    if parent is None:
        yield "<p>This is the first version: there is no parent to compare with.</p>"
        return
    before = f"{document['dataset']}@{parent}"
    if text is None:
        yield f"<p>The policy of {escape(before)} is not known.</p>"
        return
    after = f"{document['dataset']}@{document['version']}"
    diff = unified(text, document.get("policy_text", ""), before, after)
    old = document.get("parent_policy") or {}
    settings = changes(old, document.get("policy", {})) if diff and old else []
    if not diff:
        yield f"<p>The policy did not change since {escape(before)}.</p>"
    if settings:
        yield table(("setting", before, after), [[cell or None for cell in line] for line in settings])
    if diff:
        yield coloured(diff)
