"""A version of 1 million rows x 30 columns: `explain` of one row, and `rebuild --all` beside the run that made it."""

from __future__ import annotations

from pathlib import Path

import bench_smote
import pyarrow as pa
import pyarrow.parquet as pq
from measuring import Line, cli, home, line

POSITIVE_SHARE, TARGET_SHARE = 0.05, 0.25


def measure(*, small: bool) -> list[Line]:
    """One run, one explanation of a child, one audit; each a whole process."""
    rows = 20_000 if small else 1_000_000
    with home(AUGMILL_RUNNER="process", AUGMILL_WORKERS="2") as environment:
        folder = Path(environment["AUGMILL_HOME"])
        features, labels = bench_smote.data(rows, POSITIVE_SHARE)
        columns = {f"f{number}": features[:, number] for number in range(features.shape[1])}
        pq.write_table(pa.table({**columns, "y": labels}), folder / "rows.parquet")
        del features, columns
        policy = folder / "bench.yaml"
        policy.write_text(bench_smote.POLICY.format(file=folder / "rows.parquet", share=TARGET_SHARE))
        made = cli(environment, "run", str(policy))
        child = _some_child(folder / "lake" / "bench-smote")
        explained = cli(environment, "explain", "bench-smote@0", child)
        rebuilt = cli(environment, "rebuild", "bench-smote@0", "--all")
    size = f"{rows:,} x {bench_smote.COLUMNS}"
    return [
        line(f"explain a row of {size}", explained, None, "< 2 s", explained < 2),
        line(f"rebuild --all of {size} / the run that made it", rebuilt, made, "<= 1.5", rebuilt <= 1.5 * made),
    ]


def _some_child(table: Path) -> str:
    file = next(file for file in sorted(table.rglob("*.parquet")) if "augmill_origin=synthetic" in str(file))
    return str(pq.read_table(file, columns=["augmill_sample_id"])["augmill_sample_id"][0].as_py())
