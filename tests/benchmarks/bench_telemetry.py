"""What telemetry costs a run: CPU and wall seconds of counting, a textfile, and a trace of so many shards.

`python tests/benchmarks/bench_telemetry.py [SHARDS]`; a collector that takes everything runs in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from augmill.flows.event_sinks import log, metrics  # noqa: E402
from augmill.flows.settings import settings  # noqa: E402
from augmill.flows.telemetry.tracing import run_scope  # noqa: E402
from augmill.tasks.telemetry.spans import span  # noqa: E402
from tests.tasks.telemetry.told import document, happening  # noqa: E402

RECEIVER = ROOT / "tests" / "flows" / "receiver.py"


def timed(name: str, call: Callable[[], object]) -> None:
    """Print the seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    print(f"{name:<46} {time.perf_counter() - wall:6.3f} s wall {time.process_time() - cpu:6.3f} s CPU")


def count(run: int) -> None:
    """The two times that a run tells of itself."""
    for one in (happening("run.started", f"r{run}"), happening("run.published", f"r{run}", **document(run))):
        metrics.handle(one, settings())
        log.handle(one, settings())


def trace(shards: int) -> None:
    """A run of nine stages with so many shards in all."""
    with run_scope("r1", "made", settings()):
        for stage in range(9):
            with span(f"stage {stage}"):
                for _ in range(shards // 9):
                    with span("shard", {"process.pid": 1}):
                        pass


def main(shards: int) -> None:
    """Time each part twice: the first time imports its libraries."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"AUGMILL_HOME": f"{folder}/home", "AUGMILL_METRICS": folder}
        import prefect  # noqa: F401 - a flow has imported it, and what it takes along

        for run in range(2):
            timed(f"count, log and write a textfile, run {run + 1}", lambda run=run: count(run))
        timed(f"scopes of {shards} shards without a trace", lambda: trace(shards))
        call = [sys.executable, str(RECEIVER), f"{folder}/spans"]
        with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as collector:
            port = int(collector.stdout.readline()) if collector.stdout else 0
            os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{port}"
            for run in range(2):
                timed(f"trace of {shards} shards, run {run + 1}", lambda: trace(shards))
            collector.kill()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
