import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from augmill.policies.errors import DataError
from augmill.tasks.dry_runs.changes import changes
from augmill.tasks.dry_runs.plan import plan
from augmill.tasks.runners.thread import Runner
from augmill.tasks.runs.request import resolve_request
from tests.end_to_end.helpers import (
    HEADER,
    NOISE,
    ROOT,
    SMOTE,
    go,
    picture_policy,
    policy,
    table_of,
    table_rows,
    write_csv,
    write_digits,
)

LENIENT = "name: suite\nbudget: {max_quarantine_share: 0.5}\ncolumns: {extra: allow, missing: refuse}\n"


def table_policy(folder, steps=SMOTE + NOISE, **more):
    """A policy over the csv files in data/, with a suite."""
    (folder / "expectations").mkdir(exist_ok=True)
    (folder / "expectations" / "suite.yaml").write_text(LENIENT)
    (folder / "policies").mkdir(exist_ok=True)
    return policy(folder / "policies", "../data/*.csv", steps, expectations="suite", **more)


def asked_for(file, lake):
    return resolve_request(file, lake=str(lake), home=file.parent / "home", refuse_errors=False)


def planned(asked):
    with tempfile.TemporaryDirectory() as scratch, Runner(2) as runner:
        document = plan(asked, runner, scratch)
    json.dumps(document)
    return document


def kept(folder):
    """Every file below a folder with its content, but for the cache of hashes."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "hashes" not in file.parts
    }


def shards(document, stage):
    told = document["reuse"][stage]
    return [(told[kind]["shards"], told[kind]["rows"]) for kind in ("new", "reused")]


@pytest.fixture
def three_files(tmp_path):
    """A policy over three files of thirty rows, not yet run."""
    for number in range(3):
        write_csv(tmp_path / "data" / f"{number}.csv", table_rows(number * 30, 30))
    return table_policy(tmp_path)


@pytest.mark.parametrize("name", ["breast-cancer", pytest.param("digits", marks=pytest.mark.slow)])
def test_a_run_publishes_what_was_planned(name, tmp_path):
    for folder in ("policies", "expectations"):
        (tmp_path / folder).mkdir()
        shutil.copy(ROOT / folder / f"{name}.yaml", tmp_path / folder)
    file, lake = tmp_path / "policies" / f"{name}.yaml", tmp_path / "lake"
    document = planned(asked_for(file, lake))
    assert not lake.exists()
    assert (document["exit_code"], document["current_version"], document["next_version"]) == (0, None, 0)

    version = go(file, lake)
    rows = version.manifest.figures["rows"]
    after, published = document["rows"]["after"], rows["by_split_origin_label"]
    for split in ("train", "validation", "test"):
        assert after[split]["real"] == published[split]["real"]
    origin = "synthetic" if name == "breast-cancer" else "augmented"
    missing = {label: count - published["train"][origin][label] for label, count in after["train"][origin].items()}
    assert min(missing.values()) >= 0
    assert sum(missing.values()) == rows["dropped"]
    assert 0.5 < sum(document["files"]["new_bytes"].values()) / version.new_bytes < 2.0
    assert document["files"]["new_bytes"]["children"] > 0

    document = planned(asked_for(file, lake))
    assert document["up_to_date"]
    assert document["next_version"] is None
    assert document["rows"]["after"] == document["rows"]["before"] == published


def test_one_more_file_is_new_and_the_others_are_reused(three_files, tmp_path):
    lake = tmp_path / "lake"
    go(three_files, lake)
    write_csv(tmp_path / "data" / "3.csv", table_rows(90, 20))
    before = kept(tmp_path)
    document = planned(asked_for(three_files, lake))
    assert kept(tmp_path) == before
    assert document["changes"]["reasons"] == ["raw objects added: 3.csv"]
    assert document["changes"]["inputs"]["unchanged"] == 3
    assert shards(document, "raw") == [(1, 20), (3, 90)]
    assert shards(document, "valid") == [(1, 20), (3, 90)]
    assert shards(document, "real files")[0][1] == 20
    assert shards(document, "real files")[1] == (9, 90)
    assert document["current_version"] == 0
    assert document["next_version"] == 1

    go(three_files, lake)
    table = table_of(lake)
    was, now = ({file.path for file in table.snapshot(version).files} for version in (0, 1))
    files = document["files"]
    assert (files["kept"], files["added"], files["removed"]) == (len(was & now), len(now - was), len(was - now))


def test_children_are_reused_where_a_step_does_not_change(tmp_path):
    write_digits(tmp_path / "data", labels=(0, 1), per_label=12)
    posed = """
  - name: posed
    transforms: [{use: image.affine, invariance: nobody writes quite straight}]
    amount: {copies: 1}
