"""Whether records can be written to the tracking store: the file, the database or the MLflow server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from augmill.flows.health_answer import SECONDS, Answer, clock, fail, fault_kind, ok, warn
from augmill.flows.http_client import NoReply, send_request, without_user
from augmill.flows.servers.mlflow_server import is_served
from augmill.flows.settings import Settings

START = "Start it, or correct AUGMILL_TRACKING_URI."
LATER = "Runs publish all the same; records wait in the home and go out with the next run."
CREDENTIALS = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."


def check(current: Settings) -> Iterator[Answer]:
    """Reach it, and try to write without writing."""
    from augmill.tasks.lineage.database import database_file

    if is_served(current.tracking_uri):
        yield from _server(current.tracking_uri.rstrip("/"), current.tracking_auth)
    elif database := database_file(current.tracking_uri):
        yield _file(database)
    else:
        yield _database(current.tracking_uri)


def _server(uri: str, credentials: str | None) -> Iterator[Answer]:
    address = without_user(uri)
    try:
        health = send_request(f"{uri}/health", seconds=SECONDS)
        version_reply = send_request(f"{uri}/version", seconds=SECONDS, auth=credentials)
        search_reply = send_request(
            f"{uri}/api/2.0/mlflow/experiments/search?max_results=1", seconds=SECONDS, auth=credentials
        )
        _ = search_reply.json if search_reply.status == 200 else None  # or it is no server of MLflow
    except NoReply as fault:
        yield fail("MLflow", f"the server at {address} does not answer: {fault}", f"{START} {LATER}")
        return
    if search_reply.status in (401, 403):
        yield fail(
            "MLflow", f"the server at {address} does not let us in: HTTP {search_reply.status}", CREDENTIALS, "settings"
        )
    elif wrong := next((reply for reply in (search_reply, health) if reply.status != 200), None):
        detail = (
            f"{address}: HTTP {wrong.status} to {'a search of experiments' if wrong is search_reply else '/health'}"
        )
        remedy = "See whether AUGMILL_TRACKING_URI names an MLflow server, and its log."
        yield fail("MLflow", detail, remedy, fault_kind(wrong))
    else:
        yield ok("MLflow", f"the server at {address} answers")
    if version_reply.status == 200:
        yield _version(version_reply.text)
    yield from clock("MLflow", health)


def _version(server_version: str) -> Answer:
    client_version = version("mlflow")
    if server_version.split(".", maxsplit=1)[0] != client_version.split(".")[0]:
        remedy = f"Use an MLflow server {client_version.split('.')[0]}.x. {LATER}"
        return fail("MLflow version", f"the server is {server_version}, our client {client_version}", remedy)
    if server_version.split(".")[:2] != client_version.split(".")[:2]:
        return warn(
            "MLflow version",
            f"the server is {server_version}, our client {client_version}",
            "Bring both to the same version.",
        )
    return ok("MLflow version", server_version)


def _file(database: Path) -> Answer:
    if not database.exists():
        return ok("MLflow", f"{database} will be made by the first run")
    try:
        with closing(sqlite3.connect(database, timeout=SECONDS, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")  # takes the lock of a writer
            connection.execute("ROLLBACK")
    except sqlite3.Error as fault:
        return fail("MLflow", f"{database} cannot be written to: {fault}", f"Correct its permissions. {LATER}")
    return ok("MLflow", f"{database} can be written to")


def _database(uri: str) -> Answer:
    import sqlalchemy

    database_name = f"{urlsplit(uri).scheme} database at {urlsplit(uri).hostname}"
    try:
        engine = sqlalchemy.create_engine(uri)
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
        engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, OSError) as fault:
        reason = str(getattr(fault, "orig", None) or fault).partition("\n")[0]
        return fail(
            "MLflow", f"the {database_name} does not let us in: {reason}", f"Correct AUGMILL_TRACKING_URI. {LATER}"
        )
    return ok("MLflow", f"the {database_name} answers")
