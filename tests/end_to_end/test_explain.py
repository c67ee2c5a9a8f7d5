"""A published row is walked back to the raw objects it came from."""

import json
from pathlib import Path

import pytest

from augmill.flows.cli import main
from augmill.policies.errors import PolicyError
from augmill.tasks.rows.provenance import LABEL_WEIGHTS, ORIGIN, PARENT_IDS, SAMPLE_ID, SEED
from augmill.tasks.storage.store import Store
from augmill.tasks.versions.explain import explain, picture
from augmill.tasks.versions.rebuild import context_of
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import (
    BLEND,
    DATASET,
    SMOTE,
    go,
    picture_policy,
    policy,
    rows,
    table_rows,
    write_csv,
    write_digits,
)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A lake of two versions; the second has more rows, and keeps those of the first by reference."""
    folder = tmp_path_factory.mktemp("table")
    write_csv(folder / "data" / "a.csv", table_rows(0, 120))
    go(policy(folder, "data", SMOTE + BLEND), folder / "lake")
    write_csv(folder / "data" / "b.csv", table_rows(500, 30))
    go(policy(folder, "data", SMOTE + BLEND), folder / "lake")
    return Lake(Store(str(folder / "lake")))


def known_of(lake, tmp_path, name, version=None):
    found = lake.find(DATASET if version is None else f"{DATASET}@{version}")
    return explain(lake, context_of(lake, found, None, str(tmp_path)), found, name)


def one(lake, holds):
    return next(row for row in rows(lake.store.uri) if holds(row))


def test_a_child_leads_to_its_parents_and_they_to_their_lines(table, tmp_path):
    child = one(table, lambda row: row[ORIGIN] == "synthetic" and row[LABEL_WEIGHTS] is None)
    known = known_of(table, tmp_path, child[SAMPLE_ID])
    by_id = {row[SAMPLE_ID]: row for row in rows(table.store.uri)}
    assert [parent["sample_id"] for parent in known["parents"]] == child[PARENT_IDS]
    for parent in known["parents"]:
        real = by_id[parent["sample_id"]]
        assert parent["values"] == {name: real[name] for name in parent["values"]}
        assert parent["source"]["uri"].endswith(parent["source"]["object"])
        line = Path(parent["source"]["uri"]).read_text().splitlines()[1 + parent["source"]["row"]]
        assert line.startswith(str(real["width"]))
    assert known["step"]["name"] == "between"
    assert known["step"]["seed"] == child[SEED]
    assert known["step"]["transforms"] == [{"use": "tabular.smote", "invariance": "between two of a kind"}]
    assert known["step"]["ops"][0]["use"] == "tabular.smote"
    assert known["verifier"]["outcome"] in ("consistent", "unfamiliar", "too_few")
    assert known["policy"]["file"] == "policy.yaml"


def test_a_mixed_label_is_told_with_its_shares(table, tmp_path):
    child = one(table, lambda row: row[LABEL_WEIGHTS] is not None)
    assert known_of(table, tmp_path, child[SAMPLE_ID])["label_weights"] == child[LABEL_WEIGHTS]


def test_a_row_knows_the_version_that_brought_it(table, tmp_path):
    old = one(table, lambda row: row[ORIGIN] == "real" and row["augmill_source"]["object"] == "a.csv")
    new = one(table, lambda row: row[ORIGIN] == "real" and row["augmill_source"]["object"] == "b.csv")
    assert known_of(table, tmp_path, old[SAMPLE_ID])["first_version"] == 0
    assert known_of(table, tmp_path, new[SAMPLE_ID])["first_version"] == 1
    with pytest.raises(PolicyError, match=f"no row {new[SAMPLE_ID]} in this version"):
        known_of(table, tmp_path, new[SAMPLE_ID], 0)


def test_the_command_tells_it_in_words_and_as_a_document(table, monkeypatch, capfd):
    monkeypatch.setenv("AUGMILL_LAKE", table.store.uri)
    child = one(table, lambda row: row[ORIGIN] == "synthetic")
    assert main(["explain", DATASET, child[SAMPLE_ID]]) == 0
    said = capfd.readouterr().out
    for parent in child[PARENT_IDS]:
        assert f"parent  {parent}" in said
    assert "keeps the label because: " in said
    assert main(["explain", DATASET, child[SAMPLE_ID], "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["sample_id"] == child[SAMPLE_ID]
    assert main(["explain", DATASET, "nobody"]) == 2
    assert "remedy:" in capfd.readouterr().err
    assert main(["explain", DATASET, child[SAMPLE_ID], "--picture", "x.svg"]) == 2


def test_parents_and_child_are_drawn_side_by_side(tmp_path, monkeypatch):
    write_digits(tmp_path / "digits", [3, 8], 12)
    go(picture_policy(tmp_path, "digits", dataset=DATASET), tmp_path / "lake")
    lake = Lake(Store(str(tmp_path / "lake")))
    found = lake.find(DATASET)
    ctx = context_of(lake, found, None, str(tmp_path / "scratch"))
    child = next(row for row in rows(lake.store.uri) if len(row[PARENT_IDS] or ()) == 2)
    drawn = picture(ctx, found, child[SAMPLE_ID])
    assert drawn.count(b"<image ") == 3
    assert b"<bytes>" not in drawn
    monkeypatch.setenv("AUGMILL_LAKE", lake.store.uri)
    (tmp_path / "file").write_text("")
    for name, code in (("new/family.svg", 0), ("file/family.svg", 4)):
        assert main(["explain", DATASET, child[SAMPLE_ID], "--picture", str(tmp_path / name)]) == code
    assert (tmp_path / "new" / "family.svg").read_bytes() == drawn
    real = next(row for row in rows(lake.store.uri) if row[ORIGIN] == "real")
    assert picture(ctx, found, real[SAMPLE_ID]) is None
    assert explain(lake, ctx, found, child[SAMPLE_ID])["values"]["image"].endswith("bytes>")
