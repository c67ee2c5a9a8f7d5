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
        """The figures by name, as MLflow takes them."""
        plain = {check["name"]: check["observed"] for check in self.checks if check["observed"] is not None}
        return {f"{self.kind}/{name}": float(figure) for name, figure in plain.items()}


def add(
    store: Store, version: int, kind: str, checks: Sequence[Mapping[str, Any]], *, at_ms: int, by: str
) -> Measurement:
    """Append a measurement; of two added at the same moment both are stored, in either order."""
    number = max((measurement.number for measurement in of(store, version)), default=0)
    for _ in range(ATTEMPTS):
        number += 1
        new_measurement = Measurement(version, number, kind, [dict(check) for check in checks], at_ms, by)
        if store.create(_name(new_measurement), json.dumps(asdict(new_measurement), sort_keys=True).encode()):
            return new_measurement
    raise Conflict(f"cannot add to {redact(store.uri)}: others keep adding", "run the command again", transient=True)


def of(store: Store, version: int) -> list[Measurement]:
    """Every measurement of a version, oldest first."""
    names = [entry.name for entry in store.list(f"{version}/") if entry.name.endswith(".json")]
    return [_read(store, name) for name in sorted(names)]


def breaches(measured: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Checks that miss their target with `on_failure: fail`; of several results of one check the last counts."""
    last = {(measurement.kind, check["name"]): check for measurement in measured for check in measurement.checks}
    return [check for check in last.values() if not check["success"] and check["on_failure"] == "fail"]


def unsent(store: Store, version: int) -> list[Measurement]:
    """Measurements that were not sent to MLflow yet."""
    sent = {entry.name.removesuffix(SENT) for entry in store.list(f"{version}/") if entry.name.endswith(SENT)}
    return [measurement for measurement in of(store, version) if _name(measurement) not in sent]


def mark_sent(store: Store, measurement: Measurement) -> None:
    """Note that the measurement was sent to MLflow."""
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
