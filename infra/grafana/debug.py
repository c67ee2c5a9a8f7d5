"""For who looks for the cause, in one dataset."""

from __future__ import annotations

from form import DATASETS, YES_NO, Panel, board, newest

RUNS = [
    Panel(
        "Version",
        "Number of the last version, and those that channels name.",
        [
            (newest("augmill_version", "dataset"), "{{dataset}} last"),
            (newest("augmill_channel_version", "dataset, channel"), "{{dataset}}@{{channel}}"),
        ],
        "none",
    ),
    Panel(
        "Runs by outcome",
        "Until now. lost: killed, so that a later run had to find out.",
        [(newest("augmill_runs_total", "dataset, outcome"), "{{dataset}} {{outcome}}")],
    ),
    Panel(
        "Duration of runs",
        "Wall time of the run that published the last version, and CPU time of all its workers.",
        [
            (newest("augmill_run_duration_seconds", "dataset"), "{{dataset}} wall"),
            (newest("augmill_run_cpu_seconds", "dataset"), "{{dataset}} CPU"),
        ],
        "s",
    ),
]
TIME = [
    Panel(
        "Stages, wall time",
        "Of the run that published the last version.",
        [(newest("augmill_stage_duration_seconds", "dataset, stage"), "{{dataset}} {{stage}}")],
        "s",
    ),
    Panel(
        "Stages, CPU time",
        "Workers included. Far below wall time: it waits for the store or for workers.",
        [(newest("augmill_stage_cpu_seconds", "dataset, stage"), "{{dataset}} {{stage}}")],
        "s",
    ),
    *(
        Panel(
            f"Latency of transforms, {name}",
            "CPU seconds per child of each step's chain of transforms.",
            [
                (
                    newest("augmill_transform_latency_seconds", "dataset, transform", f'percentile="{percentile}"'),
                    "{{dataset}} {{transform}}",
                )
            ],
            "s",
        )
        for name, percentile in (("median", "50"), ("99th percentile", "99"))
    ),
]
CHECKS = [
    Panel(
        "Checks and gates",
        "Red while the last run did not pass it.",
        [(f"dataset:check_passed:bool{{{DATASETS}}}", "{{dataset}} {{check}}")],
        "none",
        "state-timeline",
        YES_NO,
        {"0": "failed", "1": "passed"},
    ),
    Panel(
        "Figures of checks",
        "What each check measured, in its own unit.",
        [(newest("augmill_check_observed", "dataset, check"), "{{dataset}} {{check}}")],
        "none",
    ),
]
ROWS = [
    Panel(
        "Rows",
        "Of the last version, by split and origin.",
        [(newest("augmill_version_rows", "dataset, split, origin"), "{{dataset}} {{split}} {{origin}}")],
    ),
    Panel(
        "Rows that are not in the version",
        "Raw rows in quarantine, and children that a check dropped.",
        [
            (newest("augmill_version_quarantined_rows", "dataset"), "{{dataset}} in quarantine"),
            (newest("augmill_version_dropped_rows", "dataset"), "{{dataset}} dropped"),
        ],
    ),
    Panel(
        "Bad events",
        "Runs, children and rows that counted against a service level in 74 hours.",
        [(f'dataset:service_level_events:74h{{{DATASETS}, result="bad"}}', "{{dataset}} {{service_level}}")],
    ),
    Panel(
        "Bytes written",
        "Until now; what stands still was kept by reference.",
        [(newest("augmill_written_bytes_total", "dataset"), "{{dataset}}")],
        "bytes",
    ),
]
ITSELF = [
    Panel(
        "Sources of figures",
        "Age of what each of exporter, textfile and push gateway says. Only the youngest is believed.",
        [(f"time() - augmill_exported_timestamp_seconds{{{DATASETS}}}", "{{dataset}} {{job}} {{instance}}")],
        "s",
    ),
    Panel(
        "Scrapes",
        "How long each target takes to answer Prometheus, and the exporter to look at everything.",
        [
            ("max by (job) (scrape_duration_seconds)", "{{job}}"),
            ("max(augmill_exporter_scrape_seconds)", "the exporter's look"),
        ],
        "s",
    ),
    Panel(
        "Builds",
        "Which augmill did the last run of each dataset.",
        [(newest("augmill_build_info", "dataset, version"), "{{dataset}}")],
        "none",
        "table",
    ),
]
BOARD = board(
    "augmill-debug",
    "Where do time, rows and labels go in this dataset, run by run?",
    "now-7d",
    [
        ("Runs", 8, RUNS),
        ("Time", 8, TIME),
        ("Checks", 9, CHECKS),
        ("Rows", 8, ROWS),
        ("Telemetry itself", 7, ITSELF),
    ],
)
