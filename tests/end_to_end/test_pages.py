"""Markup planted in everything that comes from data never becomes markup of a page, and no page may load a thing.

Nor does anything of it steer the terminal that a command prints to, or turn the direction in which a page is read.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from augmill.flows.cli import main
from tests.end_to_end.helpers import GOOD, HEADER, policy, suite

BREAKOUTS = ("<planted>", '"><planted>', "'><planted>", "</script><planted>", "</title><planted>", "--><planted>")
STEERING = "\x1b]0;pwned\x07\x1b[2J\u202e"
LABEL = f'"><planted id="label">{STEERING}'
OTHER = f"</script><planted onplanted='x'>{'wide' * 1000}"
COLUMN = f"<planted title='column'>{STEERING}"
FILE = f"<planted>&amp;' onplanted=1{STEERING}.csv"
FAULTY = "<planted id=faulty>"
STEPS = f"""
  - name: shaken
    transforms:
      - use: tabular.gaussian_noise
        params: {{scale: 0.05}}
        invariance: {json.dumps("</td><planted>" + BREAKOUTS[1] + STEERING)}
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
def planted(tmp_path_factory: pytest.TempPathFactory, api: str) -> tuple[dict[str, str], str]:
    """Every page, card and picture of a version, its parent and a probe, by its name, made from data full of markup;
    and all that the commands printed."""
    folder, printed = tmp_path_factory.mktemp("planted"), io.StringIO()
    streams = contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed)
    with pytest.MonkeyPatch.context() as patch, streams[0], streams[1]:
        patch.chdir(folder)
        patch.setenv("AUGMILL_HOME", str(folder / "home"))
        patch.setenv("PREFECT_API_URL", api)
        file = hostile(folder)
        assert main(["run", str(file)]) == 0
        write(folder / FILE, GOOD[:-4])
        assert main(["run", str(file)]) == 0
        assert main(["probe", str(file), "--page", str(folder / "probe.html")]) == 0
        assert main(["diff", "made@0", "made@1", "--markdown"]) == 0
        for command in ("show", "rejections", "quarantine", "lineage"):
            assert main([command, "made"]) == 0
            assert main([command, "made", "--json"]) == 0
        assert main(["lint", "--data", str(file)]) == 0
    found = [one for one in folder.rglob("*") if one.suffix in (".html", ".svg", ".md") and one.is_file()]
    return {one.relative_to(folder).as_posix(): one.read_text() for one in found}, printed.getvalue()


@pytest.fixture(scope="module")
def pages(planted: tuple[dict[str, str], str]) -> dict[str, str]:
    return {name: text for name, text in planted[0].items() if not name.endswith(".md")}


def hostile(folder: Path) -> Path:
    """A policy over a table whose names and values are all markup, some rows of which cannot be read."""
    write(folder / FILE, [*GOOD, f"1,2,{FAULTY},pale,hay", f"{FAULTY},2,3,pale,hay"])
    words = {name: json.dumps(f"{name} {' '.join(BREAKOUTS)} {STEERING}") for name in ("description", "owner")}
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
    for sign in ("id=&quot;label&quot;", "title=&#x27;column&#x27;", "onplanted=1"):
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


def steering(text: str) -> set[str]:
    return {sign for sign in text if (unicodedata.category(sign) == "Cc" and sign not in "\t\n") or sign == "\u202e"}


def test_nothing_planted_steers_a_terminal(planted):
    assert steering(planted[1]) == set()
    assert planted[1].count("\\u001b[2J") > 10, "it was shown, and so it was planted"


def test_nothing_planted_turns_or_breaks_a_page_a_card_or_a_picture(planted):
    shown = {name: text.partition("\n---\n")[2] if name.endswith(".md") else text for name, text in planted[0].items()}
    assert {name: found for name, text in shown.items() if (found := steering(text))} == {}
    for name, text in planted[0].items():
        if name.endswith(".svg"):
            ElementTree.fromstring(text)


def test_no_name_fills_a_page(pages):
    for name, text in pages.items():
        cells = re.findall(r"<td[^>]*>(.*?)</td>", text, re.DOTALL)
        assert max((len(cell) for cell in cells if "wide" in cell), default=0) < 3000, name


def test_every_page_can_be_read_in_a_narrow_window(pages, browser, tmp_path):
    """It is no wider than the window, and no column of words is so narrow that words break."""
    for number, (name, text) in enumerate(sorted(pages.items())):
        if not name.endswith(".html"):
            continue
        file = tmp_path / f"{number}.html"
        file.write_text(text)
        browser.open(file.as_uri(), width=400)
        assert browser.run("document.documentElement.scrollWidth") <= 400, name
        widths = browser.run(
            "[...document.querySelectorAll('td:not(.n, .s, .card td)')].filter(one => one.offsetWidth"
            " && one.textContent.length > 30).map(one => one.offsetWidth)"
        )
        assert min(widths, default=400) >= 120, name
