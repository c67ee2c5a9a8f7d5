"""A dataset that grows, shrinks and is corrected: what a new version keeps, what it reads, what it drops."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from augmill.policies.errors import DataError
from augmill.tasks.rows.provenance import ORIGIN, PARENT_IDS, REAL, SAMPLE_ID, SOURCE, SPLIT, STEP
from augmill.tasks.runs.request import resolve_request
from augmill.tasks.stages import ingest
from tests.end_to_end.helpers import (
    NOISE,
    SMOTE,
    exactly,
    go,
    policy,
    quarantined,
    rows,
    suite,
    table_of,
    table_rows,
    write_csv,
)


@pytest.fixture
def three_files(tmp_path: Path) -> Path:
    """A policy over three files of 40 rows each, with its first version published."""
    for number in range(3):
        write_csv(tmp_path / "data" / f"{number}.csv", table_rows(number * 40, 40))
    file = policy(tmp_path, "data/*.csv")
    go(file, tmp_path / "lake")
    return file


def test_a_schedule_is_no_new_version_and_no_other_rows(tmp_path: Path) -> None:
    write_csv(tmp_path / "data.csv", table_rows(0, 60))
    file = policy(tmp_path, "data.csv")
    go(file, tmp_path / "lake")
    before = resolve_request(file, lake=str(tmp_path / "lake"), home=tmp_path / "home")
    file.write_text(file.read_text() + "schedule: {cron: '0 3 * * *', overlap: skip, runner: dask, tags: [nightly]}\n")
    after = resolve_request(file, lake=str(tmp_path / "lake"), home=tmp_path / "home")
    assert (after.unchanged, after.run_key) == (True, before.run_key)
    go(file, tmp_path / "other")
    assert exactly(tmp_path / "other") == exactly(tmp_path / "lake")


def read_units(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read from now on, in a list that grows."""
    found: list[str] = []
    real_scan, real_read = ingest.scan, ingest.read

    def scan(unit, *rest):
        found.extend(item.name for item in unit.objects)
        return real_scan(unit, *rest)

    def read(unit, *rest):
        found.extend(item.name for item in unit.objects)
        return real_read(unit, *rest)

    monkeypatch.setattr(ingest, "scan", scan)
    monkeypatch.setattr(ingest, "read", read)
    return found


def paths(lake: Path, version: int, origin: str = REAL) -> set[str]:
    files = table_of(lake).snapshot(version).files
    return {file.path for file in files if file.partition[ORIGIN] == origin}


def splits(lake: Path, version: int | None = None) -> dict[str, str]:
    """The split of every real row, by id."""
    return {row[SAMPLE_ID]: row[SPLIT] for row in rows(lake, version) if row[ORIGIN] == REAL}


def orphans(lake: Path) -> list[str]:
    """Children with a parent that is no real training row of the same version."""
    there = rows(lake)
    training = {row[SAMPLE_ID] for row in there if row[ORIGIN] == REAL and row[SPLIT] == "train"}
    return [row[SAMPLE_ID] for row in there if row[ORIGIN] != REAL and not set(row[PARENT_IDS]) <= training]


def test_a_second_run_knows_that_nothing_changed_and_publishes_nothing(three_files):
    lake = three_files.parent / "lake"
    assert resolve_request(three_files, lake=str(lake), home=three_files.parent / "home").unchanged
    again = go(three_files, lake)
    assert again.skipped
    assert table_of(lake).versions() == [0]


def test_a_second_run_in_shards_of_another_size_publishes_nothing(three_files):
    """Shards are how rows are stored, not what they are."""
    lake = three_files.parent / "lake"
    assert go(three_files, lake, shard_rows=9).skipped
    assert table_of(lake).versions() == [0]


def test_a_new_file_is_the_only_one_read_and_the_others_are_kept_by_reference(three_files, monkeypatch):
    lake = three_files.parent / "lake"
    write_csv(three_files.parent / "data" / "3.csv", table_rows(120, 40))
    read = read_units(monkeypatch)
    assert go(three_files, lake).number == 1
    assert set(read) == {"3.csv"}
    assert paths(lake, 0) < paths(lake, 1)
    assert splits(lake, 0).items() < splits(lake, 1).items()
    assert len(splits(lake, 1)) == 160


