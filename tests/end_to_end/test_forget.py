"""Rows that are forgotten go with all that was made of them, and never come back."""

import json
import shutil

import numpy as np
import pytest

from augmill.policies.errors import DataError, PolicyError, StorageError
from augmill.tasks.erasure.forget import add_to_list, confirm, keep_proof, refuse_only_old, selection_document
from augmill.tasks.erasure.purge import Purge, finish, purge, refuse_pinned
from augmill.tasks.erasure.row_selection import ErasureRequest, choose
from augmill.tasks.rows import predicate
from augmill.tasks.rows.provenance import ORIGIN, PARENT_IDS, REAL, SAMPLE_ID, SPLIT
from augmill.tasks.runs.erasure_list import entries, listed
from augmill.tasks.storage import leases
from augmill.tasks.storage.store import Store
from augmill.tasks.versions import reachability
from augmill.tasks.versions.pinning import pin
from augmill.tasks.versions.vacuum import signs_of_life
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import (
    BLEND,
    DATASET,
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

HEADER = "customer,width,height,grains,colour,kind"
KEYS = {"ignore": "[customer, colour]"}
WHEN = {"at_ms": 7, "by": "test"}
STEPS = SMOTE + NOISE + BLEND


def lines(start, count, customers=20):
    """Rows of so many customers, the same for the same numbers."""
    return [f"{number % customers},{line}" for number, line in enumerate(table_rows(start, count), start)]


def publish(folder, steps=STEPS, uri="data/*.csv", **more):
    return go(policy(folder, uri, steps, **(KEYS | more)), folder / "lake")


def lake_of(folder):
    return Lake(Store(str(folder / "lake")))


def forget(folder, text="", ids=(), steps=STEPS, **more):
    """What the command does, without a Prefect server: choose, note, run, confirm, keep the proof."""
    lake = lake_of(folder)
    asked = ErasureRequest(predicate.parse(text) if text else None, tuple(ids))
    chosen = choose(lake, DATASET, asked)
    document = selection_document(chosen, asked)
    entry = add_to_list(lake, asked, chosen, **WHEN)
    version = publish(folder, steps, **more)
    assert confirm(lake, asked, chosen) == version.number
    return keep_proof(lake, entry, chosen, document), version


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forget")
    for number in range(2):
        write_csv(folder / "data" / f"{number}.csv", lines(60 * number, 60), HEADER)
    publish(folder)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def of_customer(folder, number):
    return {row[SAMPLE_ID] for row in rows(folder / "lake") if row["customer"] == number and row[ORIGIN] == REAL}


def paths(lake, version):
    return {file.path for file in table_of(lake).snapshot(version).files if f"{ORIGIN}=real" in file.path}


def splits(lake, version=None):
    return {row[SAMPLE_ID]: row[SPLIT] for row in rows(lake, version) if row[ORIGIN] == REAL}


def test_the_rows_and_their_children_go_and_the_others_are_as_if_they_had_never_been_there(folder):
    """The new version is, byte for byte, what the same rows give that were never together with the forgotten ones."""
    gone = of_customer(folder, 7)
    proof, version = forget(folder, "customer = 7")
    assert len(gone) == 6
    assert sum(proof["rows"].values()) == 6
    assert sum(proof["children"].values()) > 0
    after = rows(folder / "lake")
    assert not gone & {row[SAMPLE_ID] for row in after}
    assert not gone & {parent for row in after for parent in row[PARENT_IDS] or ()}
    kept = {name: split for name, split in splits(folder / "lake", 0).items() if name not in gone}
    assert splits(folder / "lake") == kept
    assert version.number == 1
    for number in range(2):
        left = [line for line in lines(60 * number, 60) if not line.startswith("7,")]
        write_csv(folder / "data" / f"{number}.csv", left, HEADER)
    shutil.rmtree(folder / "lake" / ".augmill" / DATASET / "forgotten")
    publish(folder)
    ours = [row | {"augmill_source": None} for row in after]
    theirs = [row | {"augmill_source": None} for row in rows(folder / "lake")]
    assert list(map(repr, ours)) == list(map(repr, theirs))


def test_a_later_run_does_not_bring_them_back(folder):
    """The raw file still holds them, a copy of the file comes, and the old name comes back after other versions."""
    forget(folder, "customer = 7")
    assert publish(folder).skipped
    shutil.copy(folder / "data" / "0.csv", folder / "data" / "5.csv")
    write_csv(folder / "data" / "9.csv", lines(300, 40), HEADER)
    publish(folder, NOISE)
    assert of_customer(folder, 7) == set()
    assert {row["customer"] for row in rows(folder / "lake")} == set(range(20)) - {7}
    assert publish(folder, NOISE, split="{salt: pepper}").number == 3
    assert of_customer(folder, 7) == set()


def test_rows_by_id_stay_forgotten_and_their_likes_do_not(folder):
    """By ids nothing is said of a customer: later rows of theirs are welcome, the same content is not."""
    gone = sorted(of_customer(folder, 7))[:2]
    forget(folder, ids=gone)
    assert of_customer(folder, 7).isdisjoint(gone)
    assert len(of_customer(folder, 7)) == 4
    write_csv(folder / "data" / "9.csv", lines(300, 40) + lines(0, 60), HEADER)
    publish(folder)
    assert of_customer(folder, 7).isdisjoint(gone)
    assert len(of_customer(folder, 7)) > 4


def test_a_condition_that_is_no_equality_forgets_the_rows_there_are(folder):
    widest = max(row["width"] for row in rows(folder / "lake") if row[ORIGIN] == REAL)
    proof, _ = forget(folder, f"width >= {widest} or width < -1e9")
    assert sum(proof["rows"].values()) == 1
    assert listed(lake_of(folder).objects(DATASET), ("00000001",)).rules["00000001"][0].columns == tuple(
        sorted(HEADER.split(","))
    )
    publish(folder, NOISE)
    assert max(row["width"] for row in rows(folder / "lake") if row[ORIGIN] == REAL) < widest


@pytest.mark.parametrize("text", ["customer = 7.0", "customer in (7e0, 7.5, 'seven')"])
def test_a_number_may_be_spelled_otherwise_and_is_known_later(folder, text):
    forget(folder, text)
    write_csv(folder / "data" / "9.csv", lines(300, 40), HEADER)
    publish(folder)
    assert {row["customer"] for row in rows(folder / "lake")} == set(range(20)) - {7}


def test_a_value_of_the_type_that_the_column_has_now_is_found(folder):
    """An older version holds numbers where the current one holds texts, and a purge looks at both."""
    kind = "{type: expect_column_values_to_be_of_type, kwargs: {column: customer, type_: str}}"
    texts = suite(folder, f"name: s\nexpectations:\n  - {kind}\n")
    for number in range(2):
        write_csv(folder / "data" / f"{number}.csv", [f"c{line}" for line in lines(60 * number, 60)], HEADER)
    publish(folder, **texts)
    proof, _ = forget(folder, "customer = 'c7'", **texts)
    assert sum(proof["rows"].values()) == 6
    assert {row["customer"] for row in rows(folder / "lake")} == {f"c{number}" for number in range(20)} - {"c7"}


def test_a_new_column_or_another_spelling_does_not_bring_a_row_back(folder):
    """By id, so that only its content is known; then the file gains a column, and numbers get a decimal point."""
    forget(folder, ids=sorted(of_customer(folder, 7)))
    text = "name: loose\ncolumns: {extra: allow, missing: allow}\nexpectations:\n"
    kind = "{type: expect_column_values_to_be_of_type, kwargs: {column: customer, type_: float64}}"
    loose = suite(folder, f"{text}  - {kind}\n")
    for number in range(2):
        wider = [f"{line.replace(',', '.0,', 1)},x" for line in lines(60 * number, 60)]
        write_csv(folder / "data" / f"{number}.csv", wider, f"{HEADER},extra")
    publish(folder, **loose)
    assert {row["extra"] for row in rows(folder / "lake") if row[ORIGIN] == REAL} == {"x"}
    assert of_customer(folder, 7) == set()


def test_a_corrected_row_stays_forgotten_by_its_key(tmp_path):
    keyed = [f"k{number},{line}" for number, line in enumerate(lines(0, 60))]
    write_csv(tmp_path / "data" / "0.csv", keyed, f"id,{HEADER}")
    keys = {"key": "id", "ignore": "[customer, colour]"}
    publish(tmp_path, NOISE, **keys)
    name = next(row[SAMPLE_ID] for row in rows(tmp_path / "lake") if row["id"] == "k8" and row[ORIGIN] == REAL)
    forget(tmp_path, ids=[name], steps=NOISE, **keys)
    corrected = [line.replace("k8,8,", "k8,99,") for line in keyed]
    assert corrected != keyed
    write_csv(tmp_path / "data" / "0.csv", corrected, f"id,{HEADER}")
    publish(tmp_path, NOISE, **keys)
    assert "k8" not in {row["id"] for row in rows(tmp_path / "lake") if row[ORIGIN] == REAL}


def test_asking_twice_publishes_nothing_twice(folder):
    name = sorted(of_customer(folder, 7))[0]
    forget(folder, "customer = 7")
    lake = lake_of(folder)
    asked = ErasureRequest(None, (name,))
    add_to_list(lake, asked, choose(lake, DATASET, asked), **WHEN)
    version = publish(folder)
    assert (version.number, version.skipped) == (1, True)


def test_files_without_such_rows_are_kept_by_reference(folder):
    write_csv(folder / "data" / "2.csv", lines(120, 60, customers=7), HEADER)
    publish(folder)
    before = paths(folder / "lake", 1)
    forget(folder, "customer = 7")
    same = paths(folder / "lake", 2) & before
    names = {row["augmill_source"]["object"] for row in rows(folder / "lake", 2) if row[ORIGIN] == REAL}
    assert names == {"0.csv", "1.csv", "2.csv"}
    assert len(same) == 3, "the three splits of the file that holds none of them"


def test_append_forgets_rows_of_files_that_are_gone(tmp_path):
    more = {"source": '{uri: "data/*.csv", mode: append}'}
    write_csv(tmp_path / "data" / "0.csv", lines(0, 60), HEADER)
    publish(tmp_path, NOISE, **more)
    (tmp_path / "data" / "0.csv").unlink()
    write_csv(tmp_path / "data" / "1.csv", lines(60, 60), HEADER)
    publish(tmp_path, NOISE, **more)
    first = splits(tmp_path / "lake")
    gone = of_customer(tmp_path, 7)
    forget(tmp_path, "customer = 7", steps=NOISE, **more)
    assert splits(tmp_path / "lake") == {name: split for name, split in first.items() if name not in gone}
    write_csv(tmp_path / "data" / "2.csv", lines(120, 60), HEADER)
    publish(tmp_path, NOISE, **more)
    assert of_customer(tmp_path, 7) == set()
    assert len(splits(tmp_path / "lake")) == 180 - 9


def test_rows_in_quarantine_are_forgotten_too(tmp_path):
    """A row that fails the suite would be quarantined again by each run that reads it."""
    text = "name: s\nbudget: {max_quarantine_share: 0.5}\nexpectations:\n"
    text += "  - {type: expect_column_values_to_be_between, kwargs: {column: grains, max_value: 12}}\n"
    rule = suite(tmp_path, text)
    write_csv(tmp_path / "data" / "0.csv", lines(0, 120), HEADER)
    first = publish(tmp_path, NOISE, **rule)
    bad = [json.loads(row["content"])["customer"] for row in quarantined(tmp_path / "lake")]
    assert bad
    proof, version = forget(tmp_path, f"customer = {bad[0]}", steps=NOISE, **rule)
    assert proof["quarantined"] == bad.count(bad[0])
    figures = [one.manifest.figures["rows"]["quarantined"] for one in (first, version)]
    assert figures == [len(bad), len(bad) - bad.count(bad[0])]


def test_the_list_and_the_proof_hold_no_value(tmp_path):
    header, made = "mail,width,height,grains,colour,kind", table_rows(0, 60)
    lined = [f"ada{number}@example.org,{line}" for number, line in enumerate(made)]
    write_csv(tmp_path / "data" / "0.csv", lined, header)
    keys = {"ignore": "[mail, colour]"}
    publish(tmp_path, NOISE, **keys)
    gone = next(row[SAMPLE_ID] for row in rows(tmp_path / "lake") if row["mail"] == "ada7@example.org")
    proof, _ = forget(tmp_path, "mail = 'ada7@example.org'", steps=NOISE, **keys)
    assert proof["asked"] == "mail = ?"
    assert len(proof["hashes_of_ids"]) == 1
    folder = tmp_path / "lake" / ".augmill" / DATASET / "forgotten"
    text = b"".join(file.read_bytes() for file in sorted(folder.iterdir()))
    assert b"ada7" not in text
    assert gone.encode() not in text
    number = np.float64(made[7].split(",")[0])
    assert repr(float(number)).encode() not in text


@pytest.mark.parametrize(
    ("text", "ids", "words"),
    [
        ("custumer = 7", (), "there is no column 'custumer'"),
        ("customer = 77", (), "no row of made meets the condition customer = ?"),
        ("customer = 'abc'", (), "'abc' is none"),
        ("", ("0" * 32,), "has no row 0000"),
    ],
)
def test_a_question_that_means_nothing_is_refused_and_nothing_is_noted(folder, text, ids, words):
    with pytest.raises(PolicyError, match=words):
        forget(folder, text, ids)
    assert entries(lake_of(folder).objects(DATASET)) == ()
    assert exactly(folder / "lake") == exactly(folder / "lake", 0)


def test_a_child_is_not_forgotten_by_itself(folder):
    child = next(row for row in rows(folder / "lake") if row[PARENT_IDS])
    with pytest.raises(PolicyError, match=f"Forget its parents: {child[PARENT_IDS][0]}"):
        forget(folder, ids=[child[SAMPLE_ID]])


def test_rows_that_only_older_versions_hold_need_a_purge(folder):
    for number in range(2):
        left = [line for line in lines(60 * number, 60) if not line.startswith("7,")]
        write_csv(folder / "data" / f"{number}.csv", left, HEADER)
    publish(folder)
    chosen = choose(lake_of(folder), DATASET, ErasureRequest(predicate.parse("customer = 7")))
    assert chosen.holding() == [0]
    with pytest.raises(PolicyError, match=r"made@1 holds none of these rows, only versions 0 do.*\n.*--purge"):
        refuse_only_old(chosen, purge=False)
    assert {row[SPLIT] for row in rows(folder / "lake")} == {"train", "validation", "test"}


def purged(folder, lake=None):
    """Forget customer 7 and purge; the lake may be elsewhere."""
    lake = lake or lake_of(folder)
    asked = ErasureRequest(predicate.parse("customer = 7"))
    chosen = choose(lake, DATASET, asked)
    entry = add_to_list(lake, asked, chosen, **WHEN)
    go(policy(folder, "data/*.csv", STEPS, **KEYS), lake.store.uri)
    confirm(lake, asked, chosen)
    return purge(Purge(lake, asked, chosen, entry, 7, "test", ""))


def test_a_pinned_version_is_not_purged(folder):
    lake = lake_of(folder)
    pin(lake, lake.find(DATASET), "audit", **WHEN)
    with pytest.raises(PolicyError, match="made@0 hold such rows and are pinned"):
        refuse_pinned(lake, choose(lake, DATASET, ErasureRequest(predicate.parse("customer = 7"))))


def test_nothing_is_purged_while_a_run_is_under_way(folder):
    lake = lake_of(folder)
    with leases.held(signs_of_life(lake.objects(DATASET)), leases.RUNS, "somebody"):
        with pytest.raises(StorageError, match="nothing was purged from made: a run is under way: somebody") as fault:
            purged(folder)
        assert "killed counts for 180 seconds" in fault.value.remedy
        assert lake.tombstones(DATASET) == {}
    assert purged(folder)["versions"] == [0]


def test_a_purge_that_was_killed_goes_on_with_the_next(folder, monkeypatch):
    """Killed before a version is marked, the same rows are found again; killed after, the files are told by marks."""
    delete, calls = reachability.delete, []

    def killed(store, names):
        calls.append(store)
        if len(calls) in (2, 7):
            raise KeyboardInterrupt
        delete(store, names)

    monkeypatch.setattr(reachability, "delete", killed)
    with pytest.raises(KeyboardInterrupt):
        purged(folder)
    lake = lake_of(folder)
    assert lake.tombstones(DATASET) == {}
    old = {file.path for file in lake.readable(f"{DATASET}@0").snapshot.files}
    with pytest.raises(KeyboardInterrupt):
        purged(folder)
    with pytest.raises(DataError, match="made@0 is gone: its files held rows"):
        lake.readable(f"{DATASET}@0")
    assert any((folder / "lake" / DATASET / path).exists() for path in old)
    finish(lake, DATASET, "test")
    assert not [path for path in old if (folder / "lake" / DATASET / path).exists()]
    assert exactly(folder / "lake")


def test_a_version_that_a_slow_run_published_meanwhile_is_purged_too(folder):
    """It began before the list was written, and published after the rows were chosen."""
    lake = lake_of(folder)
    asked = ErasureRequest(predicate.parse("customer = 7"))
    chosen = choose(lake, DATASET, asked)
    write_csv(folder / "data" / "2.csv", lines(120, 40), HEADER)
    assert publish(folder).number == 1
    entry = add_to_list(lake, asked, chosen, **WHEN)
    publish(folder)
    confirm(lake, asked, chosen)
    assert purge(Purge(lake, asked, chosen, entry, 7, "test", ""))["versions"] == [0, 1]


@pytest.mark.s3
def test_on_a_bucket_as_on_a_folder(folder, s3):
    lake = Lake(s3)
    go(policy(folder, "data/*.csv", STEPS, **KEYS), s3.uri)
    before = {file.path for file in lake.find(DATASET).snapshot.files}
    document = purged(folder, lake)
    assert document["versions"] == [0]
    assert set(document["files"]) == before
    assert not [path for path in before if s3.sub(DATASET).exists(path)]
    assert 7 not in {row["customer"] for row in rows(s3.uri) if row[ORIGIN] == REAL}
