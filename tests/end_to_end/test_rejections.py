"""What the verifier rejected of a published version is found again: in quarantine, or among the published rows."""

import json

import pytest

from augmill.flows.cli import main
from augmill.tasks.html_pages.rejections_html import page
from augmill.tasks.pages import rejections_page as work
from augmill.tasks.pages.data_card import page_folder
from augmill.tasks.storage import quarantine_table
from augmill.tasks.storage.store import Store
from tests.end_to_end.helpers import (
    DATASET,
    PICTURES,
    go,
    picture_policy,
    policy,
    rows,
    table_rows,
    write_csv,
    write_digits,
)

SHAKEN = """
  - name: shaken
    transforms: [{use: tabular.gaussian_noise, params: {scale: 3.0}, invariance: measured badly}]
    amount: {copies: 2}
"""
FLIPPED = """
  - name: flipped
    transforms:
      - use: image.vertical_flip  # noqa: AUG201 the fault that is planted
        invariance: none at all, this is a trial
    amount: {copies: 1}
"""
CHECKS = (
    "{{label_consistency: {{min_rate: 0.0, max_drop_share: 1.0, max_unfamiliar_share: 1.0, min_verifier_accuracy: 0.0, "
    "alpha: 0.05, on_failure: {}, overrule: {}}}, distribution: {{max_copy_share: 1.0, max_near_copy_share: 1.0, "
    "max_out_of_range_share: 1.0, on_failure: warn}}}}"
)


def made(folder, file):
    """Publish a policy; returns what is kept of its rejections, and the pictures."""
    kept = {}

    def note(run, checked):
        fitted, scored, judged = checked.fitted, checked.scored, checked.judged
        kept["found"] = work.rejections(run.ctx, fitted, scored, judged, checked.figures, 0)
        return checked

    go(file, folder / "lake", tamper={"check": note})
    document, pictures = kept["found"]
    return json.loads(json.dumps(document)), pictures


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    write_csv(folder / "data.csv", table_rows(0, 300))
    return folder, *made(folder, policy(folder, "data.csv", SHAKEN, checks=CHECKS.format("drop", "{}")))


def ids(document, kind):
    return [child["sample_id"] for child in document[f"{kind}_children"]]


def test_contradicted_children_are_in_quarantine_and_unfamiliar_ones_are_published(table):
    folder, document, _ = table
    assert 0 < document["contradicted"] == len(ids(document, "contradicted"))
    assert document["unfamiliar"] > 0
    store = Store(str(folder / "lake")).sub(f"{DATASET}.quarantine")
    held = {row["sample_id"] for batch in quarantine_table.read(store) for row in batch.to_pylist()}
    assert set(ids(document, "contradicted")) <= held
    published = {row["augmill_sample_id"]: row for row in rows(folder / "lake")}
    assert set(ids(document, "unfamiliar")) <= published.keys()
    assert not set(ids(document, "contradicted")) & published.keys()
    child = document["unfamiliar_children"][0]
    own = published[child["sample_id"]]
    assert child["values"] == {name: own[name] for name in child["values"]}
    assert list(child["parents"]) == own["augmill_parent_ids"]
    (parent,) = own["augmill_parent_ids"]
    assert child["parents"][parent] == {name: published[parent][name] for name in child["values"]}


def test_the_worst_come_first(table):
    _, document, _ = table
    bad, odd = document["contradicted_children"], document["unfamiliar_children"]
    assert len(bad) > 5
    order = [(child["p_value"], child["threshold"] - child["nonconformity"]) for child in bad]
    assert order == sorted(order)
    off = [child["distance"] / child["distance_threshold"] for child in odd]
    assert off == sorted(off, reverse=True)
    assert all(child["published"] is (child in odd) for child in bad + odd)


def test_what_is_too_much_is_cut_and_counted_and_what_is_overruled_is_always_there(table, tmp_path, monkeypatch):
    document = table[1]
    monkeypatch.setattr(work, "MAX_KEPT", 3)
    mild = ids(document, "contradicted")[-1]
    overruled = CHECKS.format("drop", f'{{"{mild}": I looked at it.}}')
    write_csv(tmp_path / "data.csv", table_rows(0, 300))
    cut, _ = made(tmp_path, policy(tmp_path, "data.csv", SHAKEN, checks=overruled))
    assert ids(cut, "contradicted") == ids(document, "contradicted")[:3]
    assert cut["contradicted"] == document["contradicted"] - 1
    assert ids(cut, "overruled") == [mild]
    assert cut["overruled_children"][0]["reason"] == "I looked at it."
    assert cut["overruled_children"][0]["published"]
    assert ids(cut, "unfamiliar") == ids(document, "unfamiliar")[:3]


