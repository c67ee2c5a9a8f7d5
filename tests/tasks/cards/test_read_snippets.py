import pyarrow as pa
import pytest

from augmill.tasks.cards.read_snippets import snippets


@pytest.mark.parametrize("folder", ["lake", "my lake"])
@pytest.mark.parametrize("tool", ["pandas", "Polars", "DuckDB"])
def test_the_snippets_read_the_version_they_name(tmp_path, tool, folder):
    from deltalake import write_deltalake

    table = str(tmp_path / folder / "d")
    rows = pa.table({"x": [1, 2], "augmill_split": ["train", "test"], "augmill_origin": ["real", "real"]})
    for _ in range(2):
        write_deltalake(table, rows, mode="append", partition_by=["augmill_split", "augmill_origin"])
    code = {name: code for name, _, code in snippets({"dataset": "d", "version": 0, "table_uri": table})}
    names = {}
    exec(code[tool], names)
    found = names["rows"].df() if tool == "DuckDB" else names["rows"]
    assert sorted(found["x"]) == [1, 2]
    assert sorted(found["augmill_split"]) == ["test", "train"]
