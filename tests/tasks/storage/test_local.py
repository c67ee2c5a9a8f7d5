"""What a folder promises when writers are killed, race, or meet a full disk."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from augmill.policies.errors import StorageError
from augmill.tasks.storage.store import Store

ROOT = Path(__file__).resolve().parents[3]
WRITER = """
import sys
from augmill.tasks.storage.store import Store
store, data = Store(sys.argv[1]), b"x" * int(sys.argv[2])
while True:
    print("ready", flush=True)
    store.write("big", data)
"""
RACER = """
import sys
from augmill.tasks.storage.store import Store
store = Store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(sum(store.create(f"name-{n}", sys.argv[2].encode() * 1000) for n in range(200)), flush=True)
"""
LIMITED = """
import resource, sys
from augmill.policies.errors import StorageError
from augmill.tasks.storage.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    Store(sys.argv[1]).write("big", b"x" * 1_000_000)
except StorageError as error:
    print(error)
"""


def python(script: str, *arguments: str) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/infra/checkout"}
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_killed_writer_leaves_the_old_object_or_the_new_one_and_no_half(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for delay in (0.01, 0.03, 0.06, 0.1):
        with python(WRITER, str(tmp_path), "50000000") as writer:
            writer.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(delay)
            writer.send_signal(signal.SIGKILL)
        assert [entry.bytes for entry in store.list()] in ([], [50_000_000])
    left = [name for name in os.listdir(tmp_path) if name != "big"]
    assert store.sweep() == len(left)
    assert set(os.listdir(tmp_path)) <= {"big"}


def test_sweeping_spares_the_temporary_file_of_a_living_writer(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with python(WRITER, str(tmp_path), "1000000") as writer:
        for _ in range(50):
            assert writer.stdout.readline() == "ready\n"
            for _ in range(20):
                store.sweep()
        writer.send_signal(signal.SIGKILL)
    assert store.size("big") == 1_000_000


def test_a_sweep_just_before_the_lock_only_makes_the_writer_start_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, lock, swept = Store(str(tmp_path)), fcntl.flock, []

    def sweep_first(handle: int, operation: int) -> None:
        if not swept:
            swept.append("begun")
            swept.append(store.sweep())
        lock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    store.write("x", b"1")
    assert swept == ["begun", 1]
    assert os.listdir(tmp_path) == ["x"]


def test_of_racing_processes_one_creates_each_name(tmp_path: Path) -> None:
    with python(RACER, str(tmp_path), "a") as left, python(RACER, str(tmp_path), "b") as right:
        for racer in (left, right):
            racer.stdout.readline()
        for racer in (left, right):
            racer.stdin.write("go\n")
            racer.stdin.flush()
        won = {"a": int(left.stdout.readline()), "b": int(right.stdout.readline())}
    assert sum(won.values()) == 200
    store = Store(str(tmp_path))
    kept = [store.read(f"name-{n}") for n in range(200)]
    assert {letter: kept.count(letter.encode() * 1000) for letter in "ab"} == won


def test_a_full_disk_is_said_to_be_full_and_leaves_nothing(full_disk: Path) -> None:
    store = Store(str(full_disk))
    store.write("small", b"kept")
    with pytest.raises(StorageError, match="the disk is full") as caught:
        store.write("small", b"x" * 3_000_000)
    assert "free space" in caught.value.remedy
    assert not caught.value.transient
    assert store.read("small") == b"kept"
    assert os.listdir(full_disk) == ["small"]


@pytest.mark.parametrize(("method", "placing"), [("write", "replace"), ("create", "link")])
def test_bytes_are_on_the_disk_before_they_get_their_name_and_the_name_before_it_is_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, placing: str
) -> None:
    steps: list[tuple[str, int, int]] = []
    synchronize, place = os.fsync, getattr(os, placing)

    def recorded_fsync(handle: int) -> None:
        status = os.fstat(handle)
        is_folder = stat.S_ISDIR(status.st_mode)
        steps.append(("sync folder" if is_folder else "sync file", status.st_ino, 0 if is_folder else status.st_size))
        synchronize(handle)

    def recorded_placing(source: str, target: str) -> None:
        status = os.stat(source)
        steps.append((placing, status.st_ino, status.st_size))
        place(source, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, placing, recorded_placing)
    getattr(Store(str(tmp_path)), method)("below/small", b"x" * 100)
    file, folder = os.stat(tmp_path / "below" / "small").st_ino, os.stat(tmp_path / "below").st_ino
    assert steps == [("sync file", file, 100), (placing, file, 100), ("sync folder", folder, 0)]


def test_a_file_size_limit_is_named(tmp_path: Path) -> None:
    with python(LIMITED, str(tmp_path)) as limited:
        assert "exceed the allowed file size" in limited.stdout.read()
    assert os.listdir(tmp_path) == []


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "lake").write_bytes(b"")
    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        Store(str(tmp_path / "lake")).write("x", b"1")


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    command = """
import os, sys
from augmill.policies.errors import StorageError
from augmill.tasks.storage.store import Store
if os.getuid() == 0:
    os.setuid(65534)
for action in (lambda: Store(sys.argv[1]).write("x", b"1"), lambda: list(Store(sys.argv[2]).list())):
    try:
        action()
    except StorageError as error:
        print(error)
"""
    # pytest's own folders are closed to other users, so this one is made beside them.
    with tempfile.TemporaryDirectory() as open_folder:
        os.chmod(open_folder, 0o755)
        locked, hidden = Path(open_folder, "locked"), Path(open_folder, "hidden")
        locked.mkdir(mode=0o555)
        hidden.mkdir(mode=0o000)
        with python(command, str(locked), str(hidden)) as writer:
            said = writer.stdout.read()
    assert said.count("permission denied") == 2
