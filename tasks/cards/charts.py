"""Before and after, as self-contained SVG: class balance, parents with their children, and a map of the rows."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augmill.policies.names import natural_sort_key
from augmill.policies.schema import SPLITS
from augmill.tasks.documents.text_format import shortened, value_text
from augmill.tasks.documents.version_document import Counts, VersionDocument
from augmill.tasks.html_pages.elements import FAINT, LINE, ORIGIN_COLOURS, escape, inline, page, rect, svg, table, text

MAX_CLASSES = 40
MAX_POINTS = 1_500
TILE = 96

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One picture for the grid: its caption (an id, or what was done) and its PNG or JPEG bytes."""

    caption: str
    image: bytes


@dataclass(frozen=True)
class Family:
    """Parents and the children made of them, all of one label."""

    label: str
    parents: Sequence[Sample]
    children: Sequence[Sample]


def balance(document: VersionDocument) -> bytes:
    """Training rows per class before (real only) and after (real, augmented and synthetic, stacked)."""
    train = document.get("rows", {}).get("by_split_origin_label", {}).get("train", {})
    labels = _largest_classes(train)
    most = max((sum(counts.get(label, 0) for counts in train.values()) for label in labels), default=1) or 1
    parts = [text(16, 28, f"Training rows per class, {document['dataset']}@{document['version']}", size=16)]
    parts += _legend([origin for origin in ORIGIN_COLOURS if train.get(origin)], 16, 50)
    y = 72.0
    for label in labels:
        parts += _class_bars(label, {origin: train.get(origin, {}).get(label, 0) for origin in ORIGIN_COLOURS}, most, y)
        y += 50
    hidden = len({label for counts in train.values() for label in counts}) - len(labels)
    if hidden > 0:
        parts.append(
            text(16, y + 14, f"{hidden} smaller classes are not drawn; version.json has them all.", fill=FAINT)
        )
        y += 24
    return svg(760, y + 12, parts)


def by_split(document: VersionDocument) -> Counts:
    """Rows by split, origin and label, with training first and real rows first."""
    counts = document.get("rows", {}).get("by_split_origin_label", {})
    splits = sorted(counts, key=lambda split: (*SPLITS, split).index(split))
    return {split: dict(sorted(counts[split].items(), key=lambda item: item[0] != "real")) for split in splits}


def origins(document: VersionDocument) -> bytes:
    """Rows of each split, real and made ones stacked, with their shares."""
    counts = by_split(document)
    totals = {
        split: {origin: sum(labels.values()) for origin, labels in by_origin.items()}
        for split, by_origin in counts.items()
    }
    most = max((sum(by_origin.values()) for by_origin in totals.values()), default=1) or 1
    present = [origin for origin in ORIGIN_COLOURS if any(by_origin.get(origin) for by_origin in totals.values())]
    parts = [text(16, 28, f"Rows by origin, {document['dataset']}@{document['version']}", size=16)]
    parts += _legend(present, 16, 50)
    y = 72.0
    for split, by_origin in totals.items():
        parts += _split_bar(split, {origin: by_origin.get(origin, 0) for origin in present}, most, y)
        y += 32
    return svg(760, y + 12, parts)


def families(rows: Sequence[Family], title: str = "Parents and their children") -> bytes:
    """A grid of pictures, a family per line: parents left of the rule, children right of it."""
    parents = max((len(family.parents) for family in rows), default=1)
    children = max((len(family.children) for family in rows), default=1)
    step, left_edge = TILE + 14, 130
    rule = left_edge + parents * step + 3
    parts = [
        text(16, 28, title, size=16),
        text(left_edge, 54, "real", fill=FAINT),
        text(rule + 14, 54, "made of it", fill=FAINT),
    ]
    for i, family in enumerate(rows):
        y = 66 + i * (TILE + 34)
        parts.append(text(16, y + TILE / 2, shortened(family.label, 14)))
        parts += [_tile(sample, left_edge + j * step, y) for j, sample in enumerate(family.parents)]
        parts += [_tile(sample, rule + 14 + j * step, y) for j, sample in enumerate(family.children)]
    height = 66 + len(rows) * (TILE + 34)
    parts.append(f'<path d="M{rule} 44V{height - 10}" stroke="{LINE}"/>')
    return svg(max(rule + 14 + children * step + 8, 420), height, parts)


