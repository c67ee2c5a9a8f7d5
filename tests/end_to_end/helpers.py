"""What the end-to-end tests share: small data, policies over it, the stages without Prefect, and rows as read back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from augmill.flows.open_run import remove_half_written, under_way
from augmill.tasks.pages.validation_page import write_refusal_page
from augmill.tasks.pipeline import ended, run_until
from augmill.tasks.rows.provenance import SAMPLE_ID
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runners.thread import Runner as ThreadRunner
from augmill.tasks.runs.request import resolve_request
from augmill.tasks.runs.run import Run
from augmill.tasks.stages.publish import Version
from augmill.tasks.storage.delta import Table
from augmill.tasks.storage.store import Store

ROOT = Path(__file__).parents[2]
DATASET = "made"
CLASSES = ("hay", "straw", "reed")
MILD = "{min_rate: 0.5, max_drop_share: 0.5, max_unfamiliar_share: 1.0, min_verifier_accuracy: 0.0}"
LOOSE = "{max_copy_share: 1.0, max_near_copy_share: 1.0, max_out_of_range_share: 1.0, on_failure: warn}"

Tamper = Mapping[str, Callable[[Run, Any], Any]]


def table_rows(start: int, count: int, shares: Sequence[float] = (0.6, 0.3, 0.1)) -> list[str]:
    """Lines of csv, the same for the same numbers: two measures far apart by class, a count, a colour, a label."""
    lines = []
    for number in range(start, start + count):
        random = np.random.default_rng(number)
        label = int(random.choice(len(shares), p=shares))
        width, height = random.normal(4.0 * label, 1.0), random.normal(-3.0 * label, 1.0)
        grains = int(random.poisson(5 + 4 * label))
        colour = ("pale", "dark")[int(random.random() < 0.5)]
        lines.append(f"{width:.6f},{height:.6f},{grains},{colour},{CLASSES[label]}")
    return lines


HEADER = "width,height,grains,colour,kind"
GOOD = table_rows(0, 100)


def write_csv(path: Path, lines: Sequence[str], header: str = HEADER) -> Path:
    """A csv file with its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def write_digits(folder: Path, labels: Sequence[int], per_label: int, start: int = 0) -> Path:
    """An image folder of scikit-learn's digits, `per_label` of each, from the `start`-th on."""
    import cv2
    from sklearn.datasets import load_digits

    digits = load_digits()
    for label in labels:
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        mine = np.flatnonzero(digits.target == label)[start : start + per_label]
        for number in mine:
            picture = np.round(digits.images[number] * 255 / 16).astype(np.uint8)
            ok, encoded = cv2.imencode(".png", picture)
            assert ok
            (folder / str(label) / f"{number:05d}.png").write_bytes(encoded.tobytes())
    return folder


SMOTE = """
  - name: between
    transforms: [{use: tabular.smote, params: {k_neighbors: 3}, invariance: between two of a kind}]
    amount: {to_share: 0.25}
    only: [reed]
"""
NOISE = """
  - name: shaken
    transforms: [{use: tabular.gaussian_noise, params: {scale: 0.05}, invariance: measured again}]
    amount: {copies: 1}
"""
BLEND = """
  - name: blended
    transforms: [{use: tabular.mixup, invariance: the label is blended alike}]
    amount: {to_count: 50}
"""


def policy(folder: Path, uri: str, steps: str = SMOTE + NOISE, **more: str) -> Path:
    """A policy file over the made table; `more` adds or replaces top-level keys."""
    keys = {
        "dataset": DATASET,
        "modality": "tabular",
        "source": f"{{uri: {json.dumps(uri)}}}",
        "label": "kind",
        "ignore": "[colour]",
        "checks": f"{{label_consistency: {MILD}, distribution: {LOOSE}}}",
        "steps": steps.rstrip() if steps.strip() else "[]",
    } | more
    file = folder / "policy.yaml"
    file.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))
    return file


def suite(folder: Path, text: str) -> dict[str, str]:
    """A suite where policies look for it, `../expectations`; returns the key that names it."""
    file = folder.parent / "expectations" / f"{folder.name}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return {"expectations": folder.name}