def test_another_step_leaves_the_real_files_and_the_children_of_other_steps(three_files, monkeypatch):
    lake = three_files.parent / "lake"
    read = read_units(monkeypatch)
    more = NOISE.replace("shaken", "stirred").replace("0.05", "0.03")
    policy(three_files.parent, "data/*.csv", SMOTE + NOISE + more)
    assert go(three_files, lake).number == 1
    assert read == []
    assert paths(lake, 0) == paths(lake, 1)
    assert paths(lake, 0, "synthetic") == paths(lake, 1, "synthetic")
    assert paths(lake, 0, "augmented") < paths(lake, 1, "augmented")
    assert {row[STEP] for row in rows(lake)} == {None, "between", "shaken", "stirred"}


EDITS = {
    "seed": {"seed": "1"},
    "ignored columns": {"ignore": "[colour, grains]"},
    "a parameter": {"steps": SMOTE + NOISE.replace("0.05", "0.07")},
    "an amount": {"steps": SMOTE + NOISE.replace("copies: 1", "copies: 2")},
    "the order of steps": {"steps": NOISE + SMOTE},
    "a probability": {"steps": SMOTE + NOISE.replace("params:", "probability: 0.5, params:")},
    "texts that mean no value": {"source": '{uri: "data/*.csv", missing: ["", pale]}'},
    "fractions": {"split": "{fractions: {train: 0.5, test: 0.5}}"},
    "a check": {"checks": "{label_consistency: {alpha: 0.05, min_verifier_accuracy: 0.0, max_drop_share: 1.0}}"},
}


@pytest.mark.parametrize("name", list(EDITS))
def test_after_an_edit_what_is_kept_of_earlier_runs_changes_no_row(three_files, name):
    """The same history, once with the results of its stages and once without: no old one passes for a new one."""
    folder = three_files.parent
    first = splits(folder / "lake")
    shutil.copytree(folder / "lake", folder / "bare")
    shutil.rmtree(folder / "bare" / ".augmill" / "made" / "work")
    more = dict(EDITS[name])
    policy(folder, "data/*.csv", more.pop("steps", SMOTE + NOISE), **more)
    go(three_files, folder / "lake")
    go(three_files, folder / "bare")
    assert exactly(folder / "lake") == exactly(folder / "bare")
    if "source" not in more:
        assert splits(folder / "lake") == first


def test_a_row_keeps_its_split_when_columns_are_ignored_or_a_key_is_named(tmp_path):
    header, lines = "id,width,height,grains,colour,kind", table_rows(0, 60)
    write_csv(tmp_path / "data.csv", [f"k{number},{line}" for number, line in enumerate(lines)], header)

    def published(**keys: str) -> dict[str, str]:
        go(policy(tmp_path, "data.csv", "", **keys), tmp_path / "lake")
        return {row["id"]: row[SPLIT] for row in rows(tmp_path / "lake")}

    first = published(ignore="[id, colour]")
    assert published(ignore="[id, colour, grains]") == first
    assert published(ignore="[colour]", key="id") == first


def test_after_an_edit_of_what_is_ignored_late_twins_follow_their_rows(tmp_path):
    """Rows that differ only in what is ignored are alike, those of files read before the edit as well."""
    lines = table_rows(0, 60)
    write_csv(tmp_path / "data" / "a.csv", lines)
    go(policy(tmp_path, "data/*.csv", ""), tmp_path / "lake")
    twins = [",".join([*line.split(",")[:2], "77", *line.split(",")[3:]]) for line in lines]
    write_csv(tmp_path / "data" / "b.csv", twins)
    go(policy(tmp_path, "data/*.csv", "", ignore="[colour, grains]"), tmp_path / "lake")
    sides: dict[float, set[str]] = {}
    for row in rows(tmp_path / "lake"):
        sides.setdefault(row["width"], set()).add(row[SPLIT])
    assert len(rows(tmp_path / "lake")) == 120
    assert [width for width, found in sides.items() if len(found) > 1] == []


