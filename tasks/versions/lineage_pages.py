"""Write lineage pages: one of the dataset as it is now, and one beside each version, as it was at its publication."""

from __future__ import annotations

from collections.abc import Collection

from augmill.tasks.lineage.amend_run import add_file, add_to_spooled
from augmill.tasks.lineage_graph.page import html
from augmill.tasks.pages.data_card import page_folder
from augmill.tasks.versions.history import forget_chapters, history
from augmill.tasks.versions.versions import Lake

PAGE = "lineage.html"
FROM_DATASET, FROM_VERSION = "reports/", "../"
"""Prefixes of links to the pages of versions: from the page of the dataset, and from the page of a version."""


def write_page(lake: Lake, dataset: str, at_ms: int, version: int | None = None) -> bytes:
    """Write the page of the dataset again, and the one beside `version`; returns the page without links to the pages of
    versions, to be stored elsewhere."""
    dataset_history, objects = history(lake, dataset, at_ms=at_ms), lake.objects(dataset)
    objects.write(PAGE, html(dataset_history, reports=FROM_DATASET))
    if version is not None:
        objects.write(f"{page_folder(version)}/{PAGE}", html(dataset_history, version, FROM_VERSION))
    return html(dataset_history, version)


def rewrite_pages(lake: Lake, dataset: str, hidden: Collection[int], tracking_uri: str, at_ms: int) -> None:
    """Write every existing page again as if the `hidden` versions were purged already: a page may name purged objects.

    The caller removes the pages of the hidden versions. Raises StorageError if MLflow does not answer.
    """
    objects = lake.objects(dataset)
    forget_chapters(objects)
    dataset_history = history(lake, dataset, at_ms=at_ms, hidden=hidden)
    objects.write(PAGE, html(dataset_history, reports=FROM_DATASET))
    for chapter in dataset_history["chapters"]:
        version, link = chapter["version"], chapter.get("mlflow")
        if version in hidden or PAGE not in chapter["pages"]:
            continue
        objects.write(f"{page_folder(version)}/{PAGE}", html(dataset_history, version, FROM_VERSION))
        if link:
            add_file(tracking_uri, link, PAGE, html(dataset_history, version), {})
        else:
            add_to_spooled(objects.sub("spool"), version, PAGE, html(dataset_history, version))
