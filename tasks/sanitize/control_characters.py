"""Escape control characters in text from data: those that steer a terminal or reverse the reading direction.

A class may be called `ESC [2J`, which clears the screen, or hold U+202E, after which a line reads from the right and
can say the opposite of what it holds (CVE-2021-42574).
"""

from __future__ import annotations

import re

# Control characters but tab and line break, DEL and C1; embeddings, overrides and isolates of the reading direction;
# halves of surrogate pairs, which no output can encode. Signs that people write with, U+200F among them, stay.
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def escape_controls(text: str) -> str:
    """The text with each such character escaped as in JSON, so that a JSON document keeps its content."""
    return _STEERING.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
