"""The page on events is true: its table has every kind, its settings are read, its program trusts what we send."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from augmill.tasks.sanitize.secret import Secret
from augmill.tasks.telemetry.alert import QUIET_SECONDS, Alert
from augmill.tasks.telemetry.budget import FACTOR, FEWEST_BAD, HOUR, WINDOW_SECONDS
from augmill.tasks.telemetry.dataset_event import Kind
from augmill.tasks.telemetry.webhook import request_of, token_of

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "infra" / "events.md").read_text()
ROWS = re.findall(r"^\| `augmill\.([a-z._]+)` \|.*\|([^|]*)\|$", TEXT, re.MULTILINE)


def test_the_table_has_every_kind_and_how_long_it_is_quiet():
    assert sorted(kind for kind, _ in ROWS) == sorted(get_args(Kind))
    # Every move of a channel is a group of its own, so there is no time to tell.
    shown = {kind: f"{seconds // 3600} h" for kind, seconds in QUIET_SECONDS.items() if "channel" not in kind}
    assert {kind: quiet.strip() for kind, quiet in ROWS if quiet.strip()} == shown


def test_the_settings_are_those_that_are_read():
    read = set(
        re.findall(r'environment\.get\("(AUGMILL_\w+)"', (ROOT / "flows" / "config" / "alert_settings.py").read_text())
    )
    assert set(re.findall(r"^\| `(AUGMILL_\w+)` \|", TEXT, re.MULTILINE)) == read


def test_the_program_on_the_page_trusts_what_we_send_and_nothing_else():
    names: dict = {}
    exec(re.search(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[1], names)
    secret, is_ours = b"0123456789abcdef", names["is_ours"]
    alert = Alert("check.failed", "wine", "r-1", "x", "page", "title", "text", "g:1", {})
    body, headers = request_of(alert, Secret(secret), 1_000)
    assert is_ours(secret, headers, body)
    assert not is_ours(secret, headers, body + b" ")
    assert not is_ours(b"another secret", headers, body)
    assert is_ours(secret, {"X-Augmill-Token": token_of(Secret(secret))}, body)


def test_the_figures_of_budgets_are_those_of_the_code():
    figures = [FACTOR, WINDOW_SECONDS / HOUR, FEWEST_BAD]
    sentence = TEXT[TEXT.index("A budget burns if") :].replace("\n", " ")
    assert [float(number) for number in re.findall(r"\d+", sentence)][:3] == figures
