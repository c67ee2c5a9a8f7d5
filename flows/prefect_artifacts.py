"""Artifacts on a run's page in Prefect's UI, with short timeouts so that a slow server does not delay the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from augmill.flows.servers.prefect_server import EmbeddedServer
from augmill.flows.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

REQUEST_SECONDS = 5.0


@dataclass(frozen=True)
class ArtifactClient:
    """Where artifacts of one flow run are made."""

    client: SyncPrefectClient
    run_id: UUID

    def put(self, key: str, kind: str, data: Any, description: str) -> UUID:
        """Make an artifact; `kind` is markdown, table or progress. A key has versions, the newest on top."""
        from prefect.client.schemas.actions import ArtifactCreate

        artifact = ArtifactCreate(key=key, type=kind, data=data, description=description, flow_run_id=self.run_id)
        return self.client.create_artifact(artifact).id

    def change(self, artifact: UUID, data: Any) -> None:
        """Replace what an artifact holds."""
        from prefect.client.schemas.actions import ArtifactUpdate

        self.client.update_artifact(artifact, ArtifactUpdate(data=data))


def is_watched(current: Settings) -> bool:
    """Whether there is a page that outlives the run: one of a server that does not end with it."""
    return current.prefect_api_url is not None and current.prefect_api_url not in EmbeddedServer.running


@contextmanager
def artifact_client(run_id: str, current: Settings) -> Iterator[ArtifactClient | None]:
    """The artifact client of a run, or None where nobody would see an artifact. Raises what Prefect's client raises."""
    try:
        number = UUID(run_id)
    except ValueError:  # a run that ended before its flow began
        number = None
    if number is None or not is_watched(current):
        yield None
        return
    from prefect import settings
    from prefect.client.orchestration import get_client

    limits = {settings.PREFECT_API_REQUEST_TIMEOUT: REQUEST_SECONDS, settings.PREFECT_CLIENT_MAX_RETRIES: 0}
    with settings.temporary_settings(limits), get_client(sync_client=True) as client:
        yield ArtifactClient(client, number)
