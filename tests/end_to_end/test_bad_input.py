"""Bad input: the right exit code, one message with a remedy, no traceback, and nothing published changes."""

from __future__ import annotations

import ctypes
import json
import os
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from augmill.tasks.stages import ingest
from tests.end_to_end.helpers import (
    GOOD,
    HEADER,
    NOISE,
    SMOTE,
    exactly,
    go,
    policy,
    suite,
    table_of,
    table_rows,
    write_csv,
)


def test_several_faults_of_a_policy_are_told_at_once_with_their_lines(here):
    file = here.folder / "policy.yaml"
    text = policy(here.folder, "data.csv").read_text()
    file.write_text(text.replace("k_neighbors: 3", "k_neighbors: none").replace("label:", "lable:") + "sede: 3\n")
    err = here.refused(file, 2, "lable", "sede", "k_neighbors", "3 faults")
    assert err.count("policy.yaml:") >= 3


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)
YAML = {
    "bomb": (BOMB, "aliases counted in full"),
    "loop": ("dataset: &me [*me]\n", "contains itself"),
    "tag": ("dataset: !!python/object/apply:os.system ['touch owned']\n", "The tag "),
    "not yaml": ("dataset: [\n", "not YAML"),
    "no text": ("\x00\x01", "control character"),
}


@pytest.mark.parametrize("name", list(YAML))
def test_yaml_that_is_no_policy(here, name):
    text, word = YAML[name]
    file = here.folder / "policy.yaml"
    file.write_text(text)
    here.refused(file, 2, "policy.yaml:", word)
    assert not (here.folder / "owned").exists()


def test_arguments_that_an_expectation_does_not_take(here):
    asked = suite(
        here.folder, "name: x\nexpectations:\n  - type: expect_column_values_to_not_be_null\n    kwargs: {a: 1}\n"
    )
    err = here.refused(policy(here.folder, "data.csv", **asked), 2, "AUG011", "expect_column_values_to_not_be_null")
    assert f"{here.folder.name}.yaml:3: AUG011" in err


def test_a_policy_that_is_not_there(here):
    here.refused(here.folder / "nothing.yaml", 2, "nothing.yaml")


def rewrite(text: str) -> Callable[[Path], None]:
    return lambda file: file.write_text(text) and None


def wider(column: str) -> Callable[[Path], None]:
    return rewrite("\n".join([f"{HEADER},{column}", *(f"{line},1" for line in GOOD)]) + "\n")


def forbid(file: Path) -> None:
    """To all but root, as whom tests run in containers; so root's privilege over files goes as well."""
    file.chmod(0)
    if os.geteuid() == 0:
        file_privileges(False)


def file_privileges(wanted: bool) -> None:
    """Take root's right to read what permissions forbid from this thread and those it starts, or give it back."""
    head = struct.pack("Ii", 0x20080522, 0)  # version 3, this thread
    data = ctypes.create_string_buffer(24)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(head, data) == 0
    words = list(struct.unpack("6I", data.raw))
    rights = 0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    words[0] = (words[0] | (words[1] & rights)) if wanted else words[0] & ~rights
    assert libc.capset(head, struct.pack("6I", *words)) == 0


@pytest.fixture
def privileges() -> Iterator[None]:
    yield
    if os.geteuid() == 0:
        file_privileges(True)


SOURCES = {
    "missing": (Path.unlink, 2, "data.csv"),
    "empty": (rewrite(""), 3, "data.csv"),
    "a header alone": (rewrite(HEADER + "\n"), 3, "no row"),
    "unreadable": (forbid, 4, "data.csv"),
    "no label column": (rewrite("\n".join([HEADER.replace("kind", "sort"), *GOOD]) + "\n"), 3, "'kind'"),
    "one class": (
        rewrite("\n".join([HEADER, *(f"{number}.5,2.5,3,pale,hay" for number in range(50))])),
        3,
        "one class",
    ),
    "a name of ours": (wider("augmill_split"), 3, "augmill_split"),
    "the source of a row": (wider("augmill_source"), 3, "augmill_source"),
    "names that differ in case": (wider("Width"), 3, "Width"),
    "a name twice": (rewrite("\n".join([HEADER.replace("grains", "width"), *GOOD])), 3, "width"),
}


