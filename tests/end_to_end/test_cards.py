"""The card and the Croissant file of a version lie beside it and are read by those who know them best."""

import json
import warnings
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from augmill.flows.cli import main
from augmill.tasks.pages.data_card import artifacts, card_document, in_table, write_card
from augmill.tasks.storage.store import Store
from augmill.tasks.versions.versions import Lake, export
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

PLACE = ("augmill_split", "augmill_origin")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A lake with a table in two versions, pictures, and a dataset without labels."""
    folder = tmp_path_factory.mktemp("cards")
    write_csv(folder / "data" / "a.csv", table_rows(0, 120))
    go(policy(folder, "data", license="cc-by-4.0", language="[en]"), folder / "lake")
    write_csv(folder / "data" / "b.csv", table_rows(500, 30))
    go(policy(folder, "data"), folder / "lake")
    write_digits(folder / "digits", [3, 8], 12)
    go(picture_policy(folder, "digits"), folder / "lake")
    go(policy(folder, "data", "", dataset="bare", label="null"), folder / "lake")
    for dataset in (DATASET, PICTURES, "bare"):
        write_card(*place(folder, dataset))
    return folder


def place(folder, dataset, version=None):
    lake = Lake(Store(str(folder / "lake")))
    found = lake.find(dataset if version is None else f"{dataset}@{version}")
    return lake.store.sub(dataset), lake.objects(dataset), found, {}


def loaded(file):
    """The file as its reference reader takes it: anything it has to say against it fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rdflib, about itself
        import mlcroissant

        dataset = mlcroissant.Dataset(str(file))
    issues = dataset.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    return dataset


def records(dataset):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(dataset.records("rows"))


def text(value):
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize(("dataset", "version"), [(DATASET, 1), (PICTURES, 0), ("bare", 0)])
def test_mlcroissant_finds_no_fault_and_reads_every_row_from_the_table(folder, dataset, version):
    found = records(loaded(folder / "lake" / dataset / f"_croissant-{version:08d}.json"))
    published = {row["augmill_sample_id"]: row for row in rows(folder / "lake", version, dataset)}
    assert len(found) == len(published) > 20
    for record in found:
        row = published[text(record["rows/augmill_sample_id"])]
        assert [text(record[f"rows/{name}"]) for name in PLACE] == [row[name] for name in PLACE]
        assert [text(one) for one in record["rows/augmill_parent_ids"] or []] == (row["augmill_parent_ids"] or [])
        for name in ("width", "height", "grains", "kind"):
            assert text(record.get(f"rows/{name}")) == row.get(name)
        if dataset == PICTURES:
            assert record["rows/image"].size == (8, 8)


def test_an_older_version_is_read_without_the_files_of_the_newer(folder):
    write_card(*place(folder, DATASET, 0))
    old, new = (loaded(folder / "lake" / DATASET / f"_croissant-{one:08d}.json") for one in (0, 1))
    assert len(records(old)) == len(rows(folder / "lake", 0)) < len(records(new))


def test_every_file_stands_there_with_its_hash_and_classes_and_splits_are_told(folder):
    dataset = loaded(folder / "lake" / DATASET / "_croissant-00000001.json")
    table = Store(str(folder / "lake" / DATASET))
    files = dataset.metadata.file_objects
    assert len(files) > 4
    assert [file.sha256 for file in files] == [table.sha256(file.content_url) for file in files]
    assert [record["labels/name"] for record in dataset.records("labels")] == ["hay", "reed", "straw"]
    assert [record["splits/name"] for record in dataset.records("splits")] == ["train", "validation", "test"]
    label = next(field for field in dataset.metadata.record_sets[-1].fields if field.name == "kind")
    assert any(str(kind).endswith("/Label") for kind in label.data_types)


def test_a_changed_file_is_noticed_by_its_hash(folder, tmp_path):
    lake = Lake(Store(str(folder / "lake")))
    list(export(lake, lake.find(DATASET), tmp_path / "out"))
    file = json.loads((tmp_path / "out" / "croissant.json").read_text())
    sums = {one["name"]: one["sha256"] for one in file["distribution"] if "sha256" in one}
    store = Store(str(tmp_path / "out"))
    assert sums == {name: store.sha256(name) for name in sums}
    assert len(sums) == 5


