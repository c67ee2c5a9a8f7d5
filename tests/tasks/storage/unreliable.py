"""A real HTTP proxy in front of a real S3 server that spoils what it is told to spoil."""

from __future__ import annotations

import contextlib
import http.client
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

Mischief = Callable[[str, int, str], str]
"""(method, how many requests of that method came before, path) -> one of the words below."""

DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
BUSY = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your rate</Message></Error>'


class Server(ThreadingHTTPServer):
    """Ends with its context, and says nothing of clients that were killed."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def proxy(upstream: str, mischief: Mischief) -> Iterator[str]:
    """The endpoint of a proxy. Words: `pass`, `deny`, `busy`; `strip` drops If-None-Match; `late check` looks for
    the object first and writes unconditionally after; `lose` forwards and hangs up unanswered, `drop` hangs up
    without; `cut` sends half."""
    target, seen = urlsplit(upstream).netloc, {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def forward(self, method: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection(target, timeout=30)
            with contextlib.closing(connection):
                connection.request(method, self.path, body, headers)
                answer = connection.getresponse()
                return answer.status, dict(answer.getheaders()), answer.read()

        def answer(self, status: int, headers: dict[str, str], body: bytes, length: int | None = None) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            size = headers.get("Content-Length", headers.get("content-length")) if self.command == "HEAD" else None
            self.send_header("Content-Length", size or str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            word = mischief(self.command, seen.setdefault(self.command, 0), unquote(self.path))
            seen[self.command] += 1
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            if word in ("deny", "busy"):
                status, said = (403, DENIED) if word == "deny" else (503, BUSY)
                return self.answer(status, {"Content-Type": "application/xml"}, said)
            if word == "drop":
                self.close_connection = True
                return None
            if word == "late check" and headers.pop("If-None-Match", None):
                if self.forward("HEAD", b"", {**headers, "Content-Length": "0"})[0] == 200:
                    return self.answer(412, {}, b"")
                time.sleep(0.02)
            if word == "strip":
                headers.pop("If-None-Match", None)
            status, answered, data = self.forward(self.command, body, headers)
            if word == "lose":
                self.close_connection = True
                return None
            if word == "cut":
                self.close_connection = True
                return self.answer(status, answered, data[: len(data) // 2], len(data))
            return self.answer(status, answered, data)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = serve

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
