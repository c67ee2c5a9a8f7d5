"""The lineage graph as SVG: every box is a link to its details, so it works with a keyboard and without a script."""

from __future__ import annotations

from collections.abc import Iterator

from augmill.tasks.html_pages.elements import Markup, escape
from augmill.tasks.lineage_graph.graph import GAP_X, HEADS, LINE, MARGIN, PORT, TOP, WIDTH, Arrow, Box, Graph

_PARTS = {"raw": "-raw", "policy": "-policy", "read": "-rows", "step": "-steps", "version": "", "move": "-events"}
_MARKER = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z"/></marker></defs>'
)


def svg(graph: Graph, label: str, first: int) -> Markup:
    """The whole picture; `label` is what a screen reader says of it, `first` the version that is shown first."""
    parts = [
        f'<svg width="{graph.width:g}" height="{graph.height:g}" viewBox="0 0 {graph.width:g} {graph.height:g}" '
        f'data-width="{graph.width:g}" data-height="{graph.height:g}" data-first="v{first}" role="group" '
        f'aria-label="{escape(label)}">{_MARKER}',
        *_frame(graph),
        *(_arrow(graph, arrow) for arrow in graph.arrows),
        '<g class="boxes">',
        *(_box(box) for box in sorted(graph.boxes.values(), key=lambda box: (box.y, box.x))),
        "</g></svg>",
    ]
    return Markup("\n".join(parts))


def _frame(graph: Graph) -> Iterator[str]:
    """Heads of columns, the lanes of channels, and a line below each version."""
    heads = [*HEADS, *((x, f"channel {name}") for name, x in graph.lanes.items())]
    for x, words in heads:
        yield f'<text class="head" x="{x:g}" y="{TOP - 16:g}">{escape(words)}</text>'
    for x in graph.lanes.values():
        yield f'<line class="lane" x1="{x + 10:g}" x2="{x + 10:g}" y1="{TOP:g}" y2="{graph.height - MARGIN:g}"/>'
    for _, bottom in list(graph.bands.values())[:-1]:
        y = bottom + 20
        yield f'<line class="band" x1="{MARGIN:g}" x2="{graph.width - MARGIN:g}" y1="{y:g}" y2="{y:g}"/>'


def _box(box: Box) -> str:
    width = WIDTH - 24 if box.kind == "move" else WIDTH
    description = f"{box.kind}: {', '.join([box.title, *box.lines])}"
    mood = f" mood-{box.mood}" if box.mood else ""
    lines = [
        f'<text x="{box.x + 14:g}" y="{box.y + 19 + LINE * (number + 1):g}">{escape(line)}</text>'
        for number, line in enumerate(box.lines)
    ]
    return (
        f'<a href="#d{box.about}{_PARTS[box.kind]}" class="{box.kind}{mood}" data-key="{escape(box.key)}" '
        f'data-x="{box.x:g}" data-y="{box.y:g}" data-w="{width:g}" data-h="{box.height:g}" '
        f'aria-label="{escape(description)}">'
        f'<rect class="body" x="{box.x:g}" y="{box.y:g}" width="{width:g}" height="{box.height:g}" rx="5"/>'
        f'<rect class="side side-{box.kind}" x="{box.x:g}" y="{box.y:g}" width="5" height="{box.height:g}" rx="2"/>'
        f'<text class="title" x="{box.x + 14:g}" y="{box.y + 19:g}">{escape(box.title)}</text>{"".join(lines)}</a>'
    )


def _arrow(graph: Graph, arrow: Arrow) -> str:
    source, target = graph.boxes[arrow.source], graph.boxes[arrow.target]
    path, x, y, anchor = _route(graph, source, target)
    ends = f'data-from="{escape(arrow.source)}" data-to="{escape(arrow.target)}"'
    line = f'<path class="arrow{" dashed" * arrow.dashed}" {ends} d="{path}" marker-end="url(#tip)"/>'
    if not arrow.label:
        return line
    return f'{line}<text class="label" {ends} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(arrow.label)}</text>'


def _route(graph: Graph, source: Box, target: Box) -> tuple[str, float, float, str]:
    """The path of an arrow, where its label stands, and how that is anchored there."""
    if source.kind == target.kind == "version":
        x = source.x + WIDTH / 2
        return f"M{x:g} {source.y:g}V{target.y + target.height:g}", x + 8, target.y + target.height + 24, "start"
    if source.kind == "move":  # back in time, to the version that the channel names
        x1, y1, x2, y2 = source.x, source.middle, target.x + WIDTH, target.y + PORT
        return f"M{x1:g} {y1:g}C{x1 - 46:g} {y1:g} {x2 + 46:g} {y2:g} {x2:g} {y2:g}", x1, y1, "end"
    if source.kind == "policy" and source.about != target.about:  # along the left edge, and in from below
        lane, below, x = MARGIN / 2, graph.bands[target.about][1] + 12, target.x + 24
        path = f"M{source.x:g} {source.middle:g}H{lane:g}V{below:g}H{x:g}V{target.y + target.height:g}"
        return path, x, below, "start"
    straight = source.kind == "read" and target.kind == "version"
    x1, x2 = source.x + WIDTH, target.x
    y1, y2 = (source.y + PORT, target.y + PORT) if straight else (source.middle, target.middle)
    bend = (x1 + x2) / 2
    label_x = bend if not straight else x1 + GAP_X + WIDTH / 2
    return f"M{x1:g} {y1:g}C{bend:g} {y1:g} {bend:g} {y2:g} {x2:g} {y2:g}", label_x, (y1 + y2) / 2 - 5, "middle"
