import importlib.util
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from augmill.tasks.lineage import database
from augmill.tasks.lineage.database import create_database, database_file

# MLflow's own models use it; the fault is theirs and does no harm.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


def dumped():
    file = Path(__file__).parents[3] / "infra" / "dump_mlflow_schema.py"
    spec = importlib.util.spec_from_file_location("dump_mlflow_schema", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.schema()


def test_the_schema_is_what_the_installed_mlflow_migrates_to():
    # Migrations write the constraints of a table, and the indexes after it, in any order.
    found, kept = (
        sorted(sorted(re.findall(r"[^\s(),;]+", line)) for line in text.strip().splitlines())
        for text in (dumped(), database.SCHEMA.read_text())
    )
    assert found == kept


def test_a_new_database_is_one_that_mlflow_accepts_as_its_own(tmp_path):
    from mlflow.tracking import MlflowClient

    assert create_database(tmp_path / "new" / "mlflow.db")
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}")
    assert client.create_experiment("mine")


def test_a_database_in_use_is_left_alone(tmp_path):
    assert create_database(tmp_path / "mlflow.db")
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("INSERT INTO experiments (experiment_id, name) VALUES (7, 'kept')")
        connection.commit()
    assert not create_database(tmp_path / "mlflow.db")
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        assert connection.execute("SELECT name FROM experiments WHERE experiment_id = 7").fetchone() == ("kept",)


def test_with_another_mlflow_its_own_migrations_are_left_to_run(tmp_path, monkeypatch):
    other = tmp_path / "schema.sql"
    other.write_text("-- mlflow 0.0.1\nCREATE TABLE wrong (x);\n")
    monkeypatch.setattr(database, "SCHEMA", other)
    assert not create_database(tmp_path / "mlflow.db")
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("sqlite:////data/my%20home/mlflow.db", "/data/my home/mlflow.db"),
        ("sqlite+pysqlite:////data/mlflow.db", "/data/mlflow.db"),
        ("sqlite://", None),
        ("http://127.0.0.1:5000", None),
        ("postgresql://host/mlflow", None),
    ],
)
def test_the_file_behind_a_tracking_uri(uri, file):
    assert database_file(uri) == (Path(file) if file else None)
