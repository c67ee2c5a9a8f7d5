"""Users' own transforms, expectations, verifiers and modalities: a folder, or installed packages' entry points.

The folder is laid out like the package: `transforms/<modality>/<name>.py`, `expectations/<name>.py`,
`verifiers/<name>.py`, `modalities/<name>.py`. Files whose name begins with `_` are shared code, importable as
`from . import _shared`. The entry-point groups are `augmill.transforms` (named `<modality>.<name>`),
`augmill.expectations`, `augmill.verifiers` and `augmill.modalities`; each points at a module.
Finding a plug-in never imports it. A `Located` is a few strings, so that worker processes import it by name.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.machinery
import importlib.util
import re
import sys
import traceback
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Literal

from augmill.policies.errors import Finding, PolicyError

Kind = Literal["transforms", "expectations", "verifiers", "modalities"]
RULE = "AUG008"

_WORD = r"[a-z0-9_]+"
_REMEDY = "Mend the plug-in, or take it out of the folder named by AUGMILL_PLUGINS (or uninstall its package)."


@dataclass(frozen=True, order=True)
class Located:
    """A module that can be imported in any process: its name, and the plug-in folder it lives in, if any."""

    kind: Kind
    name: str
    module_name: str
    folder: str | None = None
    origin: str = "built in"

    @property
    def module(self) -> ModuleType:
        """The imported module. Raises PolicyError with the plug-in's own file and line where it fails."""
        # Not `sys.modules`: another thread may be half-way through importing it, and import_module waits.
        if self.origin == "built in":
            return importlib.import_module(self.module_name)
        if self.folder is not None:
            _register(Path(self.folder))
        try:
            return importlib.import_module(self.module_name)
        except (Exception, SystemExit) as fault:  # a plug-in is a user's code and may raise anything
            file, line = _blame(fault, self)
            cause = f"The plug-in {self.name} ({self.origin}) cannot be imported: {type(fault).__name__}: {fault}"
            raise _refusal(file, line, cause) from fault

    @property
    def file(self) -> Path:
        """Where the module's source is, found without importing the module itself."""
        if self.folder is not None:
            return Path(self.folder, self.kind, *self.name.split(".")).with_suffix(".py")
        try:
            spec = importlib.util.find_spec(self.module_name)
        except Exception:  # noqa: BLE001 - a parent package is foreign code
            spec = None
        if spec is None or spec.origin is None:
            raise _refusal(
                self.origin, 1, f"The plug-in {self.name} names a module that does not exist: {self.module_name}"
            )
        return Path(spec.origin)


def discover(kind: Kind, folder: Path | None, built_in: Collection[str] = ()) -> dict[str, Located]:
    """Every plug-in of a kind by name, sorted. Raises PolicyError if two have the same name, or a built-in one's."""
    plugins: dict[str, Located] = {}
    for plugin, file, line in [*_in_folder(kind, folder), *_in_packages(kind)]:
        if plugin.name in built_in:
            raise _refusal(file, line, f"The plug-in {plugin.name} has the name of a built-in one; names must differ")
        if plugin.name in plugins:
            other = plugins[plugin.name].origin
            raise _refusal(file, line, f"The plug-in {plugin.name} exists twice, here and in {other}")
        plugins[plugin.name] = plugin
    return dict(sorted(plugins.items()))


def _in_folder(kind: Kind, folder: Path | None) -> Iterator[tuple[Located, str, int]]:
    if folder is None:
        return
    folder = folder.absolute()
    depth = 2 if kind == "transforms" else 1
    for file in sorted((folder / kind).glob("*/" * (depth - 1) + "*.py")):
        parts = file.relative_to(folder / kind).with_suffix("").parts
        if parts[-1].startswith("_"):
            continue
        name = ".".join(parts)
        _check_name(kind, name, str(file), 1)
        module = ".".join([_package_of(folder), kind, *parts])
        yield Located(kind, name, module, str(folder), f"plug-in folder {folder}"), str(file), 1


def _in_packages(kind: Kind) -> Iterator[tuple[Located, str, int]]:
    for point in sorted(entry_points(group=f"augmill.{kind}"), key=lambda point: (point.name, point.value)):
        file, line = _line_of(point)
        _check_name(kind, point.name, file, line)
        if point.attr:
            raise _refusal(file, line, f"The entry point {point.name} must name a module, not {point.value}")
        yield Located(kind, point.name, point.module, None, f"entry point in {file}"), file, line


def _check_name(kind: Kind, name: str, file: str, line: int) -> None:
    shape = rf"{_WORD}\.{_WORD}" if kind == "transforms" else _WORD
    if not re.fullmatch(shape, name):
        form = "MODALITY.NAME" if kind == "transforms" else "NAME"
        raise _refusal(file, line, f"The plug-in {name!r} must be called {form}, of lower-case letters, digits and _")


def _line_of(point: EntryPoint) -> tuple[str, int]:
    text = point.dist.read_text("entry_points.txt") if point.dist else None
    name = f"{point.dist.name}/entry_points.txt" if point.dist else "entry_points.txt"
    lines = (text or "").splitlines()
    numbers = [number for number, line in enumerate(lines, 1) if re.match(rf"{re.escape(point.name)}\s*=", line)]
    return name, numbers[0] if numbers else 1


def _package_of(folder: Path) -> str:
    digest = hashlib.blake2b(str(folder).encode(), digest_size=6).hexdigest()
    return f"augmill_plugins_{digest}"


def _register(folder: Path) -> None:
    # Create a package in memory whose path is the folder: sub-folders become namespace packages, relative imports
    # work, and sys.path does not change, where the folder could hide a library.
    name = _package_of(folder)
    if name not in sys.modules:
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[name] = importlib.util.module_from_spec(spec)


def _blame(fault: BaseException, plugin: Located) -> tuple[str, int]:
    if isinstance(fault, SyntaxError) and fault.filename and fault.lineno:
        return fault.filename, fault.lineno
    home = plugin.folder or str(plugin.file.parent)
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if frame.filename.startswith(home)]
    return (frames[-1].filename, frames[-1].lineno or 1) if frames else (str(plugin.file), 1)


def _refusal(file: str, line: int, cause: str) -> PolicyError:
    finding = Finding(file=file, line=line, rule=RULE, message=f"{cause}.", remedy=_REMEDY)
    return PolicyError("A plug-in cannot be used.", _REMEDY, [finding])
