"""Vacuum removes what nobody needs, and only that: versions, files, shards; beside runs, pins and channels."""

import json
import os
import shutil
import time

import pytest

from augmill.flows.cli import main
from augmill.policies.errors import DataError, PolicyError
from augmill.tasks.storage import channels, leases
from augmill.tasks.storage.store import Store
from augmill.tasks.versions import vacuum as work
from augmill.tasks.versions.pinning import pin, unpin
from augmill.tasks.versions.promotion import promote, rollback
from augmill.tasks.versions.vacuum import vacuum
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import DATASET, NOISE, exactly, go, policy, rows, table_of, table_rows, write_csv

WHEN = {"at_ms": 7, "by": "test"}
FIVE = range(5)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Five versions, each of other rows than the one before; `canary` points to version 2."""
    folder = tmp_path_factory.mktemp("vacuum")
    for number in FIVE:
        write_csv(folder / "data.csv", table_rows(100 * number, 60))
        go(policy(folder, "data.csv", NOISE), folder / "lake")
    promote(Lake(Store(str(folder / "lake"))), found(folder, 2), "canary", at_ms=7, run_id="test")
    return folder


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def lake(folder):
    return Lake(Store(str(folder / "lake")))


def found(folder, version):
    return Lake(Store(str(folder / "lake"))).find(f"{DATASET}@{version}")


def clean(lake, days=0.0, **more):
    return vacuum(lake, DATASET, days, **(WHEN | more))


def objects(lake, part=""):
    return {entry.name for entry in lake.store.list(part)}


def test_versions_that_are_named_stay_as_they_were_and_the_others_go(lake, folder):
    pin(lake, found(folder, 0), "the paper", **WHEN)
    before = {version: exactly(lake.store.uri, version) for version in (0, 2, 4)}
    document = clean(lake)
    assert document["removed"] == [1, 3]
    assert document["files"] == 12
    assert [one["version"] for one in document["kept"]] == [0, 2, 4]
    assert {version: exactly(lake.store.uri, version) for version in (0, 2, 4)} == before
    left = {path for version in (0, 2, 4) for path in (file.path for file in found(folder, version).snapshot.files)}
    assert {name for name in objects(lake, f"{DATASET}/") if name.endswith(".parquet")} == {
        f"{DATASET}/{path}" for path in left
    }


def test_within_the_retention_everything_stays(lake):
    before = objects(lake)
    document = clean(lake, 30.0)
    assert (document["removed"], document["files"], document["work"]["objects"]) == ([], 0, 0)
    assert objects(lake) == before


def test_a_version_stays_for_the_retention_after_it_was_followed_not_after_it_was_made(lake, folder):
    """Version 1 is 40 days old but was the current one until 20 days ago: jobs may still read it."""
    log = folder / "lake" / DATASET / "_delta_log"
    for version, days in enumerate((50, 40, 20, 10, 5)):
        at = time.time() - days * work.DAY_SECONDS
        os.utime(log / f"{version:020d}.json", (at, at))
    assert clean(lake, 30.0, dry_run=True, at_ms=int(time.time() * 1000))["removed"] == [0]
    assert clean(lake, 15.0, dry_run=True, at_ms=int(time.time() * 1000))["removed"] == [0, 1]


def test_a_dry_run_says_what_would_go_and_removes_nothing(lake):
    before = objects(lake)
    told = clean(lake, dry_run=True, at_ms=int(time.time() * 1000))
    assert objects(lake) == before
    real = clean(lake)
    assert {**told, "dry_run": False} == real
    assert real["removed"] == [0, 1, 3]
    assert real["work"]["objects"] > 20
    assert clean(lake)["removed"] == [], "the second vacuum has nothing to do"


def test_after_a_vacuum_the_next_run_goes_on_and_makes_the_rows_it_would_have_made(lake, folder):
    shutil.copytree(folder, folder / "twin")
    clean(lake)
    for where in (folder, folder / "twin"):
        write_csv(where / "data.csv", table_rows(350, 120))
        assert go(policy(where, "data.csv", NOISE), where / "lake").number == 5
    assert exactly(folder / "lake") == exactly(folder / "twin" / "lake")


def test_append_goes_on_from_the_shards_of_a_version_that_was_vacuumed_around(tmp_path):
    """The current version's shards are older than any retention, and their files are no longer in the source."""
    keys = {"source": '{uri: "data/*.csv", mode: append}'}
    for number in range(3):
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        write_csv(tmp_path / "data" / f"{number}.csv", table_rows(40 * number, 40))
        go(policy(tmp_path, "data/*.csv", NOISE, **keys), tmp_path / "lake")
    clean(Lake(Store(str(tmp_path / "lake"))))
    write_csv(tmp_path / "data" / "3.csv", table_rows(120, 40))
    go(policy(tmp_path, "data/*.csv", NOISE, **keys), tmp_path / "lake")
    assert sum(row["augmill_origin"] == "real" for row in rows(tmp_path / "lake")) == 160


