import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from tasks.lineage import card, pictures, policy_diff
from tasks.lineage.bundle import bundle
from tasks.lineage.slis import measure

EVIL = "<script>alert(1)</script>\"'&|`*"


@pytest.fixture
def evil(document):
    """Every text that comes from data or policy is an attempt to break out."""
    document["policy"] |= {"description": EVIL, "owner": EVIL}
    document["inputs"][0] |= {"name": EVIL, "uri": EVIL}
    document["checks"][1] |= {"name": EVIL, "detail": EVIL, "observed": EVIL}
    document["steps"][0] |= {"name": EVIL, "use": [EVIL]}
    document["rows"]["by_split_origin_label"]["train"]["real"][EVIL] = 3
    document |= {"channel": EVIL, "policy_text": EVIL, "fingerprint": {EVIL: EVIL}, "table_uri": EVIL}
    document["stages"][0]["name"] = EVIL
    return document


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def tags(page):
    parser = Tags()
    parser.feed(page.decode())
    return parser.found


def test_a_record_carries_these_files_and_each_can_be_parsed(document):
    document["slis"] = measure(document)
    files = bundle(document)
    assert sorted(files) == [
        "class_balance.svg",
        "data_card.html",
        "data_card.md",
        "lineage.html",
        "policy.yaml",
        "policy_diff.md",
        "version.json",
    ]
    assert json.loads(files["version.json"]) == document
    ET.fromstring(files["class_balance.svg"])


def test_no_file_holds_an_address_of_the_outside(document):
    document["slis"] = measure(document)
    pixel = pictures.Sample("id", b"\x89PNG")
    files = bundle(document) | {"before_after.svg": pictures.families([pictures.Family("1", [pixel], [pixel])])}
    for name, content in files.items():
        text = content.decode().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?://|//[a-z]+\.|@import|url\((?!#)", text), name
        if name.endswith((".html", ".svg")):
            loads = [value for _, attrs in tags(content) for key, value in attrs.items() if key in ("src", "href")]
            assert [value for value in loads if not value.startswith("data:")] == []


def test_text_from_the_data_is_never_markup(evil):
    evil["slis"] = measure(evil)
    files = bundle(evil)
    for name in ("data_card.html", "lineage.html", "class_balance.svg"):
        assert b"<script" not in files[name], name
        assert b"&lt;script&gt;" in files[name], name
        assert "script" not in {tag for tag, _ in tags(files[name])}
    ET.fromstring(files["class_balance.svg"])
    outside_code = re.sub(r"(?s)(`{3,}).*?\n\1", "", files["data_card.md"].decode())
    assert "<script" not in outside_code
    assert "<script" not in card.note(evil, "1", None)
    assert "<script" not in card.experiment_note(evil)


def test_a_poor_document_still_makes_every_file():
    files = bundle({"dataset": "d", "version": 1, "table_uri": "/lake/d"})
    assert b"d@1" in files["data_card.html"]
    assert b"ingest, validate" in files["lineage.html"]


def test_the_card_says_what_the_set_is_not_good_for(document):
    document["slis"] = measure(document)
    text = card.markdown(document)
    assert "coverage did not pass: 0.4 class 1 is thin" in text
    assert "Class 1 has 29 real training rows" in text
    assert "12 rows failed the schema" in text
    assert "Not measured: model\\_delta, privacy\\_score" in text
    assert "| 1 | 29 | 180 | 6 | 6 | 221 |" in text
    document["rows"]["by_split_origin_label"]["train"]["synthetic"]["1"] = 700
    assert "Made rows outnumber real ones in training, 700 to 657." in card.markdown(document)


def test_the_lineage_page_has_the_rows_on_its_edges(document):
    page = bundle(document)["lineage.html"].decode()
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", page)
    for label in ("949", "657", "140", "180", "oil-spill@12", "oil-spill@11", "stable", "balance", "quarantine"):
        assert label in drawn, label


def test_many_raw_objects_are_one_box_and_a_short_table(document):
    document["inputs"] = [{"name": f"{i}.png", "uri": f"/raw/{i}.png", "bytes": 1000} for i in range(5000)]
    page = bundle(document)["lineage.html"].decode()
    assert "5,000 objects, 5.0 MB" in page
    assert "And 4,800 more" in page
    assert page.count("/raw/") == 200


def test_the_policy_diff_shows_what_changed_since_the_parent(document, make_document):
    text = policy_diff.markdown(document)
    assert "--- oil-spill@11" in text
    assert "-steps: []" in text
    assert "+- name: balance" in text
    assert "first version" in policy_diff.markdown(make_document(1, None))
    document["parent_policy_text"] = document["policy_text"]
    assert "did not change" in policy_diff.markdown(document)


def test_a_code_fence_in_the_policy_does_not_end_the_card_early(document):
    document["policy_text"] = "a: |\n  ```\n  # not a heading"
    assert "````yaml\na: |\n  ```\n  # not a heading\n````" in card.markdown(document)
