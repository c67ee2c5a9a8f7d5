"""A dataset's history as the lake tells it, and the pages made of it: what is new, what came later, what must go."""

import json

import pytest

from augmill.tasks.lineage_graph.page import channels_now, html
from augmill.tasks.storage import channels
from augmill.tasks.storage.store import Store
from augmill.tasks.storage.tombstones import VACUUMED, Gone, mark
from augmill.tasks.versions import history as reading
from augmill.tasks.versions import monitoring
from augmill.tasks.versions.history import CHAPTERS, history
from augmill.tasks.versions.lineage_pages import PAGE, rewrite_pages, write_page
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import DATASET, GOOD, SMOTE, go, policy, table_rows, write_csv

NOW = 4_000_000_000_000
SECRET = "zaphod-beeblebrox.csv"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three versions: one file; a second file joins; that goes again while the policy changes."""
    folder = tmp_path_factory.mktemp("history")
    write_csv(folder / "data" / "a.csv", GOOD)
    file = policy(folder, "data", SMOTE, publish="{channel: stable}")
    go(file, folder / "lake", run_id="one")
    write_csv(folder / "data" / SECRET, table_rows(500, 30))
    go(file, folder / "lake", run_id="two")
    (folder / "data" / SECRET).unlink()
    go(
        policy(folder, "data", SMOTE.replace("0.25", "0.3"), publish="{channel: stable}"),
        folder / "lake",
        run_id="three",
    )
    return folder / "lake"


@pytest.fixture
def lake(made, tmp_path):
    """A copy of the lake that a test may change."""
    import shutil

    shutil.copytree(made, tmp_path / "lake")
    return Lake(Store(str(tmp_path / "lake")))


def test_it_says_of_each_version_what_was_new_and_what_became_of_it(lake):
    told = history(lake, DATASET, at_ms=NOW)
    first, second, third = told["chapters"]
    assert [one["run_id"] for one in told["chapters"]] == ["one", "two", "three"]
    assert [(one["parent"], one["before"]) for one in told["chapters"]] == [(None, None), (0, 0), (1, 1)]
    assert first["inputs"]["new_rows"] == first["rows"]["real"] == 100
    assert [(one["name"], one["rows"]) for one in second["inputs"]["new"]] == [(SECRET, 30)]
    assert (second["inputs"]["new_rows"], second["rows"]["real"]) == (30, 130)
    assert (third["inputs"]["new_objects"], third["inputs"]["removed"]) == (0, 1)
    assert second["policy_changes"] == []
    assert third["policy_changes"] == [["steps.0.amount.to_share", "0.25", "0.3"]]
    assert "+    amount: {to_share: 0.3}" in third["policy_diff"]
    assert [(one["channel"], one["version"], one["reason"], one["after"]) for one in told["moves"]] == [
        ("stable", version, "published", version) for version in range(3)
    ]


def test_rollbacks_breaches_and_vacuumed_versions_show(lake):
    found = lake.find(f"{DATASET}@2")
    told = monitoring.report(lake, found, {"recall": 0.5}, at_ms=NOW, by="ada")
    assert told["breaches"] == []
    store = lake.objects(DATASET).sub("channels")
    channels.move(store, "stable", 1, channels.current(store, "stable"), at_ms=NOW, reason="rolled back", run_id="bob")
    mark(lake.objects(DATASET).sub("gone"), Gone(0, VACUUMED, NOW, "eve"))
    told = history(lake, DATASET, at_ms=NOW)
    assert told["chapters"][0]["gone"]["reason"] == "vacuumed"
    assert told["chapters"][0]["inputs"]["new"][0]["name"] == "a.csv"
    assert (told["moves"][-1]["version"], told["moves"][-1]["reason"], told["moves"][-1]["by"]) == (
        1,
        "rolled back",
        "bob",
    )
    assert [(one["version"], one["by"]) for one in told["measured"]] == [(2, "ada")]
    # A clock that is behind does not change which move was the last.
    channels.move(store, "stable", 2, channels.current(store, "stable"), at_ms=5, reason="promoted", run_id="bob")
    assert channels_now(history(lake, DATASET, at_ms=NOW)) == {"stable": 2}


def test_chapters_are_read_where_they_are_kept_and_made_anew_where_their_shape_is_another(lake, monkeypatch):
    before = history(lake, DATASET, at_ms=NOW)
    monkeypatch.setattr(reading, "_build_chapter", lambda *asked: pytest.fail("it is kept"))
    assert history(lake, DATASET, at_ms=NOW) == before
    monkeypatch.undo()
    monkeypatch.setattr(reading, "SHAPE", "another")
    assert history(lake, DATASET, at_ms=NOW) == before


def test_only_the_newest_versions_are_told_of_and_the_others_counted(lake, monkeypatch):
    monkeypatch.setattr(reading, "MAX_VERSIONS", 2)
    told = history(lake, DATASET, at_ms=NOW)
    assert [one["version"] for one in told["chapters"]] == [1, 2]
    assert told["folded"] == 1
    assert b"1 older versions are left out" in html(told)


def test_nothing_that_only_a_purged_version_read_is_named_anywhere(lake):
    objects = lake.objects(DATASET)
    for version in range(3):
        write_page(lake, DATASET, NOW, version)
    pages = [PAGE, "reports/00000000/lineage.html", "reports/00000002/lineage.html"]
    assert SECRET in objects.read(PAGE).decode()
    # What the purge does beside this: the pages of the version itself go with its others.
    objects.delete("reports/00000001/lineage.html")
    rewrite_pages(lake, DATASET, [1], "", NOW)
    kept = [entry.name for entry in objects.list(f"{CHAPTERS}/")]
    assert kept == [f"{CHAPTERS}/00000000.json", f"{CHAPTERS}/00000002.json"]
    for name in [*pages, *kept]:
        assert SECRET not in objects.read(name).decode(), name
    page = objects.read(PAGE).decode()
    assert "purged: it held rows that were to be forgotten" in page
    assert 'id="d1-raw"' not in page
    third = json.loads(objects.read(f"{CHAPTERS}/00000002.json"))
    assert (third["before"], third["inputs"]["new_objects"], third["inputs"]["removed"]) == (0, 0, 0)
    assert not objects.exists("reports/00000001/lineage.html")
