"""Which files of code a policy stands on, by its text alone: its suite, transforms, modality, checks and gates.

The pipeline that every policy goes through - ingest, split, publish - is not among them: its own tests judge it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from augmill.expectations.build import shipped_modules
from augmill.expectations.names import NO_PERSONAL_DATA
from augmill.policies.load import suite_folders

Exists = Callable[[Path], bool]
Content = Mapping[str, Any]

OF_EVERY_CHILD = ("distribution", "label_rules", "outcome_counts", "parentage")
"""Files of `tasks/verifiers/` that judge children whichever verifier the policy names."""
DEFAULT_GATES: dict[str, Any] = {"collapse": {}}
DEFAULT_VERIFIER = "conformal"


def suite_of(policy: Content, file: Path, exists: Exists) -> Path | None:
    """The file of a policy's suite."""
    name = policy.get("expectations")
    places = [folder / f"{name}.yaml" for folder in suite_folders(file)] if _is_text(name) else []
    return next((place for place in places if exists(place)), None)


def parts_of(policy: Content, suite: Content, folders: Sequence[Path], exists: Exists) -> Iterator[tuple[str, Path]]:
    """What a policy uses, in words, and the file it is in, looked for in these folders of parts."""
    for words, kind, name in _parts(policy, suite):
        for folder in folders:
            file = folder.joinpath(kind, *name.split(".")).with_suffix(".py")
            if exists(file):
                yield words, file


def _parts(policy: Content, suite: Content) -> Iterator[tuple[str, str, str]]:
    """Words for people, the folder, and the name of each part."""
    steps, label = _steps(policy), policy.get("label")
    for use in dict.fromkeys(use for step in steps for use in step):
        yield f"transform {use}", "transforms", use
    modality = policy.get("modality")
    for name in _texts([modality]):
        yield f"modality {name}", "modalities", name
    check_types = [spec.get("type") for spec in _maps(suite.get("expectations"))]
    if NO_PERSONAL_DATA.intersection(check_types):
        yield "check of personal data", "expectations", "personal_data"
    for name in [*_texts(_inner(policy, "checks").get("custom")), *_texts(check_types)]:
        yield f"check {name}", "expectations", name
    if not steps:
        return
    for name in ("checks", *(name for name in shipped_modules() if name != "personal_data")):
        yield "checks of new rows", "expectations", name
    for name in OF_EVERY_CHILD:
        yield "checks of new rows", "verifiers", name
    if label is not None:
        for name in _texts([_inner(policy, "checks", "label_consistency").get("verifier", DEFAULT_VERIFIER)]):
            yield f"verifier {name}", "verifiers", name
    gates = DEFAULT_GATES | _inner(policy, "gates")
    for name in _texts([name for name, settings in gates.items() if isinstance(settings, Mapping)]):
        yield f"gate {name}", "gates", name


def _steps(policy: Content) -> list[list[str]]:
    chains = [_maps(step.get("transforms")) for step in _maps(policy.get("steps"))]
    return [[str(use["use"]) for use in chain if _is_text(use.get("use"))] for chain in chains]


def _maps(value: Any) -> list[Content]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [item for item in value if _is_text(item)] if isinstance(value, list) else []


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "/" not in value and not value.startswith(".")


def _inner(policy: Content, *keys: str) -> dict[str, Any]:
    section: Any = policy
    for key in keys:
        section = section.get(key) if isinstance(section, Mapping) else None
    return dict(section) if isinstance(section, Mapping) else {}
