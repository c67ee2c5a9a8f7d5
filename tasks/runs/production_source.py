"""The objects that hold a production sample, where the drift gate asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from augmill.policies.errors import DataError, PolicyError
from augmill.policies.schema import Policy
from augmill.tasks.sources.hash_cache import HashCache
from augmill.tasks.sources.roots import Roots
from augmill.tasks.sources.source_contract import SourceListing
from augmill.tasks.sources.source_objects import source_digest
from augmill.tasks.sources.source_reader import discover

KEY = "gates.drift_coverage.production"


def find(
    policy: Policy, base: Path, cache: HashCache | None = None, roots: Roots | None = None
) -> SourceListing | None:
    """The objects that hold the production sample, each with its hash; None where the policy names none."""
    if policy.gates.drift_coverage is None:
        return None
    with _told_of_production():
        return discover(_like_source(policy), base, cache, roots)


def digest(listing: SourceListing | None) -> list[str]:
    """What the production sample adds to the key that says nothing has changed."""
    return [source_digest(listing)] if listing else []


def _like_source(policy: Policy) -> Policy:
    """The policy with its production sample for a source; nobody splits it, so it need not say where rows go."""
    gate = policy.gates.drift_coverage
    uri = gate.production if gate else ""
    source = policy.source.model_copy(update={"uri": uri, "format": None, "mode": "snapshot"})
    return policy.model_copy(update={"source": source})


@contextmanager
def _told_of_production() -> Iterator[None]:
    """Errors of a source name the key of the policy that is at fault: not its source, its production sample."""
    try:
        yield
    except (PolicyError, DataError) as fault:
        fault.cause, fault.remedy = (_renamed(text) for text in (fault.cause, fault.remedy))
        raise


def _renamed(text: str) -> str:
    return text.replace("source.uri", KEY).replace("the source", "the production sample")
