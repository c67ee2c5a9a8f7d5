"""For who asks whether it does any good."""

from __future__ import annotations

from form import BAD, DATASETS, GOOD, WARN, Panel, board, newest

SHARES = ((None, BAD), (0.9, WARN), (1, GOOD))


def events(result: str) -> str:
    """Runs of 28 days, by how they ended."""
    return f'sum(dataset:service_level_events:28d{{{DATASETS}, service_level="run_success"{result}}})'


PROMISES = [
    Panel(
        "Datasets that are fresh",
        "Share of datasets with a schedule whose last success is younger than two intervals.",
        [(f"avg(dataset:fresh:bool{{{DATASETS}}})", "fresh")],
        "percentunit",
        "stat",
        SHARES,
    ),
    Panel(
        "Service levels that are met",
        "Share of the measured service levels with a target that the last versions meet.",
        [(f"avg(dataset:service_level_met:bool{{{DATASETS}}})", "met")],
        "percentunit",
        "stat",
        SHARES,
    ),
    Panel(
        "Service levels not measured",
        "What the last versions say nothing about. Not measured is not zero.",
        [(f"count(dataset:service_level_measured:bool{{{DATASETS}}} == 0) or vector(0)", "levels")],
        "short",
        "stat",
    ),
    Panel(
        "Runs that succeeded, 28 days",
        "Of all runs that ended; those that somebody interrupted are not counted.",
        [(events(', result="good"') + " / " + events(""), "succeeded")],
        "percentunit",
        "stat",
        ((None, BAD), (0.9, WARN), (0.95, GOOD)),
    ),
]
BUDGETS = [
    Panel(
        "Error budget left of 28 days",
        "1: untouched. 0: used up. Below 0: the service level is missed.",
        [(f"dataset:error_budget_left:28d{{{DATASETS}}}", "{{dataset}} {{service_level}}")],
        "percentunit",
        "bargauge",
        ((None, BAD), (0.01, WARN), (0.25, GOOD)),
        maximum=1,
    ),
    Panel(
        "Service levels of the last versions",
        "Shares: children made of those planned, valid raw rows, consistent labels, and so on.",
        [(f"dataset:service_level:ratio{{{DATASETS}}}", "{{dataset}} {{service_level}}")],
        "percentunit",
    ),
]
WORTH = [
    Panel(
        "Model delta",
        "Score of a student with the made rows less that of one without, on validation rows.",
        [(f'dataset:service_level:ratio{{{DATASETS}, service_level="model_delta"}}', "{{dataset}}")],
        "none",
    ),
    Panel(
        "Smallest class",
        "Its share of training rows, of the real ones and of all.",
        [(newest("augmill_version_smallest_class_ratio", "dataset, rows"), "{{dataset}} {{rows}}")],
        "percentunit",
    ),
    Panel(
        "Rows by origin",
        "Rows of the last versions: real, augmented, synthetic.",
        [(f"sum by (origin) ({newest('augmill_version_rows', 'dataset, split, origin')})", "{{origin}}")],
    ),
]
COST = [
    Panel(
        "Money",
        "What all runs have cost until now, at the price per CPU hour that each policy names.",
        [(newest("augmill_cost_total", "dataset, currency"), "{{dataset}} {{currency}}")],
    ),
    Panel(
        "CPU time",
        "Of all runs that published, until now.",
        [(newest("augmill_cpu_seconds_total", "dataset"), "{{dataset}}")],
        "s",
    ),
    Panel(
        "Bytes of versions",
        "Of real rows and of made ones, in the last versions.",
        [(f"sum by (part) ({newest('augmill_version_bytes', 'dataset, part')})", "{{part}}")],
        "bytes",
    ),
]
BOARD = board(
    "augmill-executive",
    "Are training sets fresh, good and worth their cost, and how much of what was promised is left?",
    "now-28d",
    [("Promises", 5, PROMISES), ("Error budgets", 9, BUDGETS), ("Worth", 8, WORTH), ("Cost", 8, COST)],
)
