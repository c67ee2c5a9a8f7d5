"""An OTLP receiver: a program of its own that decodes what it is sent and writes each span as a line of JSON.

`python receiver.py FILE [hang|refuse]` prints its port.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def main() -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    file, mood = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if mood == "hang":
                threading.Event().wait()
            if not mood:
                self.keep(body)
            self.send_response(400 if mood == "refuse" else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def keep(self, body: bytes) -> None:
            request = ExportTraceServiceRequest.FromString(body)
            with open(file, "a") as lines:
                for group in request.resource_spans:
                    service = {one.key: one.value.string_value for one in group.resource.attributes}
                    for scope in group.scope_spans:
                        for span in scope.spans:
                            lines.write(json.dumps(line(span, service, scope.scope.name, self.path)) + "\n")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


def line(span: object, service: dict[str, str], scope: str, path: str) -> dict[str, object]:
    values = {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
    return {
        "name": span.name,
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "status": span.status.code,
        "message": span.status.message,
        "attributes": values,
        "service": service.get("service.name"),
        "scope": scope,
        "path": path,
    }


if __name__ == "__main__":
    main()
