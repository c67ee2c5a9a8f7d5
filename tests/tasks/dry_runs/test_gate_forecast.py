from augmill.policies.schema import Policy
from augmill.tasks.dry_runs.gate_forecast import forecast_gates

PLAN = {
    "rows": {"after": {"train": {"real": {"a": 60, "b": 40}}}},
    "steps": [{"name": "one", "planned": {"b": 100}}],
    "files": {"new_bytes": {"real": 10, "children": 5_000}},
    "cpu_seconds": {"augment": 2.0},
}


def asked(**gates):
    found = {"dataset": "x", "modality": "tabular", "source": {"uri": "x.csv"}, "label": "y", "steps": []}
    return Policy.model_validate(found | {"gates": gates})


def test_budgets_and_shares_are_judged_by_all_rows():
    budgets = {"max_rows": 99, "max_bytes": 5_000, "max_cpu_seconds": 1.0}
    found = {one["name"]: one for one in forecast_gates(asked(budgets=budgets, collapse={"min_real_share": 0.5}), PLAN)}
    assert {name: one["success"] for name, one in found.items()} == {
        "rows_budget": False,
        "bytes_budget": True,
        "cpu_seconds_budget": False,
        "real_share": True,
    }
    assert found["rows_budget"]["on_failure"] == "fail"
    assert found["cpu_seconds_budget"]["on_failure"] == "warn"  # another machine may be faster


def test_nothing_is_foreseen_where_nothing_would_be_made():
    assert forecast_gates(asked(budgets={"max_rows": 1}), {"up_to_date": True, "rows": {"after": {}}}) == []
    assert forecast_gates(asked(), PLAN) == []
