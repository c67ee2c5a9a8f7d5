"""The set-up of a game day: a dataset that is run and read, commands of runbooks, and checks from outside."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from game_parts import BUCKET, ROOT, Store, Unusable, Watch

DATASET = "slicks"
ROWS = 200
COMMAND_SECONDS = 420
POLICY = f"""\
dataset: {DATASET}
description: Rows that a game day is played with.
modality: tabular
source: {{uri: ../data/{DATASET}.csv}}
label: kind
expectations: {DATASET}
steps:
  - name: shaken
    transforms: [{{use: tabular.gaussian_noise, params: {{scale: 0.05}}, invariance: a sensor is no better}}]
    amount: {{copies: 1}}
checks:
  label_consistency: {{min_rate: 0.5, max_drop_share: 0.5, max_unfamiliar_share: 1.0, min_verifier_accuracy: 0.0}}
  distribution: {{max_near_copy_share: 1.0, max_out_of_range_share: 1.0, on_failure: warn}}
publish: {{channel: stable}}
"""
SUITE = f"""\
name: {DATASET}
expectations:
  - {{type: expect_column_values_to_not_be_null, kwargs: {{column: width}}}}
  - {{type: expect_column_values_to_be_between, kwargs: {{column: width, min_value: -100, max_value: 100}}}}
