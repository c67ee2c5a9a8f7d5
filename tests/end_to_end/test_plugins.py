"""Users bring transforms, expectations and verifiers in a folder of their own; the package is not touched."""

from __future__ import annotations

import pytest

from augmill.policies.errors import DataError, PolicyError
from tests.end_to_end.helpers import go, policy, rows, table_rows, write_csv

HALVE = '''"""Halves every number, which hurts wherever size matters."""
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters
from augmill.tasks.transforms.table import Block


class Params(Parameters):
    """Nothing to choose."""


ACCEPTS = Accepts(missing="kept")
BEHAVIOUR = Behaviour()


def draw(params, spec, state, seeds, bases):
    return {}


def apply(params, spec, parents, draws):
    return Block(parents[0].numeric / 2.0, parents[0].codes)
'''
WIDE = '''"""No width beyond a limit."""
from augmill.expectations.build import library


class ExpectNarrowRows(library().expectations.ExpectColumnValuesToBeBetween):
    column: str = "width"
    max_value: float = LIMIT


EXPECTATION = ExpectNarrowRows
'''
LENIENT = '''"""Believes every label."""
from augmill.tasks.verifiers import conformal


class Verifier(conformal.Verifier):
    @property
    def lenient(self):
        return True

    def judge(self, *given):
        judged = super().judge(*given)
        at = judged.column_names.index("outcome")
        return judged.set_column(at, "outcome", [["consistent"] * len(judged)])


def fit(*given):
    return conformal.fit(*given)
'''
STEP = """
  - name: halved
    transforms: [{use: tabular.halve, invariance: half as large is of the same kind}]
    amount: {copies: 1}
"""


@pytest.fixture
def made(tmp_path):
    write_csv(tmp_path / "raw.csv", table_rows(0, 150))

    def plugin(path, text):
        file = tmp_path / "plugins" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return tmp_path / "plugins"

    return plugin


def test_a_transform_of_ones_own_makes_children(tmp_path, made) -> None:
    folder = made("transforms/tabular/halve.py", HALVE)
    go(policy(tmp_path, "raw.csv", STEP), tmp_path / "lake", plugins=folder)
    found = {row["augmill_sample_id"]: row for row in rows(tmp_path / "lake")}
    children = [row for row in found.values() if row["augmill_step"] == "halved"]
    assert children
    assert all(row["width"] == found[row["augmill_parent_ids"][0]]["width"] / 2.0 for row in children)


def test_without_the_folder_the_transform_is_unknown(tmp_path, made) -> None:
    with pytest.raises(PolicyError, match=r"tabular\.halve"):
        go(policy(tmp_path, "raw.csv", STEP), tmp_path / "lake")


@pytest.mark.parametrize(("limit", "passes"), [("100.0", True), ("0.5", False)])
def test_an_expectation_of_ones_own_judges_the_children(tmp_path, made, limit, passes) -> None:
    made("transforms/tabular/halve.py", HALVE)
    folder = made("expectations/expect_narrow_rows.py", WIDE.replace("LIMIT", limit))
    checks = "{custom: [expect_narrow_rows], distribution: {max_copy_share: 1.0, max_near_copy_share: 1.0},"
    asked = policy(
        tmp_path,
        "raw.csv",
        STEP,
        checks=f"{checks} label_consistency: {{on_failure: warn, max_unfamiliar_share: 1.0}}}}",
    )
    if passes:
        assert go(asked, tmp_path / "lake", plugins=folder).number == 0
    else:
        with pytest.raises(DataError, match="narrow_rows"):
            go(asked, tmp_path / "lake", plugins=folder)


def test_a_verifier_of_ones_own_decides_about_labels(tmp_path, made) -> None:
    made("transforms/tabular/halve.py", HALVE)
    folder = made("verifiers/lenient.py", LENIENT)
    loose = "distribution: {on_failure: warn}"
    asked = policy(tmp_path, "raw.csv", STEP, checks=f"{{label_consistency: {{verifier: lenient}}, {loose}}}")
    version = go(asked, tmp_path / "lake", plugins=folder)
    steps = version.manifest.figures["steps"]
    assert steps[0]["contradicted"] == 0
    assert steps[0]["unfamiliar"] == 0
