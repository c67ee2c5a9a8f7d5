"""What the checks make of children that no transform of ours would make, and what a person is told of it."""

import pyarrow as pa
import pytest

from augmill.policies.errors import DataError
from augmill.tasks.runs.descriptors import ChildShard
from augmill.tasks.stages.verdicts import Verdicts, _columns_of_other_type, refuse
from augmill.tasks.stages.verify import ScoreResult
from augmill.tasks.storage.store import Store

SHARE = {"name": "copy_share", "success": False, "on_failure": "fail", "observed": 0.03, "target": "<= 0.01"}
SHARE |= {"error": "", "failing": []}
ROWS = SHARE | {"name": "labels_as_promised", "failing": [{"sample_id": "c1"}]}


class FakeContext:
    def __init__(self, work):
        self.work = work


def test_columns_that_changed_their_type_on_the_way_are_counted_over_all_shards(tmp_path):
    work = Store(str(tmp_path))
    tables = {
        "children/a": {"size": [1], "town": ["x"], "augmill_depth": [1]},
        "children/b": {"size": [1.5], "town": [3], "new": [True]},
    }
    for name, columns in tables.items():
        work.write_table(f"{name}.parquet", pa.table(columns))
    shards = tuple(ChildShard(name, "step", "x", "synthetic", 1, 1, 0.0) for name in tables)
    types = {"size": "int64", "town": "string"}
    assert _columns_of_other_type(FakeContext(work), types, ScoreResult((), shards[:1], None, "")) == 0
    assert _columns_of_other_type(FakeContext(work), types, ScoreResult((), shards, None, "")) == 3


@pytest.mark.parametrize(
    ("answers", "shown"), [([SHARE], "shows the figures."), ([ROWS], "shows the rows."), ([SHARE, ROWS], "the rows.")]
)
def test_the_report_is_said_to_show_rows_only_where_a_failed_check_names_some(answers, shown):
    with pytest.raises(DataError) as caught:
        refuse(Verdicts(answers, {}, {}), "report.html")
    assert f"The report report.html shows {shown.removeprefix('shows ')}" in caught.value.remedy
