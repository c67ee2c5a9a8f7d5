"""A running Prefect server, spoken to with bounded waits; whatever it does instead of answering is one StorageError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from augmill.flows.servers.prefect_server import RunningServer
from augmill.flows.settings import Settings, make_folder, quiet_libraries
from augmill.policies.errors import PolicyError, StorageError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

REQUEST_SECONDS = 20.0
RETRIES = 4
"""Half a minute all in all: with SQLite behind it a busy server answers 503 while another writes."""


@contextmanager
def prefect_api(current: Settings) -> Iterator[SyncPrefectClient]:
    """A client of the server at PREFECT_API_URL.

    Raises PolicyError where none is named, StorageError where it is down, slow, refuses us or is of another version.
    """
    if current.prefect_api_url is None:
        raise PolicyError(
            "no Prefect server is named, and one that ends with this command could start nothing later.",
            "Start one with `augmill up`, or set PREFECT_API_URL to one, such as http://127.0.0.1:4200/api.",
        )
    quiet_libraries(current)
    make_folder(current.home / "prefect")  # or Prefect warns at import
    limits = {"PREFECT_API_REQUEST_TIMEOUT": REQUEST_SECONDS, "PREFECT_CLIENT_MAX_RETRIES": RETRIES}
    with RunningServer(current.prefect_api_url, current.prefect_auth).connected(**limits) as url:
        import httpx
        from prefect.client.orchestration import get_client

        try:
            with get_client(sync_client=True) as client:
                yield client
        except httpx.HTTPStatusError as fault:
            raise status_error(fault, url) from fault


def status_error(fault: Any, url: str) -> StorageError:
    """The StorageError for an HTTP error status: credentials, a busy server, or an unknown request."""
    code, text = fault.response.status_code, _detail(fault.response)
    if code in (401, 403):
        return StorageError(
            f"the Prefect server at {url} refuses us (HTTP {code}).",
            "Set PREFECT_API_AUTH_STRING (USER:PASSWORD) or PREFECT_API_KEY as its operator says.",
        )
    if code in (429, 502, 503, 504):
        return StorageError(
            f"the Prefect server at {url} is busy or not up yet (HTTP {code}): {text}.",
            "Run again. If it stays so, look at its log; one that many use needs Postgres behind it.",
        )
    place = "whether PREFECT_API_URL ends in /api, " if code == 404 else ""
    return StorageError(
        f"the Prefect server at {url} answered HTTP {code} to {fault.request.method} {fault.request.url.path}: {text}.",
        f"Look at its log, {place}and whether it is of the version that augmill was installed with "
        "(`prefect version`).",
    )


def _detail(response: Any) -> str:
    try:
        body = response.json()
        detail = body.get("detail") or body.get("exception_message") or body if isinstance(body, dict) else body
    except ValueError:
        detail = response.text
    return " ".join(str(detail).split())[:300].rstrip(".")