budget: {{max_quarantine_share: 0.1}}
"""


@dataclass
class Reader:
    """A training job that reads the newest version again and again, straight from the store.

    `digests`: a digest of the rows of each version; a version that was ever read with other rows is in `broken`.
    """

    uri: str
    options: dict[str, str]
    digests: dict[int, str] = field(default_factory=dict)
    broken: set[int] = field(default_factory=set)
    answers: int = 0
    refusals: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def look(self, version: int | None = None) -> int:
        """Read one version whole; returns its number."""
        from deltalake import DeltaTable

        table = DeltaTable(self.uri, version=version, storage_options=self.options)
        digest = self._digest(table)
        number = int(table.version())
        if self.digests.setdefault(number, digest) != digest:
            self.broken.add(number)
        return number

    def _digest(self, table: Any) -> str:
        import pyarrow.parquet as pq
        from pyarrow import fs

        store, scheme = fs.LocalFileSystem(), ""
        if self.options:
            endpoint = self.options["AWS_ENDPOINT_URL"]
            keys = {
                "access_key": self.options["AWS_ACCESS_KEY_ID"],
                "secret_key": self.options["AWS_SECRET_ACCESS_KEY"],
            }
            limits = {"connect_timeout": 5, "request_timeout": 10, "region": "us-east-1"}
            store = fs.S3FileSystem(**keys, endpoint_override=endpoint, scheme="http", **limits)
            scheme = "s3://"
        rows: list[str] = []
        for uri in table.file_uris():
            table_rows = pq.read_table(uri.removeprefix(scheme), filesystem=store, partitioning=None)
            rows += [repr(sorted(row.items(), key=lambda item: item[0])) for row in table_rows.to_pylist()]
        return f"{len(rows)} {hashlib.sha256(''.join(sorted(rows)).encode()).hexdigest()}"

    def run(self) -> None:
        """Read until `stop` is set."""
        while not self.stop.is_set():
            try:
                self.look()
                self.answers += 1
            except Exception:  # noqa: BLE001 - a store that is away may say so in any way; a wrong row is no exception
                self.refusals += 1
            self.stop.wait(0.5)


@dataclass
class World:
    """A folder with a policy, its data and its home; the store; and the environment of whoever works there."""

    folder: Path
    store: Store
    environment: dict[str, str]
    watch: Watch | None = None
    commands: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """AUGMILL_HOME."""
        return self.folder / "home"

    @property
    def data(self) -> Path:
        """The raw rows."""
        return self.folder / "data" / f"{DATASET}.csv"

    def augmill(self, *arguments: str, ok: bool = True) -> dict[str, Any]:
        """The document of one command; its error, if it fails and may."""
        done = self.shell(f"augmill {' '.join(arguments)} --json")
        try:
            document: dict[str, Any] = json.loads(done.stdout)
        except ValueError as fault:
            raise Unusable(
                f"augmill {arguments[0]} said no JSON ({fault}): {done.stdout[-300:]}{done.stderr[-1500:]}"
            ) from fault
        if ok and done.returncode:
            raise Unusable(f"augmill {' '.join(arguments)} failed: {done.stderr[-1500:]}")
        return document | {"exit_code": done.returncode, "stderr": done.stderr}

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """A line of a runbook, as the person on call would give it in this folder."""
        environment = dict(self.environment)
        if line.startswith(("augmill up", "augmill down", "augmill status")):
            environment.pop("AUGMILL_TRACKING_URI", None)  # the stack serves MLflow; the others are its clients
        self.commands.append(line)
        process = subprocess.Popen(
            ["bash", "-c", line],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=environment,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            err += f"\ngiven up after {COMMAND_SECONDS} s"
        return subprocess.CompletedProcess(line, process.returncode, out, err)

    def parts(self) -> dict[str, dict[str, Any]]:
        """The parts of the stack, by name, and its keeper as `keeper`."""
        document = self.augmill("status", ok=False)
        keeper = {"pid": document.get("supervisor", {}).get("pid"), "healthy": document.get("healthy")}
        return {part["name"]: part for part in document.get("parts", ())} | {"keeper": keeper}

    def write_rows(self, rows: int) -> None:
        """The source, the same for the same number: a longer one has all rows of a shorter one."""
        source, lines = random.Random(0), ["width,height,kind"]
        for number in range(rows):
            kind = number % 3
            lines.append(f"{source.gauss(4.0 * kind, 1.0):.6f},{source.gauss(-3.0 * kind, 1.0):.6f},{'abc'[kind]}")
        self.data.write_text("\n".join(lines) + "\n")


def make_world(folder: Path, store: Store) -> World:
    """Write policy, suite, data, and an `augmill` for the shell."""
    for name in ("policies", "expectations", "data", "bin"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "policies" / f"{DATASET}.yaml").write_text(POLICY)
    (folder / "expectations" / f"{DATASET}.yaml").write_text(SUITE)
    script = folder / "bin" / "augmill"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m augmill.flows.cli "$@"\n')
    script.chmod(0o755)
    prefixes = ("AUGMILL_", "PREFECT_", "MLFLOW_", "AWS_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{inherited.get('PATH', '')}"
    environment = (
        inherited
        | store.environment
        | {"PATH": path, "PYTHONPATH": f"{ROOT}:{ROOT}/infra/checkout", "AUGMILL_HOME": str(folder / "home")}
    )
    environment |= {"AUGMILL_LAKE": f"s3://{BUCKET}/lake", "AUGMILL_WORKERS": "2", "AUGMILL_RUNNER": "thread"}
    # Whoever finds the store away says so soon.
    environment |= {
        "AWS_MAX_ATTEMPTS": "2",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    }
    world = World(folder, store, environment)
    world.write_rows(ROWS)
    return world


@contextlib.contextmanager
def reading(world: World) -> Iterator[Reader]:
    """A reader that reads while the block runs."""
    reader = Reader(f"s3://{BUCKET}/lake/{DATASET}", world.store.environment)
    thread = threading.Thread(target=reader.run, daemon=True)
    thread.start()
    try:
        yield reader
    finally:
        reader.stop.set()
        thread.join(60)


def runbook_commands(runbook: str, world: World) -> list[str]:
    """The commands below "Mend" of a runbook, with the names and addresses of this game day."""
    text = (ROOT / "infra" / "runbooks" / f"{runbook}.md").read_text()
    mend = text.partition("\n## Mend\n")[2].partition("\n## ")[0]
    lines = "".join(re.findall(r"^ *```sh\n(.*?)^ *```$", mend, re.MULTILINE | re.DOTALL)).splitlines()
    if not lines:
        raise Unusable(f"infra/runbooks/{runbook}.md has no command below Mend")
    places = {"DATASET": DATASET}
    if world.watch is not None:
        places |= {"http://127.0.0.1:9090": world.watch.prometheus, "http://127.0.0.1:9093": world.watch.alertmanager}
    for written, actual in places.items():
        lines = [line.replace(written, actual) for line in lines]
    return lines


def version_problems(world: World, reader: Reader) -> list[str]:
    """What is wrong with versions that were read before: gone, or not the rows they were. Empty if nothing is."""
    wrong = [f"version {number} was seen with other rows" for number in sorted(reader.broken)]
    for number in sorted(reader.digests):
        try:
            reader.look(number)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the version is lost
            wrong.append(f"version {number} cannot be read: {str(fault)[:200]}")
    wrong += [f"version {number} has other rows now" for number in sorted(reader.broken) if not wrong]
    rebuilt = world.augmill("rebuild", DATASET, "--sample", "5", ok=False)
    if rebuilt["exit_code"]:
        wrong.append(f"rebuild found: {rebuilt['stderr'][-200:]}")
    return wrong


def seconds(since: float) -> float:
    """Seconds since a moment."""
    return round(time.monotonic() - since, 1)