def test_a_run_in_flight_keeps_vacuum_away_and_its_rows_are_right(lake, folder):
    """The run goes back to the data of version 0: it finds old shards and files, which nothing else needs."""
    write_csv(folder / "data.csv", table_rows(0, 60))
    told = []

    def meanwhile(run, value):
        told.append(clean(lake))
        return value

    wanted = exactly(lake.store.uri, 0)
    stages = ("ingest", "validate", "split", "fit", "augment", "verify", "check")
    version = go(policy(folder, "data.csv", NOISE), folder / "lake", tamper=dict.fromkeys(stages, meanwhile))
    assert [one["skipped"].partition(":")[0] for one in told] == ["a run is under way"] * len(stages)
    assert exactly(lake.store.uri, version.number) == wanted
    assert clean(lake)["removed"] == [0, 1, 3, 4]
    assert exactly(lake.store.uri, version.number) == wanted


def test_a_run_that_starts_while_vacuum_deletes_waits_and_vacuum_gives_way(lake, folder, monkeypatch):
    """A vacuum in batches of one object; the run begins after the second batch."""
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr(work, "BATCH", 1)
    monkeypatch.setattr(leases, "_LOOK_SECONDS", 0.02)
    delete, deleted, order = work.reachability.delete, [], []
    write_csv(folder / "data.csv", table_rows(0, 60))
    wanted = exactly(lake.store.uri, 0)
    with ThreadPoolExecutor(1) as pool:
        runs = []

        def slow(store, names):
            deleted.extend(names)
            delete(store, names)
            if len(deleted) == 2:
                runs.append(pool.submit(go, policy(folder, "data.csv", NOISE), folder / "lake"))
                runs[0].add_done_callback(lambda _: order.append("run"))
                for _ in range(500):
                    if any(True for _ in work.signs_of_life(lake.objects(DATASET)).list("runs/")):
                        break
                    time.sleep(0.01)

        monkeypatch.setattr(work.reachability, "delete", slow)
        document = clean(lake)
        order.append("vacuum")
        version = runs[0].result()
    assert order == ["vacuum", "run"]
    assert document["stopped"].startswith("a run is under way")
    assert len(deleted) == 2
    assert exactly(lake.store.uri, version.number) == wanted
    monkeypatch.undo()
    clean(lake)
    assert exactly(lake.store.uri, version.number) == wanted


def test_a_killed_run_is_told_from_a_living_one_by_its_last_sign(lake, folder):
    signs = work.signs_of_life(lake.objects(DATASET))
    signs.write("runs/dead.json", json.dumps({"about": "killed"}).encode())
    assert clean(lake)["skipped"] == "a run is under way: killed"
    long_ago = time.time() - leases.ALIVE_SECONDS - 5
    os.utime(signs.url("runs/dead.json"), (long_ago, long_ago))
    assert clean(lake)["removed"] == [0, 1, 3]
    assert list(signs.list()) == [], "nobody is left"