def test_where_the_policy_only_warns_contradicted_children_are_said_to_be_published(table, tmp_path):
    write_csv(tmp_path / "data.csv", table_rows(0, 300))
    warned, _ = made(tmp_path, policy(tmp_path, "data.csv", SHAKEN, checks=CHECKS.format("warn", "{}")))
    assert warned["contradicted"] == table[1]["contradicted"]
    assert all(child["published"] for child in warned["contradicted_children"])


def test_pictures_of_child_and_parent_are_on_the_page(tmp_path):
    write_digits(tmp_path / "digits", [2, 5], 150)
    file = picture_policy(tmp_path, "digits", FLIPPED, checks=CHECKS.format("drop", "{}"))
    document, pictures = made(tmp_path, file)
    worst = document["contradicted_children"][0]
    (parent,) = worst["parents"]
    assert pictures[worst["sample_id"]] != pictures[parent]
    assert page(document, pictures).count(b"data:image/png;base64,") == 2 * sum(
        len(document[f"{kind}_children"]) for kind in ("contradicted", "unfamiliar")
    )
    assert document["dataset"] == PICTURES


def test_without_children_or_without_labels_there_is_nothing_to_show(tmp_path):
    write_csv(tmp_path / "data.csv", table_rows(0, 60))
    none, _ = made(tmp_path, policy(tmp_path, "data.csv", ""))
    assert (none["children"], none["contradicted_children"], none["not_judged"]) == (0, [], "")
    bare, _ = made(tmp_path, policy(tmp_path, "data.csv", SHAKEN, dataset="bare", label="null"))
    assert bare["children"] > 0
    assert bare["judged"] == 0
    assert bare["not_judged"].startswith("not judged: rows have no class label")


@pytest.fixture
def kept(table, monkeypatch):
    """The lake with what a record keeps."""
    folder, document, pictures = table
    objects = Store(str(folder / "lake")).sub(".augmill", DATASET)
    objects.write(f"{page_folder(0)}/{work.REJECTIONS_JSON}", json.dumps(document).encode())
    objects.write(work.page_name(0), page(document, pictures))
    monkeypatch.setenv("AUGMILL_LAKE", str(folder / "lake"))
    return objects


def test_the_command_lists_the_worst_in_words_and_as_a_document_and_hands_out_the_page(kept, table, tmp_path, capfd):
    assert main(["rejections", f"{DATASET}@0", "--limit", "2"]) == 0
    said = capfd.readouterr().out
    assert said.startswith(f"{DATASET}@0: Of ")
    shown = [name for name in ids(table[1], "contradicted") if f"\n  {name}  shaken" in said]
    assert shown == ids(table[1], "contradicted")[:2]
    assert kept.url(work.page_name(0)) in said
    file = tmp_path / "page.html"
    assert main(["rejections", DATASET, "--json", "--to", str(file)]) == 0
    document = json.loads(capfd.readouterr().out)
    assert {key: value for key, value in document.items() if key != "page"} == table[1]
    assert file.read_bytes() == kept.read(work.page_name(0))


@pytest.mark.parametrize(
    ("reference", "code", "told"),
    [
        ("nobody", 2, "there is no dataset 'nobody'"),
        (f"{DATASET}@7", 2, "has no version 7"),
        (f"{DATASET}@stable", 2, "no channel 'stable'"),
    ],
)
def test_what_is_not_there_is_said_with_a_remedy(kept, reference, code, told, capfd):
    assert main(["rejections", reference]) == code
    err = capfd.readouterr().err
    assert told in err
    assert "remedy:" in err


def test_a_page_for_a_folder_that_is_not_there_is_refused(kept, tmp_path, capfd):
    assert main(["rejections", DATASET, "--to", str(tmp_path / "no" / "page.html")]) == 2
    assert f"There is no folder {tmp_path / 'no'}" in capfd.readouterr().err


def test_a_version_whose_record_was_never_written_says_so(kept, capfd):
    kept.delete(f"{page_folder(0)}/{work.REJECTIONS_JSON}")
    assert main(["rejections", DATASET]) == 3
    assert "no rejections are kept of made@0" in capfd.readouterr().err
