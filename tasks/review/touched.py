"""Which policies a change touches, and why: by their own file, their suite, or the code that they use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from augmill.policies.errors import PolicyError
from augmill.policies.yaml_source import content
from augmill.tasks.review.imports import ROOT, Imports
from augmill.tasks.review.repository import Change, Repository
from augmill.tasks.review.uses import parts_of, suite_of

SUFFIXES = (".yaml", ".yml")
Kind = Literal["added", "changed", "deleted", "used"]


@dataclass(frozen=True)
class Touched:
    """A policy and what the change does to it.

    `path` is from the root of the repository; `kind` is "used" where the file itself is as it was. `before` is the
    text at the base and `suite_before` that of the suite it named; None where there was none. `was` is the dataset of
    the policy at the base. `rivals` are other policies of the same dataset, which only one can have.
    """

    path: str
    kind: Kind
    dataset: str
    because: tuple[str, ...]
    before: str | None = field(default=None, repr=False)
    suite_before: str | None = field(default=None, repr=False)
    was: str | None = None
    moved_from: str | None = None
    rivals: tuple[str, ...] = ()


@dataclass(frozen=True)
class AffectedPolicies:
    """How many policies there are, with those that are deleted, and those that are touched."""

    policies: int
    touched: tuple[Touched, ...]


def policies_in(places: Sequence[Path]) -> list[Path]:
    """The policy files that places stand for: a file is itself, a folder all YAML in it. A file may be gone."""
    files: dict[Path, None] = {}
    for place in places:
        if place.is_dir():
            inside = sorted(file for file in place.rglob("*") if file.suffix in SUFFIXES and file.is_file())
            files |= dict.fromkeys(file.absolute() for file in inside if not _hidden(file, place))
        else:
            files[place.absolute()] = None
    return list(files)


def find(
    repository: Repository, change: Change, places: Sequence[Path], plugins: Path | None, code: Path = ROOT
) -> AffectedPolicies:
    """The policies below `places`, at the base or now. Raises PolicyError for places outside of the repository.

    `code`: the folder of the augmill packages; a change to them counts if they lie in the repository.
    """
    comparison = _Comparison(repository, change, plugins, code)
    files_by_path = {comparison.inside(file): file for file in policies_in(places) if file.is_file()}
    deleted_paths = [path for path in comparison.before(places) if path not in files_by_path]
    unknown = [place for place in places if not place.exists() and comparison.inside(place) not in deleted_paths]
    if unknown:
        raise PolicyError(
            f"there is no policy {unknown[0]}, neither here nor at the base.",
            "Name policy files, or folders that hold some.",
        )
    contents = {path: content(file.read_bytes()) for path, file in files_by_path.items()}
    touched = [
        policy
        for path, file in files_by_path.items()
        if (policy := comparison.at(path, file, contents[path])) is not None
    ]
    deleted = [comparison.deleted(path) for path in deleted_paths]
    affected = sorted(
        (_with_rivals(policy, contents) for policy in _match_moves(touched, deleted)), key=lambda policy: policy.path
    )
    return AffectedPolicies(len(files_by_path) + sum(policy.kind == "deleted" for policy in affected), tuple(affected))


@dataclass
class _Comparison:
    repository: Repository
    change: Change
    plugins: Path | None
    code: Path

    def __post_init__(self) -> None:
        self.imports = Imports(self.code, was_deleted=lambda file: self.changed(file) is not None)
        self.folders = [self.code / "tasks", self.code, *([self.plugins] if self.plugins else [])]
        self.code_changed = any(path.endswith(".py") for path in self.change.files)

    def changed(self, file: Path) -> str | None:
        """The path of a file from the root of the repository, if the change touches it."""
        path = self.repository.relative(file)
        return path if path in self.change.files else None

    def exists(self, file: Path) -> bool:
        """Whether a file exists, or did before the change."""
        return file.is_file() or self.changed(file) is not None

    def inside(self, place: Path) -> str:
        path = self.repository.relative(place)
        if path is None:
            raise PolicyError(
                f"{place} lies outside of the repository {self.repository.root}.",
                "Name policies of one repository, the one you are in.",
            )
        return path

    def before(self, places: Iterable[Path]) -> Iterator[str]:
        """Policies of these places at the base."""
        for place in places:
            path = self.inside(place)
            for name in sorted(self.repository.paths(self.change.base, "" if path == "." else path)):
                below = Path(name).relative_to(path) if name != path else Path(Path(name).name)
                if Path(name).suffix in SUFFIXES and not any(part.startswith(".") for part in below.parts):
                    yield name

    def at(self, path: str, file: Path, now: Mapping[str, Any]) -> Touched | None:
        dataset = _dataset(now, path)
        because = list(self._because(path, file, now))
        if not because:
            return None
        own = path in self.change.files
        raw = self.repository.text(self.change.base, path) if own else file.read_bytes()
        before = content(raw)
        return Touched(
            path,
            "used" if not own else "added" if raw is None else "changed",
            dataset,
            tuple(because),
            _text(raw),
            _text(self._suite_before(before, file)),
            _dataset(before, path) if raw is not None else None,
        )

    def deleted(self, path: str) -> Touched:
        raw = self.repository.text(self.change.base, path)
        before, file = content(raw), self.repository.root / path
        suite = _text(self._suite_before(before, file))
        dataset = _dataset(before, path)
        return Touched(path, "deleted", dataset, ("the policy is deleted",), _text(raw), suite, dataset)

    def _because(self, path: str, file: Path, now: Mapping[str, Any]) -> Iterator[str]:
        if path in self.change.files:
            yield "the policy itself"
        suite = suite_of(now, file, self.exists)
        if suite is not None and self.changed(suite):
            yield f"its suite {self.changed(suite)} changed"
        raw = suite.read_bytes() if suite is not None and suite.is_file() else None
        # Without a change to code, no policy's parts need to be looked at.
        reasons: dict[str, dict[str, None]] = {}
        for words, part in parts_of(now, content(raw), self.folders, self.exists) if self.code_changed else ():
            reached = filter(None, map(self.changed, sorted(self.imports.reached([part]))))
            reasons.setdefault(words, {}).update(dict.fromkeys(reached))
        yield from (f"{words}: {', '.join(files)}" for words, files in reasons.items() if files)

    def _suite_before(self, before: Mapping[str, Any], file: Path) -> bytes | None:
        suite = suite_of(before, file, self.exists)
        path = self.repository.relative(suite) if suite else None
        if suite is None or path is None:
            return suite.read_bytes() if suite and suite.is_file() else None
        return self.repository.text(self.change.base, path)


def _match_moves(touched: Sequence[Touched], deleted: Sequence[Touched]) -> Iterator[Touched]:
    """A deleted policy whose dataset a new file has was moved: the new one is compared with the old text."""
    deleted_by_dataset = {policy.dataset: policy for policy in deleted}
    for policy in touched:
        old = deleted_by_dataset.pop(policy.dataset, None) if policy.kind == "added" else None
        yield policy if old is None else _moved(policy, old)
    yield from deleted_by_dataset.values()


def _moved(policy: Touched, old: Touched) -> Touched:
    because = (f"the policy was moved from {old.path}", *policy.because[1:])
    return Touched(
        policy.path, "changed", policy.dataset, because, old.before, old.suite_before, old.dataset, moved_from=old.path
    )


def _with_rivals(policy: Touched, contents: Mapping[str, Mapping[str, Any]]) -> Touched:
    """A policy with the others of its dataset, if it is still there itself."""
    same = [path for path, now in contents.items() if now.get("dataset") == policy.dataset and path != policy.path]
    return replace(policy, rivals=tuple(same)) if same and policy.kind != "deleted" else policy


def _dataset(policy: Mapping[str, Any], path: str) -> str:
    name = policy.get("dataset")
    return name if isinstance(name, str) else Path(path).stem


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("utf-8", "replace")


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)
