"""The closure of some functions: every definition of our code that they can reach, and a hash of all of it.

A definition reaches the names it loads and imports, the classes that its annotations name, and of each class that is
reached the methods that somebody in the closure asks of any object by their name (rapid type analysis, Bacon and
Sweeney 1996, by name alone). Classes built on other libraries' are reached whole, since those may call any method.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

from augmill.tasks.code_version.definitions import MODULE, Definition, Module, from_json, read_module, to_json
from augmill.tasks.plugins import Located
from augmill.tasks.rows.hashing import NAME_BYTES

PACKAGE = "augmill"
ROOT = Path(__file__).resolve().parents[2]
FORMAT = f"1 python {sys.version_info.major}.{sys.version_info.minor}"
"""Of the cache: another Python writes other syntax trees."""
Place = tuple[str, str]
"""A definition: the dotted name of its module, and its name in it."""
Root = Callable[..., object] | Located | str
_LOCK = threading.Lock()


@dataclass
class Sources:
    """Source files by dotted name: our package at `root`, and packages of plug-ins at the folders in `others`.

    `cache` is a file that keeps what was read of each source file, as long as its size and time of change are the same.
    """

    root: Path = ROOT
    others: dict[str, Path] = field(default_factory=dict)
    cache: Path | None = None
    _stored: dict[str, Any] | None = None
    _is_newer: bool = False
    _modules: dict[str, Module | None] = field(default_factory=dict)

    def file(self, name: str) -> Path | None:
        """The file of a module, or None if it is no module of ours."""
        top, _, rest = name.partition(".")
        folder = self.root if top == PACKAGE else self.others.get(top)
        if folder is None:
            return None
        place = folder.joinpath(*rest.split(".")) if rest else folder
        return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)

    def module(self, name: str) -> Module | None:
        """What a module defines; None if it is not ours, or cannot be parsed."""
        if name not in self._modules:
            file = self.file(name)
            self._modules[name] = None
            if file is not None:
                package = name if file.name == "__init__.py" else name.rpartition(".")[0]
                self._modules[name] = self._read(file, package)
        return self._modules[name]

    def _read(self, file: Path, package: str) -> Module:
        if self._stored is None:
            self._stored = _stored(self.cache)
        stamp = file.stat()
        key, fresh = str(file), [FORMAT, stamp.st_mtime_ns, stamp.st_size]
        entry = self._stored.get(key)
        if entry is not None and entry["stamp"] == fresh:
            return from_json(entry["module"])
        module = read_module(file, package)
        self._stored[key] = {"stamp": fresh, "module": to_json(module)}
        self._is_newer = True
        return module

    def save(self) -> None:
        """Keep what was read for the next process; a cache that cannot be written is no fault."""
        if self.cache is None or not self._is_newer:
            return
        with suppress(OSError):
            self.cache.parent.mkdir(parents=True, exist_ok=True)
            beside = self.cache.with_name(f".{self.cache.name}.{os.getpid()}")
            beside.write_text(json.dumps(self._stored))
            beside.replace(self.cache)
            self._is_newer = False

    def matching(self, pattern: str) -> Iterator[str]:
        """The modules that a dotted name stands for; `*` at its end stands for any rest of a file's name."""
        if not pattern.endswith("*"):
            yield pattern
            return
        package, _, prefix = pattern[:-1].rpartition(".")
        folder = self.file(package)
        for file in sorted(folder.parent.glob(f"{prefix}*.py")) if folder is not None else ():
            yield f"{package}.{file.stem}"


