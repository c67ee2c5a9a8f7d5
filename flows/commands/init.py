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
    from augmill.tasks.drafting.source_profile import Look

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
    from augmill.tasks.drafting.infer_policy import Call, dataset_name
    from augmill.tasks.transforms.catalogue import Catalogue

    current = settings()
    quiet_libraries(current)
    policies = (out / "policies").absolute()
    name = dataset or dataset_name(_uris(source)[0])
    files = policies / f"{name}.yaml", policies.with_name("expectations") / f"{name}.yaml"
    _refuse_existing(files, force)
    call = Call(_written(source, policies), label, name, kind)
    made = draft(call, policies, Catalogue(current.plugins))
    for file, text in zip(files, (made.policy, made.suite), strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    shown = [os.path.relpath(file) for file in files]
    if as_json:
        steps = [{"name": step.name, "reasons": step.reasons} for step in made.advised]
        print_json(
            {
                "policy": shown[0],
                "suite": shown[1],
                "rows": made.seen.rows,
                "classes": made.seen.classes,
                "steps": steps,
                "quarantined": dict(made.seen.unusable.most_common()),
                "would_fail": made.seen.would_fail,
                "personal": {name: column.personal for name, column in made.seen.columns.items() if column.personal},
            }
        )
        return
    say(f"Wrote {shown[0]} and {shown[1]} from {made.seen.rows:,} rows, {len(made.seen.classes)} classes.")
    if made.seen.found.ignored:
        say(f"  {made.seen.found.ignored_summary}")
    for step in made.advised:
        say(f"  {step.name}: {', '.join(one.use for one in step.chain)}")
    if not made.advised:
        say("  no step: nothing to advise; the policy says why")
    _tell_of_bad_rows(made.seen)
    _tell_of_personal_data(made.seen)
    first = "Mend the rows, draft again" if made.seen.would_fail else "Read both"
    say(f"{first}, then: augmill run {shown[0]}")


def _tell_of_bad_rows(seen: Look) -> None:
    if seen.unusable:
        say(f"{seen.unusable_count} would be quarantined:")
    for reason, count in seen.unusable.most_common():
        say(f"  {count:,} x {reason}")
    if seen.would_fail:
        say(seen.failure)


def _tell_of_personal_data(seen: Look) -> None:
    for name, column in seen.columns.items():
        if column.personal:
            told = ", ".join(f"{what} ({count:,})" for what, count in column.personal.items())
            say(f"  {name} looks like personal data: {told}; the policy says how to treat it")


def _uris(source: Sequence[str]) -> list[str]:
    return [text.partition("=")[2] if _split_of(text) else text for text in source]


def _split_of(text: str) -> str:
    name, equals, _ = text.partition("=")
    return name if equals and name in ("train", "validation", "test") else ""


def _written(source: Sequence[str], policies: Path) -> str | dict[str, str]:
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
    there = [
        f"the {what} {os.path.relpath(file)}"
        for what, file in zip(("policy", "suite"), files, strict=True)
        if file.exists()
    ]
    if there and not force:
        raise PolicyError(
            f"{' and '.join(there)} exist{'s' * (len(there) == 1)} already",
            "Name the new draft with --dataset, write it elsewhere with --out, or replace what is there with --force.",
        )
