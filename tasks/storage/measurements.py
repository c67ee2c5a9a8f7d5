"""What was measured of a version after it was published: figures that were posted, and gates that were run again.

Measurements of a version are a folder, `<version>/00000001.json` and so on, each created only if its number is free.
Nothing is overwritten; of figures of one name the last counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from augmill.tasks.storage import json_objects
from augmill.tasks.storage.delta_commit import Conflict
from augmill.tasks.storage.error_mapping import redact
from augmill.tasks.storage.store import Store

ATTEMPTS = 100
SENT = ".sent"


@dataclass(frozen=True)
class Measurement:
    """Figures of one moment. Each of `checks` has at least `name`, `success`, `observed`, `target` and `on_failure`.

    `kind`: `reported` or `gates`. `at_ms`: milliseconds since 1970, as the caller says.
    """

    version: int
    number: int
    kind: str
    checks: list[dict[str, Any]]
    at_ms: int
    by: str

    @property
    def figures(self) -> dict[str, float]:
        """The figures by name, as MLflow is told them."""
        plain = {check["name"]: check["observed"] for check in self.checks if check["observed"] is not None}
        return {f"{self.kind}/{name}": float(figure) for name, figure in plain.items()}


def add(
    store: Store, version: int, kind: str, checks: Sequence[Mapping[str, Any]], *, at_ms: int, by: str
) -> Measurement:
    """Keep a measurement after all there are; of two at once both are kept, in some order."""
    number = max((one.number for one in of(store, version)), default=0)
    for _ in range(ATTEMPTS):
        number += 1
        made = Measurement(version, number, kind, [dict(check) for check in checks], at_ms, by)
        if store.create(_name(made), json.dumps(asdict(made), sort_keys=True).encode()):
            return made
    raise Conflict(f"cannot add to {redact(store.uri)}: others keep adding", "run the command again", transient=True)


def of(store: Store, version: int) -> list[Measurement]:
    """Every measurement of a version, oldest first."""
    names = [entry.name for entry in store.list(f"{version}/") if entry.name.endswith(".json")]
    return [_read(store, name) for name in sorted(names)]


def breaches(measured: Sequence[Measurement]) -> list[dict[str, Any]]:
    """What is below its target now and may not be: by name the last answer counts, so a better one mends a worse."""
    last = {(one.kind, check["name"]): check for one in measured for check in one.checks}
    return [check for check in last.values() if not check["success"] and check["on_failure"] == "fail"]


def unsent(store: Store, version: int) -> list[Measurement]:
    """Measurements of which MLflow has not been told yet."""
    sent = {entry.name.removesuffix(SENT) for entry in store.list(f"{version}/") if entry.name.endswith(SENT)}
    return [one for one in of(store, version) if _name(one) not in sent]


def mark_sent(store: Store, measurement: Measurement) -> None:
    """Note that MLflow has been told."""
    store.create(f"{_name(measurement)}{SENT}", b"")


def _name(measurement: Measurement) -> str:
    return f"{measurement.version}/{measurement.number:08d}.json"


def _read(store: Store, name: str) -> Measurement:
    return json_objects.read(
        store,
        name,
        Measurement,
        "restore the object from a backup, or delete it: the measurements before it then count",
    )
