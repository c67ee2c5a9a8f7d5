"""What alerts are sent to, for tests: a webhook and a mail server on loopback that keep what they get."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE_SECONDS = 60.0


@dataclass
class Received:
    """Requests or mails so far, and where to send them. `answer`: the status; `hang`: accept and never answer."""

    port: int = 0
    got: list[Any] = field(default_factory=list)
    answer: int = 200
    answers: list[int] = field(default_factory=list)
    hang: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/T0P-S3CRET-PATH"

    def wait_for(self, wanted: Callable[[], bool]) -> None:
        """Until it is so, for a minute at most."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not wanted():
            assert time.monotonic() < end, f"this is all that came: {self.got}"
            time.sleep(0.05)


@contextmanager
def webhook() -> Iterator[Received]:
    """An HTTP server that keeps (headers, body) of what is posted to it."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.got.append((dict(self.headers), body))
            if received.hang.is_set():
                received.released.wait(PATIENCE_SECONDS)
            self.send_response(received.answers.pop(0) if received.answers else received.answer)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # whom we kept waiting has gone
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with _served(ThreadingHTTPServer(("127.0.0.1", 0), Handler), received):
        yield received


@contextmanager
def mail_server() -> Iterator[Received]:
    """A mail server that takes every mail, without a password and without TLS."""
    received = Received()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 here")
            while line := self.rfile.readline().strip():
                verb = line.split()[0].upper()
                if verb == b"DATA":
                    self.say("354 go on")
                    received.got.append(self.mail())
                    self.say("250 kept")
                elif verb == b"QUIT":
                    return self.say("221 bye")
                else:
                    self.say("250 fine")
            return None

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def mail(self) -> Message:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line)
            return message_from_bytes(b"".join(lines))

    with _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler), received):
        yield received


@contextmanager
def _served(server: socketserver.TCPServer, received: Received) -> Iterator[None]:
    received.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        received.released.set()
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE_SECONDS)
