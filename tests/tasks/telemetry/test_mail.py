"""Mail servers as addresses, and alerts as mails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from augmill.policies.errors import PolicyError
from augmill.tasks.telemetry.alert import Alert
from augmill.tasks.telemetry.mail import apprise_url, message_of
from augmill.tasks.telemetry.smtp import smtp_of

ALERT = Alert("check.failed", "wine", "r-1", "1970-01-01T00:00:00+00:00", "page", "t\r\nBcc: x@y", "text", "g:1", {})


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("smtp://127.0.0.1", ("127.0.0.1", 25, "none", "augmill@localhost", "")),
        (
            "smtp://me:pass@mail.example.org:587",
            ("mail.example.org", 587, "starttls", "augmill@mail.example.org", "me"),
        ),
        ("smtp://mail:2525?starttls=yes&from=a@b.org", ("mail", 2525, "starttls", "a@b.org", "")),
        ("smtps://me%40b.org:p%40ss@mail.example.org", ("mail.example.org", 465, "tls", "me@b.org", "me@b.org")),
    ],
)
def test_an_address_says_host_port_and_how_the_line_is_kept_secret(url, wanted):
    server = smtp_of(url)
    assert (server.host, server.port, server.tls, server.sender, server.user) == wanted
    assert "p@ss" not in repr(server)


@pytest.mark.parametrize("url", ["", "hunter2", "http://hunter2", "smtp://", "smtp://hunter2:99999", "smtp://[::"])
def test_what_is_no_address_of_a_mail_server_is_refused_without_showing_it(url):
    with pytest.raises(PolicyError, match="AUGMILL_SMTP_URL is no address") as fault:
        smtp_of(url)
    assert "hunter2" not in str(fault.value)


def test_a_mail_has_one_thread_per_group_and_no_header_that_was_smuggled_in():
    with pytest.raises(ValueError, match=r"newline|linefeed"):
        message_of(ALERT, "a@b.org", ["c@d.org"])
    mail = message_of(replace(ALERT, title="a check failed"), "a@b.org", ["c@d.org", "e@f.org"])
    assert (mail["Subject"], mail["To"]) == ("[page] a check failed", "c@d.org, e@f.org")
    assert mail["References"] == "<g.1@augmill>"
    assert mail.get_content().startswith("text\n\ndataset  wine\n")


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # Apprise mends it for later Pythons by itself
def test_the_address_for_prefect_is_one_that_apprise_takes():
    from apprise import Apprise

    for url in ("smtp://127.0.0.1:2525", "smtp://me:p%40%2Fss@mail.example.org:587", "smtps://me:x@mail.example.org"):
        apprise = Apprise()
        assert apprise.add(apprise_url(smtp_of(url), ["c@d.org", "e@f.org"]))
        (server,) = apprise
        assert server.password in (None, "p@/ss", "x")
        assert sorted(target for _, target in server.targets) == ["c@d.org", "e@f.org"]
        assert server.port == smtp_of(url).port
