"""Images: the augment stage against a bare albumentations loop with the same decode, transforms and encode.

Photographs as JPEG, where the pixels cost, and thumbnails as PNG, where all that is done per picture does. Both
sides run some 10 seconds in two processes; the loop's have imported everything before the clock starts, the
stage's have had the stages before it for that, as in any run.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from measuring import Line, home, line, output

COPIES, PROCESSES = 4, 2
POLICY = """
dataset: bench-images
modality: image
source: {{uri: {folder}}}
label: label
split: {{fractions: {{train: 1.0}}}}
steps:
  - name: mild
    transforms:
      - {{use: image.horizontal_flip, invariance: made data}}
      - {{use: image.rotate, invariance: made data, params: {{angle_degrees_range: [-15.0, 15.0]}}}}
      - {{use: image.brightness_contrast, invariance: made data}}
    amount: {{copies: {copies}}}
"""
STAGES = """
import sys, time
from dataclasses import replace
from functools import partial
from pathlib import Path
from augmill.flows.settings import quiet_libraries, settings
if __name__ == "__main__":
    current = settings()
    quiet_libraries(current)
    from augmill.flows import augment as flow
    from augmill.flows.policy_request import resolve_with_settings
    from augmill.flows.runner_choice import open_runner
    from augmill.tasks.runs.run import Run
    from augmill.flows.preload import warm_worker
    asked = resolve_with_settings(Path(sys.argv[1]), current)
    warm = partial(warm_worker, asked.ctx)
    with open_runner(replace(current, workers=int(sys.argv[2])), "process", warm) as workers:
        run = Run(asked, workers, "", "bench")
        real = flow.split.fn(run, flow.validate.fn(run, flow.ingest.fn(run)))
        fitted = flow.fit.fn(run, real)
        began = time.perf_counter()
        made = flow.make_children.fn(run, fitted)
        print(time.perf_counter() - began, sum(shard.rows for shard in made))
"""


@dataclass(frozen=True)
class Case:
    """Pictures of one size and format; `count` of them keep both sides busy for some 10 seconds."""

    side: int
    suffix: str
    count: int

    @property
    def flags(self) -> list[int]:
        """How OpenCV encodes a child, as the pipeline does: see `tasks/modalities/_image_codec.py`."""
        if self.suffix == ".png":
            return []
        sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        return [cv2.IMWRITE_JPEG_QUALITY, 95, *sampling]


CASES = (Case(224, ".jpg", 4000), Case(32, ".png", 12_000))


def measure(*, small: bool) -> list[Line]:
    """Children a second of both, on the same pictures, chain and number of processes."""
    return [_measured(Case(case.side, case.suffix, 60) if small else case) for case in CASES]


def _measured(case: Case) -> Line:
    with tempfile.TemporaryDirectory(prefix="augmill-pictures-") as folder:
        _pictures(Path(folder), case)
        # Turn by turn, and the better of two each: others may use the machine as well.
        turns = [(_bare(Path(folder), case), _ours(Path(folder))) for _ in range(2)]
        bare, ours = (max(side) for side in zip(*turns, strict=True))
    what = f"augment stage, {case.side} px {case.suffix[1:].upper()}, {PROCESSES} processes"
    return line(what, ours, bare, ">= 0.8", ours >= 0.8 * bare, "img/s")


def _pictures(folder: Path, case: Case) -> None:
    rng = np.random.default_rng(0)
    for number in range(case.count):
        small = rng.integers(0, 255, (14, 14, 3), dtype=np.uint8)
        image = cv2.resize(small, (case.side, case.side), interpolation=cv2.INTER_CUBIC)
        path = folder / ("a" if number % 2 else "b") / f"{number:05d}{case.suffix}"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 92] if case.suffix == ".jpg" else [])


def _ours(folder: Path) -> float:
    with home() as environment:
        policy = Path(environment["AUGMILL_HOME"], "bench.yaml")
        policy.write_text(POLICY.format(folder=folder, copies=COPIES))
        script = Path(environment["AUGMILL_HOME"], "stages.py")
        script.write_text(STAGES)
        said = output([str(script), str(policy), str(PROCESSES)], environment)
    seconds, rows = said.split()
    return int(rows) / float(seconds)


def _bare(folder: Path, case: Case) -> float:
    files = sorted(folder.glob(f"*/*{case.suffix}"))
    parts = [(files[start::PROCESSES], case) for start in range(PROCESSES)]
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        pool.map(_loop, [(files[:2], case)] * PROCESSES)  # imports are not what is compared
        began = time.perf_counter()
        made = sum(pool.map(_loop, parts, chunksize=1))
        return made / (time.perf_counter() - began)


def _loop(work: tuple[list[Path], Case]) -> int:
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    import albumentations as A

    cv2.setNumThreads(1)
    files, case = work
    chain: Any = A.Compose(
        [A.HorizontalFlip(p=1.0), A.Rotate(limit=(-15, 15), p=1.0), A.RandomBrightnessContrast(p=1.0)], seed=0
    )
    made = 0
    for file in files:
        image = cv2.cvtColor(cv2.imdecode(np.fromfile(file, dtype=np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        for _ in range(COPIES):
            changed = cv2.cvtColor(chain(image=image)["image"], cv2.COLOR_RGB2BGR)
            cv2.imencode(case.suffix, changed, case.flags)
            made += 1
    return made
