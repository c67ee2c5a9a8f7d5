"""What commands print for machines can be read by any of them."""

import json

from augmill.flows.console import print_json


def refuse(constant: str) -> None:
    raise ValueError(constant)


def test_numbers_that_json_does_not_know_are_printed_as_null(capsys):
    print_json({"values": [1.5, float("nan"), (float("inf"),)], "label": "ü"})
    printed = capsys.readouterr().out
    assert json.loads(printed, parse_constant=refuse) == {"values": [1.5, None, [None]], "label": "ü"}
    assert "ü" in printed
