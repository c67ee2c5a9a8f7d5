"""A policy file to a checked policy. Every fault of the file is found and reported in one error.

The catalogue of transforms is handed in, so that this package imports nothing of the pipeline.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from augmill.policies import yaml_source
from augmill.policies.errors import Finding, PolicyError
from augmill.policies.names import did_you_mean
from augmill.policies.schema import Policy
from augmill.policies.validation_errors import Reporter, findings_of, spell
from augmill.policies.yaml_source import Document

FORMATS = ("csv", "parquet", "jsonl", "image_folder", "manifest", "builtin")
PLANNED_MODALITIES = ("text", "audio", "timeseries")
NOT_IN_ROWS = {"description", "owner", "license", "language", "publish", "schedule"}


class Entry(Protocol):
    """What the loader and the lint rules need of a transform."""

    @property
    def use(self) -> str:
        """Its name in the catalogue."""

    @property
    def params_model(self) -> type[BaseModel]:
        """The model of its parameters."""

    @property
    def behaviour(self) -> Any:
        """What it does to labels and lineage."""

    def parameters(self, params: Mapping[str, Any], /) -> BaseModel:
        """Check parameters. Raises pydantic's ValidationError."""

    def risks(self, params: Any, /) -> Mapping[Any, str]:
        """What it may spoil with these parameters, by kind (orientation, colour, noise, extreme): the reason."""


class Catalogue(Protocol):
    """What the loader needs of the catalogue."""

    def names(self, modality: str | None = None) -> list[str]:
        """The transforms there are."""

    def modalities(self) -> list[str]:
        """The modalities that are built."""

    def custom(self) -> list[str]:
        """The users' own expectations."""

    def verifiers(self) -> list[str]:
        """What can judge labels."""

    def find(self, use: str) -> Entry:
        """One transform. Raises PolicyError with near misses, or with the fault of a plug-in."""


@dataclass(frozen=True)
class Loaded:
    """A policy, where it came from, and the checked parameters of its transforms by (step, position).

    `display_path` is the path as the user typed it. `content_hash` names all that decides which rows are published,
    defaults filled in; comments, key order, texts for people, channel and schedule are not in it. `file_hash` names
    the bytes of the file.
    """

    policy: Policy
    path: Path
    display_path: str
    text: str
    params: Mapping[tuple[str, int], BaseModel]
    suite: Path | None
    content_hash: str
    file_hash: str
    document: Document = field(repr=False, compare=False)

    def line_of(self, path: tuple[str | int, ...]) -> int:
        """The line of the value at `path`, or of the nearest value around it that the file holds."""
        return self.document.line_of(path)

    def resolve(self, uri: str) -> str:
        """A source as the pipeline reads it: relative paths begin at the policy's folder."""
        return uri if _has_scheme(uri) else str((self.path.parent / Path(uri).expanduser()).absolute())


def load(path: Path | str, catalogue: Catalogue) -> Loaded:
    """Read and check a policy file. Raises one PolicyError that holds every fault found."""
    display_path = str(path)
    file = Path(path).expanduser().absolute()
    raw = _read(file, display_path)
    document = yaml_source.parse(raw.decode("utf-8-sig"))
    checker = _Checker(display_path, file, document, catalogue)
    policy = checker.check()
    if policy is None or checker.findings:
        raise _error(display_path, checker.findings)
    return Loaded(
        policy=policy,
        path=file,
        display_path=display_path,
        text=raw.decode("utf-8-sig"),
        params=checker.params,
        suite=checker.suite,
        content_hash=_content_hash(policy, checker.params),
        file_hash=hashlib.sha256(raw).hexdigest(),
        document=document,
    )


def suite_folders(file: Path) -> tuple[Path, Path]:
    """Where suites lie that a policy file may name: beside its folder, then those that come with augmill."""
    return file.parent.parent / "expectations", Path(__file__).parents[1] / "expectations"


