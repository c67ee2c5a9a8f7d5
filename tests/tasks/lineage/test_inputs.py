from augmill.tasks.lineage.inputs import CONTEXT, common_folder, data_inputs, digest_of, sources


def test_the_published_version_the_sources_and_the_parent_are_inputs(document):
    found = data_inputs(document)
    assert [(item.name, item.tags["mlflow.data.context"]) for item in found] == [
        ("oil-spill@12", "published"),
        ("oil.csv", "source"),
        ("oil-spill@11", "parent"),
    ]
    assert found[0].source == {"path": "/lake/oil-spill", "delta_table_version": 12}
    assert found[0].source_type == "delta_table"
    assert found[1].source_type == "s3"
    assert found[1].digest == "abababababababab"
    assert found[1].tags["sha256"] == "ab" * 32
    assert found[1].tags["etag"] == "e1"
    assert found[0].profile == {"num_rows": 1117, "num_bytes": 480_000}


def test_thousands_of_files_are_one_input_for_their_folder(document):
    document["inputs"] = [
        {"name": f"cat/{i}.png", "uri": f"s3://raw/pets/cat/{i}.png", "sha256": f"{i:064x}", "bytes": 10}
        for i in range(5000)
    ]
    (folder,) = sources(document)
    assert folder.name == "cat"
    assert folder.source == {"uri": "s3://raw/pets/cat"}
    assert folder.profile == {"num_bytes": 50_000, "num_objects": 5000}
    assert len(folder.digest) <= 36


def test_the_digest_of_a_list_sees_content_and_names_but_not_order(document):
    files = [{"name": f"{i}", "uri": f"/{i}", "sha256": f"{i:064x}"} for i in range(30)]
    changed = [*files[:-1], files[-1] | {"sha256": "ff" * 32}]
    renamed = [*files[:-1], files[-1] | {"name": "x"}]
    assert digest_of(files) == digest_of(files[::-1])
    assert len({digest_of(files), digest_of(changed), digest_of(renamed)}) == 3


def test_the_common_folder_never_ends_inside_a_name():
    assert common_folder(["/raw/a1.csv", "/raw/a2.csv"]) == "/raw"
    assert common_folder(["s3://b/x/1.png", "s3://b/xy/1.png"]) == "s3://b"
    assert common_folder(["/raw/a.csv"]) == "/raw"


def test_the_first_version_has_no_parent_input(make_document):
    assert [item.tags["mlflow.data.context"] for item in data_inputs(make_document(1, None))] == ["published", "source"]


def test_the_production_sample_is_an_input_of_its_own_kind(document):
    met = {"name": "met.csv", "uri": "/data/met.csv", "sha256": "ab" * 32, "bytes": 10}
    (found,) = [item for item in data_inputs({**document, "production": [met]}) if item.name == "met.csv"]
    assert found.tags[CONTEXT] == "production"
    assert found.digest == ("ab" * 32)[:16]
