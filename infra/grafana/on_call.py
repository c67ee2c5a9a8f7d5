"""For who was paged."""

from __future__ import annotations

from form import ANY_IS_BAD, BAD, DATASETS, GOOD, WARN, YES_NO, Panel, board

UP = {"0": "no answer", "1": "answers"}

NOW = [
    Panel(
        "Alerts that fire",
        "Begin with pages. Each alert has a runbook of its name in infra/runbooks/.",
        [('ALERTS{alertstate="firing", severity=~"page|ticket"}', "")],
        "none",
        "table",
    ),
    Panel(
        "Services",
        "Whether the lake, the Prefect server and MLflow answer the exporter in time.",
        [("min by (component) (augmill_component_up)", "{{component}}")],
        "none",
        "stat",
        YES_NO,
        UP,
    ),
    Panel(
        "Scraped",
        "Whether Prometheus reaches the exporter, the push gateway, node exporters and Alertmanager.",
        [("min by (job) (up)", "{{job}}")],
        "none",
        "stat",
        YES_NO,
        UP,
    ),
]
WORKERS = [
    Panel(
        "Workers online",
        "Prefect workers with a recent heartbeat, by work pool.",
        [("max by (work_pool) (augmill_workers_online)", "{{work_pool}}")],
        "none",
        "stat",
        YES_NO,
    ),
    Panel(
        "Late runs",
        "Scheduled runs whose time is past and that no worker took.",
        [("max(augmill_late_runs)", "late")],
        "none",
        "stat",
        ANY_IS_BAD,
    ),
    Panel(
        "Records that wait for MLflow",
        "Nothing is lost: the next run of the dataset sends them.",
        [(f"sum(dataset:spooled_records:count{{{DATASETS}}})", "records")],
        "none",
        "stat",
        ANY_IS_BAD,
    ),
    Panel(
        "Disk free",
        "Of the disks of the home and of a local lake.",
        [("min by (folder) (augmill_disk_free_bytes / augmill_disk_size_bytes)", "{{folder}}")],
        "percentunit",
        "stat",
        ((None, BAD), (0.05, WARN), (0.2, GOOD)),
    ),
]
FRESHNESS = [
    Panel(
        "Age of the last success, in schedule intervals",
        "2 pages. Datasets without a schedule are not shown.",
        [
            (
                f"dataset:run_last_success:age_seconds{{{DATASETS}}} / dataset:schedule_interval:seconds",
                "{{dataset}}",
            )
        ],
        "none",
        steps=((None, GOOD), (1, WARN), (2, BAD)),
    ),
    Panel(
        "Last run succeeded",
        "Red while the run that ended last had failed.",
        [(f"dataset:run_last_succeeded:bool{{{DATASETS}}}", "{{dataset}}")],
        "none",
        "state-timeline",
        YES_NO,
        {"0": "failed", "1": "succeeded"},
    ),
]
BURNING = [
    Panel(
        "Burn rate, last run",
        "How many times as fast as 28 days allow. It must exceed the threshold too for an alert to fire.",
        [(f"dataset:burn_rate:last{{{DATASETS}}}", "{{dataset}} {{service_level}}")],
        "none",
    ),
    Panel(
        "Burn rate, 26 hours",
        "14 pages.",
        [(f"dataset:burn_rate:26h{{{DATASETS}}}", "{{dataset}} {{service_level}}")],
        "none",
    ),
    Panel(
        "Burn rate, 74 hours",
        "6 pages, 3 is a ticket.",
        [(f"dataset:burn_rate:74h{{{DATASETS}}}", "{{dataset}} {{service_level}}")],
        "none",
    ),
    Panel(
        "Burn rate, 170 hours",
        "1 is a ticket.",
        [(f"dataset:burn_rate:170h{{{DATASETS}}}", "{{dataset}} {{service_level}}")],
        "none",
    ),
]
DATA = [
    Panel(
        "Rows in quarantine",
        "Rows of the source that fail the schema, by dataset.",
        [(f"dataset:quarantined:rows{{{DATASETS}}}", "{{dataset}}")],
    ),
    Panel(
        "Checks that do not pass",
        "Of the last run of each dataset.",
        [(f"sum by (dataset) (dataset:check_passed:bool{{{DATASETS}}} == bool 0)", "{{dataset}}")],
        "none",
    ),
    Panel(
        "Runs under way",
        "Since when, by dataset. A run that was killed seems under way until that is found out.",
        [(f"dataset:run_under_way:seconds{{{DATASETS}}}", "{{dataset}}")],
        "s",
    ),
]
BOARD = board(
    "augmill-on-call",
    "What is wrong now, since when, and what does it hold up?",
    "now-2d",
    [
        ("Now", 8, NOW),
        ("Workers and room", 5, WORKERS),
        ("Freshness", 8, FRESHNESS),
        ("Budgets", 8, BURNING),
        ("Data", 8, DATA),
    ],
)
