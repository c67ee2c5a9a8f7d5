"""The Prefect API server: a program of its own, started by `server.py` or `augmill up`, and never imported.

It serves on an inherited listening socket, whose file descriptor is the first argument, and ends as soon as its
standard input closes, which the kernel does for us when the parent dies, kill -9 included. It is the small server of
one run, or with `stack` as second argument the whole one, with pages, schedules, events and automations.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uvicorn

# Prefect reads these once, at import.
ALWAYS = {
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_API_DATABASE_MIGRATE_ON_START": "false",  # done before, under a lock
    # Task runs are written in few transactions: SQLite answers a crowd of them with 503, and a wait of 2 s.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}
# What an embedded run does not need.
TRIMMED = {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",  # or it imports every Prefect collection to compute a hash
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_LOGGER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
}
# Pages that work through a tunnel as well, whatever the address is there.
FULL_SERVER = {"PREFECT_UI_API_URL": "/api", "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false"}
SCHEMA = Path(__file__).with_name("prefect_schema.sql")
GRACE_SECONDS = 3.0


def main() -> None:
    """Serve until the parent closes our standard input."""
    is_full_server = sys.argv[2:] == ["stack"]
    os.environ.update(ALWAYS | (FULL_SERVER if is_full_server else TRIMMED))
    serving: list[uvicorn.Server] = []
    threading.Thread(target=_watch_parent, args=(serving,), daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    _prepare_database()
    app = create_app(ephemeral=not is_full_server)
    config = uvicorn.Config(app, log_level="error", lifespan="on", access_log=False, timeout_graceful_shutdown=1)
    serving.append(uvicorn.Server(config))
    serving[0].run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
    os._exit(0)  # everything is written; taking the interpreter apart would cost another second


def create_schema(database: Path) -> bool:
    """Fill an empty SQLite database with the tables that Prefect's migrations end in; in 0.05 s instead of 8.

    `prefect_schema.sql` is a dump of what they end in, its revision included, so that later migrations find
    their place. Returns False, and does nothing, where the database is not empty or Prefect is older than the dump.
    """
    script = SCHEMA.read_text()
    revision = script.split("'")[-2]
    with closing(sqlite3.connect(database, timeout=60.0, isolation_level=None)) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables or not _knows(revision):
            return False
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nCOMMIT;")  # whole or not at all, should we be killed
    return True


def _knows(revision: str) -> bool:
    import prefect.server.database

    versions = Path(prefect.server.database.__file__).parent / "_migrations" / "versions" / "sqlite"
    return any(versions.glob(f"*_{revision}_*.py"))


def _prepare_database() -> None:
    from prefect.settings import get_current_settings

    home = get_current_settings().home
    home.mkdir(parents=True, exist_ok=True)  # PREFECT_HOME may be the user's, and new
    # Two runs may start on one fresh home. The kernel drops the lock when its holder is killed.
    with open(home / "server.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _database_url() == f"sqlite+aiosqlite:///{home}/prefect.db":
            create_schema(home / "prefect.db")
        asyncio.run(_migrate())


def _database_url() -> str:
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

    return str(PREFECT_API_DATABASE_CONNECTION_URL.value())


async def _migrate() -> None:
    from prefect.server.database import provide_database_interface

    database = provide_database_interface()
    await database.create_db()
    await (await database.engine()).dispose()


def _watch_parent(serving: list[uvicorn.Server]) -> None:
    os.read(0, 1)  # standard input: returns when the last holder of its other end has gone
    for server in serving:
        server.should_exit = True
        time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
