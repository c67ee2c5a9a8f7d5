"""The command as a process: what it starts and leaves, what signals do to it, and a rerun after each of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.helpers import (
    NOISE,
    SMOTE,
    augmill,
    command,
    environment,
    exactly,
    go,
    policy,
    table_of,
    table_rows,
    write_csv,
)

WAIT_SECONDS = 300  # of a busy machine, on which Dask alone takes a minute to start


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[Path, list[str]]:
    """A policy file, and the rows that it makes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for number in range(4):
        write_csv(folder / "data" / f"{number}.csv", table_rows(number * 40, 40))
    file = policy(folder, "data/*.csv", SMOTE + NOISE)
    go(file, folder / "lake")
    return file, exactly(folder / "lake")


@pytest.fixture
def file(undisturbed, tmp_path) -> Path:
    """The same policy and data in a folder of the test's own."""
    shutil.copytree(undisturbed[0].parent / "data", tmp_path / "data")
    return Path(shutil.copy(undisturbed[0], tmp_path))


def started_for(home: Path) -> list[str]:
    """The command lines of all processes that live with this home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("AUGMILL_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.02)


def objects(home: Path) -> int:
    """How many results of stages are kept so far."""
    return sum(1 for _ in (home / "lake" / ".augmill" / "made" / "work").rglob("*.parquet"))


def made(number: int) -> Callable[[Path], bool]:
    """Whether that many results of stages are kept."""
    return lambda home: objects(home) >= number


def stopped(file: Path, number: int, reached: Callable[[Path], bool], *options: str) -> tuple[int, str]:
    """Start a run, send it a signal once it has come there; its exit code and what it said.

    Ctrl-C goes, as from a terminal, to all processes of the group.
    """
    home = file.parent / "home"
    run = subprocess.Popen(
        command("run", file, *options),
        cwd=file.parent,
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    wait_until(lambda: reached(home) or run.poll() is not None, "the moment")
    assert run.poll() is None, run.stderr.read()
    (os.killpg if number == signal.SIGINT else os.kill)(run.pid, number)
    _, err = run.communicate(timeout=WAIT_SECONDS)
    wait_until(lambda: started_for(home) == [], f"the end of {started_for(home)}")
    return run.returncode, err


def finished(file: Path, expected: list[str]) -> None:
    """A run after the disturbance ends well, with the rows of one that nobody disturbed, and leaves nothing."""
    home = file.parent / "home"
    done = augmill(home, "run", file, "--json")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert table_of(home / "lake").versions() == [0]
    assert exactly(home / "lake") == expected
    assert list((home / "lake").rglob(".tmp-*")) == []
    assert started_for(home) == []


def test_a_run_leaves_no_process_and_a_second_one_starts_none(file, undisturbed):
    home = file.parent / "home"
    finished(file, undisturbed[1])
    shutil.rmtree(home / "prefect")
    again = augmill(home, "run", file, "--json")
    assert again.returncode == 0, again.stderr
    document = json.loads(again.stdout)
    assert document["skipped"]
    assert document["version"] == 0
    assert document["prefect_run_url"] is None, "the page of a server that is gone"
    assert table_of(home / "lake").versions() == [0]
    assert not (home / "prefect").exists(), "a server was started"


STAGES = {"ingest": "raw", "augment": "children", "publish": "sealed"}


@pytest.mark.parametrize(
    ("runner", "stages"),
    [
        ("thread", ["augment"]),
        *(pytest.param(one, list(STAGES), marks=pytest.mark.slow) for one in ("thread", "process")),
    ],
)
def test_ctrl_c_in_any_stage_is_one_message_and_the_next_run_goes_on(file, undisturbed, runner, stages):
    home = file.parent / "home"
    for folder in map(STAGES.get, stages):
        code, err = stopped(file, signal.SIGINT, in_stage(folder), "--runner", runner)
        assert code == 130
        assert "Traceback" not in err
        assert err.count("Interrupted.") == err.count("remedy:") == 1
        assert folder == "sealed" or table_of(home / "lake").versions() == []
    finished(file, undisturbed[1])


def in_stage(folder: str) -> Callable[[Path], bool]:
    """Whether the stage has put its first result into its folder."""
    return lambda home: any((home / "lake" / ".augmill" / "made" / "work" / folder).glob("[!.]*"))


def test_kill_9_leaves_no_server_and_no_worker_and_the_next_run_goes_on(file, undisturbed):
    code, _ = stopped(file, signal.SIGKILL, made(8), "--runner", "process")
    assert code == -signal.SIGKILL
    assert table_of(file.parent / "home" / "lake").versions() == []
    finished(file, undisturbed[1])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("after", [1, 20])
@pytest.mark.parametrize("runner", ["process", "dask"])
def test_any_signal_at_any_time_costs_nothing_but_the_work_in_flight(file, undisturbed, number, after, runner):
    _, err = stopped(file, number, made(after), "--runner", runner)
    assert "distributed." not in err
    assert "Traceback" not in err
    finished(file, undisturbed[1])


@pytest.mark.slow
def test_two_runs_at_once_end_as_two_versions_or_one_clear_loser(file, undisturbed):
    """The same data under two seeds: each version holds the rows of one policy, never of both."""
    home = file.parent / "home"
    other = file.with_name("other.yaml")
    other.write_text(file.read_text() + "seed: 1\n")
    go(other, file.parent / "alone")
    alone = {0: undisturbed[1], 1: exactly(file.parent / "alone")}
    runs = [
        subprocess.Popen(
            command("run", one, "--json"),
            cwd=file.parent,
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for one in (file, other)
    ]
    ends = [(run, *run.communicate(timeout=WAIT_SECONDS)) for run in runs]
    published = {}
    for seed, (run, out, err) in enumerate(ends):
        assert run.returncode in (0, 4), err
        assert "Traceback" not in err
        if run.returncode == 0:
            published[json.loads(out)["version"]] = seed
        else:
            assert "remedy:" in err
    assert table_of(home / "lake").versions() == sorted(published) == list(range(len(published)))
    for version, seed in published.items():
        assert exactly(home / "lake", version) == alone[seed]


FLIPPED = """
  - name: flipped
    transforms:
      - use: image.vertical_flip  # noqa: AUG201 planted on purpose
        invariance: none
    amount: {copies: 1}
"""


@pytest.mark.slow
def test_a_run_that_its_checks_refuse_ends_with_code_3_and_one_message(tmp_path):
    keys = {"dataset": "flips", "modality": "image", "label": "label", "ignore": "[]", "checks": "{}"}
    file = policy(tmp_path, "builtin:digits", FLIPPED, **keys)
    done = augmill(tmp_path / "home", "run", file, "--json")
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["error"]["exit_code"] == 3
    assert "drop_share" in done.stderr
    assert not (tmp_path / "home" / "lake" / "flips" / "_delta_log").exists()
    assert started_for(tmp_path / "home") == []
