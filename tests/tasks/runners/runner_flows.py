"""A flow as a process of its own, whose two shards sleep until somebody kills something."""

import subprocess
import sys
import time
from pathlib import Path

import psutil

SCRIPT = """
import sys
sys.path[:0] = sys.argv[2:]
import runner_shards
from augmill.tasks.runners import {noun} as noun
if __name__ == "__main__":
    with {opening} as runner:
        runner.map(runner_shards.sleeps, [{{"folder": sys.argv[1]}}] * 2)
"""


def start(noun: str, opening: str, folder: Path) -> tuple[subprocess.Popen, list[psutil.Process]]:
    """Start it and return it with all the processes below it, once both shards sleep."""
    here = Path(__file__).resolve()
    script = folder / "script.py"
    script.write_text(SCRIPT.format(noun=noun, opening=opening))
    with (folder / "log").open("w") as log:
        flow = subprocess.Popen(
            [sys.executable, script, folder, here.parent, here.parents[3]], stdout=log, stderr=log, process_group=0
        )
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*.pid"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    family = psutil.Process(flow.pid).children(recursive=True)
    asleep = {int(file.stem) for file in folder.glob("*.pid")}
    assert len(asleep) == 2
    assert asleep <= {process.pid for process in family}
    return flow, family


def all_gone(family: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(family, timeout=20)[1]


def kills(folder: Path, which: int, times: int, count: int = 8) -> list[dict]:
    """Shards of which one kills its worker that many times."""
    return [{"name": f"part-{i}", "folder": str(folder), "kills": times * (i == which)} for i in range(count)]


def starts(folder: Path) -> dict[str, int]:
    """How often each shard was started."""
    return {file.name: file.stat().st_size for file in folder.iterdir()}