"""
    lit = posed.replace("posed", "lit").replace("affine", "brightness_contrast")
    go(picture_policy(tmp_path, "data", posed), tmp_path / "lake")
    file = picture_policy(tmp_path, "data", posed + lit)
    document = planned(asked_for(file, tmp_path / "lake"))
    assert document["changes"]["policy"]["added"] == ["lit"]
    assert document["changes"]["policy"]["changed"] == []
    assert document["changes"]["reasons"] == ["the policy changed: step lit added"]
    assert shards(document, "children")[0] == shards(document, "children")[1]
    assert document["files"]["removed"] == 0
    assert document["files"]["new_bytes"]["real"] == 0
    assert "+  - name: lit" in document["changes"]["policy_diff"]
    version = go(file, tmp_path / "lake")
    assert 0.5 < document["files"]["new_bytes"]["children"] / version.new_bytes < 2.0

    document = planned(asked_for(picture_policy(tmp_path, "data", posed), tmp_path / "lake"))
    assert document["changes"]["policy"]["removed"] == ["lit"]
    assert shards(document, "children")[0] == (0, 0)
    assert (document["files"]["added"], document["files"]["new_bytes"]["children"]) == (0, 0)
    assert document["files"]["removed"] > 0
    assert document["next_version"] == 2


def test_other_libraries_or_code_are_named_and_what_they_leave_alone_is_reused(three_files, tmp_path):
    go(three_files, tmp_path / "lake")
    asked = asked_for(three_files, tmp_path / "lake")
    manifest = asked.before.manifest
    older = replace(manifest, run_key="older", code="older", fingerprint={**manifest.fingerprint, "numpy": "0.1"})
    asked = replace(asked, before=replace(asked.before, manifest=older))
    document = planned(asked)
    assert [reason.split(" there")[0] for reason in document["changes"]["reasons"]] == [
        "another library or processor: numpy is 0.1",
        "augmill's own code or a plug-in changed",
    ]
    assert all(told["new"]["shards"] == 0 for told in document["reuse"].values())
    assert document["files"]["added"] == document["files"]["removed"] == 0
    assert not document["up_to_date"]
    assert document["next_version"] is None


def test_columns_that_came_went_or_changed_are_named_with_what_the_suite_says(three_files, tmp_path):
    go(three_files, tmp_path / "lake")
    lines = []
    for number, line in enumerate(table_rows(90, 20)):
        width, _, grains, colour, kind = line.split(",")
        lines.append(f"{width},{grains}{'.5' if number < 15 else ''},{colour},{kind},9")
    for number in range(3):
        (tmp_path / "data" / f"{number}.csv").unlink()
    write_csv(tmp_path / "data" / "3.csv", lines, header="width,grains,colour,kind,extra")
    document = planned(asked_for(three_files, tmp_path / "lake"))
    assert [(one["column"], one["change"], one["before"], one["now"]) for one in document["columns"]] == [
        ("extra", "appeared", "", "int64"),
        ("height", "disappeared", "float64", ""),
        ("grains", "changed", "int64", "float64"),
    ]
    assert [one["says"].split(";")[0] for one in document["columns"]] == [
        "allowed by the suite",
        "refused by the suite",
        "stays as it was",
    ]
    assert document["exit_code"] == 3
    assert document["next_version"] is None
    causes = " ".join(fault["cause"] for fault in document["faults"])
    assert "column 'height' disappeared" in causes
    assert "15 of 20 rows failed" in causes
    assert document["quarantine"]["rows"] == 15


def test_columns_that_some_files_of_a_first_run_lack_are_named_and_refused_or_allowed(three_files, tmp_path):
    write_csv(tmp_path / "data" / "3.csv", [f"{line},9" for line in table_rows(90, 20)], header=f"{HEADER},extra")
    write_csv(tmp_path / "data" / "4.csv", [], header="width")
    document = planned(asked_for(three_files, tmp_path / "lake"))
    (told,) = document["columns"]
    assert (told["column"], told["change"], told["now"]) == ("extra", "missing", "int64")
    assert told["files"] == ["0.csv", "1.csv", "2.csv"]
    assert told["says"] == "refused by the suite"
    assert document["exit_code"] == 3
    (fault,) = document["faults"]
    assert "column 'extra' is missing from 0.csv, 1.csv, 2.csv" in fault["cause"]
    assert "columns: {missing: allow}" in fault["remedy"]
    with pytest.raises(DataError, match=r"column 'extra' is missing from 0\.csv"):
        go(three_files, tmp_path / "lake")
    suite = tmp_path / "expectations" / "suite.yaml"
    suite.write_text(suite.read_text().replace("missing: refuse", "missing: allow"))
    document = planned(asked_for(three_files, tmp_path / "lake"))
    assert document["columns"][0]["says"] == "allowed by the suite; no value there"
    assert document["exit_code"] == 0
    assert go(three_files, tmp_path / "lake").number == 0


def test_files_that_were_published_already_may_lack_a_column_that_has_appeared(three_files, tmp_path):
    go(three_files, tmp_path / "lake")
    wider = f"{HEADER},extra"
    for number in (3, 4):
        lines = [f"{line},9" for line in table_rows(30 * number, 20)]
        write_csv(tmp_path / "data" / f"{number}.csv", lines, header=wider)
        document = planned(asked_for(three_files, tmp_path / "lake"))
        assert [one["change"] for one in document["columns"]] == (["appeared"] if number == 3 else [])
        assert go(three_files, tmp_path / "lake").number == number - 2
    write_csv(tmp_path / "data" / "5.csv", table_rows(150, 20))
    with pytest.raises(DataError, match=r"column 'extra' is missing from 5\.csv"):
        go(three_files, tmp_path / "lake")


@pytest.mark.parametrize("part", ["nowhere", "test"])
def test_a_fault_is_told_once_and_not_what_follows_from_it(tmp_path, part):
    lines = [f"{line},{'nowhere' if number < 40 else part}" for number, line in enumerate(table_rows(0, 60))]
    write_csv(tmp_path / "rows.csv", lines, header=f"{HEADER},part")
    document = planned(asked_for(policy(tmp_path, "rows.csv", NOISE, split="{column: part}"), tmp_path / "lake"))
    (fault,) = document["faults"]
    assert fault["cause"].startswith(f"{60 if part == 'nowhere' else 40} of 60 rows failed")
    assert document["exit_code"] == 3


def test_rows_that_would_be_quarantined_or_refused_are_forecast(tmp_path):
    lines = table_rows(0, 60)
    numbered = [f"{line},{number}" for number, line in enumerate(lines)]
    # One key twice, one row without a label, one line that is no row.
    numbered += [f"{lines[0]},7", "1.0,2.0,3,pale,,60", "torn"]
    write_csv(tmp_path / "data" / "0.csv", numbered, header=f"{HEADER},number")
    file = table_policy(tmp_path, NOISE, key="number")
    document = planned(asked_for(file, tmp_path / "lake"))
    assert document["exit_code"] == 0
    found = document["quarantine"]
    assert (found["of"], found["rows"], found["budget"]) == (63, 3, 0.5)
    assert found["reasons"]["its label is missing"] == 1
    assert sum(found["reasons"].values()) == 2
    assert sum(found["refused"].values()) == 1
    assert "its key is not unique" in next(iter(found["refused"]))
    version = go(file, tmp_path / "lake")
    assert version.manifest.figures["quarantine"]["reasons"] == {**found["reasons"], **found["refused"]}


def test_a_step_that_cannot_take_the_data_is_refused_with_its_reason(three_files, tmp_path):
    file = table_policy(tmp_path, SMOTE, ignore="[]")
    document = planned(asked_for(file, tmp_path / "lake"))
    assert document["exit_code"] == 3
    (fault,) = document["faults"]
    assert "steps[between] tabular.smote: it takes numbers only" in fault["cause"]
    assert sum(document["rows"]["after"]["train"]["synthetic"].values()) > 0


def test_lint_errors_that_only_the_data_show_are_found(tmp_path):
    write_csv(tmp_path / "data" / "0.csv", [line for line in table_rows(0, 60) if "reed" not in line])
    write_csv(tmp_path / "data" / "1.csv", [line for line in table_rows(60, 200) if "reed" in line][:4])
    document = planned(asked_for(table_policy(tmp_path, SMOTE), tmp_path / "lake"))
    assert document["exit_code"] == 2
    assert [one["rule"] for one in document["lint"] if one["severity"] == "error"] == ["AUG302"]
    assert document["faults"] == []


def test_lint_errors_that_need_no_data_stand_even_if_the_source_cannot_be_read(tmp_path):
    write_csv(tmp_path / "data" / "0.csv", [])
    late = NOISE.replace("[{", "[{use: tabular.feature_dropout, invariance: a gauge may fail}, {").replace(
        "gaussian_noise, params: {scale: 0.05}", "smote, params: {k_neighbors: 3}"
    )
    document = planned(asked_for(table_policy(tmp_path, late), tmp_path / "lake"))
    assert document["exit_code"] == 2
    assert "AUG105" in [one["rule"] for one in document["lint"]]
    assert "the source holds no row" in document["faults"][0]["cause"]


def test_an_unrecorded_version_is_up_to_date_but_for_its_record(three_files, tmp_path):
    go(three_files, tmp_path / "lake")
    asked = asked_for(three_files, tmp_path / "lake")
    assert planned(asked)["unrecorded"]
    Path(asked.ctx.objects.url("records")).mkdir()
    asked.ctx.objects.write("records/00000000.json", b"{}")
    assert not planned(asked)["unrecorded"]


def test_a_comment_in_the_policy_changes_nothing(three_files, tmp_path):
    go(three_files, tmp_path / "lake")
    three_files.write_text("# reviewed\n" + three_files.read_text())
    asked = asked_for(three_files, tmp_path / "lake")
    document = planned(asked)
    assert document["up_to_date"]
    assert "+# reviewed" in document["changes"]["policy_diff"]
    assert changes(asked)["reasons"] == []


@pytest.mark.s3
def test_a_lake_in_a_bucket_is_read_and_left_as_it_was(three_files, tmp_path, s3):
    go(three_files, s3.uri)
    write_csv(tmp_path / "data" / "3.csv", table_rows(90, 20))
    before = list(s3.list())
    document = planned(asked_for(three_files, s3.uri))
    assert list(s3.list()) == before
    assert shards(document, "real files")[1] == (9, 90)
    assert document["next_version"] == 1


def test_pictures_of_formats_that_are_not_read_are_quarantined_and_other_files_told_of(tmp_path):
    write_digits(tmp_path / "data", (0, 1), 12)
    (tmp_path / "data" / "2").mkdir()
    (tmp_path / "data" / "2" / "film.gif").write_bytes(b"GIF89a and more")
    (tmp_path / "data" / "notes.txt").write_text("taken in May")
    file = picture_policy(tmp_path, "data", "")
    document = planned(asked_for(file, tmp_path / "lake"))
    assert document["quarantine"]["rows"] == 1
    assert document["ignored"] == "1 file ignored: notes.txt"
