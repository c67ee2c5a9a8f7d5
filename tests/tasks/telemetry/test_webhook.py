"""What a webhook gets: JSON, a key that repeats share, and a signature that only the secret makes."""

from __future__ import annotations

import hashlib
import hmac
import json

from augmill.tasks.sanitize.secret import Secret
from augmill.tasks.telemetry.alert import Alert
from augmill.tasks.telemetry.webhook import request_of, token_of

ALERT = Alert("check.failed", "wine", "r-1", "1970-01-01T00:00:00+00:00", "page", "title", "text", "g:1", {"failed": 1})
SECRET = b"sixteen-characters"


def test_the_receiver_can_tell_who_sent_it_and_when():
    body, headers = request_of(ALERT, Secret(SECRET), 1_000)
    wanted = hmac.new(SECRET, b"1000." + body, hashlib.sha256).hexdigest()
    assert headers["X-Augmill-Signature"] == f"sha256={wanted}"
    assert headers["X-Augmill-At"] == "1000"
    assert request_of(ALERT, Secret(SECRET), 1_001)[1]["X-Augmill-Signature"] != f"sha256={wanted}"
    assert "X-Augmill-Signature" not in request_of(ALERT, None, 1_000)[1]


def test_a_repeat_has_the_key_of_the_first():
    body, headers = request_of(ALERT, None, 1_000)
    assert json.loads(body)["key"] == headers["X-Augmill-Key"] == request_of(ALERT, None, 2_000)[1]["X-Augmill-Key"]
    assert json.loads(body)["facts"] == {"failed": 1}


def test_the_token_of_those_who_cannot_sign_is_not_the_secret():
    wanted = hmac.new(SECRET, b"augmill: token of a webhook that cannot sign", hashlib.sha256).hexdigest()
    assert token_of(Secret(SECRET)) == wanted
