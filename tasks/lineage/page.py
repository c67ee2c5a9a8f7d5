"""The lineage page: one picture of how raw objects became the version, with rows on the edges, and the facts below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.lineage.document import VersionDocument
from tasks.lineage.inputs import common_folder
from tasks.lineage.markup import (
    AUGMENTED,
    BAD,
    FAINT,
    INK,
    LINE,
    PAPER,
    REAL,
    SYNTHETIC,
    escape,
    figure,
    inline,
    page,
    rect,
    shortened,
    size_text,
    svg,
    table,
    text,
)

MAX_BOXES = 6
MAX_INPUT_ROWS = 200
WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN, LINE_HEIGHT, LANE = 176, 30, 66, 16, 18, 17, 16
VIOLET, GREY = "#7b61a8", "#8a949e"


@dataclass(frozen=True)
class Box:
    """One thing in the picture: a title, at most four lines of facts, and where its upper left corner is."""

    key: str
    title: str
    lines: Sequence[str]
    colour: str
    x: float = 0
    y: float = 0

    @property
    def height(self) -> float:
        """Grows with the lines."""
        return HEIGHT + LINE_HEIGHT * len(self.lines)

    def at(self, x: float, y: float) -> Box:
        """The same box, placed."""
        return Box(self.key, self.title, self.lines, self.colour, x, y)


@dataclass(frozen=True)
class Edge:
    """One arrow, with rows or a word on it; dashed where no rows flow."""

    source: str
    target: str
    label: str = ""
    dashed: bool = False


def html(document: VersionDocument) -> bytes:
    """The page, self-contained."""
    title = f"Lineage of {document['dataset']}@{document['version']}"
    return page(
        title,
        [
            f"<h1>{escape(title)}</h1>",
            f'<p class="lead">{escape(document["table_uri"])}, version {document["version"]}</p>',
            f'<div class="scroll">{inline(graph(document))}</div>',
            "<h2>Raw objects</h2>",
            *_inputs_table(document),
            "<h2>Stages</h2>",
            table(("stage", "seconds"), [(s["name"], round(s["seconds"], 2)) for s in document.get("stages", [])]),
            "<h2>Ask a row</h2>",
            f"<p>{_ASK}</p>",
            "<h2>Beside this page</h2>",
            f"<ul>{''.join(_beside())}</ul>",
        ],
    )


_ASK = (
    "Every row names its parents (<code>augmill_parent_ids</code>), the step that made it (<code>augmill_step</code>), "
    "each operation with the values drawn (<code>augmill_ops</code>) and the raw object and row it came from "
    "(<code>augmill_source</code>)."
)

_PAGES = {
    "data_card.html": "what the version is, and its known limits",
    "validation_report.html": "what was checked, and which rows failed",
    "rejections.html": "rows whose labels the verifier contradicts, and rows that it finds unfamiliar",
}


def _beside() -> Iterator[str]:
    for name, words in _PAGES.items():
        yield f'<li><a href="{name}">{name}</a>: {words}</li>'


def graph(document: VersionDocument) -> bytes:
    """The picture alone, as SVG."""
    columns = _columns(document)
    boxes = {box.key: box for box in _placed(columns)}
    edges = [edge for edge in _edges(document, boxes) if edge.source in boxes and edge.target in boxes]
    width = max(box.x + WIDTH for box in boxes.values()) + MARGIN
    height = max(box.y + box.height for box in boxes.values()) + MARGIN
    between = [box for key, box in boxes.items() if key == "policy" or key.startswith("step:")]
    arrows = []
    for edge in edges:
        source, target = boxes[edge.source], boxes[edge.target]
        if between and edge.source.startswith("split:") and edge.target == "version":
            height += LANE
            arrows.append(_around(source, target, edge, between[0].x, height - MARGIN))
        else:
            arrows.append(_arrow(source, target, edge))
    return svg(width, height, [_MARKER, *arrows, *(_drawn(box) for box in boxes.values())])


def _columns(document: VersionDocument) -> list[list[Box]]:
    """Boxes from left to right: raw objects, reading, real rows, steps, version, channel."""
    version = [*_parent(document), _version(document)]
    columns = [_raw(document), _read(document), _splits(document), _steps(document), version, _channel(document)]
    return [column for column in columns if column]


def _raw(document: VersionDocument) -> list[Box]:
    objects = document.get("inputs", [])
    if len(objects) > MAX_BOXES:
        uri = document.get("source_uri") or common_folder([item["uri"] for item in objects])
        size = size_text(sum(item.get("bytes", 0) for item in objects))
        return [Box("raw:all", shortened(uri, 24), (f"{len(objects):,} objects, {size}",), GREY)]
    return [
        Box(f"raw:{i}", shortened(item["name"], 24), (f"{size_text(item.get('bytes'))}", _digest(item)), GREY)
        for i, item in enumerate(objects)
    ]


def _digest(item: Any) -> str:
    return f"sha256 {item['sha256'][:12]}" if item.get("sha256") else "no hash"


def _read(document: VersionDocument) -> list[Box]:
    rows = document.get("rows", {})
    valid = f"{figure(rows['real'])} valid rows" if "real" in rows else "rows not counted"
    boxes = [Box("read", "ingest, validate", (valid,), GREY)]
    if rows.get("quarantined"):
        boxes.append(Box("quarantine", "quarantine", (f"{rows['quarantined']:,} rows, with reasons",), BAD))
    return boxes


def _splits(document: VersionDocument) -> list[Box]:
    return [
        Box(f"split:{split}", f"real, {split}", (f"{count:,} rows",), REAL)
        for split, count in _real_per_split(document).items()
    ]


def _real_per_split(document: VersionDocument) -> dict[str, int]:
    counts = document.get("rows", {}).get("by_split_origin_label", {})
    return {split: sum(origins.get("real", {}).values()) for split, origins in counts.items()}


def _steps(document: VersionDocument) -> list[Box]:
    steps = document.get("steps", [])
    policy = Box("policy", "policy", (f"hash {str(document.get('policy_hash', ''))[:14]}",), VIOLET)
    boxes = [policy] if document.get("policy_hash") else []
    for i, step in enumerate(steps):
        facts = [shortened(", ".join(step.get("use", [])), 26)]
        facts += [f"{step['made']:,} made of {step.get('planned', step['made']):,}"] if "made" in step else []
        facts += [f"{step['dropped']:,} dropped by checks"] if step.get("dropped") else []
        boxes.append(Box(f"step:{i}", step["name"], [fact for fact in facts if fact], AUGMENTED))
    return boxes


def _version(document: VersionDocument) -> Box:
    rows = document.get("rows", {})
    facts = [f"{count:,} {name}" for name in ("real", "augmented", "synthetic") if (count := rows.get(name))]
    return Box("version", f"{shortened(document['dataset'], 18)}@{document['version']}", facts, SYNTHETIC)


def _parent(document: VersionDocument) -> list[Box]:
    parent = document.get("parent_version")
    return [] if parent is None else [Box("parent", f"{document['dataset']}@{parent}", ("parent version",), SYNTHETIC)]


def _channel(document: VersionDocument) -> list[Box]:
    channel = document.get("channel")
    return [Box("channel", str(channel), ("channel",), VIOLET)] if channel else []


def _placed(columns: list[list[Box]]) -> Iterator[Box]:
    heights = [sum(box.height for box in column) + GAP_Y * (len(column) - 1) for column in columns]
    for i, column in enumerate(columns):
        y = MARGIN + (max(heights) - heights[i]) / 2
        for box in column:
            yield box.at(MARGIN + i * (WIDTH + GAP_X), y)
            y += box.height + GAP_Y


def _edges(document: VersionDocument, boxes: dict[str, Box]) -> Iterator[Edge]:
    objects = document.get("inputs", [])
    for key in boxes:
        if key.startswith("raw:"):
            rows = None if key == "raw:all" else objects[int(key[4:])].get("rows")
            yield Edge(key, "read", f"{rows:,}" if rows else "")
    yield Edge("read", "quarantine")
    for split, count in _real_per_split(document).items():
        yield Edge("read", f"split:{split}", f"{count:,}")
        yield Edge(f"split:{split}", "version", f"{count:,}")
    for i, step in enumerate(document.get("steps", [])):
        published = step.get("published", step.get("made"))
        yield Edge("split:train", f"step:{i}")
        yield Edge(f"step:{i}", "version", "" if published is None else f"{published:,}")
    yield Edge("policy", "step:0", dashed=True)
    yield Edge("parent", "version", dashed=True)
    yield Edge("version", "channel", dashed=True)


_MARKER = (
    f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    f'<path d="M0 0L8 4L0 8z" fill="{FAINT}"/></marker></defs>'
)


def _arrow(source: Box, target: Box, edge: Edge) -> str:
    if source.x == target.x:
        x = source.x + WIDTH / 2
        return _line(f"M{x:g} {source.y + source.height:g}V{target.y:g}", edge)
    x1, y1, x2, y2 = source.x + WIDTH, _middle(source), target.x, _middle(target)
    bend = (x1 + x2) / 2
    path = f"M{x1:g} {y1:g}C{bend:g} {y1:g} {bend:g} {y2:g} {x2:g} {y2:g}"
    return _line(path, edge, x2 - GAP_X / 2, (y1 + y2) / 2 - 5)


def _around(source: Box, target: Box, edge: Edge, column_x: float, lane_y: float) -> str:
    """An arrow that passes below the column of steps instead of behind its boxes."""
    x1, y1, x2, y2 = source.x + WIDTH, _middle(source), target.x, _middle(target)
    left, right = column_x, column_x + WIDTH
    path = (
        f"M{x1:g} {y1:g}C{(x1 + left) / 2:g} {y1:g} {(x1 + left) / 2:g} {lane_y:g} {left:g} {lane_y:g}H{right:g}"
        f"C{(right + x2) / 2:g} {lane_y:g} {(right + x2) / 2:g} {y2:g} {x2:g} {y2:g}"
    )
    return _line(path, edge, (left + right) / 2, lane_y - 4)


def _line(path: str, edge: Edge, x: float = 0, y: float = 0) -> str:
    dash = ' stroke-dasharray="5 4"' if edge.dashed else ""
    line = f'<path d="{path}" fill="none" stroke="{FAINT}" stroke-width="1.2" marker-end="url(#tip)"{dash}/>'
    return line + (text(x, y, edge.label, anchor="middle", size=11, fill=FAINT) if edge.label else "")


def _middle(box: Box) -> float:
    return box.y + box.height / 2


def _drawn(box: Box) -> str:
    parts = [
        rect(box.x, box.y, WIDTH, box.height, PAPER, LINE, 5),
        rect(box.x, box.y, 5, box.height, box.colour, radius=2),
        f'<g font-weight="600">{text(box.x + 14, box.y + 20, box.title, fill=INK)}</g>',
    ]
    parts += [
        text(box.x + 14, box.y + 20 + LINE_HEIGHT * (i + 1), line, size=11, fill=FAINT)
        for i, line in enumerate(box.lines)
    ]
    return "".join(parts)


def _inputs_table(document: VersionDocument) -> Iterator[str]:
    objects = document.get("inputs", [])
    keys = ("uri", "rows", "bytes", "sha256", "etag", "version_id")
    used = [key for key in keys if any(item.get(key) for item in objects)]
    yield table(used, [[item.get(key) for key in used] for item in objects[:MAX_INPUT_ROWS]])
    if len(objects) > MAX_INPUT_ROWS:
        yield f"<p>And {len(objects) - MAX_INPUT_ROWS:,} more; all are in version.json.</p>"
