"""Review what a change in git does to policies: which it touches, and what a run of each would do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augmill.flows.console import say
from augmill.flows.policy_request import resolve_with_settings
from augmill.flows.settings import Settings

if TYPE_CHECKING:
    from augmill.tasks.review.repository import Change, Repository
    from augmill.tasks.review.touched import AffectedPolicies

POLICIES = "policies"


def find_change(rev: str, places: Sequence[Path], current: Settings) -> tuple[Repository, Change, AffectedPolicies]:
    """The repository of the first place, the change since the merge base with `rev`, and the policies it affects."""
    from augmill.tasks.review.repository import Repository

    start = places[0] if places else Path.cwd()
    repository = Repository.around(start if start.is_dir() else start.absolute().parent)
    change = repository.change(rev)
    return repository, change, affected_policies(repository, change, places, current)


def affected_policies(
    repository: Repository, change: Change, places: Sequence[Path], current: Settings
) -> AffectedPolicies:
    """The policies that a change affects, of those in `places` or else in the default folder."""
    from augmill.tasks.review.touched import find

    default_folder = Path.cwd() / POLICIES
    usual = default_folder if default_folder.is_dir() else repository.root / POLICIES
    return find(repository, change, places or [usual], current.plugins)


def review_all(rev: str, places: Sequence[Path], current: Settings) -> dict[str, Any]:
    """The review of every policy that is touched, as one JSON-able document; nothing is published or kept.

    Libraries are imported once, and not at all where no policy is touched.
    """
    began = time.monotonic()
    repository, change, affected = find_change(rev, places, current)
    reviews = _reviews(repository, affected, current) if affected.touched else []
    return {
        "rev": rev,
        "base": change.base,
        "head": change.head,
        "uncommitted": len(change.open_files),
        "policies_there": affected.policies,
        "policies": reviews,
        "exit_code": max((document["exit_code"] for document in reviews), default=0),
        "seconds": round(time.monotonic() - began, 3),
    }


def _reviews(repository: Repository, affected: AffectedPolicies, current: Settings) -> list[dict[str, Any]]:
    from augmill.tasks.dry_runs.review import review
    from augmill.tasks.runners import thread
    from augmill.tasks.runs.components import catalogue

    ask = partial(_resolve, current)
    with thread.Runner(current.workers) as runner:
        return [
            review(policy, repository.root, ask, catalogue(current.plugins), runner, _say)
            for policy in affected.touched
        ]


def _resolve(current: Settings, file: Path, base: Path | None = None) -> Any:
    return resolve_with_settings(file, current, refuse_errors=False, base=base)


def _say(what: str) -> None:
    say(what, err=True)
