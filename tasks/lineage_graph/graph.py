"""The lineage graph as boxes and arrows with places: time runs upwards, rows flow from left to right.

Each version is a band: raw objects that are new and the policy if it changed, then reading, then the steps, then the
version, then what channels did while it was the newest. Band follows band, the newest on top. Only what is new is
drawn, so that the picture grows with the versions and not with their square: what a version kept of the one before
comes by the arrow between the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from augmill.tasks.documents.text_format import shortened, size_text
from augmill.tasks.lineage_graph.dataset_history import History, Moved, VersionRecord

Kind = Literal["raw", "policy", "read", "step", "version", "move"]

WIDTH, TITLE, LINE = 176, 28, 16
GAP_X, GAP_Y, BAND_GAP, MARGIN, TOP = 62, 14, 40, 26, 44
LANE, PASS, PORT = 168, 36, 14
MAX_OBJECTS = 3
"""New raw objects of a version that have boxes of their own; the others share one."""
TEXT, NAME = 26, 22
"""Characters that fit into a line of a box, and into its title."""

RAW_X, READ_X, STEP_X, VERSION_X, MOVE_X = (MARGIN + column * (WIDTH + GAP_X) for column in range(5))
HEADS = ((RAW_X, "Raw objects, policy"), (READ_X, "Reading"), (STEP_X, "Steps"), (VERSION_X, "Versions"))


@dataclass(frozen=True)
class Box:
    """One thing: what it is called, a few lines of facts, where its upper left corner is. `mood`: `bad` or `gone`.

    `about` is the version whose details describe it further.
    """

    key: str
    kind: Kind
    about: int
    title: str
    lines: Sequence[str] = ()
    mood: str = ""
    x: float = 0
    y: float = 0

    @property
    def height(self) -> float:
        """Grows with the lines."""
        return TITLE + LINE * len(self.lines) + (6 if self.lines else 0)

    @property
    def middle(self) -> float:
        """Where arrows begin and end."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Arrow:
    """From one box to another, with rows on it; dashed where no rows flow."""

    source: str
    target: str
    label: str = ""
    dashed: bool = False


@dataclass
class Graph:
    """All of it, placed; `lanes` are the channels with their places, `bands` the upper edge of each version's band."""

    boxes: dict[str, Box] = field(default_factory=dict)
    arrows: list[Arrow] = field(default_factory=list)
    lanes: dict[str, float] = field(default_factory=dict)
    bands: dict[int, tuple[float, float]] = field(default_factory=dict)
    width: float = 0
    height: float = 0


