"""Draft a policy and a suite from a look at the data.

Every row is looked at; the reasons for each choice stand beside it as comments.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from augmill.flows.console import json_option, print_json, say
from augmill.policies.errors import PolicyError

if TYPE_CHECKING:
    from augmill.tasks.drafting.source_profile import SourceProfile

EXAMPLE = """
\b
Examples:
  augmill init data/oil_spill.csv --label class
  augmill init train=data/train.csv test=data/test.csv --label income --dataset adult-income
  augmill init photos/ --out .
  augmill init builtin:wine --label target
"""


@click.command(name="init", epilog=EXAMPLE)
@click.argument("source", nargs=-1, required=True, metavar="SOURCE | SPLIT=SOURCE...")
@click.option("--label", metavar="COLUMN", help="The column that holds the class; for folders of pictures: its name.")
@click.option("--dataset", metavar="NAME", help="The dataset's name; default: from the source's name.")
@click.option("--format", "kind", metavar="FORMAT", help="csv, parquet, jsonl, image_folder or manifest, if unclear.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(), help="Folder to write policies/ and expectations/ in."
)
@click.option("--force", is_flag=True, help="Replace the files if they exist.")
@json_option
def command(
    source: Sequence[str],
    label: str | None,
    dataset: str | None,
    kind: str | None,
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Draft policies/NAME.yaml and expectations/NAME.yaml for a SOURCE: a file, glob, folder or s3:// URI."""
    from augmill.flows.settings import quiet_libraries, settings
    from augmill.tasks.drafting.draft import draft
    from augmill.tasks.drafting.infer_policy import DraftRequest, dataset_name
    from augmill.tasks.transforms.catalogue import Catalogue

    current = settings()
    quiet_libraries(current)
    policies = (out / "policies").absolute()
    name = dataset or dataset_name(_uris(source)[0])
    files = policies / f"{name}.yaml", policies.with_name("expectations") / f"{name}.yaml"
    _refuse_existing(files, force)
    call = DraftRequest(_source_as_written(source, policies), label, name, kind)
    policy_draft = draft(call, policies, Catalogue(current.plugins))
    for file, text in zip(files, (policy_draft.policy, policy_draft.suite), strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    paths = [os.path.relpath(file) for file in files]
    profile = policy_draft.profile
    if as_json:
        steps = [{"name": step.name, "reasons": step.reasons} for step in policy_draft.recommended]
        print_json(
            {
                "policy": paths[0],
                "suite": paths[1],
                "rows": profile.rows,
                "classes": profile.classes,
                "steps": steps,
                "quarantined": dict(profile.unusable.most_common()),
                "would_fail": profile.would_fail,
                "personal": {name: column.personal for name, column in profile.columns.items() if column.personal},
            }
        )
        return
    say(f"Wrote {paths[0]} and {paths[1]} from {profile.rows:,} rows, {len(profile.classes)} classes.")
    if profile.listing.ignored:
        say(f"  {profile.listing.ignored_summary}")
    for step in policy_draft.recommended:
        say(f"  {step.name}: {', '.join(transform.use for transform in step.chain)}")
    if not policy_draft.recommended:
        say("  no step: nothing to advise; the policy says why")
    _report_bad_rows(profile)
    _report_personal_data(profile)
    first = "Mend the rows, draft again" if profile.would_fail else "Read both"
    say(f"{first}, then: augmill run {paths[0]}")


def _report_bad_rows(profile: SourceProfile) -> None:
    if profile.unusable:
        say(f"{profile.unusable_count} would be quarantined:")
    for reason, count in profile.unusable.most_common():
        say(f"  {count:,} x {reason}")
    if profile.would_fail:
        say(profile.failure)


def _report_personal_data(profile: SourceProfile) -> None:
    for name, column in profile.columns.items():
        if column.personal:
            kinds = ", ".join(f"{what} ({count:,})" for what, count in column.personal.items())
            say(f"  {name} looks like personal data: {kinds}; the policy says how to treat it")


def _uris(source: Sequence[str]) -> list[str]:
    return [text.partition("=")[2] if _split_of(text) else text for text in source]


def _split_of(text: str) -> str:
    name, equals, _ = text.partition("=")
    return name if equals and name in ("train", "validation", "test") else ""


def _source_as_written(source: Sequence[str], policies: Path) -> str | dict[str, str]:
    """The source as the policy writes it: relative to the policy's folder, so that it works in every checkout."""
    uris = [
        uri if "://" in uri or uri.startswith("builtin:") else os.path.relpath(uri, policies) for uri in _uris(source)
    ]
    splits = [_split_of(text) for text in source]
    if splits == [""]:
        return uris[0]
    if "" in splits or len(set(splits)) < len(splits):
        raise PolicyError(
            f"several sources need a split each; received {' '.join(source)}",
            "write train=SOURCE test=SOURCE (and validation=SOURCE), or one SOURCE such as 'data/*.csv' in quotes",
        )
    return dict(zip(splits, uris, strict=True))


def _refuse_existing(files: Sequence[Path], force: bool) -> None:
    existing = [
        f"the {what} {os.path.relpath(file)}"
        for what, file in zip(("policy", "suite"), files, strict=True)
        if file.exists()
    ]
    if existing and not force:
        raise PolicyError(
            f"{' and '.join(existing)} exist{'s' * (len(existing) == 1)} already",
            "Name the new draft with --dataset, write it elsewhere with --out, or replace what is there with --force.",
        )
