"""The privacy gate in a run: planted copies of real rows end it, and nothing is published."""

from __future__ import annotations

from pathlib import Path

import pytest

from augmill.policies.errors import DataError
from augmill.tasks.rows.provenance import SAMPLE_ID
from tests.end_to_end.helpers import NOISE, go, policy, table_of, table_rows, write_csv
from tests.end_to_end.test_planted_faults import first_row, real_rows, spoiling

OPEN = "max_near_copy_share: 1.0, min_distance_ratio: 0.0, max_membership_advantage: 1.0"
FAINT = NOISE.replace("scale: 0.05", "scale: 0.0001")
WITH_EPSILON = '''"""Adds Laplace noise, which is differentially private."""
from augmill.tasks.transforms.tabular.gaussian_noise import ACCEPTS, BEHAVIOUR, Params, apply, draw, refusals


def epsilon(params):
    return 0.5
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_csv(tmp_path / "data.csv", table_rows(0, 300))
    return tmp_path


def figures(folder: Path, asked: str, steps: str = NOISE, **more) -> dict[str, dict]:
    file = policy(folder, "data.csv", steps, gates=f"{{privacy: {{{asked}}}}}")
    version = go(file, folder / "lake", **more)
    return {check["name"]: check for check in version.manifest.figures["checks"] if check["layer"] == "gates"}


def refused(folder: Path, asked: str, steps: str = NOISE, **more) -> dict[str, dict]:
    with pytest.raises(DataError, match="nothing was published, because these gates failed") as caught:
        figures(folder, asked, steps, **more)
    assert table_of(folder / "lake").versions() == []
    return {check["name"]: check for check in caught.value.report["failed"]}


def copy_of_a_training_row(run, table):
    kind = table["kind"][0].as_py()
    twin = next(row for row in real_rows(run, "train") if row["kind"] == kind)
    for column in ("width", "height", "grains"):
        table = first_row(column, lambda *_, column=column: twin[column])(run, table)
    return table


def test_an_exact_copy_of_a_real_row_ends_the_run_and_is_named(folder):
    planted = []

    def plant(run, table):
        planted.append(table[SAMPLE_ID][0].as_py())
        return copy_of_a_training_row(run, table)

    found = refused(folder, OPEN, tamper={"augment": spoiling(plant, "hay")})
    assert list(found) == ["exact_copies"]
    assert [row["sample_id"] for row in found["exact_copies"]["failing"]] == planted


def test_near_copies_of_real_rows_end_the_run(folder):
    found = refused(folder, "", FAINT)
    assert list(found) == ["near_copies", "distance_ratio", "membership_advantage"]
    assert found["near_copies"]["observed"] > 0.9
    assert found["membership_advantage"]["interval"][0] > 0.5


def test_figures_of_a_run_that_may_pass_are_on_record_with_their_intervals(folder):
    found = figures(folder, OPEN)
    names = ("exact_copies", "near_copies", "held_out_near_copies", "distance_ratio", "membership_advantage")
    for name in names:
        figure = found[name]
        low, high = figure["interval"]
        assert low <= figure["observed"] <= high


def test_copies_that_are_made_on_purpose_count_as_copies(folder):
    double = "\n  - name: twins\n    transforms: [{use: tabular.random_oversample}]\n    amount: {copies: 1}\n"
    found = refused(folder, OPEN, double)
    assert found["exact_copies"]["observed"] == 1.0


def test_the_ledger_counts_what_a_row_gives_to_all_its_children(folder):
    plugin = folder / "plugins" / "transforms" / "tabular" / "laplace.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(WITH_EPSILON)
    steps = "\n  - name: noised\n    transforms: [{use: tabular.laplace}]\n    amount: {copies: 3}\n"
    found = figures(folder, f"{OPEN}, max_epsilon: 1.5", steps, plugins=folder / "plugins")
    assert found["epsilon"]["observed"] == 1.5


def test_a_step_that_declares_no_epsilon_is_not_differentially_private(folder):
    found = refused(folder, f"{OPEN}, max_epsilon: 9.0")
    assert found["epsilon"]["error"] == "not differentially private: shaken declares no epsilon"
