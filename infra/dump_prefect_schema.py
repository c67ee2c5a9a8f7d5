"""Print the SQLite schema that Prefect's migrations end in, to be run again when the pinned Prefect changes.

`python infra/dump_prefect_schema.py > flows/servers/prefect_schema.sql`. The constraints of a table come in another
order each time; a test compares the file with what this prints, all but that order.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

TABLES_THEN_INDEXES = """
    SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC, name
"""


async def _migrate() -> None:
    from prefect.server.database import provide_database_interface

    database = provide_database_interface()
    await database.create_db()
    await (await database.engine()).dispose()


def schema() -> str:
    """Run every migration on a new database and return its tables, its indexes and its revision as SQL."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PREFECT_HOME"] = folder  # before Prefect is imported
        asyncio.run(_migrate())
        with closing(sqlite3.connect(Path(folder) / "prefect.db")) as connection:
            rows = connection.execute(TABLES_THEN_INDEXES).fetchall()
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    lines = [" ".join(sql.split()) + ";" for (sql,) in rows]
    return "\n".join([*lines, f"INSERT INTO alembic_version VALUES ('{revision}');"])


if __name__ == "__main__":
    print(schema())