def scatter(real: F64, children: F64, real_labels: Sequence[str], child_labels: Sequence[str]) -> bytes:
    """Real training rows and children on the two main axes of the real rows, one panel per label with children.

    `real` (n, d) and `children` (m, d) hold numbers, not a number where missing. At most `MAX_POINTS` of each are
    drawn, evenly spaced in the order given. Axes are those of the standardised real rows, so both share one map.
    """
    axes = _principal_axes(real)
    real_points, child_points = axes.project(real), axes.project(children)
    low, high = _frame(real_points, child_points)
    labels = list(dict.fromkeys(child_labels))[:6]
    parts = [text(16, 28, "Real rows and children on the two main axes of the real rows", size=16)]
    parts += _legend(["real", "children"], 16, 50)
    for i, label in enumerate(labels):
        x, y = 16 + (i % 3) * 300, 70 + (i // 3) * 310
        groups = [
            (real_points, real_labels, ORIGIN_COLOURS["real"]),
            (child_points, child_labels, ORIGIN_COLOURS["augmented"]),
        ]
        parts += _panel(f"label {label}", label, groups, (low, high), (x, y))
    rows = -(-len(labels) // 3) if labels else 0
    return svg(16 + 300 * min(max(len(labels), 2), 3), 76 + 310 * rows, parts)


def pairs(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Any]]], title: str, picture: bytes = b"") -> bytes:
    """An HTML page of parents and children value by value: (what the row is, its values), below an SVG if given."""
    body = [f"<h1>{escape(title)}</h1>"]
    body += [f'<div class="scroll">{inline(picture)}</div>'] if picture else []
    body.append(table(["row", *columns], [[name, *values] for name, values in rows]))
    return page(title, body)


def _largest_classes(train: dict[str, dict[str, int]]) -> list[str]:
    totals: dict[str, int] = {}
    for counts in train.values():
        for label, count in counts.items():
            totals[label] = totals.get(label, 0) + count
    return sorted(totals, key=lambda label: (-totals[label], natural_sort_key(label)))[:MAX_CLASSES]


def _class_bars(label: str, counts: dict[str, int], most: int, y: float) -> Iterator[str]:
    left_edge, span = 180, 460
    after = sum(counts.values())
    yield text(left_edge - 12, y + 22, shortened(label, 22), anchor="end")
    yield rect(left_edge, y, span * counts["real"] / most, 14, ORIGIN_COLOURS["real"])
    yield text(left_edge + span * counts["real"] / most + 6, y + 11, f"{counts['real']:,} before", size=11, fill=FAINT)
    x = float(left_edge)
    for origin, count in counts.items():
        yield rect(x, y + 18, span * count / most, 14, ORIGIN_COLOURS[origin])
        x += span * count / most
    yield text(x + 6, y + 29, f"{after:,} after", size=11, fill=FAINT)


def _split_bar(split: str, counts: dict[str, int], most: int, y: float) -> Iterator[str]:
    left_edge, span, total = 110, 420, sum(counts.values())
    yield text(left_edge - 12, y + 15, split, anchor="end")
    x = float(left_edge)
    for origin, count in counts.items():
        yield rect(x, y, span * count / most, 20, ORIGIN_COLOURS[origin])
        x += span * count / most
    share_text = ", ".join(f"{count / total:.1%} {origin}" for origin, count in counts.items() if count)
    yield text(x + 6, y + 15, f"{total:,} ({share_text})", size=11, fill=FAINT)


def _legend(names: Sequence[str], x: float, y: float) -> list[str]:
    parts = []
    for name in names:
        parts += [rect(x, y - 10, 11, 11, ORIGIN_COLOURS.get(name, ORIGIN_COLOURS["augmented"])), text(x + 16, y, name)]
        x += 30 + 8 * len(name)
    return parts