@dataclass
class Closure:
    """The definitions that are reached, and the libraries that they use, by the name they are imported by."""

    sources: Sources
    reached: dict[Place, str] = field(default_factory=dict)
    libraries: set[str] = field(default_factory=set)
    _attributes: set[str] = field(default_factory=set)
    _waiting: dict[str, list[Place]] = field(default_factory=dict)
    _work: list[Place] = field(default_factory=list)

    def add(self, roots: Iterable[Place]) -> None:
        """Reach the roots and all that follows from them.

        The name `*` stands for all of a module, `?` for what the closure asks of any object by name: a module that is
        handed around as an object, as a modality is, counts with the functions that are called.
        """
        for pattern, name in roots:
            for module in self.sources.matching(pattern):
                if name == "*":
                    self._reach_all(module)
                elif name == "?":
                    self._reach_asked(module)
                else:
                    self._reach(module, name)
        while self._work:
            self._follow(*self._work.pop())

    def digest(self) -> str:
        """A hash of everything reached and of the versions of the libraries: 40 hexadecimal digits."""
        digest = hashlib.blake2b(digest_size=NAME_BYTES)
        for (module, name), content in sorted(self.reached.items()):
            digest.update(f"{_stable(module)}\0{name}\0{content}\n".encode())
        for name in sorted(self.libraries):
            digest.update(f"{name}\0{library_version(name)}\n".encode())
        return digest.hexdigest()

    def _reach(self, module: str, name: str | None) -> None:
        """A name of a module: a definition, a name that it imports itself, or a module below it."""
        source = self.sources.module(module)
        if source is None:
            if self.sources.file(module) is None and name is not None:
                self._library(module)
            return
        if name is None:
            return
        if name in source.definitions:
            self._enter(module, source, name)
        elif name in source.imports:
            self._bound(*source.imports[name])
        elif self.sources.file(f"{module}.{name}") is not None:
            self._reach(f"{module}.{name}", MODULE)

    def _reach_all(self, module: str) -> None:
        """All of a module, what it imports to offer it as its own included."""
        source = self.sources.module(module)
        if source is None:
            return
        for name in source.definitions:
            self._enter(module, source, name)
        for origin, part in source.imports.values():
            if part is not None and self.sources.file(f"{origin}.{part}") is None:
                self._bound(origin, part)

    def _reach_asked(self, module: str) -> None:
        source = self.sources.module(module)
        if source is None:
            return
        self._reach(module, MODULE)
        for name in {*source.definitions, *source.imports} - {MODULE}:
            self._reach_if_asked(name, (module, name))

    def _reach_if_asked(self, attribute: str, place: Place) -> None:
        if attribute in self._attributes:
            self._reach(*place)
        else:
            self._waiting.setdefault(attribute, []).append(place)

    def _enter(self, module: str, source: Module, name: str) -> None:
        for part in (name, MODULE):
            if (module, part) not in self.reached:
                self.reached[module, part] = source.definitions[part].digest
                self._work.append((module, part))

    def _follow(self, module: str, name: str) -> None:
        source = self.sources.module(module)
        if source is None:
            return
        definition = source.definitions[name]
        bindings = source.imports | definition.imports
        for loaded in definition.names:
            if loaded in bindings:
                self._follow_binding(loaded, bindings[loaded], definition)
            elif loaded in source.definitions:
                self._enter(module, source, loaded)
        for pattern in definition.strings:
            for spelled in self.sources.matching(pattern):
                self._reach_all(spelled)
        for attribute in definition.attributes - self._attributes:
            self._attributes.add(attribute)
            for waiting in self._waiting.pop(attribute, ()):
                self._reach(*waiting)
        if "." not in name and definition.methods:
            self._follow_class(module, source, name, definition)

    def _follow_binding(self, loaded: str, bound: tuple[str, str | None], definition: Definition) -> None:
        """A name that an import binds: something of a module, or a module whose parts are asked for by name."""
        module, name = bound
        target = module if name is None else f"{module}.{name}"
        if self.sources.file(target) is None:
            self._bound(module, name)
            return
        parts = {part for owner, part in definition.chains if owner == loaded}
        self._reach(target, MODULE)
        if parts:
            for part in parts:
                self._reach(target, part)
        else:
            self._reach_all(target)  # handed on as a whole: any part may be asked for

    def _bound(self, module: str, name: str | None) -> None:
        if self.sources.file(module) is not None:
            self._reach(module, name)
        else:
            self._library(module)

    def _library(self, module: str) -> None:
        top = module.partition(".")[0]
        if top and top not in sys.stdlib_module_names and top not in {PACKAGE, *self.sources.others}:
            self.libraries.add(top)

    def _follow_class(self, module: str, source: Module, name: str, definition: Definition) -> None:
        is_open = self._is_open(module, source, definition)
        for method in definition.methods:
            if is_open or method.startswith("__"):
                self._enter(module, source, f"{name}.{method}")
            else:
                self._reach_if_asked(method, (module, f"{name}.{method}"))

    def _is_open(self, module: str, source: Module, definition: Definition) -> bool:
        """Whether a class has a base that is not ours, directly or further up."""
        for base in definition.bases:
            plain = base.partition("[")[0]
            if plain in source.definitions:
                if self._is_open(module, source, source.definitions[plain]):
                    return True
                continue
            origin, name = source.imports.get(plain, ("", None))
            other = self.sources.module(origin)
            if other is None or name not in other.definitions:
                if plain not in {"Protocol", "Generic"}:
                    return True
            elif self._is_open(origin, other, other.definitions[name]):
                return True
        return False


def _stable(module: str) -> str:
    """A module's name without what depends on where a folder of plug-ins lies."""
    top, dot, rest = module.partition(".")
    return f"plugins{dot}{rest}" if top.startswith("augmill_plugins_") else module


def code_version(roots: Iterable[Root], cache: Path | None = None) -> str:
    """A hash of all that some functions and modules stand on: 40 hexadecimal digits, the same in every process.

    A root is a function or class, a text (`augmill.tasks.stages.augment:make_children`, `augmill.expectations.*:*`), or
    a part of the catalogue: of a modality what is asked of it counts, of any other part the whole module. Computed
    once in a process, since loaded code stays.
    """
    places, others = [], []
    for root in roots:
        if isinstance(root, str):
            module, _, name = root.partition(":")
            places.append((module, name))
        elif isinstance(root, Located):
            places.append((root.module_name, "?" if root.kind == "modalities" else "*"))
            others += [(top, str(folder)) for top, folder in _package_of(root)]
        else:
            places.append((root.__module__, root.__qualname__))
    with _LOCK:  # threads would see sources that another has not read to the end
        return _code_version(tuple(sorted(set(places))), tuple(sorted(set(others))), cache)


@cache
def _code_version(places: tuple[Place, ...], others: tuple[tuple[str, str], ...], cache: Path | None) -> str:
    sources = _sources(others, cache)
    closure = Closure(sources)
    closure.add(places)
    sources.save()
    return closure.digest()


@cache
def _sources(others: tuple[tuple[str, str], ...], cache: Path | None) -> Sources:
    return Sources(others={top: Path(folder) for top, folder in others}, cache=cache)


def _package_of(part: Located) -> list[tuple[str, Path]]:
    """The top package of a plug-in and its folder; nothing for a part of our own."""
    top, *rest = part.module_name.split(".")
    if top == PACKAGE:
        return []
    file = part.file
    place = file.parent if file.name == "__init__.py" else file.with_suffix("")
    return [(top, place.parents[len(rest) - 1] if rest else place)]


def _stored(cache: Path | None) -> dict[str, Any]:
    if cache is None:
        return {}
    try:
        document = json.loads(cache.read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


@cache
def library_version(name: str) -> str:
    """The version of the distribution that a top-level module is from; `absent` where none is installed."""
    for distribution in (name, *_distributions().get(name, ())):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return "absent"


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())
