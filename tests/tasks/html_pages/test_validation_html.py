"""The page says what failed and leads to the rows, shows everything as text, and loads nothing."""

import re
from html.parser import HTMLParser

import pytest

from augmill.tasks.html_pages.row_cards import MAX_ROWS
from augmill.tasks.html_pages.validation_html import render

PNG = b"\x89PNG\r\n\x1a\nfake"
FLOOR = {
    "label": "9",
    "rows": 29,
    "reached_alpha": 1 / 30,
    "contradicted_rate": 0.02,
    "unfamiliar_rate": 0.03,
    "catch_rate": 0.7,
    "too_few": False,
}
CHILD = {
    "sample_id": "c1",
    "step": "flip",
    "transform": "image.vertical_flip",
    "label": "6",
    "predicted": "9",
    "nonconformity": 0.9,
    "threshold": 0.1,
    "p_value": 0.005,
    "values": {"width": 8, "name": "a"},
    "parents": {"p1": {"width": 8, "name": "b"}},
}
DOCUMENT = {
    "dataset": "digits",
    "version": 4,
    "policy": "policies/digits.yaml",
    "policy_hash": "abc123",
    "before": {"train": {"real": {"6": 30, "9": 29}}},
    "after": {"train": {"real": {"6": 30, "9": 29}, "augmented": {"9": 11}}, "test": {"real": {"6": 5}}},
    "checks": [
        {"name": "parents_to_exist", "layer": "structural", "success": True, "observed": 1.0, "target": "true"},
        {
            "name": "label_as_promised",
            "layer": "structural",
            "success": False,
            "observed": 0.99,
            "target": "true",
            "judged": 100,
            "failed": 1,
            "failing": [{"sample_id": "k7", "values": {"label_as_promised": False}}],
        },
        {"name": "coverage", "layer": "distributional", "success": False, "error": "nothing to judge"},
    ],
    "semantic": {
        "scope": "Pictures are judged by their edges.",
        "accuracy": 0.98,
        "noise_floor": [FLOOR],
        "rates": [
            {
                "step": "flip",
                "transform": "image.vertical_flip",
                "label": "9",
                "judged": 11,
                "label_consistency_rate": 0.5,
                "unfamiliar_share": 0.25,
                "too_few": 0,
                "rejected": 5,
                "noise_floor": FLOOR,
            }
        ],
    },
    "quarantined": 1,
    "quarantined_rows": [{"sample_id": "q1", "reasons": ["label: expected a value"], "values": {"label": None}}],
    "rejected": 1,
    "rejected_children": [CHILD],
    "overruled_children": [CHILD | {"sample_id": "c2", "reason": "I looked at it."}],
}


