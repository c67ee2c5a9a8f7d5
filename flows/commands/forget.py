"""Publish a version without certain rows and all that was made of them."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import Any

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import open_lake
from augmill.flows.settings import RunnerName, Settings, settings
from augmill.flows.telemetry.logs import log_to
from augmill.policies.errors import AugmillError

EXAMPLE = """
\b
Examples:
  augmill forget customers --where "customer_id = 17" --dry-run
  augmill forget customers --where "mail in ('a@b.org', 'c@d.org')" --purge --policy policies/customers.yaml
  augmill forget customers 0f3c9a52d1e84b7796c0de5512ab34f7

\b
A condition compares columns with values: = != < <= > >=, in (...), is null; and, or, not, brackets; "a column"
with blanks in double quotes, 'text' in single ones. The rows are dropped from then on by every run, whatever the
source holds: by their content and their key, and with a condition of equal values by those values, so that rows
that come later are refused too. The list of them holds salted hashes, no value. The policy is run again: it is
FILE, or the file of the recorded name here or in policies/.
"""


@click.command(epilog=EXAMPLE)
@click.argument("dataset")
@click.argument("sample_ids", metavar="[SAMPLE_ID]...", nargs=-1)
@click.option("--where", "text", metavar="CONDITION", help="Which rows, by their values.")
@click.option("--policy", type=click.Path(path_type=Path), metavar="FILE", help="The policy to run again.")
@click.option(
    "--purge", is_flag=True, help="Remove the rows from old versions, work, quarantine, pages and MLflow as well."
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@json_option
def command(
    dataset: str,
    sample_ids: tuple[str, ...],
    text: str | None,
    policy: Path | None,
    purge: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Forget rows for good: publish a version without them and their children, everything fitted anew."""
    from augmill.tasks.summaries.forget_text import text as answer

    if (text is None) is not bool(sample_ids):
        raise click.UsageError("Name either --where CONDITION or one SAMPLE_ID or more.")
    if "@" in dataset:
        raise click.UsageError(f"All versions of a dataset are looked at: write {dataset.partition('@')[0]}.")
    document = forget(dataset, text, sample_ids, policy, purge=purge, dry_run=dry_run)
    if as_json:
        print_json(document)
    else:
        say(answer(document), nl=False)


def forget(
    dataset: str, text: str | None, ids: tuple[str, ...], policy: Path | None, *, purge: bool, dry_run: bool
) -> dict[str, Any]:
    """Choose the rows, note them, run the policy, make sure that they are gone, purge, and keep the proof."""
    from augmill.tasks.erasure import forget as work
    from augmill.tasks.erasure.hashed_conditions import with_hashes
    from augmill.tasks.erasure.purge import finish, refuse_pinned
    from augmill.tasks.erasure.row_selection import ErasureRequest, choose
    from augmill.tasks.rows.predicate import parse

    lake, current = open_lake(), settings()
    log_to(current)
    manifest = lake.find(dataset).manifest
    typed = parse(text) if text is not None else None
    request = ErasureRequest(with_hashes(typed, manifest, current.pii_key) if typed else None, ids, typed)
    if purge and not dry_run:
        finish(lake, manifest.dataset, getpass.getuser())
    chosen = choose(lake, manifest.dataset, request)
    work.refuse_only_old(chosen, purge)
    if purge:
        refuse_pinned(lake, chosen)
    document = {**work.selection_document(chosen, request), "purge": purge, "dry_run": dry_run}
    if dry_run:
        return document
    file = work.policy_file(chosen.current.manifest, policy)
    work.refuse_other(chosen.current.manifest, file, current.plugins)
    at_ms, by = int(time.time() * 1000), getpass.getuser()
    entry = work.add_to_list(lake, request, chosen, at_ms=at_ms, by=by)
    try:
        run_policy(file, current)
    except AugmillError as fault:
        fault.remedy += f" The rows are on the list of {dataset}: every later run leaves them out."
        fault.remedy += " Then give the same command again."
        raise
    document |= {"version": work.confirm(lake, request, chosen), "at_ms": at_ms, "by": by, "purged": None}
    if purge:
        from augmill.tasks.erasure.purge import Purge
        from augmill.tasks.erasure.purge import purge as remove

        document["purged"] = remove(Purge(lake, request, chosen, entry, at_ms, by, current.tracking_uri))
    proof = work.keep_proof(lake, entry, chosen, document)
    document["proof"] = lake.objects(dataset).url(f"forgotten/{entry}.proof.json")
    document["recorded"] = work.record_proof(lake, proof, current.tracking_uri)
    return document


def run_policy(file: Path, current: Settings, runner: RunnerName | None = None) -> None:
    """Run the policy as `augmill run` does; nothing happens where a run has been there in the meantime."""
    from augmill.flows.policy_request import resolve_with_settings
    from augmill.flows.run_policy import run_flow

    if resolve_with_settings(file, current).document is None:
        run_flow(file, runner, current)