def go(
    policy: Path,
    lake: Path | str,
    *,
    shard_rows: int | None = None,
    runner: Runner | None = None,
    tamper: Tamper | None = None,
    run_id: str = "test",
    plugins: Path | None = None,
) -> Version:
    """All stages up to publish, in the order of the flow; `tamper` may change what a stage hands on."""
    asked = resolve_request(policy, lake=str(lake), home=policy.parent / "home", shard_rows=shard_rows, plugins=plugins)
    remove_half_written(asked.ctx)
    with under_way(asked.ctx, run_id) as hold:
        if runner is not None:
            return _stages(Run(asked, runner, "", run_id, hold=hold, keep_refusal=write_refusal_page), tamper or {})
        with ThreadRunner(2) as threads:
            return _stages(Run(asked, threads, "", run_id, hold=hold, keep_refusal=write_refusal_page), tamper or {})


def _stages(run: Run, tamper: Tamper) -> Version:
    """The stages without Prefect's bookkeeping: nothing to start, nothing to wait for."""

    def tampered(stage: Callable[..., Any]) -> Callable[..., Any]:
        if stage.__name__ not in tamper:
            return stage
        return lambda *handed: tamper[stage.__name__](run, stage(*handed))

    return ended(run_until("publish", run, tampered).version)


def table_of(lake: Path | str, dataset: str = DATASET) -> Table:
    """The published table."""
    return Table(Store(str(lake)).sub(dataset))


def rows(lake: Path | str, version: int | None = None, dataset: str = DATASET) -> list[dict[str, Any]]:
    """Every published row with every column, sorted by id."""
    table = table_of(lake, dataset)
    number = table.versions()[-1] if version is None else version
    return pa.Table.from_batches(table.read(number)).sort_by(SAMPLE_ID).to_pylist()


def exactly(lake: Path | str, version: int | None = None, dataset: str = DATASET) -> list[str]:
    """The rows as text that tells apart all that differs: the order of columns, 1 from 1.0, every byte of an image."""
    return [repr(row) for row in rows(lake, version, dataset)]


def quarantined(lake: Path | str, dataset: str = DATASET, *, children: bool = False) -> list[dict[str, Any]]:
    """The real rows of the quarantine table, or the children in it."""
    from augmill.tasks.storage.quarantine_table import read

    found = [row for batch in read(Store(str(lake)).sub(f"{dataset}.quarantine")) for row in batch.to_pylist()]
    return [row for row in found if (row["stage"] == "check") == children]


def command(*args: str | Path) -> list[str]:
    """The command line of `augmill`, run by this interpreter."""
    return [sys.executable, "-m", "augmill.flows.cli", *map(str, args)]


def environment(home: Path, **more: str) -> dict[str, str]:
    """The variables of a new user with `home` as AUGMILL_HOME; no setting of ours or of this session leaks in."""
    ours = ("AUGMILL_", "PREFECT_", "MLFLOW_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return (
        kept | {"AUGMILL_HOME": str(home), "AUGMILL_WORKERS": "2", "PYTHONPATH": f"{ROOT}:{ROOT}/infra/checkout"} | more
    )


def augmill(home: Path, *args: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one `augmill` command as a process of its own."""
    cwd = home.parent
    return subprocess.run(
        command(*args), check=False, capture_output=True, text=True, cwd=cwd, env=environment(home, **more)
    )


PICTURES = "pictures"
PICTURE_STEPS = """
  - name: posed
    transforms:
      - {use: image.affine, params: {angle_degrees_range: [-5.0, 5.0]}, invariance: nobody writes quite straight}
      - {use: image.gaussian_noise, params: {std_share_range: [0.01, 0.02]}, probability: 0.5, invariance: poor pens}
    amount: {copies: 1}
  - name: blended
    transforms: [{use: image.mixup, invariance: the label is blended alike}]
    amount: {to_count: 20}
  - name: pasted
    transforms: [{use: image.cutmix, invariance: the label follows the area}]
    amount: {to_count: 24}
"""


def picture_policy(folder: Path, uri: str, steps: str = PICTURE_STEPS, **more: str) -> Path:
    """A policy file over a folder of digits."""
    keys = {"dataset": PICTURES, "modality": "image", "label": "label", "ignore": "[]"}
    return policy(folder, uri, steps, **(keys | more))
