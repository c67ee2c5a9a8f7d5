"""What a person wants to know when a run ends, from the document that `augmill run --json` prints."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from augmill.policies.names import natural_sort_key
from augmill.tasks.documents.figure_text import detail_text, figure_text, rounded
from augmill.tasks.documents.mlflow_view import run_url
from augmill.tasks.documents.text_format import UNLABELLED
from augmill.tasks.documents.version_document import RunLink

if TYPE_CHECKING:
    from rich.console import RenderableType

ORIGINS = ("real", "augmented", "synthetic")


def summary(document: Mapping[str, Any], *, width: int = 100, colour: bool = False) -> str:
    """The text to print, `width` columns wide; with `colour`, terminal codes for it."""
    from rich.console import Console
    from rich.text import Text

    target = io.StringIO()
    console = Console(file=target, width=width, force_terminal=colour, no_color=not colour, highlight=False)
    for part in _parts(document):
        # A path or a link that is broken over two lines cannot be copied.
        console.print(part, soft_wrap=isinstance(part, Text))
    return "\n".join(line.rstrip() for line in target.getvalue().splitlines()) + "\n"


def _parts(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    from rich.text import Text

    yield Text(_headline(document), style="bold")
    classes = _classes(document.get("rows", {}))
    if classes is not None:
        yield Text()
        yield classes
    if document.get("checks"):
        yield Text()
        yield _checks(document["checks"])
    yield Text()
    facts = list(_facts(document))
    width = max((8, *(len(words) + 1 for words, _ in facts)))
    for words, value in facts:
        yield Text.assemble((f"{words:<{width}}", "dim"), value)


def _headline(document: Mapping[str, Any]) -> str:
    name = document["dataset"]
    version = document.get("version")
    took = f" in {document['seconds']:.1f} s" if document.get("seconds") is not None else ""
    if document.get("skipped"):
        moved = f" {document['announced']} points to it now." if document.get("announced") else ""
        return f"{name}@{version} is up to date: nothing has changed, nothing was published{took}.{moved}"
    if version is None:
        return f"{name}: nothing was published{took}."
    parent = document.get("parent_version")
    return f"{name}@{version} published{took}" + (f", after {name}@{parent}." if parent is not None else ".")


def _classes(rows: Mapping[str, Any]) -> RenderableType | None:
    from rich.table import Table
    from rich.text import Text

    train = rows.get("by_split_origin_label", {}).get("train", {})
    labels = sorted({label for counts in train.values() for label in counts}, key=natural_sort_key)
    if not labels:
        return None
    origins = [origin for origin in ORIGINS if train.get(origin)]
    table = Table("class", box=None, pad_edge=False, header_style="dim")
    for head in ("before", *(f"+ {origin}" for origin in origins if origin != "real"), "after", "share"):
        table.add_column(head, justify="right")
    total = sum(sum(counts.values()) for counts in train.values())
    for label in labels:
        counts = {origin: int(train.get(origin, {}).get(label, 0)) for origin in origins}
        after = sum(counts.values())
        child_counts = [f"{counts[origin]:,}" for origin in origins if origin != "real"]
        table.add_row(
            Text(str(label) or UNLABELLED),
            f"{counts.get('real', 0):,}",
            *child_counts,
            f"{after:,}",
            f"{after / total:.1%}",
        )
    return table


def _checks(checks: list[Mapping[str, Any]]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table("", "check", box=None, pad_edge=False, header_style="dim")
    table.add_column("figure", justify="right")
    table.add_column("target")
    for check in checks:
        word, style = _verdict(check)
        name = Text(str(check["name"]).replace("_", " "))
        if check.get("error"):
            name.append(f"\n{check['error']}", style="red")
        for detail in check.get("details", ()):
            name.append(f"\n  {detail_text(detail)}", style="dim")
        table.add_row(Text(word, style=style), name, Text(figure_text(check)), Text(_target(check)))
    return table


def _verdict(check: Mapping[str, Any]) -> tuple[str, str]:
    if check["success"]:
        return "ok", "green"
    softer = {"warn": ("warning", "yellow"), "drop": ("dropped", "yellow")}
    return softer.get(str(check.get("on_failure")), ("FAILED", "red"))


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    rows = document.get("rows", {})
    counted = [f"{rows[key]:,} {key}" for key in (*ORIGINS, "quarantined", "dropped") if rows.get(key)]
    if counted:
        yield "rows", ", ".join(counted)
    if document.get("not_judged"):
        yield "labels", str(document["not_judged"])
    if document.get("gone"):
        yield "gone", f"its files were {document['gone']}: it cannot be read any more"
    elif document.get("table_uri") and document.get("version") is not None:
        yield "table", str(document["table_uri"])
        yield "read it", f'polars.read_delta("{document["table_uri"]}", version={document["version"]})'
    if document.get("pinned") is not None:
        yield "pinned", document["pinned"] or "without a note"
    if document.get("mlflow"):
        yield "MLflow", mlflow_link(document["mlflow"])
    if document.get("report"):
        yield "report", str(document["report"])
    yield from document.get("pages", {}).items()


def mlflow_link(link: Mapping[str, Any]) -> str:
    """Where the run can be looked at: its page on a server, or the command that opens a local store."""
    if link["run_id"] is None:
        return f"not recorded yet, the next run sends it: {link['spooled']}"
    run_link = RunLink(tracking_uri=link["tracking_uri"], experiment_id=link["experiment_id"], run_id=link["run_id"])
    return run_url(run_link) or f"run {run_link['run_id']} in {run_link['tracking_uri']}; `augmill ui` opens it"


def _target(check: Mapping[str, Any]) -> str:
    return "" if check.get("target") is None else rounded(check["target"], 4)