class Reader(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.ids, self.links, self.sources, self.text = [], [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.sources += [given["src"]] if "src" in given else []

    def handle_data(self, data):
        self.text.append(data)


def read(document, pictures=None):
    page = Reader(render(document, pictures))
    return page, " ".join(" ".join(page.text).split())


def test_the_head_names_the_version_the_policy_and_what_failed():
    _, text = read(DOCUMENT | {"version": None})
    assert "policies/digits.yaml · policy hash abc123" in text
    assert "Nothing was published. 2 checks failed: label as promised, coverage." in text
    _, text = read(DOCUMENT)
    assert "Validation of digits@4" in text


def test_what_dropping_has_answered_is_no_failure():
    rate = {"name": "label_consistency_rate", "success": False, "observed": 0.96, "on_failure": "drop"}
    document = DOCUMENT | {"checks": [DOCUMENT["checks"][0], rate], "dropped": 17}
    _, text = read(document)
    assert "Published; 17 children were dropped. Short of the target: label consistency rate." in text
    assert "The other 1 check holds." in text
    assert "rows dropped" in text
    assert '<span class="bad">' not in render(document | {"semantic": {}})
    warned = document | {"checks": [rate | {"on_failure": "warn"}], "dropped": 0}
    coverage = {"name": "coverage", "success": False, "on_failure": "fail"}
    ended = read(document | {"version": None, "checks": [rate, coverage]})[1]
    assert "Nothing was published. 1 check failed: coverage." in ended
    assert "Published. Short of the target: label consistency rate." in read(warned)[1]
    assert "Published. The check holds." in read(document | {"checks": [DOCUMENT["checks"][0]], "dropped": 0})[1]


def test_rows_per_class_stand_before_and_after():
    _, text = read(DOCUMENT)
    assert "class before + augmented after share" in text
    assert "6 30 0 30 42.9%" in text
    assert "9 29 11 40 57.1%" in text


def test_every_failing_id_leads_to_its_values_on_the_page():
    page, text = read(DOCUMENT)
    assert "#row-k7" in page.links
    assert all(link.removeprefix("#") in page.ids for link in page.links)
    assert "label_as_promised no" in text


def test_rates_of_children_stand_beside_those_of_held_out_real_rows_and_the_reached_alpha():
    _, text = read(DOCUMENT)
    assert "flip image.vertical_flip 9 11 50.0% 25.0% 0 5 98.0% 3.0%" in text
    assert "9 29 0.0333 2.0% 3.0% 70.0%" in text


def test_a_class_that_cannot_be_judged_is_said_to_be_so():
    blind = FLOOR | {"too_few": True, "contradicted_rate": None, "unfamiliar_rate": None, "catch_rate": None}
    _, text = read(DOCUMENT | {"semantic": {"noise_floor": [blind]}})
    assert "9 29 0.0333 – – – too few rows to judge" in text


def test_a_figure_that_is_missing_is_not_measured_and_says_why():
    _, text = read(DOCUMENT)
    assert "coverage nothing to judge not measured" in text


def test_a_rejected_child_stands_beside_its_parent_with_the_lines_that_overrule_it():
    page, text = read(DOCUMENT, {"c1": PNG, "p1": PNG})
    assert "label 6 , looks like 9" in text
    assert len(page.sources) == 3  # child and parent in the rejected card, the parent in the overruled one
    assert 'checks: label_consistency: overrule: "c1": why the label is right' in text


def test_a_child_whose_own_class_is_only_the_likeliest_is_said_to_look_like_the_others_it_could_be():
    child = CHILD | {"predicted": "6", "prediction_set": ["8", "9"]}
    assert "label 6 , looks like 8 or 9" in read(DOCUMENT | {"rejected_children": [child]})[1]


def test_what_a_person_overruled_is_listed_with_the_reason():
    assert "Overruled: I looked at it." in read(DOCUMENT)[1]


def test_the_worst_child_comes_first_and_long_lists_are_cut_but_counted():
    children = [CHILD | {"sample_id": f"x{number:03}", "nonconformity": number / 10} for number in range(150)]
    page, text = read(DOCUMENT | {"rejected": 150, "rejected_children": children})
    cards = [one for one in page.ids if one.startswith("row-x")]
    assert (cards[0], len(cards)) == ("row-x149", MAX_ROWS)
    assert f"({MAX_ROWS} of 150)" in text


def test_a_quarantined_row_shows_reason_and_values():
    _, text = read(DOCUMENT)
    assert "q1 label: expected a value label missing" in text


@pytest.mark.parametrize("place", ["dataset", "policy", "id", "value", "reason", "label", "quarantine"])
def test_nothing_from_the_data_becomes_markup(place):
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
    child = CHILD | {"reason": evil if place == "reason" else "r", "label": evil if place == "label" else "6"}
    child |= {"sample_id": evil} if place == "id" else {}
    child |= {"values": {evil: evil}} if place == "value" else {}
    document = DOCUMENT | {"rejected_children": [child], "overruled_children": [child]}
    document |= (
        {"quarantined_rows": [{"sample_id": "q", "reasons": [evil], "source": evil}]} if place == "quarantine" else {}
    )
    document |= {place: evil} if place in ("dataset", "policy") else {}
    page, text = read(document)
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert "alert(1)" in text


def test_the_page_loads_nothing_from_anywhere():
    page = render(DOCUMENT, {"c1": PNG})
    assert not re.findall(r"(?:https?:)?//[a-z]", page)
    assert all(source.startswith("data:image/png;base64,") for source in Reader(page).sources)
    assert "@import" not in page
    assert "url(" not in page


def test_a_run_that_published_nothing_and_has_nothing_else_still_renders():
    _, text = read({"dataset": "wine"})
    assert "Nothing was published. No check was made." in text


def test_classes_that_are_numbers_stand_in_the_order_of_numbers():
    real = {"train": {"real": {"10": 30, "9": 30}}}
    floor = [FLOOR | {"label": "10"}, FLOOR]
    rates = [DOCUMENT["semantic"]["rates"][0] | {"label": label} for label in ("10", "9")]
    more = {"before": real, "after": real, "semantic": {"noise_floor": floor, "rates": rates}}
    _, text = read(DOCUMENT | more)
    for row in ("{} 30 30 50.0%", "image.vertical_flip {} 11", "{} 29 0.0333"):
        assert 0 < text.index(row.format("9")) < text.index(row.format("10"))
