"""Targets that no policy sets: where they lie, and on which side a figure must be."""

import pandas as pd
import pytest

from augmill.expectations import checks
from augmill.expectations.judge import judge
from augmill.policies.schema import Distribution, LabelConsistency

FIXED = {
    "catch_rate": ("expect_verifier_to_catch_swapped_labels", 0.05, 0.04),
    "class_share_gap": ("expect_class_shares_as_planned", 0.05, 0.06),
    "too_few_share": ("expect_enough_rows_to_judge", 0.0, 0.01),
}


@pytest.mark.parametrize("figure", list(FIXED))
def test_a_figure_beyond_its_fixed_target_fails(figure):
    name, good, bad = FIXED[figure]
    asked = (*checks.semantic(LabelConsistency()), *checks.distributional(Distribution(), [figure]))
    spec = next(spec for spec in asked if spec.type == name)
    assert judge(pd.DataFrame({figure: [good]}), [spec]).success
    assert not judge(pd.DataFrame({figure: [bad]}), [spec]).success