def day(at_ms: int) -> str:
    """A moment as people write it, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def graph(history: History) -> Graph:
    """Boxes and arrows for a history."""
    names = sorted({move["channel"] for move in history["moves"]})
    placed = Graph(lanes={name: MOVE_X + number * LANE for number, name in enumerate(names)})
    policies: dict[str, str] = {}
    for chapter in history["chapters"]:
        band = list(_band(chapter, history, policies))
        placed.boxes |= {box.key: box for box in band}
        placed.arrows += _arrows(chapter, band, policies)
    _place(placed, history)
    placed.arrows += [Arrow(_move_key(move), f"v{move['version']}", dashed=True) for move in history["moves"]]
    placed.arrows = [arrow for arrow in placed.arrows if arrow.source in placed.boxes and arrow.target in placed.boxes]
    return placed


def _band(chapter: VersionRecord, history: History, policies: dict[str, str]) -> Iterator[Box]:
    yield _version(chapter, history)
    if "inputs" not in chapter:  # purged: no box says what it was made from
        return
    yield from _raw(chapter)
    policy = chapter["policy_hash"]
    if policy not in policies:
        policies[policy] = f"p{chapter['version']}"
        yield _policy(chapter)
    yield _read(chapter)
    for number, step in enumerate(chapter["steps"]):
        children, dropped = step.get("made"), step.get("dropped")
        lines = [shortened(", ".join(step.get("use", [])), TEXT)]
        lines += [f"{children:,} made"] if children is not None else []
        lines += [f"{dropped:,} dropped by checks"] if dropped else []
        about = chapter["version"]
        yield Box(f"s{about}.{number}", "step", about, shortened(step["name"], NAME), [line for line in lines if line])


def _raw(chapter: VersionRecord) -> Iterator[Box]:
    inputs, about = chapter["inputs"], chapter["version"]
    new, count = inputs["new"], inputs["new_objects"]
    listed = new[:MAX_OBJECTS] if count <= MAX_OBJECTS else []
    for number, item in enumerate(listed):
        lines = [size_text(item["bytes"]), f"sha256 {item['sha256'][:12]}"]
        yield Box(f"r{about}.{number}", "raw", about, shortened(item["name"], NAME), lines)
    if count > len(listed):
        lines = [f"{size_text(inputs['new_bytes'])}, {inputs['changed']:,} changed", shortened(inputs["folder"], TEXT)]
        yield Box(f"r{about}", "raw", about, f"{count:,} raw objects", [line for line in lines if line])


def _policy(chapter: VersionRecord) -> Box:
    changes = len(chapter["policy_changes"])
    first = chapter["before"] is None
    change = "first policy" if first else f"{changes} setting{'s' * (changes != 1)} changed"
    lines = [change, f"hash {chapter['policy_hash'][:12]}"]
    return Box(f"p{chapter['version']}", "policy", chapter["version"], shortened(chapter["policy_name"], NAME), lines)


def _read(chapter: VersionRecord) -> Box:
    rows = chapter["rows"]
    lines = [f"{split}: {count:,} real" for split, count in real_per_split(chapter).items()]
    lines += [f"{rows['quarantined']:,} quarantined"] if rows.get("quarantined") else []
    return Box(f"i{chapter['version']}", "read", chapter["version"], "ingest, validate, split", lines)


def real_per_split(chapter: VersionRecord) -> dict[str, int]:
    """Real rows of each split."""
    counts = chapter["rows"].get("by_split_origin_label", {})
    return {split: sum(origins.get("real", {}).values()) for split, origins in counts.items()}


def _version(chapter: VersionRecord, history: History) -> Box:
    about, rows, tombstone = chapter["version"], chapter.get("rows", {}), chapter.get("gone")
    lines = [day(chapter["at_ms"])]
    lines += [f"{count:,} {name}" for name in ("real", "augmented", "synthetic") if (count := rows.get(name))]
    checks = chapter.get("checks", [])
    passed = sum(check["success"] for check in checks)
    lines += [f"{passed} of {len(checks)} checks passed"] if checks else []
    breached = [
        words
        for measurement in history["measured"]
        if measurement["version"] == about
        for words in measurement["breaches"]
    ]
    lines += [shortened(f"breach: {breached[-1]}", NAME)] if breached else []
    lines += ["pinned"] if chapter.get("pinned") is not None else []
    forgotten_rows = sum(measurement["rows"] for measurement in chapter.get("forgotten", []))
    lines += [f"{forgotten_rows:,} rows forgotten"] if forgotten_rows else []
    lines += [f"{tombstone['reason']} {day(tombstone['at_ms'])[:10]}"] if tombstone else []
    mood = "gone" if tombstone else "bad" if breached else ""
    return Box(f"v{about}", "version", about, f"{shortened(history['dataset'], NAME - 4)}@{about}", lines, mood)


def _arrows(chapter: VersionRecord, band: Sequence[Box], policies: dict[str, str]) -> Iterator[Arrow]:
    about = chapter["version"]
    parent = chapter.get("parent")
    if "inputs" not in chapter:
        yield Arrow(f"v{parent}", f"v{about}", dashed=True)
        return
    inputs, real = chapter["inputs"], chapter["rows"].get("real")
    own = [box for box in band if box.kind == "raw"]
    for box, item in zip(own, inputs["new"], strict=False):
        rows = inputs["new_rows"] if box.key == f"r{about}" else item["rows"]
        yield Arrow(box.key, f"i{about}", "" if rows is None else f"{rows:,}")
    yield Arrow(f"i{about}", f"v{about}", "" if real is None else f"{real:,} real")
    unchanged = None if real is None or inputs["new_rows"] is None else real - inputs["new_rows"]
    yield Arrow(f"v{parent}", f"v{about}", f"{unchanged:,} real rows kept" if unchanged else "")
    train = real_per_split(chapter).get("train")
    for number, step in enumerate(chapter["steps"]):
        published = step.get("published", step.get("made"))
        yield Arrow(f"i{about}", f"s{about}.{number}", f"{train:,}" if train else "")
        yield Arrow(f"s{about}.{number}", f"v{about}", "" if published is None else f"{published:,}")
    yield Arrow(policies[chapter["policy_hash"]], f"i{about}", dashed=True)


def _move_key(move: Moved) -> str:
    return f"m{move['channel']}.{move['at_ms']}.{move['version']}"


def _moves(history: History, about: int, lanes: dict[str, float]) -> list[Box]:
    """What channels did while a version was the newest, the latest on top, each in its lane."""
    boxes = []
    for move in reversed([move for move in history["moves"] if move["after"] == about]):
        lines = [move["reason"], day(move["at_ms"])]
        mood = "bad" if move["why"] else ""
        title = f"{shortened(move['channel'], 12)} → {move['version']}"
        boxes.append(Box(_move_key(move), "move", move["version"], title, lines, mood, x=lanes[move["channel"]]))
    return boxes


def _place(placed: Graph, history: History) -> None:
    """Give every box its place, band by band from the newest version down."""
    y: float = TOP + MARGIN
    for chapter in reversed(history["chapters"]):
        about = chapter["version"]
        band = [box for box in placed.boxes.values() if box.about == about]
        moves = _moves(history, about, placed.lanes)
        columns = [
            (RAW_X, [box for box in band if box.kind in ("raw", "policy")]),
            (READ_X, [box for box in band if box.kind == "read"]),
            (STEP_X, [box for box in band if box.kind == "step"]),
            (VERSION_X, [box for box in band if box.kind == "version"]),
        ]
        # Above the steps there is room for the arrow of the real rows, which pass them by.
        stacks = [list(_stacked(x, y + PASS * (x == STEP_X), boxes)) for x, boxes in columns]
        stacks.append(list(_stacked(None, y, moves)))
        bottom = max(box.y + box.height for stack in stacks for box in stack)
        placed.boxes |= {box.key: box for stack in stacks for box in stack}
        placed.bands[about] = (y, bottom)
        y = bottom + BAND_GAP
    placed.width = max([VERSION_X + WIDTH, *(x + WIDTH - 8 for x in placed.lanes.values())]) + MARGIN
    placed.height = y - BAND_GAP + MARGIN


def _stacked(x: float | None, y: float, boxes: Sequence[Box]) -> Iterator[Box]:
    for box in boxes:
        yield replace(box, x=box.x if x is None else x, y=y)
        y += box.height + GAP_Y