@pytest.mark.parametrize("name", list(SOURCES))
def test_a_source_that_cannot_be_used(here, name, privileges):
    spoil, code, word = SOURCES[name]
    spoil(here.folder / "data.csv")
    here.refused(here.folder / "policy.yaml", code, word)


def test_a_source_that_changes_between_two_reads(here, monkeypatch):
    write_csv(here.folder / "data.csv", GOOD[:90])
    real_read = ingest.read

    def read(*args):
        with (here.folder / "data.csv").open("a") as stream:
            stream.write("1.5,2.5,3,pale,hay\n")
        yield from real_read(*args)

    monkeypatch.setattr(ingest, "read", read)
    here.refused(here.folder / "policy.yaml", 3, "data.csv", "chang")


@pytest.mark.parametrize("rows_of_class", [1, 2, 5])
def test_smote_of_a_class_too_small_gives_advice(here, rows_of_class):
    """Five rows are three or four to learn from, and a point between two of them needs three neighbours of each."""
    others = [line for line in GOOD if not line.endswith("reed")]
    write_csv(
        here.folder / "data.csv", [*others, *(f"{number}.25,-9.5,20,pale,reed" for number in range(rows_of_class))]
    )
    policy(here.folder, "data.csv", SMOTE.replace("k_neighbors: 3", "k_neighbors: 5"))
    got, out, err = here.run(here.folder / "policy.yaml")
    assert got in (2, 3), (out, err)
    assert "Traceback" not in err
    assert "reed" in err
    assert "neighbo" in err
    assert table_of(here.lake).versions() == [0]


def test_a_lake_on_a_full_disk(here):
    """A real one, of half a megabyte."""
    disk = here.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can be mounted by root only")
    try:
        go(here.folder / "policy.yaml", disk / "lake")
        write_csv(here.folder / "data.csv", table_rows(0, 5000))
        before = exactly(disk / "lake")
        os.environ["AUGMILL_LAKE"] = str(disk / "lake")
        got, out, err = here.run(here.folder / "policy.yaml")
        assert (got, out) == (4, ""), err
        assert "Traceback" not in err
        assert "the disk is full" in err
        assert err.count("remedy:") == 1
        assert table_of(disk / "lake").versions() == [0]
        assert exactly(disk / "lake") == before
        assert list(disk.rglob(".tmp-*")) == []
    finally:
        os.environ.pop("AUGMILL_LAKE", None)
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.s3
def test_a_bucket_that_is_missing(here, aws, monkeypatch):
    file = policy(here.folder, "s3://augmill-no-such-bucket/data/*.csv")
    here.refused(file, 4, "augmill-no-such-bucket", "the bucket does not exist")
    policy(here.folder, "data.csv", NOISE)
    monkeypatch.setenv("AUGMILL_LAKE", "s3://augmill-no-such-bucket/lake")
    here.refused(file, 4, "augmill-no-such-bucket", "the bucket does not exist")


def test_a_server_of_mlflow_that_is_down_loses_no_version_and_no_record(here, monkeypatch):
    policy(here.folder, "data.csv", NOISE)
    monkeypatch.setenv("AUGMILL_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    got, out, err = here.run(here.folder / "policy.yaml", "--json")
    assert got == 0, err
    assert "Traceback" not in err
    first = json.loads(out)
    assert first["version"] == 1
    assert first["mlflow"]["run_id"] is None
    assert first["mlflow"]["spooled"]
    monkeypatch.setenv("AUGMILL_TRACKING_URI", f"sqlite:///{here.folder / 'mlflow.db'}")
    got, out, err = here.run(here.folder / "policy.yaml", "--json")
    assert got == 0, err
    assert json.loads(out)["skipped"]
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{here.folder / 'mlflow.db'}")
    (experiment,) = (one for one in client.search_experiments() if one.name != "Default")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "made@1"
    assert table_of(here.lake).versions() == [0, 1]
