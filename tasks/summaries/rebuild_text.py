"""What `augmill rebuild` found, for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def text(document: Mapping[str, Any]) -> str:
    """The findings, a line each; the last one is the verdict."""
    return "".join(f"{line}\n" for line in _lines(document))


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    for step in document["steps"]:
        same = step["rebuilt"] - step["different"]
        yield f"{step['name']}: {same:,} of {step['rebuilt']:,} children came out the same, byte for byte"
        yield from (f"  different: {name}" for name in step["examples"])
        if step["different"] > len(step["examples"]):
            yield f"  and {step['different'] - len(step['examples']):,} more"
        yield from (f"  because {reason}" for reason in step["reasons"])
    real = document["real"]
    if real["files"]:
        yield f"real rows: {real['files'] - len(real['altered']):,} of {real['files']:,} files are as published"
        yield from (f"  altered: {path}" for path in real["altered"])
    yield from (f"unlike the run that made it: {sentence}" for sentence in document["unlike"])
    name = f"{document['dataset']}@{document['version']}"
    if document["exit_code"]:
        yield f"{name} is not what it says it is."
    else:
        yield f"{name}: {document['rebuilt']:,} children rebuilt, none is different."
