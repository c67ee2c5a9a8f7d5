"""The curves of `augmill probe` as one self-contained page: how often labels move, by class, as a transform grows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from augmill.policies.names import natural_sort_key
from augmill.tasks.documents import text_format
from augmill.tasks.html_pages import elements
from augmill.tasks.html_pages.elements import BAD, FAINT, GOOD, INK, LINE, WARN, Markup, escape
from augmill.tasks.summaries.probe_text import magnitude, names, share_text, verdict_lines

Row = Mapping[str, Any]

_STYLE = Markup("""<style>
td.degraded { background: #fff3e0; } td.unfamiliar { background: #eceff1; }
td.inconsistent { background: #fde0e0; font-weight: 600; }
.heat td, .heat th { padding: .2rem .55rem; text-align: right; white-space: nowrap; }
.heat td:first-child, .heat th:first-child { text-align: left; } .heat tr.policy td:first-child { font-weight: 600; }
ul.said { margin: .2rem 0 .8rem; padding-left: 1.2rem; } ul.said b { display: inline-block; min-width: 6.6rem; }
</style>""")
_COLOURS = (
    "#4c78a8",
    "#f28e2b",
    "#59a14f",
    "#e15759",
    "#b07aa1",
    "#9c755f",
    "#d4a017",
    "#17a2a2",
    "#8c8cd9",
    "#d87093",
)
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _FOOT = 860, 330, 56, 150, 14, 44
_STATUS_COLOURS = {"consistent": GOOD, "degraded": WARN, "inconsistent": BAD, "unfamiliar": FAINT, "too_few": LINE}


def render(document: Mapping[str, Any]) -> bytes:
    """The page, as UTF-8."""
    return elements.page(f"{document['dataset']} probe", [_STYLE, *_body(document)])


def _body(document: Row) -> Iterator[str]:
    real, rate = document["real"], document["min_rate"]
    yield f"<h1>How far may {escape(document['dataset'])} be changed?</h1>"
    yield (
        f'<p class="lead">{real["all"]["rows"]:,} training rows, each judged by a model that has not seen it. As they'
        f" are, {escape(share_text(real['all']))} of them are contradicted: the noise floor. The policy asks that"
        f" {rate:.2%} of labels are not contradicted. A class is <b>degraded</b> where fewer are not, beyond what"
        f" {real['all']['rows']:,} rows could show by chance; it is <b>inconsistent</b> where the verifier contradicts"
        " most labels, and <b>unfamiliar</b> where more than"
        f" {document['max_unfamiliar_share']:.0%} look like no class, so that the verifier cannot vouch for them (grey"
        " line: their share of all rows).</p>"
    )
    too_few = [row["label"] for row in real["by_class"] if row["status"] == "too_few"]
    if too_few:
        yield f'<p class="warn">Too few rows to judge: {escape(names(too_few))}.</p>'
    for transform in document["transforms"]:
        steps = f' <span class="none">in {escape(", ".join(transform["steps"]))}</span>' if transform["steps"] else ""
        yield f"<h2>{escape(transform['use'])}{steps}</h2>"
        lines = [line.partition(" ") for line in verdict_lines(transform, rate)]
        yield '<ul class="said">' + "".join(f"<li><b>{escape(a)}</b> {escape(b)}</li>" for a, _, b in lines) + "</ul>"
        yield _bars(transform) if transform["kind"] == "on_off" else _curve(transform, document)
        yield _heat(transform)


def _curve(transform: Row, document: Row) -> str:
    """Share of moved labels over the magnitude, one line per class; the suggested range is shaded."""
    points = transform["points"]
    log_magnitudes = [math.log(point["at"]) for point in points]
    span = (log_magnitudes[-1] - log_magnitudes[0]) or 1.0
    xs = [
        _LEFT + (_WIDTH - _LEFT - _RIGHT) * (log_magnitude - log_magnitudes[0]) / span
        for log_magnitude in log_magnitudes
    ]
    parts = [_shade(transform, points, xs), _grid(), _marks(points, xs, transform), _levels(document)]
    unfamiliar_path = " ".join(
        f"{x:.1f},{_y(point['all']['unfamiliar_share'] or 0.0):.1f}" for x, point in zip(xs, points, strict=True)
    )
    parts.append(
        f'<polyline points="{unfamiliar_path}" fill="none" stroke="{FAINT}" stroke-width="1.5" stroke-dasharray="4 3"/>'
    )
    labels = [row["label"] for row in transform["classes"]]
    ends = [(_y(points[-1]["all"]["unfamiliar_share"] or 0.0), "unfamiliar", FAINT)]
    for number, label in enumerate(labels):
        colour = _COLOURS[number] if number < len(_COLOURS) else LINE
        rows = [(x, _class_row(point, label), point) for x, point in zip(xs, points, strict=True)]
        plotted = [
            (x, _y(row["moved_share"]), row, point) for x, row, point in rows if row and row["moved_share"] is not None
        ]
        if not plotted:
            continue
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in plotted)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{3.5 if row["status"] != "consistent" else 2}" fill="{colour}">'
            f"<title>{escape(label)} at {escape(magnitude(transform, point))}: "
            f"{escape(share_text(row))}, {row['status']}</title>"
            "</circle>"
            for x, y, row, point in plotted
        ]
        if number < len(_COLOURS):
            ends.append((plotted[-1][1], label, colour))
    parts += _legend(ends)
    return _svg(parts, _HEIGHT, f"Share of moved labels per class as {transform['use']} grows")


def _bars(transform: Row) -> str:
    """Share of moved labels per class with its interval, for a transform that has no magnitude."""
    rows = sorted(transform["points"][0]["by_class"], key=lambda row: natural_sort_key(row["label"]))
    parts = []
    width = _WIDTH - _LEFT - _RIGHT
    for number, row in enumerate(rows):
        y = _TOP + 22 * number
        parts.append(elements.text(_LEFT + 34, y + 13, text_format.shortened(row["label"], 14), anchor="end"))
        if row["moved_share"] is None:
            parts.append(elements.text(_LEFT + 42, y + 13, "too few rows", fill=FAINT))
            continue
        low, high = (_LEFT + 40 + width * end for end in row["interval"])
        parts.append(elements.rect(_LEFT + 40, y + 2, width * row["moved_share"], 14, _STATUS_COLOURS[row["status"]]))
        parts.append(f'<path d="M{low:.1f} {y + 9} H{high:.1f}" stroke="{INK}" stroke-width="1.5"/>')
        parts.append(elements.text(_LEFT + 50 + width, y + 13, f"{row['moved_share']:.0%} {row['status']}", fill=FAINT))
    return _svg(parts, _TOP + 22 * len(rows) + 8, f"Share of labels that {transform['use']} moves, per class")


def _heat(transform: Row) -> Markup:
    """Every figure: magnitudes down, classes across."""
    labels = sorted((row["label"] for row in transform["classes"]), key=natural_sort_key)
    head = "".join(f"<th>{escape(label)}</th>" for label in ("", "all", *labels))
    body = []
    for point in transform["points"]:
        cells = [_cell(point["all"]), *(_cell(_class_row(point, label)) for label in labels)]
        kind = ' class="policy"' if point["at"] == 1.0 and transform["kind"] == "range" else ""
        name = "as used" if transform["kind"] == "on_off" else magnitude(transform, point)
        body.append(f"<tr{kind}><td>{escape(name)}</td>{''.join(cells)}</tr>")
    return Markup(
        f'<div class="scroll"><table class="heat"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody>'
        "</table></div>"
    )


def _cell(row: Row | None) -> str:
    if row is None or row["moved_share"] is None:
        return '<td><span class="none">–</span></td>'
    return f'<td class="{row["status"]}" title="{escape(share_text(row))}">{row["moved_share"]:.1%}</td>'


def _class_row(point: Row, label: str) -> Row | None:
    return next((row for row in point["by_class"] if row["label"] == label), None)


def _y(value: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _FOOT) * (1.0 - value)


def _grid() -> str:
    lines = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        lines.append(f'<path d="M{_LEFT} {_y(tick):.1f} H{_WIDTH - _RIGHT}" stroke="{LINE}" stroke-width="1"/>')
        lines.append(elements.text(_LEFT - 8, _y(tick) + 4, f"{tick:.0%}", anchor="end", size=12, fill=FAINT))
    return "".join(lines)


def _levels(document: Row) -> str:
    """The declared rate and the noise floor, as lines across."""
    floor, rate = document["real"]["all"]["moved_share"], document["min_rate"]
    return "".join(
        f'<path d="M{_LEFT} {_y(level):.1f} H{_WIDTH - _RIGHT}" stroke="{colour}" stroke-dasharray="{dash}">'
        f"<title>{title}</title></path>"
        for level, colour, dash, title in (
            (1.0 - rate, BAD, "6 3", f"the declared rate: {1.0 - rate:.2%} may move"),
            (floor, FAINT, "2 3", f"the noise floor: {floor:.2%}"),
        )
    )


def _marks(points: Sequence[Row], xs: Sequence[float], transform: Row) -> str:
    """Ticks: the magnitude farthest from nothing, where there is room for it; the policy's own in bold."""
    parts, last = [], -math.inf
    for x, point in zip(xs, points, strict=True):
        at_policy = point["at"] == 1.0 and transform["kind"] == "range"
        if at_policy:
            parts.append(f'<path d="M{x:.1f} {_TOP} V{_HEIGHT - _FOOT}" stroke="{INK}" stroke-width="1"/>')
            parts.append(elements.text(x + 4, _TOP + 11, "policy", size=11, fill=INK))
        if x - last > 44:
            parts.append(
                elements.text(x, _HEIGHT - _FOOT + 18, _tick(point, transform), anchor="middle", size=11, fill=FAINT)
            )
            last = x
    return "".join(parts) + elements.text(
        (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, _axis(points[0], transform), anchor="middle", size=12, fill=FAINT
    )


def _tick(point: Row, transform: Row) -> str:
    values = list(point["ranges"].values())
    if transform["kind"] == "weight" or len(values) != 1:
        return f"{point['at']:g}{'' if transform['kind'] == 'weight' else ' x'}"
    ends = values[0] if isinstance(values[0], list) else [values[0]]
    if len(ends) == 2 and ends[0] == -ends[1]:
        return f"±{ends[1]:.3g}"
    return " to ".join(f"{end:.3g}" for end in ends)


def _axis(point: Row, transform: Row) -> str:
    if transform["kind"] == "weight":
        return "way from a row to its neighbour"
    return next(iter(point["ranges"])) if len(point["ranges"]) == 1 else "times the policy's magnitudes"


def _shade(transform: Row, points: Sequence[Row], xs: Sequence[float]) -> str:
    if not transform["suggested"]:
        return ""
    end = next(x for x, point in zip(xs, points, strict=True) if point["at"] == transform["suggested"]["at"])
    return elements.rect(_LEFT, _TOP, end - _LEFT, _HEIGHT - _TOP - _FOOT, "#eaf4ea")


def _legend(ends: Sequence[tuple[float, str, str]]) -> list[str]:
    """The name of each line at its end, moved apart where lines end together."""
    ranked = sorted(ends)
    heights = [max(y, _TOP + 14 * number) for number, (y, _, _) in enumerate(ranked)]
    for number in range(1, len(heights)):
        heights[number] = max(heights[number], heights[number - 1] + 14)
    lowest = _HEIGHT - _FOOT + 4
    for number in range(len(heights) - 1, -1, -1):
        heights[number] = min(heights[number], lowest - 14 * (len(heights) - 1 - number))
    return [
        elements.text(_WIDTH - _RIGHT + 10, y + 4, text_format.shortened(label, 18), size=12, fill=colour)
        for y, (_, label, colour) in zip(heights, ranked, strict=True)
    ]


def _svg(parts: Sequence[str], height: float, description: str) -> str:
    head = f'<svg viewBox="0 0 {_WIDTH} {height:g}" width="{_WIDTH}" role="img" aria-label="{escape(description)}">'
    return f"{head}{''.join(parts)}</svg>"
