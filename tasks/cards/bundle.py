"""The files that every record carries, made of documents alone."""

from __future__ import annotations

import json
from collections.abc import Mapping

from augmill.tasks.cards import card, policy_diff, raw_objects
from augmill.tasks.cards.croissant import croissant
from augmill.tasks.cards.file_layout import Layout
from augmill.tasks.documents.version_document import VersionDocument
from augmill.tasks.sanitize.redact import redact_all

README, CROISSANT, DATA_CARD = "README.md", "croissant.json", "data_card.html"


def bundle(document: VersionDocument) -> dict[str, bytes]:
    """What a run did, file name to bytes: policy, what changed in it, raw objects, and the document itself."""
    clean: VersionDocument = redact_all(document)
    return {
        "policy.yaml": clean.get("policy_text", "").encode(),
        "policy_diff.html": policy_diff.html(clean),
        "raw_objects.html": raw_objects.html(clean),
        "version.json": json.dumps(clean, indent=1, sort_keys=True).encode(),
    }


def card_files(
    document: VersionDocument, layout: Layout, extra_plots: Mapping[str, bytes] | None = None
) -> dict[str, bytes]:
    """What a version is, file name to bytes: the data card in both forms, and its pictures.

    `extra_plots` are more pictures for the card, by name. The same version gives the same bytes, whenever it is built.
    """
    clean: VersionDocument = redact_all(document)
    plots = card.plots(clean) | dict(extra_plots or {})
    return {
        README: card.readme(clean, layout, list(plots)),
        DATA_CARD: card.html(clean, plots),
        **plots,
    }


def catalogue(document: VersionDocument, layout: Layout) -> bytes:
    """The Croissant file, for catalogues and for `mlcroissant`."""
    return croissant(redact_all(document), layout)
