"""Start-up: lint, help, the breast-cancer run as a whole process - embedded, with a running server, unchanged."""

from __future__ import annotations

from pathlib import Path

from measuring import ROOT, Line, cli, home, line, python

POLICY = "policies/breast-cancer.yaml"
# The libraries the run needs, then Prefect's own embedded server with four empty tasks: what nobody can avoid.
BARE = """
import great_expectations, mlflow, sklearn.neighbors, pandas, deltalake, imblearn.over_sampling
from prefect import flow, task
@task
def nothing(): pass
@flow
def bare():
    for _ in range(4): nothing()
bare()
"""
QUIET = {
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def measure(*, small: bool) -> list[Line]:
    """Whole processes, the fastest of a few where that is cheap."""
    tries = 1 if small else 3
    with home() as environment:
        cli(environment, "lint", POLICY)
        helped = min(cli(environment, "--help") for _ in range(tries))
        linted = min(cli(environment, "lint", POLICY) for _ in range(tries))
    with home(**QUIET) as environment:
        bare = python(BARE, {**environment, "PREFECT_HOME": str(Path(environment["AUGMILL_HOME"], "prefect"))})
    with home() as environment:
        first = cli(environment, "run", POLICY)
        again = min(cli(environment, "run", POLICY) for _ in range(tries))
    served = _with_server()
    return [
        line("augmill --help", helped, None, "< 0.5 s", helped < 0.5),
        line("augmill lint, one policy", linted, None, "< 1 s", linted < 1.0),
        line("run breast-cancer, embedded, fresh home / bare flow", first, bare, "<= 1.5", first <= 1.5 * bare),
        line("run breast-cancer, running server", served, None, "< 15 s", served < 15.0),
        line("run breast-cancer, nothing changed", again, None, "< 5 s", again < 5.0),
    ]


def _with_server() -> float:
    from augmill.flows.servers.prefect_server import EmbeddedServer

    with home() as environment:
        Path(environment["AUGMILL_HOME"], "prefect").mkdir()
        with EmbeddedServer(Path(environment["AUGMILL_HOME"])) as server:
            url = server.wait()
            return cli({**environment, "PREFECT_API_URL": url}, "run", str(ROOT / POLICY))
