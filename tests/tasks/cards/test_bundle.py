import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
import yaml

from augmill.tasks.cards import card, charts, policy_diff
from augmill.tasks.cards.bundle import bundle, card_files, catalogue
from augmill.tasks.cards.croissant import CONFORMS_TO, CONTEXT
from augmill.tasks.cards.limitations import limits
from augmill.tasks.documents.service_levels import measure

PAGES = ("data_card.html", "validation_report.html", "rejections.html")  # which lie beside, and are only linked to
EVIL = "<script>alert(1)</script>\"'&|`*"


@pytest.fixture
def evil(document):
    """Every text that comes from data or policy is an attempt to break out."""
    document["policy"] |= {"description": EVIL, "owner": EVIL}
    document["inputs"][0] |= {"name": EVIL, "uri": EVIL}
    document["checks"][1] |= {"name": EVIL, "detail": EVIL, "observed": EVIL}
    document["steps"][0] |= {"name": EVIL, "use": [EVIL]}
    document["rows"]["by_split_origin_label"]["train"]["real"][EVIL] = 3
    document["parent_policy"] = {"description": EVIL + EVIL}
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


def every_file(document, layout):
    return bundle(document) | card_files(document, layout) | {"croissant.json": catalogue(document, layout)}


def test_a_record_carries_these_files_and_each_can_be_parsed(document, layout):
    document["slis"] = measure(document)
    files = every_file(document, layout)
    assert sorted(files) == [
        "README.md",
        "class_balance.svg",
        "croissant.json",
        "data_card.html",
        "origin_shares.svg",
        "policy.yaml",
        "policy_diff.html",
        "raw_objects.html",
        "version.json",
    ]
    assert json.loads(files["version.json"]) == document
    json.loads(files["croissant.json"])
    for name in ("class_balance.svg", "origin_shares.svg"):
        ET.fromstring(files[name])


def test_no_file_holds_an_address_of_the_outside(document, layout):
    document["slis"] = measure(document)
    pixel = charts.Sample("id", b"\x89PNG")
    grid = charts.families([charts.Family("1", [pixel], [pixel])])
    files = every_file(document, layout) | {"before_after.svg": grid}
    names = [value for value in [*CONTEXT.values(), *CONFORMS_TO] if "://" in str(value)]
    for name, content in files.items():
        text = content.decode().replace('xmlns="http://www.w3.org/2000/svg"', "")
        for identifier in names if name == "croissant.json" else []:  # vocabularies have no other names
            text = text.replace(f'"{identifier}"', "")
        assert not re.search(r"https?://|//[a-z]+\.|@import|url\((?!#)", text), name
        if name.endswith((".html", ".svg")):
            loads = [value for _, attrs in tags(content) for key, value in attrs.items() if key in ("src", "href")]
            assert [value for value in loads if not value.startswith("data:") and value not in PAGES] == []
            assert [attrs for tag, attrs in tags(content) if tag != "a" and attrs.get("href") in PAGES] == []


def test_text_from_the_data_is_never_markup(evil, layout):
    evil["slis"] = measure(evil)
    files = every_file(evil, layout)
    for name in ("data_card.html", "raw_objects.html", "policy_diff.html", "class_balance.svg"):
        assert b"<script" not in files[name], name
        assert b"&lt;script&gt;" in files[name], name
        assert "script" not in {tag for tag, _ in tags(files[name])}
    ET.fromstring(files["class_balance.svg"])
    outside_code = re.sub(r"(?s)(`{3,}).*?\n\1", "", files["README.md"].decode())
    front, _, text = outside_code.partition("\n---\n")
    assert yaml.safe_load(front)["pretty_name"] == "oil-spill@12"
    assert "<script" not in text
    assert "<script" not in card.note(evil, "1", "a", None, list(files))
    assert "<script" not in card.experiment_note(evil)


def test_a_poor_document_still_makes_every_file(layout):
    files = every_file({"dataset": "d", "version": 1, "table_uri": "/lake/d"}, layout)
    assert b"d@1" in files["data_card.html"]


def test_the_card_says_what_the_set_is_not_good_for(document):
    document["slis"] = measure(document)
    text = card.markdown(document)
    assert "coverage did not pass: 0.4, wanted 0.5. class 1 is thin" in text
    assert "figures of these classes are uncertain: 1 (29)" in text
    assert "The schema refused 12 raw rows" in text
    assert "Not measured: model\\_delta, privacy\\_score" in text
    assert "| 1 | 29 | 180 | 6 | 6 | 221 |" in text
    document["rows"]["by_split_origin_label"]["train"]["synthetic"]["1"] = 700
    assert "Made rows outnumber real ones in training, 700 to 657." in card.markdown(document)


