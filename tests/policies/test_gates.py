"""Targets that nothing could meet are refused when the policy is read."""

import pytest
from pydantic import ValidationError

from augmill.policies.gates import Target


def test_a_target_whose_ends_are_crossed_is_refused():
    with pytest.raises(ValidationError, match=r"no figure is at least 0\.9 and at most 0\.1"):
        Target(min=0.9, max=0.1)


def test_a_target_of_one_value_is_one_that_can_be_met():
    assert Target(min=0.5, max=0.5).max == 0.5
