"""Every policy that comes with the project runs as it is and passes its own checks."""

import shutil
from pathlib import Path

import pytest

from tests.end_to_end.helpers import go

ROOT = Path(__file__).parents[2]
POLICIES = sorted((ROOT / "policies").glob("*.yaml"))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda file: file.stem)
def test_it_publishes(policy, tmp_path):
    for kind in ("policies", "expectations"):  # a run keeps hashes beside the policy's folder
        (tmp_path / kind).mkdir()
        shutil.copy(ROOT / kind / policy.name, tmp_path / kind)
    made = go(tmp_path / "policies" / policy.name, tmp_path / "lake")
    assert made.number == 0
    assert made.manifest.figures["checks"]
    assert all(check["success"] for check in made.manifest.figures["checks"])


def test_there_are_policies_to_try():
    assert {"breast-cancer", "digits", "wine"} <= {file.stem for file in POLICIES}
