"""Break each part in turn, and check from outside that an alert is sent, nothing is lost, and the runbook repairs it.

    python3 infra/game_day.py                     all of it, a quarter of an hour
    python3 infra/game_day.py --only worker --only input
    python3 infra/game_day.py --json --keep       one document, and the folder with every log stays

Starts an S3 store, the stack of `augmill up`, Prometheus and Alertmanager with the shipped rules (which wait a second
where they say a minute), a dataset, and a reader that reads its newest version all the time. For each break: kill -9
or fill or corrupt; wait until the webhook of whoever is on call has the alert; do what the runbook of the alert says
below "Mend", line by line; wait until the alert has ended; read every version ever seen again and compare it, and make
some rows of the last one anew. Ends with exit code 0 only if all of that held. Needs Linux and Debian's prometheus and
prometheus-alertmanager; the full disk needs root, to mount a small one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from game_parts import Store, Unusable, free_port, program, until, watching
from game_worker import AtWork, freeze_and_kill
from game_world import DATASET, ROWS, Reader, World, make_world, reading, runbook_commands, seconds, version_problems

ALERT_SECONDS = 240
ENDS_SECONDS = 240
DISK_MEGABYTES = 700
POLICY = f"policies/{DATASET}.yaml"


@dataclass
class Break:
    """One thing that breaks. `harm` does it; `meanwhile` is done while it is broken and says what was seen;
    `by_hand` is what the runbook, which has the name of the alert, says in words; `mended` says what is still wrong
    after its commands."""

    name: str
    alert: str
    what: str
    harm: Callable[[World], None]
    meanwhile: Callable[[World], str] = lambda _: ""
    by_hand: Callable[[World], None] = lambda _: None
    mended: Callable[[World], str] = lambda _: ""


@dataclass
class Outcome:
    """The outcome of a break, as seen from outside."""

    name: str
    broke: str
    alert: str
    told_after_seconds: float | None = None
    readers: str = ""
    meanwhile: str = ""
    mended_by: list[str] = field(default_factory=list)
    ended_after_seconds: float | None = None
    wrong: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all of it held."""
        return not self.wrong


def kill_part(name: str) -> Callable[[World], None]:
    """kill -9 of a part."""
    return lambda world: freeze_and_kill(world, name)


def thaw(world: World) -> None:
    """Let the keeper go on: from here the runbook is in charge."""
    os.kill(world.parts()["keeper"]["pid"], signal.SIGCONT)


def all_parts_well(world: World) -> str:
    """Wait for a healthy stack."""
    well = until(lambda: world.parts()["keeper"]["healthy"], 180)
    return "" if well else f"the stack is not well: {world.parts()}"


def run_without_mlflow(world: World) -> str:
    """A version is published all the same, and its record waits."""
    world.write_rows(ROWS + 20)
    document = world.augmill("run", POLICY)
    return (
        f"published {DATASET}@{document['version']}, its record waits"
        if "spooled" in document["mlflow"]
        else "no spool"
    )


def spool_is_empty(world: World) -> str:
    """The record that waited has reached MLflow."""
    document = world.augmill("show", DATASET)
    link = (document.get("mlflow") or {}).get("run_id")
    return all_parts_well(world) or ("" if link else f"the record has not reached MLflow: {document.get('mlflow')}")


def run_ends_with(*codes: int) -> Callable[[World], str]:
    """A run ends with one of these exit codes and, unless it is 0, one message."""

    def meanwhile(world: World) -> str:
        document = world.augmill("run", POLICY, ok=False)
        if document["exit_code"] not in codes:
            return f"WRONG: a run ended with {document['exit_code']}, not {codes}: {document['stderr'][-400:]}"
        if "Traceback" in document["stderr"]:
            return f"WRONG: a run printed a traceback: {document['stderr'][-1000:]}"
        return f"a run ended with exit code {document['exit_code']}"

    return meanwhile


def more_rows_and(then: Callable[[World], str], rows: int) -> Callable[[World], str]:
    """The source grows first, so that there is something to do."""

    def meanwhile(world: World) -> str:
        world.write_rows(rows)
        return then(world)

    return meanwhile


