"""Print the SQLite schema that MLflow's migrations end in.

`python infra/dump_mlflow_schema.py > tasks/lineage/mlflow_schema.sql`, to be run again when the pinned MLflow
changes; a test compares the file with what this prints.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path


def schema() -> str:
    """Run every migration on a new database and return its tables and first rows as SQL, MLflow's version on top."""
    import sqlalchemy
    from mlflow.store.db.utils import _initialize_tables

    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "mlflow.db")
        engine = sqlalchemy.create_engine(f"sqlite:///{database}")
        _initialize_tables(engine)
        engine.dispose()
        with closing(sqlite3.connect(database)) as connection:
            statements = [" ".join(line.split()) for line in connection.iterdump()]
    definitions = [statement for statement in statements if statement not in ("BEGIN TRANSACTION;", "COMMIT;")]
    return "\n".join([f"-- mlflow {version('mlflow')}", *definitions])


if __name__ == "__main__":
    print(schema())
