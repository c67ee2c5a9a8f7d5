"""How an MLflow server on the tracking store is started, as a child process that ends with its parent."""

from __future__ import annotations

import secrets
from pathlib import Path

from augmill.flows.servers.service import Launch, launch_child
from augmill.flows.settings import Settings

FIRST_PORT = 5000
AUTHENTICATION = """[mlflow]
default_permission = READ
database_uri = sqlite:///{database}
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


def launch(current: Settings, host: str, port: int) -> Launch:
    """A server for the pages and the interface of the store; with passwords where the settings ask for them."""
    from augmill.tasks.lineage.database import create_database, database_file

    arguments = ["server", "--host", host, "--port", str(port), "--workers", "1"]
    arguments += ["--uvicorn-opts", "--no-access-log"]  # otherwise health checks would fill the log
    if database := database_file(current.tracking_uri):
        create_database(database)
        arguments += ["--artifacts-destination", str(database.parent / "mlartifacts")]
    # Background jobs are for judging language models; they would be four more processes.
    environment = {"MLFLOW_BACKEND_STORE_URI": current.tracking_uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    if current.mlflow_auth:
        arguments += ["--app-name", "basic-auth"]
        environment |= _authentication(current)
    return launch_child("mlflow.cli:cli", arguments, environment)


def is_served(tracking_uri: str) -> bool:
    """Whether a store is a server that somebody runs, not a file or a database."""
    return tracking_uri.startswith(("http://", "https://"))


def _authentication(current: Settings) -> dict[str, str]:
    """Where MLflow keeps users and their hashed passwords; what the user has set goes first."""
    from augmill.flows.settings import child_environment

    file = current.home / "mlflow-auth.ini"
    (current.home / "mlflow-auth.db").touch(mode=0o600)  # hashes of passwords will be in it
    file.write_text(AUTHENTICATION.format(database=current.home / "mlflow-auth.db"))
    variables = {"MLFLOW_AUTH_CONFIG_PATH": str(file), "MLFLOW_FLASK_SERVER_SECRET_KEY": _signing_key(current.home)}
    return variables | {name: value for name, value in child_environment().items() if name in variables}


def _signing_key(home: Path) -> str:
    """What MLflow signs its forms with: made once, so that an open page survives a restart."""
    file = home / "mlflow-auth.key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    return file.read_text().strip()