def kill_store(world: World) -> None:
    """kill -9 of the store."""
    world.store.kill()


def start_store(world: World) -> None:
    """Start the store again."""
    world.store.start()


def fill_disk(world: World) -> None:
    """Leave next to nothing of the disk of the home."""
    free = shutil.disk_usage(world.home).free
    with (world.home / "somebodys-export.bin").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free - (64 << 10), 1))


def free_disk(world: World) -> None:
    """ "Logs, exports and other things on the same disk": the export goes."""
    (world.home / "somebodys-export.bin").unlink()


def corrupt_input(world: World) -> None:
    """Half of the source is noise now, as after a broken copy."""
    content = world.data.read_bytes()
    lines = content.splitlines()
    world.data.write_bytes(
        b"\n".join([*lines[: len(lines) // 2], *(b"\xff\xfe,\x00garbage" for _ in range(len(lines)))])
    )
    (world.folder / "data" / "before").write_bytes(content)


def mend_input(world: World) -> None:
    """The source is copied again."""
    (world.folder / "data" / "before").replace(world.data)


def breaks() -> list[Break]:
    """In turn."""
    at_work = AtWork()
    return [
        Break(
            "worker", "WorkerGone", "kill -9", at_work.harm, at_work.meanwhile, thaw,
            lambda world: all_parts_well(world) or at_work.mended(world),
        ),
        Break(
            "prefect", "PrefectNotAnswering", "kill -9", kill_part("prefect"),
            by_hand=thaw, mended=all_parts_well,
        ),
        Break(
            "mlflow", "MlflowNotAnswering", "kill -9", kill_part("mlflow"),
            run_without_mlflow, thaw, spool_is_empty,
        ),
        Break(
            "store", "StoreNotAnswering", "kill -9", kill_store,
            more_rows_and(run_ends_with(4), ROWS + 40), start_store, all_parts_well,
        ),
        # The lake is elsewhere, so a run may manage in what little is left; either way readers see whole versions.
        Break(
            "disk", "DiskNearlyFull", "filled", fill_disk,
            more_rows_and(run_ends_with(0, 4), ROWS + 60), free_disk, all_parts_well,
        ),
        Break("input", "RunFailed", "corrupted", corrupt_input, run_ends_with(3), mend_input),
    ]  # fmt: skip


def play(failure: Break, world: World, reader: Reader, say: Callable[[str], None]) -> Outcome:
    """Break it, wait for the alert, mend it by its runbook, wait for its end, and check whether anything is lost."""
    outcome = Outcome(failure.name, failure.what, failure.alert)
    watch = world.watch
    if watch is None:
        raise Unusable("nobody watches")
    answers, refusals, began = reader.answers, reader.refusals, time.monotonic()
    say(f"{failure.name}: {failure.what}")
    failure.harm(world)
    outcome.meanwhile = failure.meanwhile(world)
    outcome.told_after_seconds = until(lambda: watch.seconds_until_alert(began, failure.alert), ALERT_SECONDS)
    if outcome.told_after_seconds is None:
        outcome.wrong.append(f"nobody was told of {failure.alert} within {ALERT_SECONDS} s")
    say(f"{failure.name}: told of {failure.alert} after {outcome.told_after_seconds} s; {outcome.meanwhile}")
    mending = time.monotonic()
    failure.by_hand(world)
    for line in runbook_commands(failure.alert, world):
        done = world.shell(line)
        if line == "augmill status":  # it says how things are: a person looks again until they are well
            done = until(lambda: (again := world.shell("augmill status")).returncode == 0 and again, 120) or done
        outcome.mended_by.append(line)
        if done.returncode:
            outcome.wrong.append(f"`{line}` of the runbook ended with {done.returncode}: {done.stderr[-400:]}")
    outcome.wrong += [problem for problem in (failure.mended(world),) if problem]
    if not until(lambda: not watch.firing(failure.alert), ENDS_SECONDS):
        outcome.wrong.append(f"{failure.alert} still fires {ENDS_SECONDS} s after it was mended")
    outcome.ended_after_seconds = seconds(mending)
    outcome.wrong += version_problems(world, reader)
    outcome.wrong += [outcome.meanwhile] if outcome.meanwhile.startswith(("WRONG", "no spool")) else []
    outcome.readers = f"{reader.answers - answers} whole versions read, {reader.refusals - refusals} times no answer"
    say(f"{failure.name}: {'ok' if outcome.ok else '; '.join(outcome.wrong)}")
    return outcome


@contextlib.contextmanager
def started(folder: Path, say: Callable[[str], None]) -> Iterator[World]:
    """Everything, up and well, with one version published."""
    with contextlib.ExitStack() as running:
        (folder / "store").mkdir(parents=True, exist_ok=True)
        running.enter_context(_small_disk(folder / "home", say))
        store = Store(folder / "store")
        world = make_world(folder, store)
        store.start()
        running.callback(store.stop)
        store.make_bucket()
        say("starting the stack")
        running.callback(lambda: _down(world))
        parts = {part["name"]: part for part in world.augmill("up", "--detach")["parts"]}
        world.environment["AUGMILL_TRACKING_URI"] = parts["mlflow"]["address"]
        world.environment["PREFECT_API_URL"] = parts["prefect"]["address"]
        exporter = free_port()
        command = [sys.executable, "-m", "augmill.flows.cli", *EXPORTER, str(exporter)]
        ready = f"http://127.0.0.1:{exporter}/metrics"
        running.enter_context(program(folder / "exporter.log", ready, *command, **world.environment))
        world.watch = running.enter_context(watching(folder, exporter))
        say("publishing a first version")
        world.augmill("run", POLICY)
        yield world


def _down(world: World) -> None:
    """Stop the stack, its keeper even if a game was given up while it was frozen."""
    with contextlib.suppress(Exception):
        thaw(world)
    world.shell("augmill down")


@contextlib.contextmanager
def _small_disk(home: Path, say: Callable[[str], None]) -> Iterator[None]:
    """A disk of its own for the home, where we may mount one."""
    home.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "augmill-game-day", str(home)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    if not mounted:
        say("no disk can be mounted here: the full disk is left out")
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(home)], check=False)


def table(outcomes: list[Outcome]) -> str:
    """One line per break."""
    rows = [("break", "alert", "told after", "what readers saw", "mended by", "ended after", "ok")]
    for outcome in outcomes:
        alerted = "never" if outcome.told_after_seconds is None else f"{outcome.told_after_seconds:.0f} s"
        ended = "" if outcome.ended_after_seconds is None else f"{outcome.ended_after_seconds:.0f} s"
        mended = f"{outcome.alert}.md: {len(outcome.mended_by)} commands"
        rows.append(
            (
                f"{outcome.name} {outcome.broke}",
                outcome.alert,
                alerted,
                outcome.readers,
                mended,
                ended,
                "ok" if outcome.ok else "NO",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *(f"{outcome.name}: {problem}" for outcome in outcomes for problem in outcome.wrong)])


def main() -> int:
    """Play, print the table, and say by the exit code whether all of it held."""
    names = [failure.name for failure in breaks()]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=names, help="this break alone; may be given again")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    parser.add_argument("--keep", action="store_true", help="keep the folder with every log")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="augmill-game-day-"))
    began, outcomes = time.monotonic(), []

    def say(text: str) -> None:
        print(f"{seconds(began):7.1f} s  {text}", file=sys.stderr, flush=True)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with started(folder, say) as world, reading(world) as reader:
            for failure in breaks():
                if options.only and failure.name not in options.only:
                    continue
                if failure.name == "disk" and not os.path.ismount(world.home):
                    continue
                outcomes.append(play(failure, world, reader, say))
    except Unusable as fault:
        print(f"no game: {fault}", file=sys.stderr)
        return 4
    finally:
        if options.keep:
            say(f"everything is in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    document: dict[str, Any] = {"breaks": [asdict(outcome) | {"ok": outcome.ok} for outcome in outcomes]}
    print(json.dumps(document, indent=2) if options.json else table(outcomes))
    return 0 if outcomes and all(outcome.ok for outcome in outcomes) else 1


EXPORTER = ["metrics", "--serve", "--port"]
"""The command that shows Prometheus what is known of every dataset and whether services answer."""

if __name__ == "__main__":
    sys.exit(main())
