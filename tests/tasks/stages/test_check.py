"""What the figures of a version say of judgements that were not made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.helpers import go, picture_policy, write_digits

NOISE = """
  - name: noisy
    transforms: [{use: image.gaussian_noise, params: {std_share_range: [0.01, 0.02]}, invariance: poor pens}]
    amount: {copies: 1}
"""


@pytest.mark.parametrize("steps", [NOISE, ""])
def test_children_of_rows_without_a_class_are_said_to_be_unjudged(tmp_path: Path, steps: str) -> None:
    write_digits(tmp_path / "data", (0, 1), 8)
    names = sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "data").rglob("*.png"))
    (tmp_path / "list.csv").write_text("\n".join(["file", *names]) + "\n")
    keys = {"source": "{uri: list.csv, format: manifest}", "columns": "{image: file}", "label": "null"}
    figures = go(picture_policy(tmp_path, "", steps, **keys), tmp_path / "lake").manifest.figures
    said = "not judged: rows have no class label; masks and boxes are checked for structure only"
    assert figures.get("not_judged") == (said if steps else None)
