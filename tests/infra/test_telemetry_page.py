"""The page on telemetry lists exactly the metrics there are."""

from __future__ import annotations

from pathlib import Path

from augmill.tasks.telemetry.metric_catalogue import METRICS

PAGE = Path(__file__).resolve().parents[2] / "infra" / "telemetry.md"
BEGIN, END = "<!-- metrics -->\n", "<!-- end of metrics -->"


def table() -> str:
    rows = [f"| `{m.name}` | {m.kind} | {', '.join(m.labels) or '-'} | {m.source} | {m.help} |" for m in METRICS]
    return "\n".join(["| name | kind | labels | source | meaning |", "|---|---|---|---|---|", *rows, ""])


def test_the_table_of_metrics_is_the_catalogue():
    """Put `table()` between the two comments to mend it."""
    assert PAGE.read_text().partition(BEGIN)[2].partition(END)[0] == table()
