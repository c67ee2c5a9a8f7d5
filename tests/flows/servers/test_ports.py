"""A port is the one asked for or a refusal; else the one of last time, else a free one."""

import socket

import pytest

from augmill.flows.config import stack_state
from augmill.flows.servers.ports import choose, is_loopback, url_host
from augmill.flows.settings import settings
from augmill.flows.stack.stack_supervisor import ports_for
from augmill.policies.errors import PolicyError, StorageError


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_is_passed_over_unless_it_was_asked_for(taken):
    assert choose("127.0.0.1", taken) != taken
    with pytest.raises(StorageError, match=f"port {taken}: Address already in use") as fault:
        choose("127.0.0.1", 1, requested=taken, option="--prefect-port")
    assert "--prefect-port" in fault.value.remedy


def test_the_port_of_last_time_is_kept_while_it_is_free(taken):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    assert choose("127.0.0.1", taken, remembered=free) == free
    assert choose("127.0.0.1", free, remembered=taken) == free


def test_no_two_servers_get_one_port(tmp_path, monkeypatch, taken):
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path))
    with pytest.raises(PolicyError, match="two servers are to have one port"):
        ports_for(settings(), "127.0.0.1", {"prefect": taken, "mlflow": taken}, print)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    stack_state.remember_ports(tmp_path, {"prefect": free})
    found = ports_for(settings(), "127.0.0.1", {"mlflow": free}, print)
    assert found["mlflow"] == free
    assert len(set(found.values())) == 3


def test_a_host_that_is_not_here_is_a_refusal():
    with pytest.raises(StorageError, match="cannot serve on"):
        choose("203.0.113.7", 4200)


def test_hosts_are_spelled_as_a_browser_here_reaches_them():
    assert [url_host(host) for host in ("0.0.0.0", "::", "::1", "127.0.0.1")] == [
        "127.0.0.1",
        "127.0.0.1",
        "[::1]",
        "127.0.0.1",
    ]
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.1")] == [
        True,
        True,
        True,
        False,
        False,
    ]
