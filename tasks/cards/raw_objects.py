"""The raw objects that a version was made from, as a page of its own: each with what tells it from every other."""

from __future__ import annotations

from augmill.tasks.documents.text_format import size_text
from augmill.tasks.documents.version_document import VersionDocument
from augmill.tasks.html_pages.elements import escape, page, table

MAX_OBJECTS = 1_000
_HASHES = ("sha256", "etag", "version_id")


def html(document: VersionDocument) -> bytes:
    """The page, self-contained; of very many objects the first thousand by name."""
    objects = document.get("inputs", [])
    title = f"Raw objects of {document['dataset']}@{document['version']}"
    size = size_text(sum(item.get("bytes", 0) for item in objects))
    used = [key for key in _HASHES if any(item.get(key) for item in objects)]
    lines = [
        [item["uri"], size_text(item.get("bytes")), *(item.get(key) for key in used)] for item in objects[:MAX_OBJECTS]
    ]
    body = [f"<h1>{escape(title)}</h1>", f'<p class="lead">{len(objects):,} objects, {size}</p>']
    body.append(table(("object", "size", *used), lines))
    if len(objects) > MAX_OBJECTS:
        body.append(f"<p>And {len(objects) - MAX_OBJECTS:,} more; all are in version.json.</p>")
    return page(title, body)
