"""The import graph, read from the source without importing anything: which files a change to one file reaches."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = "augmill"
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Imports:
    """The graph below `root`, the folder of our packages, and of the folders where plug-ins import their neighbours.

    `was_deleted`: whether a path that does not exist was there before the change; imports of such a file reach it too.
    """

    root: Path = ROOT
    was_deleted: Callable[[Path], bool] = lambda _: False
    _known: dict[Path, frozenset[Path]] = field(default_factory=dict)

    def reached(self, files: Iterable[Path]) -> frozenset[Path]:
        """The files and all they import, directly or through others; imports inside functions among them."""
        files_reached: set[Path] = set()
        queue = list(files)
        while queue:
            file = queue.pop()
            if file not in files_reached:
                files_reached.add(file)
                queue += self._of(file)
        return frozenset(files_reached)

    def _of(self, file: Path) -> frozenset[Path]:
        if file not in self._known:
            self._known[file] = frozenset(self._read(file))
        return self._known[file]

    def _read(self, file: Path) -> Iterator[Path]:
        try:
            tree = ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError):
            return  # deleted or broken: the file itself counts as reached, its imports are unknown
        for node in _nodes(tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    yield from self._absolute(name.name)
            elif isinstance(node, ast.ImportFrom) and node.level:
                folder = file.parents[node.level - 1]
                yield from self._places(folder, node.module or "", node)
            elif isinstance(node, ast.ImportFrom) and (module := _below(node.module or "")) is not None:
                yield from self._places(self.root, module, node)

    def _absolute(self, name: str) -> Iterator[Path]:
        if module := _below(name):
            yield from self._file(self.root.joinpath(*module.split(".")))

    def _places(self, folder: Path, module: str, node: ast.ImportFrom) -> Iterator[Path]:
        """`from a import b` may mean the module a.b or a name in a."""
        place = folder.joinpath(*module.split(".")) if module else folder
        yield from self._file(place)
        for name in node.names:
            yield from self._file(place / name.name)

    def _file(self, place: Path) -> Iterator[Path]:
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file() or self.was_deleted(file):
                yield file


def _below(name: str) -> str | None:
    """The rest of a dotted name below our package, or None if it is another's."""
    top, _, rest = name.partition(".")
    return rest if top == PACKAGE else None


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        yield from _nodes(node)