def test_an_export_carries_a_card_and_a_croissant_file_that_are_right_there(folder, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("AUGMILL_LAKE", str(folder / "lake"))
    out = tmp_path / "out"
    assert main(["export", DATASET, "--to", str(out), "--json"]) == 0
    listed = json.loads(capfd.readouterr().out)["files"]
    assert sorted(Path(name).name for name in listed) == sorted(file.name for file in out.iterdir())
    head = front(out / "README.md")
    for split in head["configs"][0]["data_files"]:
        assert all((out / path).is_file() for path in split["path"])
    assert "augmill_split" in [one["name"] for one in head["dataset_info"]["features"]]
    found = records(loaded(out / "croissant.json"))
    counted = Counter(tuple(text(record[f"rows/{name}"]) for name in PLACE) for record in found)
    assert counted == Counter(tuple(row[name] for name in PLACE) for row in rows(folder / "lake"))


def front(file):
    return yaml.safe_load(file.read_text().split("---\n")[1])


@pytest.mark.parametrize("dataset", [DATASET, PICTURES, "bare"])
def test_the_card_in_the_lake_leads_to_its_files_and_pictures(folder, dataset):
    version = 1 if dataset == DATASET else 0
    card = folder / "lake" / ".augmill" / dataset / "reports" / f"{version:08d}" / "README.md"
    head, body = front(card), card.read_text()
    named = [path for split in head["configs"][0]["data_files"] for path in split["path"]]
    assert len(named) == len(set(named)) > 2
    assert all((card.parent / path).is_file() for path in named)
    total = sum(split["num_examples"] for split in head["dataset_info"]["splits"])
    assert total == len(rows(folder / "lake", version, dataset))
    for picture in ("class_balance.svg", "origin_shares.svg"):
        assert f"]({picture})" in body
        assert (card.parent / picture).read_bytes().startswith(b"<svg")
    assert f"dataset: {dataset}" in body


def test_licence_and_language_of_the_policy_reach_both(folder):
    table, _, found, _ = place(folder, DATASET, 0)
    write_card(*place(folder, DATASET, 0))
    head = front(folder / "lake" / ".augmill" / DATASET / "reports" / "00000000" / "README.md")
    assert (head["license"], head["language"]) == ("cc-by-4.0", ["en"])
    file = json.loads(table.read("_croissant-00000000.json"))
    assert (file["license"], file["inLanguage"]) == ("cc-by-4.0", ["en"])
    assert file["datePublished"] == card_document(table, found)["published_on"]


def test_a_dataset_without_labels_says_that_none_was_judged(folder):
    table, _, found, _ = place(folder, "bare")
    file = json.loads(table.read("_croissant-00000000.json"))
    assert [one["@id"] for one in file["recordSet"]] == ["splits", "rows"]
    assert in_table(found, "").hive


def test_the_files_are_the_same_whenever_they_are_made(folder):
    table, objects, found, _ = place(folder, DATASET)
    names = ["README.md", "data_card.html", "class_balance.svg", "origin_shares.svg"]

    def there():
        write_card(table, objects, found, {})
        return [table.read("_croissant-00000001.json"), *(objects.read(f"reports/00000001/{name}") for name in names)]

    assert there() == there()
    assert str(folder).encode() not in table.read("_croissant-00000001.json").replace(table.uri.encode(), b"")


def test_a_run_leaves_all_of_it_in_the_lake_and_in_mlflow_and_show_says_where(here, capfd):
    from mlflow.tracking import MlflowClient

    code, said, err = here.run(policy(here.folder, "data.csv", license="cc0-1.0"), "--json")
    assert code == 0, err
    run = json.loads(said)
    assert main(["show", DATASET]) == 0
    shown = capfd.readouterr().out
    for name in ("report", "card", "croissant", "rejections"):
        assert Path(run[name]).is_file()
        assert run[name] in shown
    beside = {file.name for file in Path(run["card"]).parent.iterdir()}
    client = MlflowClient(tracking_uri=run["mlflow"]["tracking_uri"])
    recorded = {item.path for item in client.list_artifacts(run["mlflow"]["run_id"])}
    assert beside - {"rejections.json"} <= recorded
    assert "croissant.json" in recorded
    page = Path(run["report"]).read_text()
    assert 'href="rejections.html"' in page
    artifact = client.download_artifacts(run["mlflow"]["run_id"], "croissant.json", str(here.folder))
    files = loaded(artifact).metadata.file_objects
    assert all(Path(unquote(urlsplit(file.content_url).path)).is_file() for file in files)


@pytest.mark.s3
def test_in_a_bucket_card_and_croissant_file_lie_where_they_do_in_a_folder(s3, tmp_path):
    write_csv(tmp_path / "data.csv", table_rows(0, 60))
    go(policy(tmp_path, "data.csv"), s3.uri)
    lake = Lake(s3)
    found = lake.find(DATASET)
    table, objects = lake.store.sub(DATASET), lake.objects(DATASET)
    addresses = write_card(table, objects, found, {})
    assert addresses["croissant"] == f"{s3.uri}/{DATASET}/_croissant-00000000.json"
    assert addresses["card"] == f"{s3.uri}/.augmill/{DATASET}/reports/00000000/README.md"
    assert objects.read("reports/00000000/README.md").startswith(b"---\n")
    elsewhere = json.loads(artifacts(table, found, {})["croissant.json"])
    files = [one for one in elsewhere["distribution"] if one["@type"] == "cr:FileObject"]
    assert [one["contentUrl"] for one in files] == [table.url(one["@id"]) for one in files]
    assert len(list(export(lake, found, tmp_path / "out"))) > 5
    assert len(records(loaded(tmp_path / "out" / "croissant.json"))) == found.snapshot.rows
