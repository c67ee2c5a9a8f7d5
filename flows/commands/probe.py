"""Grow transforms on held-out real rows until labels move, and suggest how far to go.

Reads, validates, splits and fits the verifier in a temporary folder laid over the lake; nothing is published.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from augmill.flows.console import json_option, print_json, say, write_file
from augmill.flows.policy_request import resolve_with_settings
from augmill.flows.settings import quiet_libraries, settings
from augmill.flows.telemetry.logs import log_to

EXAMPLE = """
\b
Examples:
  augmill probe policies/digits.yaml
  augmill probe policies/digits.yaml --transform image.rotate --transform image.vertical_flip
  augmill probe policies/digits.yaml --rows 500 --page curves.html --json

Rows are training rows, each judged by a model that has not seen it; the test split is never read for it.
"""


@click.command(epilog=EXAMPLE)
@click.argument("policy", type=click.Path(path_type=Path))
@click.option(
    "--transform", "uses", multiple=True, metavar="NAME", help="Probe this one, in place of the policy's own; repeat."
)
@click.option(
    "--rows", type=click.IntRange(min=20), default=200, show_default=True, help="Rows of each class, at most."
)
@click.option(
    "--page", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the curves as a web page."
)
@json_option
def command(policy: Path, uses: tuple[str, ...], rows: int, page: Path | None, as_json: bool) -> None:
    """Measure how far each transform of POLICY may go before labels move: the curve per class, which classes become
    inconsistent first, and the range that keeps the declared rate."""
    current = settings()
    quiet_libraries(current)
    log_to(current)
    from augmill.tasks.dry_runs.probe import probe
    from augmill.tasks.html_pages import probe_html
    from augmill.tasks.runners import thread
    from augmill.tasks.summaries import probe_text

    request = resolve_with_settings(policy, current, refuse_errors=False)
    file = page or current.home / "probes" / f"{request.ctx.policy.dataset}.html"
    with tempfile.TemporaryDirectory(prefix="augmill-probe-") as scratch, thread.Runner(current.workers) as runner:
        document = probe(request, runner, scratch, uses, rows)
    write_file(file, probe_html.render(document), "--page")
    if as_json:
        print_json({**document, "page": str(file)})
    else:
        say(f"{probe_text.text(document)}\nThe curves: {file}")
