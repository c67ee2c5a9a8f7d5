"""One bounded question over HTTP, whatever it is that answers."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from augmill.flows.http_client import NoReply, send_request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def answering(*words, pause=0.0):
    """A server that says these words, with pauses between, to whoever asks; yields its address and the questions."""
    asked = []

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(65536).decode())
                try:
                    for word in words:
                        connection.sendall(word)
                        time.sleep(pause)
                except OSError:
                    continue  # whoever asked has gone

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_server_that_drips_is_given_up_in_time():
    began = time.monotonic()
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", *[b"x"] * 20, pause=0.1) as (url, _):
        with pytest.raises(NoReply, match=r"no answer in 0\.5 s"):
            send_request(url, seconds=0.5)
        assert time.monotonic() - began < 1.9


def test_credentials_are_for_the_server_that_was_asked_and_not_for_where_it_points():
    with (
        answering(OK) as (elsewhere, there),
        answering(f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode()) as (url, here),
    ):
        assert send_request(url, seconds=5, auth="me:hunter2").text == "ok"
    assert "Authorization: Basic" in here[0]
    assert "Authorization" not in there[0]


@pytest.mark.parametrize("word", [b"\x00\xff\xfenonsense\r\n\r\n", b""])
def test_one_that_speaks_another_language_is_no_reply_in_words_that_can_be_printed(word):
    with answering(word) as (url, _), pytest.raises(NoReply, match=r"hangs up|closed connection"):
        send_request(url, seconds=5)


def test_a_clock_that_cannot_be_read_is_none():
    with answering(OK.replace(b"\r\n\r\n", b"\r\nDate: about noon\r\n\r\n")) as (url, _):
        assert send_request(url, seconds=5).date is None
