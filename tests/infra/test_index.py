"""infra/README.md names every page and every file there is, and nothing else; what pages link to exists."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

INFRA = Path(__file__).resolve().parents[2] / "infra"
TEXT = (INFRA / "README.md").read_text()
PAGES = sorted(file.relative_to(INFRA).as_posix() for file in INFRA.rglob("*.md") if file.name != "README.md")
NOT_COMMITTED = {"compose/secrets"}


def files() -> list[str]:
    """Everything but pages, what Python leaves behind, and what git ignores."""
    found = [file for file in INFRA.rglob("*") if file.is_file() and file.suffix not in (".md", ".pyc")]
    named = [file.relative_to(INFRA).as_posix() for file in found]
    return [name for name in named if not name.startswith(tuple(NOT_COMMITTED))]


def listed() -> list[str]:
    """The names, or patterns of names, in the first column of the table."""
    table = TEXT.partition("## What was run")[2]
    return re.findall(
        r"`([^`]+)`", " ".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    )


def test_every_file_is_in_the_table_of_what_was_run():
    assert [name for name in files() if not any(fnmatch(name, pattern) for pattern in listed())] == []


def test_every_line_of_the_table_is_about_a_file_that_exists():
    assert [pattern for pattern in listed() if not any(fnmatch(name, pattern) for name in files())] == []


def test_every_page_is_linked():
    linked = re.findall(r"\]\(([^)#]+\.md)\)", TEXT)
    assert [page for page in PAGES if page not in linked and f"{page.partition('/')[0]}/README.md" not in linked] == []


@pytest.mark.parametrize("page", ["README.md", *PAGES])
def test_every_link_of_a_page_leads_somewhere(page):
    file = INFRA / page
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", file.read_text())
    assert [target for target in targets if "://" not in target and not (file.parent / target).exists()] == []
