"""What data can steer by is spelled out; what people write stays."""

import json

import pytest

from augmill.tasks.sanitize.control_characters import escape_controls


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\u001b[2J\u001b]0;title\u0007"),
        ("a\x9b31m\x7f", r"a\u009b31m\u007f"),
        ("over\rwritten\x00", r"over\u000dwritten\u0000"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2066left\u2069", r"\u2066left\u2069"),
        ("\udc80.csv", r"\udc80.csv"),
    ],
)
def test_signs_that_steer_are_spelled_out(given, shown):
    assert escape_controls(given) == shown


def test_what_people_write_stays():
    for text in ("a\tb\nc", "Größe 猫 🎈", "שלום\u200f!", "می\u200cخواهم"):
        assert escape_controls(text) == text


def test_a_json_document_stays_the_same_document():
    told = {"\u202ename": "\x9b\x7f\x1b"}
    assert json.loads(escape_controls(json.dumps(told, ensure_ascii=False))) == told
