"""What `augmill ci --trigger` started and what became of it, on a terminal or as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from augmill.tasks.summaries.review_text import FAILS, PASSES
from augmill.tasks.summaries.sections import TextSection, escaped, for_markdown, for_terminal

MARKER = "<!-- augmill ci --trigger -->"

Document = Mapping[str, Any]


def text(document: Document) -> str:
    """The answer for a terminal."""
    return for_terminal(headline(document), _sections(document))


def markdown(document: Document) -> str:
    """The answer as Markdown."""
    sign = FAILS if document["exit_code"] else PASSES
    return f"{MARKER}\n{for_markdown(f'{sign} {escaped(headline(document))}', _sections(document))}"


def headline(document: Document) -> str:
    """The outcome in one sentence."""
    runs, commit = document["runs"], document["head"][:12]
    if not runs:
        return f"augmill: {commit} touches no policy that could be run, of {document['policies_there']:,}."
    count_text = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    if not document["waited"]:
        return f"augmill: {count_text} started for {commit}."
    wrong = sum(bool(run["exit_code"]) for run in runs)
    return f"augmill: {count_text} for {commit}, " + (f"{wrong} did not end well." if wrong else "all ended well.")


def outcome(run: Document) -> str:
    """What became of a run, in words."""
    if run["ended"] and not run["exit_code"]:
        if run["version"] is None:
            return "completed"
        return f"{'published' if run['published'] else 'nothing new,'} {run['dataset']}@{run['version']}"
    return ": ".join(part for part in (run["state"].lower(), run["message"]) if part)


def _sections(document: Document) -> Iterator[TextSection]:
    rows = [
        [run["dataset"], outcome(run), f"{run['seconds']:,.1f} s" if run["ended"] else "-"] for run in document["runs"]
    ]
    if rows:
        yield TextSection("Runs", ("data set", "outcome", "took"), rows, list(_links(document)))
    lines = list(_deployed(document))
    if lines:
        yield TextSection("Deployments", lines=lines)


def _links(document: Document) -> Iterator[str]:
    for run in document["runs"]:
        if run["url"]:
            yield f"{run['dataset']}: {run['url']}"
        if run["again"]:
            fate = (
                "It is not started twice; start another by hand if it is to be tried again." if run["exit_code"] else ""
            )
            yield f"{run['dataset']}: the run of this commit had been started before. {fate}".rstrip()


def _deployed(document: Document) -> Iterator[str]:
    done = document["deployed"]
    if not done:
        return
    if done["work_pool"]["paused"]:
        yield f"{done['work_pool']['name']}: the work pool is paused, no run starts before it is resumed"
    for name in done["created"]:
        yield f"{name}: deployed"
    for name, fields in done["updated"].items():
        yield f"{name}: changed ({', '.join(fields)})"
    for name in done["removed"]:
        yield f"{name}: removed, its policy is deleted"
    for name in done["gone"]:
        yield f"{name}: left, though its policy is gone; `augmill deploy --prune` removes it"
