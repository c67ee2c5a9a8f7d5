"""Policy text to plain values, with the line of every one of them, and nothing that could surprise or attack.

Only maps, lists and scalars are read. Tags are refused, aliases are counted so that they cannot blow up, and
scalars follow YAML 1.2: `no`, `yes`, `on` and `off` are texts, as they are in a csv file, and only `true` and
`false` are booleans; dates and `1:30` are texts; `1e-3` is a number.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import yaml

Path = tuple[str | int, ...]

MAX_BYTES = 2**20
MAX_DEPTH = 50
MAX_NODES = 20_000

_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,30})")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,16}|0o[0-7]{1,22}")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | float | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WORDS |= {sign + dot: float(sign + "inf") for sign in ("", "+", "-") for dot in (".inf", ".Inf", ".INF")}
_WORDS |= {".nan": math.nan, ".NaN": math.nan, ".NAN": math.nan}

_NULL = "A null character stands here."
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C scanner is ten times faster where it is built


@dataclass(frozen=True)
class Fault:
    """Something refused while reading: where, what, and what to write instead."""

    line: int
    message: str
    remedy: str
    path: Path = ()


@dataclass
class Document:
    """What was read: the value, the line of each path in it, and what was refused on the way."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def nearest_path(self, path: Path) -> Path:
        """The longest beginning of `path` that stands in the text."""
        while path and path not in self.lines:
            path = path[:-1]
        return path

    def line_of(self, path: Path) -> int:
        """The line of the value at `path`, or of what encloses it."""
        return self.lines.get(self.nearest_path(path), 1)


class _Stop(Exception):
    """Reading cannot go on; the fault says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def read_bounded(file: File) -> bytes | None:
    """A file's bytes, or None where there are more of them than a policy or suite may have. Raises OSError."""
    with file.open("rb") as opened:
        data = opened.read(MAX_BYTES + 1)  # not its size: a device or a pipe reports size 0 and has no end
    return data if len(data) <= MAX_BYTES else None


def leads_out(file: File) -> bool:
    """Whether it is a link to something outside of its folder; ConfigMaps of Kubernetes are links within theirs."""
    # A path's own `resolve` raises where links lead in a circle.
    return not File(os.path.realpath(file)).is_relative_to(os.path.realpath(file.parent))


def content(raw: bytes | None) -> dict[str, Any]:
    """A policy or suite as plain values; nothing where it cannot be read, which is for lint to say."""
    try:
        value = parse((raw or b"").decode("utf-8-sig")).value
    except UnicodeDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def content_of(file: File) -> dict[str, Any]:
    """The same of a file; nothing where there is none."""
    try:
        return {} if leads_out(file) else content(read_bounded(file))
    except OSError:
        return {}


def parse(text: str) -> Document:
    """Read one document; faults are collected, and a broken text ends with `value` None."""
    reader = _Reader(text)
    try:
        return reader.read()
    except _Stop as stop:
        fault = stop.fault
    except yaml.MarkedYAMLError as broken:
        fault = _syntax_fault(text, broken)
    except (yaml.YAMLError, UnicodeError) as broken:
        fault = Fault(
            _line_of_odd_character(text),
            f"This is not YAML: {str(broken).partition(chr(10))[0]}.",
            "Remove the control character.",
        )
    return Document(None, reader.document.lines, [*reader.document.faults, fault])