def _tile(sample: Sample, x: float, y: float) -> str:
    kind = "png" if sample.image.startswith(b"\x89PNG") else "jpeg"
    data = base64.b64encode(sample.image).decode()
    # Small pictures are shown enlarged with hard pixels, so that noise and interpolation can be seen.
    return (
        f'<image x="{x:g}" y="{y:g}" width="{TILE}" height="{TILE}" style="image-rendering:pixelated" '
        f'href="data:image/{kind};base64,{data}"/>'
        + text(x, y + TILE + 13, shortened(sample.caption, 17), size=10, fill=FAINT)
    )


@dataclass(frozen=True)
class _Axes:
    centre: F64
    scale: F64
    directions: F64

    def project(self, rows: F64) -> F64:
        """Rows (n, d) to points (n, 2); a missing value stands at the mean."""
        scaled = (rows - self.centre) / self.scale
        return np.asarray(np.nan_to_num(scaled) @ self.directions, dtype=np.float64)


def _principal_axes(rows: F64) -> _Axes:
    indices = _spread(len(rows), 20_000)
    sample = rows[indices]
    finite = np.isfinite(sample)
    count = np.maximum(finite.sum(axis=0), 1)
    centre = np.where(finite, sample, 0.0).sum(axis=0) / count
    deviation = np.sqrt(np.where(finite, (sample - centre) ** 2, 0.0).sum(axis=0) / count)
    scale = np.where(deviation > 0, deviation, 1.0)
    scaled = np.nan_to_num((sample - centre) / scale)
    _, vectors = np.linalg.eigh(scaled.T @ scaled)
    directions = vectors[:, ::-1][:, :2]
    # An eigenvector's sign is arbitrary; its largest entry is made positive so that runs look alike.
    signs = np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(directions.shape[1])])
    directions = directions * np.where(signs == 0, 1.0, signs)
    if directions.shape[1] < 2:
        directions = np.hstack([directions, np.zeros((directions.shape[0], 2 - directions.shape[1]))])
    return _Axes(centre, scale, directions)


def _frame(*clouds: F64) -> tuple[F64, F64]:
    """Corners of the map: 1st and 99th percentile with a margin, so that an outlier does not squeeze the rest."""
    both = np.vstack([cloud for cloud in clouds if len(cloud)] or [np.zeros((1, 2))])
    low, high = np.percentile(both, 1, axis=0), np.percentile(both, 99, axis=0)
    margin = np.maximum((high - low) * 0.1, 1e-9)
    return low - margin, high + margin


def _panel(
    title: str,
    label: str,
    groups: Sequence[tuple[F64, Sequence[str], str]],
    frame: tuple[F64, F64],
    corner: tuple[float, float],
) -> Iterator[str]:
    side = 280
    yield rect(corner[0], corner[1], side, side, "none", LINE)
    yield text(corner[0] + 8, corner[1] + 18, shortened(title, 30), fill=FAINT)
    for cloud, labels, colour in groups:
        class_points = cloud[np.array([name == label for name in labels], dtype=bool)]
        positions = np.clip(
            (class_points[_spread(len(class_points), MAX_POINTS)] - frame[0]) / (frame[1] - frame[0]), 0.0, 1.0
        )
        dots = "".join(
            f'<circle cx="{corner[0] + side * x:.1f}" cy="{corner[1] + side * (1 - y):.1f}" r="2.2"/>'
            for x, y in positions
        )
        yield f'<g fill="{colour}" fill-opacity="0.5">{dots}</g>'
        offset = 36 if colour == ORIGIN_COLOURS["real"] else 54
        yield text(
            corner[0] + side - 8,
            corner[1] + offset - 18,
            value_text(len(class_points)),
            anchor="end",
            size=11,
            fill=colour,
        )


def _spread(count: int, limit: int) -> NDArray[np.int64]:
    """At most `limit` indices out of `count`, evenly spaced."""
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, limit)).astype(np.int64)) if count else np.arange(0)