def test_another_label_is_counted_and_made_children_of(three_files):
    lake = three_files.parent / "lake"
    policy(three_files.parent, "data/*.csv", NOISE, label="colour", ignore="[kind]")
    version = go(three_files, lake)
    there = rows(lake)
    for row in version.manifest.figures["classes"]:
        mine = [one for one in there if one[SPLIT] == "train" and one["colour"] == row["label"]]
        assert (row["label"] in ("pale", "dark"), row["after"]) == (True, len(mine))
        assert sum(one[ORIGIN] == REAL for one in mine) == row["before"]
    colours = {row[SAMPLE_ID]: row["colour"] for row in there}
    assert all(colours[row[PARENT_IDS][0]] == row["colour"] for row in there if row[ORIGIN] != REAL)


def test_rows_that_left_the_source_leave_the_version_with_their_children(three_files):
    lake = three_files.parent / "lake"
    before = splits(lake)
    file = three_files.parent / "data" / "1.csv"
    gone = table_rows(40, 40)[:20]
    write_csv(file, table_rows(40, 40)[20:])
    assert go(three_files, lake).number == 1
    after = splits(lake)
    assert len(before) - len(after) == len(gone)
    assert after.items() < before.items()
    assert orphans(lake) == []
    assert len(rows(lake, 0)) > len(rows(lake, 1))
    assert len(splits(lake, 0)) == 120, "the version before must stay as it was"


def test_rows_that_come_back_are_in_the_split_they_were_published_in(three_files):
    """Other rows have come meanwhile, beside which they would be placed elsewhere."""
    lake, file = three_files.parent / "lake", three_files.parent / "data" / "1.csv"
    first = splits(lake)
    text = file.read_text()
    file.unlink()
    write_csv(three_files.parent / "data" / "3.csv", table_rows(120, 90, (0.2, 0.2, 0.6)))
    go(three_files, lake)
    file.write_text(text)
    go(three_files, lake)
    assert first.items() < splits(lake).items()


def test_append_keeps_rows_whose_file_is_gone_and_snapshot_does_not(three_files):
    lake = three_files.parent / "lake"
    first = splits(lake)
    policy(three_files.parent, "data/*.csv", source='{uri: "data/*.csv", mode: append}')
    (three_files.parent / "data" / "0.csv").unlink()
    write_csv(three_files.parent / "data" / "3.csv", table_rows(120, 40))
    go(three_files, lake)
    appended = splits(lake)
    assert first.items() < appended.items()
    assert len(appended) == 160
    assert orphans(lake) == []
    policy(three_files.parent, "data/*.csv")
    go(three_files, lake)
    assert len(splits(lake)) == 120
    assert {row[SOURCE]["object"] for row in rows(lake) if row[SOURCE]} == {"1.csv", "2.csv", "3.csv"}


def test_append_takes_a_corrected_file_for_its_older_self(three_files):
    lake = three_files.parent / "lake"
    policy(three_files.parent, "data/*.csv", source='{uri: "data/*.csv", mode: append}')
    go(three_files, lake)
    write_csv(three_files.parent / "data" / "0.csv", [*table_rows(0, 39), *table_rows(500, 1)])
    go(three_files, lake)
    assert len(splits(lake)) == 120
    assert orphans(lake) == []


def test_a_data_file_that_was_vacuumed_is_made_anew_when_its_rows_come_back(three_files):
    """Delta's vacuum deletes what the current version does not name; our notes of finished work still do."""
    lake, file = three_files.parent / "lake", three_files.parent / "data" / "1.csv"
    text, first = file.read_text(), rows(lake)
    file.unlink()
    go(three_files, lake)
    for path in (paths(lake, 0) - paths(lake, 1)) | (paths(lake, 0, "augmented") - paths(lake, 1, "augmented")):
        (lake / "made" / path).unlink()
    file.write_text(text)
    assert go(three_files, lake).number == 2
    assert rows(lake, 2) == first


GROWTH = (30, 15, 40, 25, 60)


