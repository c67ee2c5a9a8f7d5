"""Two runs that publish from the same version at the same moment, on a folder and on S3, and a whole run on S3."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from augmill.flows.cli import main
from augmill.tasks.runners.thread import Runner
from augmill.tasks.stages.publish import Version
from augmill.tasks.storage.delta import Conflict, Table
from augmill.tasks.storage.store import Store
from tests.end_to_end.helpers import DATASET, NOISE, exactly, go, policy, table_rows, write_csv


@pytest.fixture
def racers(tmp_path: Path) -> list[Path]:
    """Two policies of one dataset that differ in their seed."""
    files = []
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        write_csv(folder / "data.csv", table_rows(0, 80))
        files.append(policy(folder, "data.csv", NOISE, seed=str(seed)))
    return files


def race(racers: list[Path], lake: str) -> list[Version | BaseException]:
    """Run all to the point where all that is left is to publish; let them go at once."""
    barrier = threading.Barrier(len(racers))
    ends: list[Version | BaseException] = [ValueError("did not run")] * len(racers)

    def wait(_run, checked):
        barrier.wait(60)
        return checked

    def one(number: int) -> None:
        try:
            with Runner(1) as runner:
                ends[number] = go(racers[number], lake, runner=runner, tamper={"check": wait}, run_id=f"run-{number}")
        except Exception as fault:  # noqa: BLE001 - whatever it is, the test looks at it
            ends[number] = fault

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(racers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends


def test_of_two_runs_at_the_same_moment_one_publishes_and_the_other_must_plan_again(racers, store: Store, tmp_path):
    for number, file in enumerate(racers):
        go(file, tmp_path / f"alone-{number}")
    alone = [exactly(tmp_path / f"alone-{number}") for number in (0, 1)]
    ends = race(racers, store.uri)
    (winner,) = (number for number, end in enumerate(ends) if isinstance(end, Version))
    loser = ends[1 - winner]
    assert isinstance(loser, Conflict), loser
    assert loser.exit_code == 4
    assert Table(store.sub(DATASET)).versions() == [0]
    assert exactly(store.uri, 0) == alone[winner]
    assert go(racers[1 - winner], store.uri).number == 1
    assert exactly(store.uri, 1) == alone[1 - winner]
    assert exactly(store.uri, 0) == alone[winner], "a published version has changed"


def test_of_two_runs_that_only_add_rows_one_must_plan_again_too(tmp_path, store: Store):
    """The engine would let both commits through, one after the other: a version that neither has checked."""
    files = []
    for number in (0, 1):
        folder = tmp_path / str(number)
        write_csv(folder / "a.csv", table_rows(0, 40))
        files.append(policy(folder, "*.csv", ""))
    go(files[0], store.uri)
    for number, file in enumerate(files):
        write_csv(file.parent / f"b{number}.csv", table_rows(100 + 50 * number, 20))
    ends = race(files, store.uri)
    assert sorted(isinstance(end, Conflict) for end in ends) == [False, True], ends
    table = Table(store.sub(DATASET))
    assert table.versions() == [0, 1]
    assert len(exactly(store.uri, 1)) == 60


@pytest.mark.s3
@pytest.mark.usefixtures("on_api")
def test_a_source_and_a_lake_on_s3(s3: Store, versioned_s3: Store, s3_server, tmp_path, monkeypatch, capsys):
    """Object versions and ETags are recorded; the rows are those of a run on folders."""
    bucket = versioned_s3.uri.removeprefix("s3://").partition("/")[0]
    client = s3_server.client()
    local = tmp_path / "local"
    for number in range(2):
        path = write_csv(local / "data" / f"{number}.csv", table_rows(number * 40, 40))
        versioned_s3.write(path.name, path.read_bytes())
    go(policy(local, "data/*.csv", NOISE), local / "lake")
    (tmp_path / "remote").mkdir()
    file = policy(tmp_path / "remote", versioned_s3.url("*.csv"), NOISE, publish="{channel: stable}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AUGMILL_LAKE", s3.sub("lake").uri)
    assert main(["run", str(file), "--json"]) == 0, capsys.readouterr().err
    document = json.loads(capsys.readouterr().out)
    assert document["table_uri"] == s3.sub("lake", DATASET).uri
    for item in document["inputs"]:
        head = client.head_object(Bucket=bucket, Key=item["uri"].partition(f"{bucket}/")[2])
        assert item["version_id"] == head["VersionId"]
        assert item["etag"].strip('"') == head["ETag"].strip('"')
    assert exactly(s3.sub("lake").uri) == exactly(local / "lake")
    assert main(["run", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"]
    assert main(["resolve", f"{DATASET}@stable", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 0
    client.close()