class _Reader:
    def __init__(self, text: str) -> None:
        self.events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self.document = Document()
        self.nodes = 0
        self.open: set[str] = set()
        self.anchors: dict[str, tuple[Any, int]] = {}

    def read(self) -> Document:
        next(self.events)
        first = next(self.events)
        if isinstance(first, yaml.StreamEndEvent):
            return self.document
        self.document.value = self._node(next(self.events), (), 0)
        next(self.events)
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._fault(after, (), "A second document begins here.", "Keep one policy per file.")
        return self.document

    def _node(self, event: Any, path: Path, depth: int) -> Any:
        self.document.lines.setdefault(path, _line(event))
        if depth > MAX_DEPTH:
            raise _Stop(
                Fault(
                    _line(event),
                    f"Nested deeper than {MAX_DEPTH} levels.",
                    "No policy needs that: flatten it.",
                )
            )
        self._count(1, event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        if event.tag is not None:
            self._fault(
                event,
                path,
                f"The tag {_short(event.tag)} is refused: a policy holds only texts, numbers, lists and maps.",
                "Remove the tag; quote the value if it must be text.",
            )
        before = self.nodes
        if event.anchor:
            self.open.add(event.anchor)
        value = self._value(event, path, depth)
        if event.anchor:
            self.open.discard(event.anchor)
            self.anchors[event.anchor] = (value, self.nodes - before + 1)
        return value

    def _value(self, event: Any, path: Path, depth: int) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(child := next(self.events), yaml.SequenceEndEvent):
                items.append(self._node(child, (*path, len(items)), depth + 1))
            return items
        return self._map(path, depth)

    def _map(self, path: Path, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(key := next(self.events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise _Stop(Fault(_line(key), "A key must be plain text.", "Write `key: value`."))
            name, at = str(key.value), (*path, str(key.value))
            if name == "<<" and not key.style:
                self._fault(key, at, "Merge keys (<<) are refused.", "Write the keys out, so that a reader sees them.")
            if key.tag is not None or key.anchor:
                self._fault(key, at, f"The key {_short(name)} has a tag or an anchor.", "Write it plainly.")
            if "\0" in name:
                self._fault(key, at, _NULL, "Leave it out.")
            if name in result:
                self._fault(
                    key,
                    at,
                    f"The key {_short(name)} stands twice, first in line {self.document.lines.get(at, 1)}.",
                    "Keep one of the two.",
                )
            self.document.lines.setdefault(at, _line(key))
            result[name] = self._node(next(self.events), at, depth + 1)
        return result

    def _scalar(self, event: Any, path: Path) -> Any:
        text = str(event.value)
        if "\0" in text:  # no path, and no text of Postgres, may hold it
            self._fault(event, path, _NULL, "Leave it out.")
        if event.style:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text):
            return int(text)
        if _HEX.fullmatch(text):
            return int(text, 0)
        if _LEADING_ZERO.fullmatch(text):
            self._fault(
                event,
                path,
                f"{text} may be a number or a text; readers of YAML differ.",
                f'Write "{text}" or {int(text)}.',
            )
            return text
        return float(text) if _FLOAT.fullmatch(text) else text

    def _alias(self, event: Any, path: Path) -> Any:
        if event.anchor in self.open:
            raise _Stop(
                Fault(
                    _line(event),
                    f"The anchor &{event.anchor} contains itself.",
                    "Write the value out; a policy cannot be endless.",
                )
            )
        if event.anchor not in self.anchors:
            self._fault(event, path, f"There is no anchor &{event.anchor} above.", "Write the value out.")
            return None
        value, size = self.anchors[event.anchor]
        self._count(size, event)
        return value

    def _count(self, nodes: int, event: Any) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise _Stop(
                Fault(
                    _line(event),
                    f"More than {MAX_NODES:,} values, aliases counted in full.",
                    "Write the values out; anchors that multiply are refused.",
                )
            )

    def _fault(self, event: Any, path: Path, message: str, remedy: str) -> None:
        self.document.faults.append(Fault(_line(event), message, remedy, path))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _syntax_fault(text: str, broken: yaml.MarkedYAMLError) -> Fault:
    mark = broken.problem_mark or broken.context_mark
    number = mark.line if mark else 0
    problem = broken.problem or broken.context or "unreadable"
    remedy = "Mend the line; indentation and quotes are the usual causes."
    if "\t" in "".join(text.splitlines()[number : number + 1]):
        remedy = "Indent with spaces, never with tabs."
    elif "mapping values are not allowed" in problem:
        remedy = "Put texts that hold a colon in quotes."
    return Fault(number + 1, f"This is not YAML: {problem}.", remedy)


def _line_of_odd_character(text: str) -> int:
    odd = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    return text.count("\n", 0, odd.start()) + 1 if odd else 1


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