def test_over_five_increments_a_row_keeps_its_split_and_groups_never_part(tmp_path):
    """Rare classes come late and few at a time; every group gets members in every increment."""
    seen: dict[str, str] = {}
    start = 0
    header = "width,height,grains,colour,kind,group"
    for increment, count in enumerate(GROWTH):
        shares = (0.7, 0.3, 0.0) if increment == 0 else (0.6, 0.32, 0.08)
        lines = table_rows(start, count, shares)
        grouped = [f"{line},g{number % 23}" for number, line in enumerate(lines, start)]
        write_csv(tmp_path / "data" / f"{increment}.csv", grouped, header)
        file = policy(tmp_path, "data/*.csv", "", split="{group: group}", ignore="[colour, group]")
        go(file, tmp_path / "lake", shard_rows=16)
        now = splits(tmp_path / "lake")
        assert len(now) == start + count
        assert {name: now[name] for name in seen} == seen
        of_group: dict[str, set[str]] = {}
        for row in rows(tmp_path / "lake"):
            of_group.setdefault(row["group"], set()).add(row[SPLIT])
        assert {group: sides for group, sides in of_group.items() if len(sides) > 1} == {}
        seen = now
        start += count


def test_over_five_increments_rare_classes_reach_every_split(tmp_path):
    start, seen = 0, {}
    for increment, count in enumerate(GROWTH):
        shares = (0.7, 0.3, 0.0) if increment == 0 else (0.6, 0.32, 0.08)
        write_csv(tmp_path / "data" / f"{increment}.csv", table_rows(start, count, shares))
        go(policy(tmp_path, "data/*.csv", ""), tmp_path / "lake")
        there = rows(tmp_path / "lake")
        now = splits(tmp_path / "lake")
        assert {name: now[name] for name in seen} == seen
        for kind in {row["kind"] for row in there}:
            mine = [row[SPLIT] for row in there if row["kind"] == kind]
            assert len(set(mine)) == min(3, len(mine)), kind
        seen = now
        start += count
    assert sum(row["kind"] == "reed" for row in there) < 20, "the class was meant to be rare"


def test_other_fractions_place_new_rows_only_and_rewrite_no_file(three_files):
    lake = three_files.parent / "lake"
    first = splits(lake)
    policy(three_files.parent, "data/*.csv", split="{fractions: {train: 0.2, test: 0.8}}")
    assert go(three_files, lake).number == 1
    assert paths(lake, 0) == paths(lake, 1)
    write_csv(three_files.parent / "data" / "9.csv", table_rows(900, 60))
    go(three_files, lake)
    now = splits(lake)
    assert {name: now[name] for name in first} == first
    assert paths(lake, 1) < paths(lake, 2)
    assert [now[name] for name in now.keys() - first.keys()].count("test") > 40


def test_another_suite_makes_a_version_that_says_so_though_no_row_differs(tmp_path):
    text = "name: made\nexpectations:\n  - {type: expect_column_values_to_not_be_null, kwargs: {column: COLUMN}}\n"
    write_csv(tmp_path / "data.csv", table_rows(0, 60))
    file = policy(tmp_path, "data.csv", "", **suite(tmp_path, text.replace("COLUMN", "width")))
    go(file, tmp_path / "lake")
    suite(tmp_path, text.replace("COLUMN", "height"))
    version = go(file, tmp_path / "lake")
    assert (version.number, version.skipped) == (1, False)
    assert "height" in version.manifest.suite_text
    assert exactly(tmp_path / "lake", 1) == exactly(tmp_path / "lake", 0)


def test_another_salt_places_rows_anew(three_files):
    lake = three_files.parent / "lake"
    first = splits(lake)
    policy(three_files.parent, "data/*.csv", split="{salt: pepper}")
    go(three_files, lake)
    moved = sum(first[name] != split for name, split in splits(lake).items())
    assert 20 < moved < 100
    assert orphans(lake) == []