DROPPED = {"on_failure": "drop"}
FLOOR = {"label": "1", "rows": 12, "too_few": True, "catch_rate": None, "unfamiliar_rate": None}
RATE = {"step": "balance", "label": "0", "judged": 200, "unfamiliar": 50, "unfamiliar_share": 0.25}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"checks": [{"name": "expect_a_b", "success": False, "error": "no rows"}]},
            "a b could not be judged: no rows.",
        ),
        (
            {"checks": [{"name": "x", "success": False, "observed": 0.2, "target": 0.1, "on_failure": "warn"}]},
            "x did not pass: 0.2, wanted 0.1; the version was published all the same.",
        ),
        (
            {
                "checks": [
                    {"name": "x", "success": False, "observed": 0.2, "interval": [0.1, 0.3], "on_failure": "drop"}
                ]
            },
            "x did not pass: 0.2 (between 0.1 and 0.3); the rows that failed were dropped.",
        ),
        ({"not_judged": "rows have no class"}, "Labels were not judged: rows have no class."),
        ({"verifier": {"noise_floor": [FLOOR]}}, "so a wrong label there goes unseen: 1 (12)."),
        (
            {"verifier": {"noise_floor": [FLOOR | {"too_few": False, "catch_rate": 0.25}]}},
            "Of real rows that are given these labels by mistake, the verifier catches few: 1 (25%).",
        ),
        (
            {"rates": [RATE | {"noise_floor": {"unfamiliar_rate": 0.01}}, RATE | {"label": "1", "unfamiliar": 0}]},
            "Step balance: 50 of 400 judged rows are unlike real rows of their class (12.5%; most in class 0, 25.0% "
            "against 1.0% of real rows).",
        ),
        (
            {"overruled": {"abc": "I looked."}},
            "1 row that the verifier contradicts kept by a person's word: abc (I look",
        ),
        (
            {"rows": {"quarantined": 3, "by_split_origin_label": {}}, "quarantine": {"reasons": {"a": 1, "b": 2}}},
            "The schema refused 3 raw rows, now in quarantine and not in this version: b (2), a (1).",
        ),
        ({"rows": {"dropped": 1}}, "Checks dropped 1 made row, now in quarantine and not in this version."),
        ({"steps": [{"name": "s", "made": 4, "planned": 5}]}, "Step s made 4 of 5 planned rows."),
        ({"rows": {"by_split_origin_label": {"train": {"real": {"0": 90}}}}}, "There is no validation split"),
    ],
)
def test_each_shortcoming_is_told_where_there_is_one_and_only_there(more, said):
    plain = {"dataset": "d", "version": 1, "table_uri": "/lake/d"}
    assert list(limits(plain)) == []
    assert any(line.startswith(said) or line.endswith(said) or said in line for line in limits(plain | more))


def test_the_card_is_the_same_however_long_the_run_took(document, layout):
    first = card_files(document, layout)
    slower = document | {"started_unix": 0.0, "ended_unix": 99.0, "seconds": 99.0, "run_id": "other", "stages": []}
    assert card_files(slower, layout) == first


def test_of_many_raw_objects_the_first_thousand_are_listed(document):
    document["inputs"] = [{"name": f"{i}.png", "uri": f"/raw/{i}.png", "bytes": 1000} for i in range(5000)]
    page = bundle(document)["raw_objects.html"].decode()
    assert "5,000 objects, 5.0 MB" in page
    assert "And 4,000 more" in page
    assert page.count("/raw/") == 1000


def test_the_policy_diff_shows_what_changed_since_the_parent(document, make_document):
    old = {"steps": [{"name": "balance", "amount": {"to_share": 0.2}}]}
    text = policy_diff.html(document | {"parent_policy": old}).decode()
    assert "--- oil-spill@11" in text
    assert '<span class="bad">-steps: []</span>' in text
    assert '<span class="good">+- name: balance</span>' in text
    assert re.search(r"steps\.0\.amount\.to_share</td><td[^>]*>0\.2</td><td[^>]*>0\.25", text)
    assert b"first version" in policy_diff.html(make_document(1, None))
    document["parent_policy_text"] = document["policy_text"]
    assert b"did not change" in policy_diff.html(document)


def test_a_code_fence_in_the_policy_does_not_end_the_card_early(document):
    document["policy_text"] = "a: |\n  ```\n  # not a heading"
    assert "````yaml\na: |\n  ```\n  # not a heading\n````" in card.markdown(document)