class _Checker:
    """Collects the findings of one file."""

    def __init__(self, display_path: str, file: Path, document: Document, catalogue: Catalogue) -> None:
        self.file, self.document, self.catalogue = file, document, catalogue
        self.reporter = Reporter(display_path, document)
        self.findings: list[Finding] = []
        self.params: dict[tuple[str, int], BaseModel] = {}
        self.suite: Path | None = None

    def check(self) -> Policy | None:
        for fault in self.document.faults:
            finding = self.reporter.finding(fault.path, "AUG002", fault.message, fault.remedy)
            self.findings.append(replace(finding, line=fault.line))
        raw = self.document.value
        if not isinstance(raw, dict):
            if not self.findings:
                what = "The file holds no policy." if raw is None else f"A policy is a map; received {spell(raw)}."
                self._report((), "AUG001", what, "Begin with `dataset: NAME`; `augmill init` drafts a policy.")
            return None
        self._refuse_planned(raw)
        self._check_names(raw)
        self._check_transforms(raw)
        try:
            return Policy.model_validate(raw)
        except ValidationError as error:
            self.findings += findings_of(error, Policy, (), self.reporter)
            return None

    def _report(self, path: tuple[str | int, ...], rule: str, message: str, remedy: str) -> None:
        self.findings.append(self.reporter.finding(path, rule, message, remedy))

    def _refuse_planned(self, raw: dict[str, Any]) -> None:
        if raw.get("modality") in PLANNED_MODALITIES and raw["modality"] not in self.catalogue.modalities():
            self._report(
                ("modality",),
                "AUG007",
                f"The modality {raw['modality']} is not built yet.",
                f"Built: {', '.join(self.catalogue.modalities())}.",
            )

    def _check_names(self, raw: dict[str, Any]) -> None:
        modality, modalities = raw.get("modality"), self.catalogue.modalities()
        if isinstance(modality, str) and modality not in (*modalities, *PLANNED_MODALITIES):
            self._unknown(("modality",), "modality", modality, modalities)
        source = raw.get("source")
        source_format = source.get("format") if isinstance(source, dict) else None
        if isinstance(source_format, str) and source_format not in FORMATS:
            self._unknown(("source", "format"), "format", source_format, FORMATS)
        checks = raw.get("checks")
        custom = checks.get("custom") if isinstance(checks, dict) else None
        if isinstance(custom, list) and custom:
            custom_names = self.catalogue.custom()
            for index, name in enumerate(custom):
                if name not in custom_names:
                    self._unknown(("checks", "custom", index), "expectation", str(name), custom_names)
        consistency = checks.get("label_consistency") if isinstance(checks, dict) else None
        verifier = consistency.get("verifier") if isinstance(consistency, dict) else None
        if isinstance(verifier, str) and verifier not in self.catalogue.verifiers():
            path = ("checks", "label_consistency", "verifier")
            self._unknown(path, "verifier", verifier, self.catalogue.verifiers())
        if isinstance(raw.get("expectations"), str):
            self._find_suite(raw["expectations"])

    def _unknown(self, path: tuple[str | int, ...], what: str, name: str, candidates: Iterable[str]) -> None:
        self._report(path, "AUG009", f"there is no {what} called {name!r}.", did_you_mean(name, candidates))

    def _find_suite(self, name: str) -> None:
        folders = suite_folders(self.file)
        suites = {file.stem: file for folder in reversed(folders) for file in sorted(folder.glob("*.yaml"))}
        self.suite = suites.get(name)
        if self.suite is None:
            self._report(
                ("expectations",), "AUG009", f"there is no suite {name!r} in {folders[0]}.", did_you_mean(name, suites)
            )
        elif yaml_source.leads_out(self.suite):
            self._report(
                ("expectations",),
                "AUG009",
                f"the suite {name!r} is a link that leads out of {self.suite.parent}.",
                "Put the file itself there.",
            )

    def _check_transforms(self, raw: dict[str, Any]) -> None:
        for path, step, position, chosen in _transforms_in(raw):
            use, params = chosen.get("use"), chosen.get("params", {})
            if not isinstance(use, str):
                continue
            entry = self._find(use, (*path, "use"), raw.get("modality"))
            if entry is None or not isinstance(params, dict):
                continue
            try:
                self.params[step, position] = entry.parameters(params)
            except ValidationError as error:
                at = (*path, "params")
                self.findings += findings_of(error, entry.params_model, at, self.reporter, "AUG006")

    def _find(self, use: str, path: tuple[str | int, ...], modality: object) -> Entry | None:
        try:
            entry = self.catalogue.find(use)
        except PolicyError as error:
            if error.findings:
                self._report(path, "AUG008", error.cause, str(error.findings[0]))
            else:
                self._report(path, "AUG005", error.cause, error.remedy)
            return None
        if isinstance(modality, str) and use.partition(".")[0] != modality:
            same = f"{modality}.{use.partition('.')[2]}"
            self._report(
                path,
                "AUG005",
                f"{use} works on {use.partition('.')[0]} data, the policy is {modality}.",
                did_you_mean(same, self.catalogue.names(modality)),
            )
        return entry


