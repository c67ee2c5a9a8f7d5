"""In the MLflow UI, from any version, two clicks lead to all that a person asks of it: clicked through in Chromium."""

import pytest

from augmill.tasks.documents.mlflow_view import TRAINING
from augmill.tasks.storage.store import Store
from augmill.tasks.versions.record import record
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import DATASET, GOOD, NOISE, SMOTE, go, policy, table_rows, write_csv

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, mlflow_server):
    """Two versions, each recorded on a real MLflow server; rows and the policy differ."""
    folder = tmp_path_factory.mktemp("browse")
    write_csv(folder / "data" / "a.csv", GOOD)
    links = []
    for steps in (SMOTE, SMOTE + NOISE):
        seen = []
        file = policy(folder, "data", steps, description='"Reeds <script>alert(1)</script> and hay"')
        version = go(
            file, folder / "lake", tamper={"gate": lambda run, passed, seen=seen: seen.append((run, passed)) or passed}
        )
        run, passed = seen[0]
        object.__setattr__(run, "tracking_uri", mlflow_server.uri)
        links.append(record(run, version, passed)["mlflow"])
        write_csv(folder / "data" / "b.csv", table_rows(500, 20))
    return folder, links


def run_page(link):
    return f"{link['tracking_uri']}/#/experiments/{link['experiment_id']}/runs/{link['run_id']}?{TRAINING}"


def open_newest(browser, link):
    """From the list of versions to the newest, by a click."""
    browser.open(f"{link['tracking_uri']}/#/experiments/{link['experiment_id']}/runs?{TRAINING}")
    name = f"[...document.querySelectorAll('a')].find(one => one.innerText.trim() === '{DATASET}@1')"
    browser.click(*browser.place(name))
    browser.until("document.body.innerText.includes('raw inputs')")
    assert link["run_id"] in browser.run("location.href")


def follow(browser, words, *said):
    """One more click; what it leads to says these words, and nothing in it was kept from running."""
    tab = browser.follow(words)
    frame = tab.frame()
    for text in said:
        tab.until(f"document.documentElement.innerText.toLowerCase().includes({text.lower()!r})", frame)
    assert [one for one in tab.problems if "Content Security Policy" in one] == []
    tab.close()


def test_two_clicks_lead_from_the_list_of_versions_to_parent_checks_and_lineage(recorded, browser):
    _, (first, second) = recorded
    open_newest(browser, second)
    follow(browser, "checks", "Label consistency")
    follow(browser, "lineage", f"Lineage of {DATASET}", f"{DATASET}@0", "<script>alert(1)</script>")
    tab = browser.follow(f"parent {DATASET}@0")
    tab.until(f"location.href.includes('{first['run_id']}') && document.body.innerText.includes('{DATASET}@0')")
    tab.close()


@pytest.mark.slow
def test_two_clicks_lead_to_raw_inputs_policy_what_changed_picture_and_card(recorded, browser):
    _, (_, second) = recorded
    open_newest(browser, second)
    follow(browser, "raw inputs", "a.csv", "b.csv")
    follow(browser, "what changed in it", "+  - name: shaken")
    follow(browser, "data card", f"{DATASET}@1")
    for words, sign in (
        ("picture", "[...document.querySelectorAll('img')].some(one => one.naturalWidth > 100)"),
        ("policy", "document.body.innerText.includes('k_neighbors')"),
    ):
        tab = browser.follow(words)
        tab.until(sign)
        tab.close()


def test_the_page_works_inside_the_frame_that_mlflow_shows_it_in(recorded, browser):
    _, (_, second) = recorded
    browser.open(run_page(second).replace("?", "/artifactPath/lineage.html?"))
    frame = browser.frame()
    browser.until("document.querySelectorAll('#details > section.on').length === 1", frame)
    browser.run(
        "document.querySelector('[data-key=v0]').dispatchEvent(new MouseEvent('click', {bubbles: true}))", frame
    )
    assert browser.run("document.querySelector('#details > section.on').id", frame) == "d0"
    assert browser.run("document.documentElement.className", frame) == "js framed"
    assert browser.run("document.querySelector('.framed-only').offsetHeight", frame) > 0
    assert browser.run("document.querySelectorAll('script').length", frame) == 1


def test_the_same_page_lies_in_the_lake_and_its_links_lead_to_the_other_pages(recorded, browser):
    folder, _ = recorded
    page = folder / "lake" / ".augmill" / DATASET / "reports" / "00000001" / "lineage.html"
    browser.open(page.as_uri())
    links = browser.run(
        "[...document.querySelectorAll('a.out')].map(one => one.href).filter(one => one.startsWith('file'))"
    )
    assert len(links) >= 6
    for link in links:
        browser.open(link)
        assert browser.run("document.title")
    assert (page.parents[2] / "lineage.html").exists()
    assert Lake(Store(str(folder / "lake"))).find(DATASET).version == 1
