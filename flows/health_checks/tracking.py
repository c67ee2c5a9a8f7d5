"""Whether records can be written to the tracking store: the file, the database or the MLflow server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from augmill.flows.health_answer import SECONDS, Answer, at_fault, clock, fail, ok, warn
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
    shown = without_user(uri)
    try:
        health = send_request(f"{uri}/health", seconds=SECONDS)
        theirs = send_request(f"{uri}/version", seconds=SECONDS, auth=credentials)
        found = send_request(
            f"{uri}/api/2.0/mlflow/experiments/search?max_results=1", seconds=SECONDS, auth=credentials
        )
        _ = found.json if found.status == 200 else None  # or it is no server of MLflow
    except NoReply as fault:
        yield fail("MLflow", f"the server at {shown} does not answer: {fault}", f"{START} {LATER}")
        return
    if found.status in (401, 403):
        yield fail("MLflow", f"the server at {shown} does not let us in: HTTP {found.status}", CREDENTIALS, "settings")
    elif wrong := next((reply for reply in (found, health) if reply.status != 200), None):
        said = f"{shown}: HTTP {wrong.status} to {'a search of experiments' if wrong is found else '/health'}"
        remedy = "See whether AUGMILL_TRACKING_URI names an MLflow server, and its log."
        yield fail("MLflow", said, remedy, at_fault(wrong))
    else:
        yield ok("MLflow", f"the server at {shown} answers")
    if theirs.status == 200:
        yield _version(theirs.text)
    yield from clock("MLflow", health)


def _version(theirs: str) -> Answer:
    ours = version("mlflow")
    if theirs.split(".", maxsplit=1)[0] != ours.split(".")[0]:
        remedy = f"Use an MLflow server {ours.split('.')[0]}.x. {LATER}"
        return fail("MLflow version", f"the server is {theirs}, our client {ours}", remedy)
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        return warn("MLflow version", f"the server is {theirs}, our client {ours}", "Bring both to the same version.")
    return ok("MLflow version", theirs)


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

    shown = f"{urlsplit(uri).scheme} database at {urlsplit(uri).hostname}"
    try:
        engine = sqlalchemy.create_engine(uri)
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
        engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, OSError) as fault:
        reason = str(getattr(fault, "orig", None) or fault).partition("\n")[0]
        return fail("MLflow", f"the {shown} does not let us in: {reason}", f"Correct AUGMILL_TRACKING_URI. {LATER}")
    return ok("MLflow", f"the {shown} answers")