def test_a_vacuum_that_was_killed_leaves_no_version_that_looks_whole(lake, folder, monkeypatch):
    monkeypatch.setattr(work, "BATCH", 3)

    def killed(store, names):
        for name in names[:2]:
            store.delete(name)
        raise KeyboardInterrupt

    monkeypatch.setattr(work.reachability, "delete", killed)
    with pytest.raises(KeyboardInterrupt):
        clean(lake)
    monkeypatch.undo()
    for version in (0, 1, 3):
        with pytest.raises(DataError, match="vacuum has removed its files"):
            lake.readable(f"{DATASET}@{version}")
    rest = clean(lake)
    assert (rest["removed"], rest["files"]) == ([], 16)
    assert exactly(lake.store.uri, 2)
    assert exactly(lake.store.uri, 4)


def test_after_a_vacuum_that_was_killed_among_the_work_a_run_makes_what_is_gone(lake, folder, monkeypatch):
    """All that says "done" goes before what it speaks of, whatever was removed last."""
    write_csv(folder / "data.csv", table_rows(0, 60))
    wanted = exactly(lake.store.uri, 0)
    delete, calls = work.reachability.delete, []

    def killed(store, names):
        calls.append(names)
        delete(store, names if len(calls) < 3 else names[: len(names) // 2])
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(work.reachability, "delete", killed)
    monkeypatch.setattr(work, "BATCH", 10_000)
    with pytest.raises(KeyboardInterrupt):
        clean(lake)
    monkeypatch.undo()
    assert len(calls[1]) > 10
    assert exactly(folder / "lake", go(policy(folder, "data.csv", NOISE), folder / "lake").number) == wanted


def test_a_version_that_is_named_while_vacuum_begins_stays(lake, folder, monkeypatch):
    """The pin is set after vacuum has looked, and before it has marked the versions."""
    look, looked = work.find, []

    def late(*args):
        answer = look(*args)
        if not looked:
            lake_pins = lake.objects(DATASET).sub("pins")
            work_pin(lake_pins, 1)
        looked.append(args)
        return answer

    from augmill.tasks.storage import pins

    def work_pin(store, version):
        pins.change(store, version, pinned=True, note="", **WHEN)

    monkeypatch.setattr(work, "find", late)
    before = exactly(lake.store.uri, 1)
    assert clean(lake)["removed"] == [0, 3]
    assert exactly(lake.store.uri, 1) == before
    assert lake.readable(f"{DATASET}@1").version == 1


def test_a_channel_that_moves_to_a_version_while_vacuum_marks_it_moves_back(lake, folder, monkeypatch):
    at = found(folder, 1)
    move = channels.move

    def meanwhile(*args, **more):
        made = move(*args, **more)
        work.tombstones.mark(lake.objects(DATASET).sub("gone"), work.Gone(1, work.VACUUMED, 7, "vacuum"))
        return made

    monkeypatch.setattr(channels, "move", meanwhile)
    with pytest.raises(DataError, match="made@1 is gone"):
        promote(lake, at, "canary", at_ms=7, run_id="test")
    assert lake.channels(DATASET) == {"canary": 2}


def test_what_a_rollback_leads_to_is_kept(lake, folder):
    promote(lake, found(folder, 3), "canary", at_ms=7, run_id="test")
    assert clean(lake)["removed"] == [0, 1]
    assert rollback(lake, DATASET, "canary", at_ms=7, run_id="test")["version"] == 2


def test_a_pin_comes_and_goes_and_its_history_stays(lake, folder):
    assert pin(lake, found(folder, 1), "audit", **WHEN)["pins"] == [1]
    assert lake.pins(DATASET)[1].note == "audit"
    assert unpin(lake, found(folder, 1), **WHEN)["pins"] == []
    with pytest.raises(PolicyError, match="made@1 is not pinned"):
        unpin(lake, found(folder, 1), **WHEN)
    assert len(list(lake.objects(DATASET).sub("pins").list())) == 2
    assert clean(lake)["removed"] == [0, 1, 3]
    with pytest.raises(DataError, match="vacuum has removed"):
        pin(lake, found(folder, 1), "", **WHEN)


def test_files_that_no_version_ever_named_go_when_they_are_old(lake, folder):
    stray = folder / "lake" / DATASET / "augmill_split=train" / "stray.parquet"
    stray.write_bytes(b"left by a run that was killed")
    assert clean(lake, 1.0)["files"] == 0
    os.utime(stray, (time.time() - 2 * work.DAY_SECONDS,) * 2)
    assert clean(lake, 1.0)["files"] == 1
    assert not stray.exists()


def test_the_commands_say_what_is_kept_and_refuse_what_is_gone(lake, folder, monkeypatch, capfd, tmp_path):
    monkeypatch.setenv("AUGMILL_LAKE", lake.store.uri)

    def told(*args, code=0):
        assert main(list(args)) == code
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return out + err

    assert "made@0 is pinned" in told("pin", f"{DATASET}@0", "--note", "the paper")
    assert "would remove versions 1, 3" in told("vacuum", DATASET, "--retention-days", "0", "--dry-run")
    assert "removed versions 1, 3" in told("vacuum", "--all", "--retention-days", "0")
    assert "[canary -> 2, pinned 0, vacuumed 1, 3]" in told("list")
    assert json.loads(told("list", "--json"))["datasets"][0]["gone"][0] == {"version": 1, "reason": "vacuumed"}
    assert "cannot be read any more" in told("show", f"{DATASET}@1")
    assert "the paper" in told("show", f"{DATASET}@0")
    gone = "made@1 is gone: vacuum has removed its files"
    assert gone in told("promote", f"{DATASET}@1", "--to", "stable", code=3)
    assert gone in told("resolve", f"{DATASET}@1", code=3)
    assert gone in told("export", f"{DATASET}@1", "--to", str(tmp_path / "out"), code=3)
    assert gone in told("rebuild", f"{DATASET}@1", "--all", code=3)
    assert gone in told("explain", f"{DATASET}@1", "0" * 32, code=3)
    assert gone in told("pin", f"{DATASET}@1", code=3)
    told("pin", f"{DATASET}@9", code=2)
    told("pin", "nobody", code=2)
    told("vacuum", "nobody", code=2)
    told("vacuum", code=2)
    told("vacuum", DATASET, "--retention-days", "-1", code=2)
    assert "is no longer pinned" in told("pin", f"{DATASET}@0", "--remove")
    assert table_of(lake.store.uri).versions() == list(FIVE)


@pytest.mark.s3
def test_on_a_bucket_as_on_a_folder(s3, tmp_path):
    for number in range(3):
        write_csv(tmp_path / "data.csv", table_rows(100 * number, 60))
        go(policy(tmp_path, "data.csv", NOISE), s3.uri)
    lake = Lake(s3)
    pin(lake, lake.find(f"{DATASET}@0"), "", **WHEN)
    before = {version: exactly(s3.uri, version) for version in (0, 2)}
    time.sleep(1.1)  # S3 tells whole seconds
    document = clean(lake)
    assert (document["removed"], document["files"]) == ([1], 6)
    assert document["work"]["objects"] > 5
    assert {version: exactly(s3.uri, version) for version in (0, 2)} == before
    with pytest.raises(DataError, match="vacuum has removed its files"):
        lake.readable(f"{DATASET}@1")
    with leases.held(work.signs_of_life(lake.objects(DATASET)), leases.RUNS, "somebody"):
        assert clean(lake)["skipped"] == "a run is under way: somebody"


@pytest.mark.parametrize("days", ["nan", "inf"])
def test_what_is_no_number_of_days_removes_nothing(lake, folder, capfd, monkeypatch, days):
    monkeypatch.setenv("AUGMILL_LAKE", str(folder / "lake"))
    assert main(["vacuum", DATASET, "--retention-days", days]) == 2
    assert "is no number of days" in capfd.readouterr().err
    assert lake.tombstones(DATASET) == {}


@pytest.mark.parametrize("words", [["vacuum"], ["forget", "--where", "width > 0"]])
def test_a_version_is_no_data_set(folder, capfd, monkeypatch, words):
    monkeypatch.setenv("AUGMILL_LAKE", str(folder / "lake"))
    assert main([*words, f"{DATASET}@0"]) == 2
    assert f"write {DATASET}." in capfd.readouterr().err
