"""What `augmill diff` found, for a terminal or as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from augmill.tasks.documents.figure_text import rounded
from augmill.tasks.documents.text_format import value_text
from augmill.tasks.summaries.sections import TextSection, escaped, for_markdown, for_terminal

MAX_FEATURES = 20
LITTLE = 0.005
"""Two samples of 100,000 rows of one distribution differ by about this much."""


def text(document: Mapping[str, Any]) -> str:
    """The comparison for a terminal."""
    return for_terminal(headline(document), sections(document))


def markdown(document: Mapping[str, Any]) -> str:
    """The comparison as Markdown."""
    return for_markdown(escaped(headline(document)), sections(document))


def headline(document: Mapping[str, Any]) -> str:
    """Rows that came and went, in a sentence."""
    rows = document["rows"]
    added, removed = (sum(group["rows"] for group in rows[key]) for key in ("added", "removed"))
    more = [f"{rows[key]:,} {key}" for key in ("moved", "changed") if rows[key]]
    changes = ", ".join([f"{added:,} rows added", f"{removed:,} removed", *more, f"{rows['kept']:,} kept"])
    return f"{document['dataset']}@{document['a']} to {document['dataset']}@{document['b']}: {changes}."


def sections(document: Mapping[str, Any]) -> Iterator[TextSection]:
    """The parts that have anything to say."""
    rows = [_row(sign, entry) for sign, key in (("+", "added"), ("-", "removed")) for entry in document["rows"][key]]
    if rows:
        yield TextSection("Rows added (+) and removed (-)", ("", "origin", "split", "step", "class", "rows"), rows)
    columns = [f"{name} {key}" for key in ("added", "removed") for name in document["columns"][key]]
    columns += [f"{name}: {was} is {now} now" for name, (was, now) in document["columns"]["retyped"].items()]
    if columns:
        yield TextSection("Columns", lines=columns)
    figures = [
        (figure["name"], rounded(figure["a"], 4), rounded(figure["b"], 4))
        for figure in document["figures"]
        if figure["a"] != figure["b"]
    ]
    heads = ("", *(f"@{document[side]}" for side in ("a", "b")))
    same = len(document["figures"]) - len(figures)
    yield TextSection("Figures", heads if figures else (), figures, [f"{same} are the same"] if same else [])
    if document["shift"]:
        yield _shift(document["shift"])
    for name in ("policy", "suite"):
        if document[f"{name}_diff"]:
            yield TextSection(f"The {name}", diff=document[f"{name}_diff"], folded=True)
    if not document["policy_diff"]:
        yield TextSection("The policy", lines=["is the same"])


def _row(sign: str, entry: Mapping[str, Any]) -> Sequence[str]:
    return sign, entry["origin"], entry["split"], entry["step"] or "-", entry["label"] or "-", f"{entry['rows']:,}"


def _shift(shift: Sequence[Mapping[str, Any]]) -> TextSection:
    far = [feature for feature in shift if feature["distance"] > LITTLE][:MAX_FEATURES]
    rows = [(feature["column"], f"{feature['distance']:.3f}", _side(feature, 0), _side(feature, 1)) for feature in far]
    rest = len(shift) - len(far)
    heads = ("feature", "distance", "before", "after") if far else ()
    lines = [f"{rest} features have moved by less" if far else f"{rest} features have hardly moved"] if rest else []
    return TextSection("Distribution of the training rows", heads, rows, lines)


def _side(feature: Mapping[str, Any], at: int) -> str:
    missing = f", {feature['missing'][at]:.1%} missing" if feature["missing"][at] else ""
    if feature["kind"] == "category":
        return f"{feature['values'][at]:,} values{missing}"
    if feature["mean"][at] is None:
        return "no value"
    return f"{value_text(feature['mean'][at])} ± {value_text(feature['std'][at])}{missing}"
