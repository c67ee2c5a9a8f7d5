"""What `augmill explain` knows of a row, for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from augmill.tasks.rows.label_remap import NOTE

MAX_VALUES = 12


def text(document: Mapping[str, Any]) -> str:
    """The walk from the row to its raw objects, a line each."""
    return "".join(f"{line}\n" for line in _lines(document))


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"{document['sample_id']}  {document['origin']}, {document['split']}"
    yield f"  in      {document['dataset']}@{document['version']}, first in @{document['first_version']}"
    yield f"  values  {_values(document['values'])}"
    if document["source"] is not None:
        yield f"  from    {_source(document['source'])}"
    if "step" in document:
        yield from _made(document)
    policy, run = document["policy"], document["run"]
    commit = f", commit {policy['git_commit'][:12]}" if policy["git_commit"] else ""
    yield f"  policy  {policy['file']}, hash {policy['hash'][:12]}{commit}"
    if (run["mlflow"] or {}).get("run_id"):
        yield f"  run     MLflow {run['mlflow']['run_id']} in {run['mlflow']['tracking_uri']}"


def _made(document: Mapping[str, Any]) -> Iterator[str]:
    step = document["step"]
    yield f"  step    {step['name']}, seed {step['seed']}"
    for op in step["ops"]:
        yield f"    {op['use']} {_values(op['drawn'])}"
        for before, after in op.get(NOTE, {}).items():
            yield f"      makes {after} of {before}"
    for use in step["transforms"]:
        yield f"    keeps the label because: {use['invariance'] or '(the policy does not say)'}"
    if document["label_weights"]:
        shares = [f"{weight['weight']:.4g} x {weight['label']}" for weight in document["label_weights"]]
        yield f"  label   {', '.join(shares)}"
    for parent in document["parents"]:
        yield f"  parent  {parent['sample_id']}  {parent['split']}, {_source(parent['source'])}"
        yield f"          {_values(parent['values'])}"
    verifier = document["verifier"]
    yield f"  judged  {_values(verifier) if verifier else 'the verifier did not judge it, or its scores are not kept'}"


def _source(source: Mapping[str, Any] | None) -> str:
    if source is None:
        return "of unknown source"
    place = source.get("uri") or source["object"]
    return f"{place} row {source['row']} (sha256 {source['sha256'][:12]})"


def _values(values: Mapping[str, Any]) -> str:
    lines = [
        f"{name}={json.dumps(value, default=str, ensure_ascii=False)}"
        for name, value in list(values.items())[:MAX_VALUES]
    ]
    more = len(values) - len(lines)
    return ", ".join(lines) + (f" and {more} more" if more > 0 else "")
