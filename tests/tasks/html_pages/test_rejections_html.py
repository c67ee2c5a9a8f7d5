"""Rejections as a page and as text: worst first, with every score, and plain words where there are none."""

import re

import pytest

from augmill.tasks.html_pages.rejections_html import page, text, verdict
from tests.tasks.html_pages.test_validation_html import CHILD, FLOOR, PNG, Reader

BAD = CHILD | {
    "outcome": "contradicted",
    "published": False,
    "prediction_set": ["9"],
    "distance": 0.3,
    "distance_threshold": 0.2,
}
ODD = BAD | {"sample_id": "u1", "outcome": "unfamiliar", "published": True, "prediction_set": [], "p_value": 0.4}
DOCUMENT = {
    "dataset": "digits",
    "version": 4,
    "children": 230,
    "judged": 200,
    "too_few": 30,
    "contradicted": 1,
    "overruled": 1,
    "unfamiliar": 1,
    "noise_floor": [FLOOR],
    "contradicted_children": [BAD],
    "overruled_children": [BAD | {"sample_id": "o1", "reason": "I looked at it."}],
    "unfamiliar_children": [ODD],
}


def read(document, pictures=None):
    found = Reader(page(document, pictures or {}).decode())
    return found, " ".join(" ".join(found.text).split())


def test_the_head_counts_what_is_rejected_and_how_real_rows_fare():
    _, told = read(DOCUMENT)
    assert "Rejections of digits@4" in told
    assert "Of 200 judged rows 1 are contradicted, 1 more are overruled by a person, and 1 are unfamiliar." in told
    assert "30 more could not be judged: their classes have too few real rows." in told
    assert "Of real rows that it had not seen, the verifier contradicts 2.0% and finds 3.0% unfamiliar." in told


def test_each_child_stands_beside_its_parent_with_all_its_scores():
    found, told = read(DOCUMENT, {"c1": PNG, "p1": PNG})
    assert len(found.sources) == 4  # child and parent in the first card, the parent in both others
    assert "label 6 , looks like 9" in told
    assert "score 0.9, limit 0.1, p 0.005, distance 0.3, limit 0.2" in told
    assert 'overrule: "c1": why the label is right' in told
    assert "label 6 , unlike real rows of it; nothing it could be" in told
    assert "Overruled: I looked at it." in told
    html = page(DOCUMENT, {}).decode()
    assert html.count('<tr class="differs"><td>name</td>') == 3
    assert html.count('<tr class=""><td>width</td>') == 3


def test_what_may_be_overruled_and_what_is_published_anyway_are_told_apart():
    _, told = read(DOCUMENT)
    assert told.count("why the label is right") == 1
    assert "the record shows it. They are in quarantine." in told
    warned = DOCUMENT | {"contradicted_children": [BAD | {"published": True}]}
    assert "They are published: the policy only warns." in read(warned)[1]


def test_contradicted_ones_stand_in_order_of_how_odd_then_how_far_beyond():
    rows = [("b", 0.01, 0.9), ("a", 0.01, 0.9), ("far", 0.01, 2.0), ("odd", 0.005, 0.3)]
    children = [BAD | {"sample_id": own, "p_value": p, "nonconformity": score} for own, p, score in rows]
    document = DOCUMENT | {"contradicted": 4, "contradicted_children": children}
    assert [one for one in read(document)[0].ids if one not in ("row-o1", "row-u1")] == [
        "row-odd",
        "row-far",
        "row-a",
        "row-b",
    ]
    listed = re.findall(r"^  (odd|far|a|b) ", text(document, 20), re.MULTILINE)
    assert listed == ["odd", "far", "a", "b"]


def test_lists_that_are_cut_say_so():
    children = [ODD | {"sample_id": f"u{number}"} for number in range(100)]
    document = DOCUMENT | {"unfamiliar": 1_234, "unfamiliar_children": children, "contradicted": 7}
    _, told = read(document)
    assert "Unfamiliar, the furthest off first (the 100 worst of 1,234)" in told
    assert "Contradicted, worst first (the 1 worst of 7)" in told
    assert "They and the others are in quarantine." in told
    said = text(document, 3)
    assert "unfamiliar, the furthest off first (the 3 worst of 1,234)" in said
    assert said.count("\n  u") == 3


NONE = {"contradicted": 0, "overruled": 0, "unfamiliar": 0, "too_few": 0}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "The verifier contradicted no label of the 200 rows it judged, and found none unfamiliar."),
        ({"children": 0, "judged": 0}, "No row was made, so none was judged."),
        ({"judged": 0}, "None of the 230 rows made could be judged: their classes have too few real rows."),
        ({"not_judged": "not judged: no class"}, "Labels of the 230 rows made were not judged: no class."),
    ],
)
def test_a_version_without_rejections_says_so_plainly(more, said):
    document = {key: value for key, value in DOCUMENT.items() if not key.endswith("_children")} | NONE | more
    assert verdict(document) == said
    found, told = read(document)
    assert said in told
    assert "h2" not in found.tags
    assert text(document, 20).startswith(f"digits@4: {said}\n")
    assert "overrule" not in text(document, 20)


def test_the_text_ends_with_the_lines_that_overrule_the_worst():
    assert text(DOCUMENT, 20).endswith('    overrule:\n      "c1": why the label is right\n')


@pytest.mark.parametrize("place", ["dataset", "sample_id", "label", "predicted", "step", "values", "reason"])
def test_nothing_from_the_data_becomes_markup(place):
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
    child = BAD | {place: {evil: evil} if place == "values" else evil}
    document = DOCUMENT | {"contradicted_children": [child], "unfamiliar_children": [child | {"outcome": "unfamiliar"}]}
    document |= {"dataset": evil} if place == "dataset" else {}
    document |= {"overruled_children": [child]} if place == "reason" else {}
    found, told = read(document)
    assert not {"script", "img"} & set(found.tags)
    assert "alert(1)" in told


def test_the_page_loads_nothing_from_anywhere():
    html = page(DOCUMENT, {"c1": PNG}).decode()
    assert not re.findall(r"(?:https?:)?//[a-z]|@import|url\(", html)
    assert all(source.startswith("data:image/png;base64,") for source in Reader(html).sources)
    assert Reader(html).links == []
