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


def look(rev: str, places: Sequence[Path], current: Settings) -> tuple[Repository, Change, AffectedPolicies]:
    """The repository of the first place, what changed since it left `rev`, and the policies that this touches."""
    from augmill.tasks.review.repository import Repository

    here = places[0] if places else Path.cwd()
    repository = Repository.around(here if here.is_dir() else here.absolute().parent)
    change = repository.change(rev)
    return repository, change, touched_by(repository, change, places, current)


def touched_by(repository: Repository, change: Change, places: Sequence[Path], current: Settings) -> AffectedPolicies:
    """The policies that a change touches, of those in `places` or else of the usual folder."""
    from augmill.tasks.review.touched import find

    here = Path.cwd() / POLICIES
    usual = here if here.is_dir() else repository.root / POLICIES
    return find(repository, change, places or [usual], current.plugins)


def review_all(rev: str, places: Sequence[Path], current: Settings) -> dict[str, Any]:
    """The review of every policy that is touched, as one JSON-able document; nothing is published or kept.

    Libraries are imported once, and not at all where no policy is touched.
    """
    began = time.monotonic()
    repository, change, found = look(rev, places, current)
    reviews = _reviews(repository, found, current) if found.touched else []
    return {
        "rev": rev,
        "base": change.base,
        "head": change.head,
        "uncommitted": len(change.open_files),
        "policies_there": found.policies,
        "policies": reviews,
        "exit_code": max((one["exit_code"] for one in reviews), default=0),
        "seconds": round(time.monotonic() - began, 3),
    }


def _reviews(repository: Repository, found: AffectedPolicies, current: Settings) -> list[dict[str, Any]]:
    from augmill.tasks.dry_runs.review import review
    from augmill.tasks.runners import thread
    from augmill.tasks.runs.components import catalogue

    ask = partial(_ask, current)
    with thread.Runner(current.workers) as runner:
        return [review(one, repository.root, ask, catalogue(current.plugins), runner, _say) for one in found.touched]


def _ask(current: Settings, file: Path, base: Path | None = None) -> Any:
    return resolve_with_settings(file, current, refuse_errors=False, base=base)


def _say(what: str) -> None:
    say(what, err=True)
