"""The worker of a game day is killed during a run, with all its processes at once, as when a machine fails."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import urllib.request
from typing import Any

from game_parts import BUCKET, Unusable, until
from game_world import DATASET, World

LARGER = 6_000
BEGINS_SECONDS = 180
ENDS_SECONDS = 120


class AtWork:
    """A run that a worker has begun; what becomes of it and of its dataset."""

    def __init__(self) -> None:
        self.run, self.version, self.results = "", -1, 0

    def harm(self, world: World) -> None:
        """Start a run, and kill the worker and all that it has started once the run has results in the lake."""
        self.version = world.augmill("show", DATASET)["version"]
        world.write_rows(LARGER)
        world.augmill("deploy")
        before = len(results(world))
        deployment = prefect_answer(world, f"deployments/name/augment/{DATASET}")
        self.run = prefect_answer(world, f"deployments/{deployment['id']}/create_flow_run", {})["id"]
        if not until(lambda: len(results(world)) > before, BEGINS_SECONDS):
            raise Unusable(f"the run of the worker does not begin: {self.state(world)}")
        freeze_and_kill(world, "worker")
        self.results = len(results(world)) - before

    def meanwhile(self, world: World) -> str:
        """No version of the killed run is visible."""
        newest = world.augmill("show", DATASET)["version"]
        if newest != self.version:
            return f"WRONG: a run was killed after {self.results} results, and {DATASET}@{newest} is there"
        return f"a run was killed after {self.results} results; {DATASET}@{newest} is still the newest"

    def mended(self, world: World) -> str:
        """The run is no longer under way, and the rows it was to publish are there, by the runbook's own command."""
        if not until(lambda: self.state(world) == "CRASHED", ENDS_SECONDS):
            return f"the run that was killed is {self.state(world)}"
        document = world.augmill("show", DATASET)
        if (document["version"], document["rows"]["real"]) != (self.version + 1, LARGER):
            return f"{DATASET}@{document['version']} has {document['rows']['real']} real rows"
        return ""

    def state(self, world: World) -> str:
        """The state of the run on Prefect's server."""
        return str(prefect_answer(world, f"flow_runs/{self.run}")["state_type"])


def freeze_and_kill(world: World, name: str) -> None:
    """kill -9 of a part and all below it while its keeper is frozen: else it would be back before anybody was told."""
    import psutil

    parts = world.parts()
    os.kill(parts["keeper"]["pid"], signal.SIGSTOP)
    part = psutil.Process(parts[name]["pid"])
    for process in (part, *part.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def results(world: World) -> list[str]:
    """The finished results of stages that the lake keeps."""
    client, names = world.store.client(), []
    for page in client.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix=f"lake/.augmill/{DATASET}/work/"
    ):
        names += [entry["Key"] for entry in page.get("Contents", ())]
    return names


def prefect_answer(world: World, path: str, body: dict[str, Any] | None = None) -> Any:
    """The JSON that Prefect's server answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{world.environment['PREFECT_API_URL']}/{path}", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