def test_a_key_keeps_a_corrected_row_in_its_split(tmp_path):
    header, lines = "id,width,height,grains,colour,kind", table_rows(0, 60)
    write_csv(tmp_path / "data.csv", [f"k{number},{line}" for number, line in enumerate(lines)], header)
    file = policy(tmp_path, "data.csv", NOISE, key="id")
    go(file, tmp_path / "lake")
    first = {row["id"]: (row[SAMPLE_ID], row[SPLIT]) for row in rows(tmp_path / "lake") if row[ORIGIN] == REAL}
    corrected = [
        f"k{number},{float(line.split(',')[0]) + 0.5},{line.partition(',')[2]}" for number, line in enumerate(lines)
    ]
    write_csv(tmp_path / "data.csv", corrected, header)
    go(file, tmp_path / "lake")
    second = {row["id"]: (row[SAMPLE_ID], row[SPLIT]) for row in rows(tmp_path / "lake") if row[ORIGIN] == REAL}
    assert second == first
    widths = {row["id"]: row["width"] for row in rows(tmp_path / "lake") if row[ORIGIN] == REAL}
    assert widths["k0"] == float(lines[0].split(",")[0]) + 0.5


def test_a_repeated_key_is_quarantined(tmp_path):
    header, lines = "id,width,height,grains,colour,kind", table_rows(0, 120)
    keyed = [f"k{number % 119},{line}" for number, line in enumerate(lines)]
    write_csv(tmp_path / "data.csv", keyed, header)
    go(policy(tmp_path, "data.csv", "", key="id"), tmp_path / "lake")
    assert [reason for row in quarantined(tmp_path / "lake") for reason in row["reasons"]] == [
        "its key is not unique: another row of the source has the same one"
    ]
    assert len(rows(tmp_path / "lake")) == 119


def test_rows_that_no_split_can_take_count_for_the_budget(tmp_path):
    header, lines = "id,width,height,grains,colour,kind", table_rows(0, 60)
    write_csv(tmp_path / "data.csv", [f"k{number % 40},{line}" for number, line in enumerate(lines)], header)
    with pytest.raises(DataError, match=r"20 of 60 rows failed \(33.33%.*its key is not unique") as caught:
        go(policy(tmp_path, "data.csv", "", key="id"), tmp_path / "lake")
    assert caught.value.report["quarantined"] == 20
    assert table_of(tmp_path / "lake").versions() == []
    assert len(quarantined(tmp_path / "lake")) == 20, "the rows must be there to look at"


def test_children_are_judged_by_models_that_have_not_seen_their_parents_groups(tmp_path):
    header, lines = "width,height,grains,colour,kind,group", table_rows(0, 120)
    grouped = [f"{line},{'' if number % 5 == 0 else f'g{number % 23}'}" for number, line in enumerate(lines)]
    write_csv(tmp_path / "data.csv", grouped, header)
    file = policy(tmp_path, "data.csv", NOISE, split="{group: group}", ignore="[colour, group]")
    version = go(file, tmp_path / "lake")
    assert version.manifest.figures["rows"]["augmented"] > 60


@pytest.mark.parametrize("given", ["uris", "column"])
def test_a_row_in_the_training_and_the_test_source_is_kept_out_of_training(tmp_path, given):
    lines = table_rows(0, 60)
    leaked = lines[50]
    lax = suite(tmp_path, "name: lax\nbudget: {max_quarantine_share: 0.05}\n")
    if given == "uris":
        write_csv(tmp_path / "train.csv", [*lines[:50], leaked])
        write_csv(tmp_path / "test.csv", lines[50:])
        file = policy(tmp_path, "", NOISE, source="{uri: {train: train.csv, test: test.csv}}", split="{}", **lax)
    else:
        split = [f"{line},{'train' if at < 50 else 'test'}" for at, line in enumerate(lines)]
        write_csv(tmp_path / "all.csv", [*split, f"{leaked},train"], "width,height,grains,colour,kind,part")
        file = policy(tmp_path, "all.csv", NOISE, split="{column: part}", **lax)
    version = go(file, tmp_path / "lake")
    assert [row["reasons"] for row in quarantined(tmp_path / "lake")] == [
        ["an identical row or a member of its group is in a held-out split of the source"]
    ]
    assert version.manifest.figures["rows"]["quarantined"] == 1
    real = [row for row in rows(tmp_path / "lake") if row[ORIGIN] == REAL]
    assert sorted(row[SPLIT] for row in real) == ["test"] * 10 + ["train"] * 50
    assert {row[SPLIT] for row in rows(tmp_path / "lake") if row[ORIGIN] != REAL} == {"train"}
    assert orphans(tmp_path / "lake") == []
