import pytest

from augmill.tasks.dry_runs.sampling_error import sampling_doubt


def answer(name="label_consistency_rate", observed=0.9, target=">= 0.95", **more):
    usual = {"success": False, "layer": "semantic", "error": "", "on_failure": "fail"}
    return usual | {"name": name, "observed": observed, "target": target} | more


def test_a_rate_is_doubted_as_long_as_chance_may_explain_it():
    assert sampling_doubt(answer(), 30, is_complete=False) == "on so few rows it may be 0.744 to 0.965"
    assert sampling_doubt(answer(), 3000, is_complete=False) is None


@pytest.mark.parametrize(
    "given",
    [
        answer(success=True),
        answer(layer="structural", name="parents_to_exist", observed=0.99),
        answer(layer="custom", name="narrow_rows"),
        answer(name="generations", layer="gates", observed=2, target="<= 1"),
        answer(observed=None, error="no such column"),
        answer(name="model_delta", observed=-0.2, target="> 0", layer="gates", interval=[-0.3, -0.1]),
        answer(name="drop_share", observed=0.4, target="<= 0.1"),
    ],
)
def test_what_is_sure_on_few_rows_is_not_doubted(given):
    assert sampling_doubt(given, 100, is_complete=False) is None


@pytest.mark.parametrize(
    "given",
    [
        answer(name="enough_rows_to_judge", observed=0.5, target="<= 0"),
        answer(name="model_delta", layer="gates", observed=None, too_few=True, error="too few rows to judge: 3"),
        answer(name="model_delta", observed=-0.01, target="> 0", layer="gates", interval=[-0.05, 0.03]),
        answer(name="min_distance_ratio", observed=0.8, target=">= 0.9", layer="gates"),
        answer(name="drop_share", observed=0.11, target="<= 0.1"),
        answer(name="rows_budget", observed=100, target="<= 1,000", layer="gates", interval=[10, 2000]),
    ],
)
def test_what_more_rows_might_mend_is_doubted_unless_these_are_all(given):
    assert sampling_doubt(given, 100, is_complete=False)
    assert sampling_doubt(given, 100, is_complete=True) is None
