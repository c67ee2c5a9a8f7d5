"""Markup planted in everything that comes from data never becomes markup of a page, and no page may load a thing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flows.cli import main
from tests.end_to_end.helpers import GOOD, HEADER, policy, suite

BREAKOUTS = ("<planted>", '"><planted>', "'><planted>", "</script><planted>", "</title><planted>", "--><planted>")
LABEL = '"><planted id="label">'
OTHER = "</script><planted onplanted='x'>"
COLUMN = "<planted title='column'>"
FILE = "<planted>&amp;' onplanted=1.csv"
FAULTY = "<planted id=faulty>"
STEPS = f"""
  - name: shaken
    transforms:
      - use: tabular.gaussian_noise
        params: {{scale: 0.05}}
        invariance: {json.dumps("</td><planted>" + BREAKOUTS[1])}
    amount: {{copies: 1}}
"""


class Found(HTMLParser):
    """The elements and attributes of a page, and its security policy."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.planted: list[str] = []
        self.policies: list[str] = []
        self.scripts: list[str] = []
        self.outside: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if "planted" in tag or any(name.startswith("on") for name in given):
            self.planted.append(self.get_starttag_text() or tag)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policies.append(given.get("content") or "")
        if tag in ("script", "iframe", "object", "embed", "form", "base", "link"):
            self.scripts.append(tag)
        for name in ("href", "src", "action"):
            address = given.get(name) or "#"
            if address.lower().startswith(("javascript:", "http:", "//")):
                self.outside.append(address)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, api: str) -> dict[str, str]:
    """Every page and picture of a version, its parent and a probe, made from data full of markup, by its name."""
    folder = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("AUGMILL_HOME", str(folder / "home"))
        patch.setenv("PREFECT_API_URL", api)
        file = hostile(folder)
        assert main(["run", str(file)]) == 0
        write(folder / FILE, GOOD[:-4])
        assert main(["run", str(file)]) == 0
        assert main(["probe", str(file), "--page", str(folder / "probe.html")]) == 0
        assert main(["diff", "made@0", "made@1", "--markdown"]) == 0
    found = [one for one in folder.rglob("*") if one.suffix in (".html", ".svg") and one.is_file()]
    return {one.relative_to(folder).as_posix(): one.read_text() for one in found}


def hostile(folder: Path) -> Path:
    """A policy over a table whose names and values are all markup, some rows of which cannot be read."""
    write(folder / FILE, [*GOOD, f"1,2,{FAULTY},pale,hay", f"{FAULTY},2,3,pale,hay"])
    words = {name: json.dumps(f"{name} {' '.join(BREAKOUTS)}") for name in ("description", "owner")}
    keys = suite(folder, "name: planted\nbudget: {max_quarantine_share: 0.5}\n")
    ignored = f"[{json.dumps(COLUMN)}]"
    return policy(folder, FILE, STEPS, ignore=ignored, **words, **keys)


def write(file: Path, lines: list[str]) -> None:
    """The made table with two labels and a column's name replaced by markup; its commas and quotes in quotes."""
    text = "\n".join([HEADER.replace("colour", COLUMN), *lines]) + "\n"
    for plain, label in (("reed", LABEL), ("straw", OTHER), ("dark", BREAKOUTS[2])):
        text = re.sub(rf"\b{plain}\b", lambda _, label=label: '"' + label.replace('"', '""') + '"', text)
    file.write_text(text)


def test_planted_markup_stays_text(pages):
    assert {name: found for name, text in pages.items() if (found := Found(text).planted)} == {}


def test_it_was_planted_in_every_kind_of_page(pages):
    """Or the law above would hold of pages that show nothing."""
    kinds = {Path(name).name for name, text in pages.items() if "&lt;planted" in text or "\\u003cplanted" in text}
    assert {"validation_report.html", "lineage.html", "data_card.html", "rejections.html", "probe.html"} <= kinds, (
        kinds,
        sorted(pages),
    )
    together = "".join(pages.values())
    for sign in ("id=&quot;label&quot;", "title=&#x27;column&#x27;", "onplanted=1.csv"):
        assert sign in together


def test_pages_reach_for_nothing_and_may_not(pages):
    for name, text in pages.items():
        found = Found(text)
        assert found.outside == [], name
        if name.endswith(".html"):
            (rules,) = found.policies
            assert "default-src 'none'" in rules, name
            assert "unsafe-eval" not in rules, name
            assert not re.search(r"script-src[^;]*'unsafe-inline'", rules), name
            assert set(found.scripts) <= {"script"}, name
