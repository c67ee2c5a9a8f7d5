"""The lineage page: what is drawn, how large it may grow, and what a person can do with it in a real browser."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from augmill.tasks.lineage_graph.graph import MAX_OBJECTS, graph
from augmill.tasks.lineage_graph.page import events, html

NOON = 1_763_700_000_000
HOUR = 3_600_000
EVIL = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">\"'&"


def chapter(version, *, new=1, policy="a", rows=100, **more):
    """A version with one step, made of `new` new raw objects."""
    objects = [
        {"name": f"{version}-{i}.csv", "uri": f"/raw/{version}-{i}.csv", "sha256": f"{i:064x}", "bytes": 10, "rows": 5}
        for i in range(min(new, 20))
    ]
    told = {
        "version": version,
        "at_ms": NOON + version * HOUR,
        "before": version - 1 if version else None,
        "parent": version - 1 if version else None,
        "run_id": f"run-{version}",
        "policy_hash": policy,
        "policy_name": "wine.yaml",
        "policy_changes": [["steps.0.amount.copies", "1", "2"]] if policy != "a" else [],
        "policy_diff": "-copies: 1\n+copies: 2" if policy != "a" else "",
        "git_commit": None,
        "steps": [{"name": "shake", "use": ["tabular.gaussian_noise"], "planned": 70, "made": 70, "published": 69}],
        "rows": {
            "real": rows,
            "augmented": 69,
            "quarantined": 2,
            "by_split_origin_label": {
                "train": {"real": {"0": rows - 30}, "augmented": {"0": 69}},
                "test": {"real": {"0": 30}},
            },
        },
        "checks": [{"name": "expect_it", "success": True, "observed": 0.5, "target": 1}],
        "inputs": {
            "objects": version + new,
            "bytes": 10,
            "folder": "/raw",
            "new": objects,
            "new_objects": new,
            "new_bytes": 10 * new,
            "new_rows": 5 * new,
            "changed": 0,
            "removed": 0,
        },
        "mlflow": None,
        "gone": None,
        "pinned": None,
        "forgotten": [],
        "pages": ["validation_report.html"],
    }
    return told | more


def move(channel, version, after, reason="promoted", minutes=1, why=""):
    at_ms = NOON + after * HOUR + minutes * 60_000
    return {
        "channel": channel,
        "version": version,
        "at_ms": at_ms,
        "reason": reason,
        "by": "ada",
        "why": why,
        "after": after,
    }


def history(*chapters, moves=(), measured=(), **more):
    told = {
        "dataset": "wine",
        "description": "Tell wines apart.",
        "owner": "cellar",
        "table_uri": "/lake/wine",
        "at_ms": NOON + 99 * HOUR,
        "folded": 0,
        "chapters": list(chapters),
        "moves": list(moves),
        "measured": list(measured),
    }
    return told | more


@pytest.fixture
def three():
    """Three versions; the policy changes at 1; the channel goes to 2 and back; a breach is measured of 2."""
    breach = {"version": 2, "at_ms": NOON + 2 * HOUR + 120_000, "kind": "reported", "by": "bob", "checks": []}
    moves = [
        move("stable", 0, 0, "published"),
        move("stable", 2, 2, "published"),
        move("stable", 0, 2, "rolled back", 2, "recall is 0.7"),
    ]
    return history(
        chapter(0, new=2),
        chapter(1, new=0, policy="b"),
        chapter(2, new=5_000, policy="b", rows=25_100),
        moves=moves,
        measured=[breach | {"breaches": ["recall is 0.7, wanted >= 0.8"]}],
    )


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def labels(told):
    drawn = graph(told)
    return {(arrow.source, arrow.target): arrow.label for arrow in drawn.arrows}


def test_rows_stand_on_the_arrows_and_only_what_is_new_has_a_box(three):
    found = labels(three)
    assert found["r0.0", "i0"] == found["r0.1", "i0"] == "5"
    assert found["i0", "v0"] == "100 real"
    assert found["i0", "s0.0"] == "70"
    assert found["s0.0", "v0"] == "69"
    assert found["v0", "v1"] == "100 real rows kept"
    assert found["v1", "v2"] == "100 real rows kept"
    assert found["r2", "i2"] == "25,000"
    boxes = graph(three).boxes
    assert [key for key in boxes if key.startswith("p")] == ["p0", "p1"]
    assert ("p1", "i2") in found
    assert not any(key.startswith("r1") for key in boxes)
    assert boxes["r2"].title == "5,000 raw objects"
    assert boxes["v2"].mood == "bad"


def test_time_runs_upwards_and_no_box_covers_another(three):
    drawn = graph(three)
    assert drawn.boxes["v2"].y < drawn.boxes["v1"].y < drawn.boxes["v0"].y
    moves = [box for box in drawn.boxes.values() if box.kind == "move" and box.title.startswith("stable → ")]
    assert [box.lines[0] for box in sorted(moves, key=lambda box: box.y)] == ["rolled back", "published", "published"]
    boxes = sorted(drawn.boxes.values(), key=lambda box: (box.x, box.y))
    for above, below in pairwise(boxes):
        assert above.x != below.x or above.y + above.height <= below.y
    assert max(box.y + box.height for box in boxes) <= drawn.height
    assert max(box.x for box in boxes) + 150 <= drawn.width


def test_few_new_objects_have_a_box_each_and_many_share_one():
    for new, boxes in ((MAX_OBJECTS, MAX_OBJECTS), (MAX_OBJECTS + 1, 1), (10_000, 1)):
        assert sum(box.kind == "raw" for box in graph(history(chapter(0, new=new))).boxes.values()) == boxes


def test_what_happened_is_told_in_order_of_time(three):
    three["chapters"][1]["gone"] = {"reason": "vacuumed", "at_ms": NOON + 9 * HOUR, "by": "eve"}
    three["chapters"][2]["forgotten"] = [{"entry": "00000001", "rows": 3, "by": "eve"}]
    told = [(version, what) for _, version, what, _ in events(three)]
    assert told[0] == (0, "published")
    assert (0, "stable points here, rolled back: recall is 0.7") in told
    assert (2, "breach: recall is 0.7, wanted >= 0.8") in told
    assert (2, "published without 3 rows that were to be forgotten (entry 00000001)") in told
    assert told[-1] == (1, "vacuumed: its files were removed to free space")


def test_a_purged_version_says_nothing_of_what_it_was_made_from():
    gone = {"reason": "purged", "at_ms": NOON + 9 * HOUR, "by": "eve"}
    bare = {
        "version": 1,
        "at_ms": NOON + HOUR,
        "parent": 0,
        "rows": {"real": 7},
        "gone": gone,
        "mlflow": None,
        "pages": [],
    }
    text = html(history(chapter(0), bare, chapter(2, new=0))).decode()
    assert "purged: it held rows that were to be forgotten" in text
    assert 'id="d1-events"' in text
    assert 'id="d1-raw"' not in text


def test_the_tables_say_what_the_picture_says_and_every_link_leads_somewhere(three):
    page = Page(html(three, reports="../").decode())
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert {link for link in links if not link.startswith("#")} == {
        f"../{version:08d}/validation_report.html" for version in range(3)
    }
    assert all(attrs["aria-label"] for tag, attrs in page.tags if tag == "a" and "data-key" in attrs)
    words = " ".join(page.text)
    for said in ("5,002, 5,000 new", "1 changed", "steps.0.amount.copies", "1 of 1 passed", "And 4,980 more"):
        assert said in words, said


def test_a_copy_elsewhere_has_no_link_that_leads_nowhere(three):
    links = re.findall(r'href="([^"]*)"', html(three).decode())
    assert [link for link in links if not link.startswith("#")] == []


def test_two_hundred_versions_of_ten_thousand_objects_stay_a_small_page():
    chapters = [chapter(v, new=50, policy=f"p{v}", rows=10_000) for v in range(200)]
    for one in chapters:
        classes = {str(label): 5 for label in range(500)}
        one["rows"]["by_split_origin_label"]["train"] = {"real": classes, "augmented": classes}
        one["checks"] *= 25
    moves = [move("stable", v, v, "published") for v in range(200)]
    text = html(history(*chapters, moves=moves, folded=40))
    assert len(text) < 2_500_000
    assert b"40 older versions are left out" in text


@pytest.fixture
def evil(three):
    """Every text that comes from data, policy or people is an attempt to break out."""
    one = three["chapters"][0]
    one["inputs"]["new"][0] |= {"name": EVIL, "uri": EVIL, "sha256": EVIL}
    one["steps"][0] |= {"name": EVIL, "use": [EVIL]}
    one["checks"][0] |= {"name": EVIL, "observed": EVIL, "target": EVIL}
    one["rows"]["by_split_origin_label"] = {EVIL: {EVIL: {EVIL: 3}}}
    one |= {"policy_name": EVIL, "policy_hash": EVIL, "policy_changes": [[EVIL] * 3], "policy_diff": f"+{EVIL}"}
    one |= {"run_id": EVIL, "git_commit": EVIL, "pinned": EVIL, "pages": [EVIL]}
    one["mlflow"] = {"tracking_uri": f"http://{EVIL}", "experiment_id": EVIL, "run_id": EVIL}
    one["inputs"]["folder"] = EVIL
    three["moves"][0] |= {"channel": EVIL, "by": EVIL, "why": EVIL, "reason": EVIL}
    return three | {"dataset": EVIL, "description": EVIL, "owner": EVIL, "table_uri": EVIL}


def test_text_from_the_data_is_never_markup(evil):
    page = Page(html(evil, reports="../").decode())
    assert [tag for tag, _ in page.tags if tag in ("img", "iframe", "object", "embed")] == []
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_nothing_of_it_runs_and_nothing_is_fetched(evil, browser, tmp_path):
    file = tmp_path / "lineage.html"
    file.write_bytes(html(evil, reports="../"))
    browser.open(file.as_uri())
    assert browser.run("document.title").startswith("Lineage of <script>")
    browser.run("document.querySelectorAll('#details section').forEach(one => one.classList.add('on'))")
    assert browser.run("document.title").startswith("Lineage of <script>")
    assert browser.asked == [file.as_uri()]
    assert browser.problems == []
    # The page's own policy stops what would get past the escaping, too.
    browser.run("document.body.append(Object.assign(document.createElement('img'), {src: 'http://127.0.0.1:9/x'}))")
    browser.run("new Promise(done => setTimeout(done, 100))")
    assert any("Content Security Policy" in problem for problem in browser.problems)


def shown(browser):
    return browser.run("document.querySelector('#details > section.on').id")


def view(browser):
    return [float(part) for part in browser.run("document.querySelector('#stage svg').getAttribute('viewBox')").split()]


def middle(browser, key):
    place = f"""(() => {{ const r = document.querySelector('[data-key="{key}"] rect').getBoundingClientRect();
        return [r.x + r.width / 2, r.y + r.height / 2]; }})()"""
    return browser.run(place)


def test_a_person_moves_zooms_clicks_and_types_through_the_graph(three, browser, tmp_path):
    file = tmp_path / "lineage.html"
    file.write_bytes(html(three, reports="../"))
    browser.open(file.as_uri())
    assert shown(browser) == "d2"
    browser.click(*middle(browser, "p1"))
    assert shown(browser) == "d1"
    assert browser.run("document.querySelector('#details .here').id") == "d1-policy"
    lit = browser.run("[...document.querySelectorAll('g.boxes a.path')].map(a => a.dataset.key)")
    assert {"p1", "i1", "v1", "v2", "i2"} <= set(lit)
    assert "p0" not in lit
    before = view(browser)
    browser.click(
        *browser.run(
            "(() => { const r = document.querySelector('button[value=in]').getBoundingClientRect();"
            " return [r.x + 5, r.y + 5]; })()"
        )
    )
    assert view(browser)[2] < before[2]
    zoomed = view(browser)
    browser.drag(400, 500, -120, -60)
    assert view(browser)[0] > zoomed[0]
    wide = view(browser)[2]
    browser.wheel(400, 500, -240, ctrl=True)
    browser.until(f"document.querySelector('#stage svg').viewBox.baseVal.width < {wide}")
    browser.run("document.querySelector('[data-key=v2]').focus()")
    browser.key("Enter")
    assert shown(browser) == "d2"
    browser.key("ArrowDown")
    assert browser.run("document.activeElement.dataset.key") == "v1"
    browser.key("Enter")
    assert shown(browser) == "d1"
    browser.key("ArrowLeft")
    assert browser.run("document.activeElement.dataset.key") == "s1.0"
    browser.key("Escape")
    assert browser.run("document.querySelectorAll('svg.traced').length") == 0
    tabs = browser.run("document.querySelectorAll('g.boxes a[tabindex=\"0\"]').length")
    assert tabs == 1
    browser.run("document.querySelector('table a[href=\"#d0\"]').click()")
    assert shown(browser) == "d0"
    assert browser.problems == []


@pytest.mark.parametrize(("versions", "low", "high"), [(1, 180, 350), (40, 500, 900)])
def test_the_stage_is_no_taller_than_what_is_drawn_needs(browser, tmp_path, versions, low, high):
    file = tmp_path / "lineage.html"
    file.write_bytes(html(history(*(chapter(version) for version in range(versions)))))
    browser.open(file.as_uri(), height=1000)
    assert low < browser.run("document.querySelector('#stage').offsetHeight") < high


def test_pages_in_a_bucket_are_named_and_not_linked(three):
    text = html(three, reports="s3://lake/.augmill/wine/reports/").decode()
    assert "<code>s3://lake/.augmill/wine/reports/00000002/validation_report.html</code>" in text
    assert 'href="s3://' not in text


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1400, 400])
def test_it_fits_a_narrow_window_and_is_readable_in_the_dark(three, browser, tmp_path, width, dark):
    file = tmp_path / "lineage.html"
    file.write_bytes(html(three))
    browser.open(file.as_uri(), width=width, dark=dark)
    assert browser.run("document.documentElement.scrollWidth") <= width
    ink, paper = browser.run(
        "[getComputedStyle(document.querySelector('svg .title')).fill,"
        " getComputedStyle(document.querySelector('svg rect.body')).fill]"
    )
    bright = [sum(int(part) for part in re.findall(r"\d+", colour)[:3]) / 3 for colour in (ink, paper)]
    assert (bright[0] > bright[1] + 120) if dark else (bright[1] > bright[0] + 120)


def test_without_its_script_everything_is_there(three, browser, tmp_path):
    file = tmp_path / "lineage.html"
    file.write_bytes(re.sub(rb"(?s)<script>.*</script>", b"", html(three)))
    browser.open(file.as_uri())
    assert browser.run("[...document.querySelectorAll('#details > section')].every(one => one.offsetHeight > 50)")
    assert browser.run("document.querySelector('#stage svg').getBoundingClientRect().height") > 300
