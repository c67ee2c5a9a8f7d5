"""What a source file defines, and what each definition refers to, read from its syntax tree; nothing is imported.

Comments, docstrings and formatting leave no trace in a definition's hash, since they cannot change what it does.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MODULE = "<module>"
"""The statements of a module that define nothing: they run whenever the module is imported."""
_DIGEST_BYTES = 20
_BY_NAME = {"getattr", "hasattr", "attrgetter", "methodcaller"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Definition:
    """A function, class or variable of a module. A class is listed without its methods, each of which is `Class.name`.

    `names` are those it loads, `chains` the dotted ones (`module.function`), `attributes` those it asks of any object,
    `strings` the dotted names of our package that it spells out, `imports` what it imports in its body.
    """

    digest: str = ""
    names: set[str] = field(default_factory=set)
    chains: set[tuple[str, str]] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    imports: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    bases: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)


@dataclass
class Module:
    """The definitions of a file by name, and what its imports bind: the module, and the name in it or None."""

    definitions: dict[str, Definition]
    imports: dict[str, tuple[str, str | None]]


def to_json(module: Module) -> dict[str, Any]:
    """A JSON-able form; the inverse of `from_json`."""
    return {
        "imports": module.imports,
        "definitions": {
            name: {key: sorted(part) if isinstance(part, set) else part for key, part in vars(definition).items()}
            for name, definition in module.definitions.items()
        },
    }


def from_json(document: Mapping[str, Any]) -> Module:
    """Rebuild from `to_json`'s dict."""
    definitions = {}
    for name, parts in document["definitions"].items():
        sets = {key: set(parts[key]) for key in ("names", "attributes", "strings")}
        chains = {(owner, part) for owner, part in parts["chains"]}
        definitions[name] = Definition(**{**parts, **sets, "chains": chains, "imports": _pairs(parts["imports"])})
    return Module(definitions, _pairs(document["imports"]))


def _pairs(bound: Mapping[str, Sequence[str | None]]) -> dict[str, tuple[str, str | None]]:
    return {name: (str(module), part) for name, (module, part) in bound.items()}


def read_module(file: Path, package: str) -> Module:
    """The definitions of a file. `package` is the dotted name of its folder, which relative imports start from."""
    tree = ast.parse(file.read_bytes())
    imports = dict(_imports(tree.body, package))
    parts: dict[str, list[ast.AST]] = {MODULE: []}
    methods: dict[str, list[str]] = {}
    bases: dict[str, list[str]] = {}
    for node in tree.body:
        for name, part in _named(node):
            parts.setdefault(name, []).append(part)
        if isinstance(node, ast.ClassDef):
            methods[node.name] = [item.name for item in node.body if isinstance(item, _FUNCTIONS)]
            bases[node.name] = [ast.unparse(base) for base in node.bases]
    definitions = {name: _definition(nodes, package) for name, nodes in parts.items()}
    for name, listed in methods.items():
        definitions[name].methods, definitions[name].bases = listed, bases[name]
    return Module(definitions, imports)


def _named(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    """The definitions that a top-level statement makes, by name."""
    if isinstance(node, _FUNCTIONS):
        yield node.name, node
    elif isinstance(node, ast.ClassDef):
        own = [item for item in node.body if not isinstance(item, _FUNCTIONS)]
        shell = ast.ClassDef(node.name, node.bases, node.keywords, own or [ast.Pass()], node.decorator_list)
        yield node.name, shell
        yield from ((f"{node.name}.{item.name}", item) for item in node.body if isinstance(item, _FUNCTIONS))
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
        yield from ((name, node) for name in names or [MODULE])
    elif isinstance(node, ast.If | ast.Try | ast.For | ast.While | ast.With):
        if not _is_type_checking(node):
            yield MODULE, node
            yield from ((name, node) for name in _assigned(node))
    elif not isinstance(node, ast.Import | ast.ImportFrom) and not _is_docstring(node):
        yield MODULE, node


def _assigned(node: ast.AST) -> set[str]:
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return names | {part.name for part in ast.walk(node) if isinstance(part, (*_FUNCTIONS, ast.ClassDef))}


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(body: Iterable[ast.AST], package: str) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """What import statements bind, those in compound statements and for type checkers only among them."""
    for node in body:
        if isinstance(node, ast.Import):
            for item in node.names:
                bound = item.asname or item.name.partition(".")[0]
                yield bound, (item.name if item.asname else bound, None)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, package)
            for item in node.names:
                yield item.asname or item.name, (module, item.name)
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _imports(ast.iter_child_nodes(node), package)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _definition(nodes: list[ast.AST], package: str) -> Definition:
    definition = Definition()
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for node in nodes:
        plain = _without_docstrings(node)
        digest.update(ast.dump(plain).encode())
        for part in ast.walk(plain):
            _note(definition, part, package)
    definition.digest = digest.hexdigest()
    return definition


def _note(definition: Definition, node: ast.AST, package: str) -> None:
    if isinstance(node, ast.Name):
        definition.names.add(node.id)
    elif isinstance(node, ast.Attribute):
        definition.attributes.add(node.attr)
        if isinstance(node.value, ast.Name):
            definition.chains.add((node.value.id, node.attr))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value.startswith("augmill."):
            definition.strings.add(node.value)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _BY_NAME:
        texts = [item.value for item in node.args if isinstance(item, ast.Constant)]
        definition.attributes |= {text for text in texts if isinstance(text, str)}
    elif isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
        prefix = str(node.values[0].value)
        # `from_{format}` is one of some modules; `{name}` alone is looked up in a catalogue, and hashed by who does it.
        if prefix.startswith("augmill.") and not prefix.endswith("."):
            definition.strings.add(f"{prefix}*")
    elif isinstance(node, ast.Import | ast.ImportFrom):
        definition.imports |= dict(_imports([node], package))


def _without_docstrings(node: ast.AST) -> ast.AST:
    for part in ast.walk(node):
        body = getattr(part, "body", None)
        if isinstance(part, (*_FUNCTIONS, ast.ClassDef)) and isinstance(body, list):
            part.body = [item for item in body if not _is_docstring(item)] or [ast.Pass()]
    return node
