"""What the checks make of children that no transform of ours would make."""

import pyarrow as pa

from tasks.storage.store import Store
from tasks.work.check import _columns_of_other_type
from tasks.work.descriptors import ChildShard
from tasks.work.verify import Scored


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
    assert _columns_of_other_type(FakeContext(work), types, Scored((), shards[:1], None, "")) == 0
    assert _columns_of_other_type(FakeContext(work), types, Scored((), shards, None, "")) == 3
