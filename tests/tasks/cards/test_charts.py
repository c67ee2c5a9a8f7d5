import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from augmill.tasks.cards import charts

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture):
    return [node.text for node in ET.fromstring(picture).iter(f"{SVG}text")]


def png(level):
    stream = io.BytesIO()
    Image.new("L", (8, 8), level).save(stream, "PNG")
    return stream.getvalue()


def test_the_bars_grow_with_the_rows_and_carry_their_counts(document):
    picture = charts.balance(document)
    assert {"628 before", "628 after", "29 before", "209 after"} <= set(texts(picture))
    bars = [
        float(node.get("width")) for node in ET.fromstring(picture).iter(f"{SVG}rect") if node.get("height") == "14"
    ]
    assert max(bars) == 460
    assert 460 * 180 / 628 in [pytest.approx(width, rel=1e-4) for width in bars]


def test_classes_beyond_forty_are_counted_not_drawn(document):
    document["rows"]["by_split_origin_label"]["train"] = {"real": {f"c{i}": i + 1 for i in range(45)}}
    assert "5 smaller classes are not drawn; version.json has them all." in texts(charts.balance(document))


def test_a_family_shows_its_parents_and_all_its_children():
    rows = [
        charts.Family("six", [charts.Sample("p1", png(0))], [charts.Sample(f"c{i}", png(i)) for i in range(3)]),
        charts.Family("mix", [charts.Sample("p2", png(1)), charts.Sample("p3", png(2))], []),
    ]
    picture = charts.families(rows)
    images = list(ET.fromstring(picture).iter(f"{SVG}image"))
    assert len(images) == 6
    assert all(node.get("href").startswith("data:image/png;base64,") for node in images)
    assert {"six", "mix", "p1", "c2", "p3"} <= set(texts(picture))


def test_the_map_separates_what_the_real_rows_separate():
    rng = np.random.default_rng(0)
    real = np.vstack([rng.normal(0, 1, (200, 3)), rng.normal(8, 1, (200, 3))])
    picture = ET.fromstring(charts.scatter(real, real[200:210], ["a"] * 200 + ["b"] * 200, ["b"] * 10))
    groups = [group for group in picture.iter(f"{SVG}g") if group.get("fill-opacity")]
    assert [len(group) for group in groups] == [200, 10]
    across = [float(dot.get("cx")) for dot in groups[0]]
    assert max(across) - min(across) < 150  # one label's cloud fills a part of the map only


def test_the_map_takes_one_column_missing_values_and_constants():
    real = np.array([[1.0], [2.0], [np.nan]])
    assert charts.scatter(real, real[:1], ["a", "a", "a"], ["a"])
    constant = np.ones((4, 3))
    assert b"nan" not in charts.scatter(constant, constant[:2], ["a"] * 4, ["a"] * 2)


def test_a_large_map_is_thinned():
    real = np.random.default_rng(1).normal(size=(5000, 2))
    picture = charts.scatter(real, real[:10], ["a"] * 5000, ["a"] * 10)
    assert picture.count(b"<circle") == 1500 + 10


def test_parents_and_children_stand_value_by_value():
    page = charts.pairs(["f1", "<b>"], [("parent", [1.0, "x"]), ("child", [1.5, None])], "Before and after").decode()
    assert '<td class="s">child</td>' in page
    assert "1.5" in page
    assert "&lt;b&gt;" in page