def _transforms_in(raw: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str, int, dict[str, Any]]]:
    # Walks the raw values, because a fault elsewhere must not hide those of the transforms.
    steps = raw.get("steps")
    for number, step in enumerate(steps if isinstance(steps, list) else []):
        chain = step.get("transforms") if isinstance(step, dict) else None
        for position, chosen in enumerate(chain if isinstance(chain, list) else []):
            if isinstance(chosen, dict):
                yield ("steps", number, "transforms", position), str(step.get("name")), position, chosen


def _read(file: Path, display_path: str) -> bytes:
    try:
        str(file).encode()
        if file.is_dir():
            raise _cannot_read(display_path, "it is a folder", "Name the policy file in it.")
        if file.is_file() and yaml_source.leads_out(file):  # a review would quote in public what it leads to
            remedy = "Put the file itself there, or name the file that is meant."
            raise _cannot_read(display_path, f"it is a link that leads out of {file.parent}", remedy)
        raw = yaml_source.read_bounded(file)
        if raw is None:
            raise _cannot_read(display_path, "it is larger than 1 MiB", "A policy is a page of text; is this the data?")
        raw.decode("utf-8-sig")
    except UnicodeEncodeError:
        raise _cannot_read(display_path, "its path is not UTF-8", "Rename it: lineage and reports name it.") from None
    except FileNotFoundError:
        others = [other.name for other in file.parent.glob("*.y*ml")]
        near = did_you_mean(file.name, others) if others else "Check the path."
        raise _cannot_read(display_path, "there is no such file", near) from None
    except UnicodeDecodeError as broken:
        line = broken.object.count(b"\n", 0, broken.start) + 1
        raise _cannot_read(display_path, "it is not UTF-8", "Save it as UTF-8.", line) from None
    except OSError as broken:
        raise _cannot_read(display_path, broken.strerror or str(broken), "Check its path and permissions.") from None
    return raw


def _cannot_read(display_path: str, why: str, remedy: str, line: int = 1) -> PolicyError:
    return _error(display_path, [Finding(display_path, line, "AUG001", f"The file cannot be read: {why}.", remedy)])


def _error(display_path: str, findings: list[Finding]) -> PolicyError:
    faults = "1 fault" if len(findings) == 1 else f"{len(findings)} faults"
    return PolicyError(f"{display_path} has {faults}.", "Mend the lines above.", sorted(findings))


def _content_hash(policy: Policy, params: Mapping[tuple[str, int], BaseModel]) -> str:
    content = policy.model_dump(mode="json", exclude=NOT_IN_ROWS)
    for step in content["steps"]:
        for position, chosen in enumerate(step["transforms"]):
            del chosen["invariance"]
            chosen["params"] = params[step["name"], position].model_dump(mode="json")
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(canonical.encode(), digest_size=20).hexdigest()


def _has_scheme(uri: str) -> bool:
    return "://" in uri or uri.startswith("builtin:")
