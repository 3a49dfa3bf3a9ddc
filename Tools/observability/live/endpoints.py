# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The two ends of the stack that no Debian package has: what takes the spans in Tempo's place, and who is told of alerts."""

import gzip
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ports import free_port


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # For a stop and a start on the same port.
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        """Whoever asked has not waited for the answer: its own log says so."""


class Endpoint:
    """An HTTP server on a port of its own, which can be stopped and started again on the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.reply(b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                endpoint.take(self.path, gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
                self.reply(b"{}")

            def reply(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json" if body else "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                """No access log."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, path: str, body: bytes) -> None:
        raise NotImplementedError


class Collector(Endpoint):
    """Takes OTLP/JSON, and is scraped as Tempo is."""

    def __init__(self) -> None:
        super().__init__()
        self.trace_ids: set[str] = set()

    def take(self, path: str, body: bytes) -> None:
        for resource in json.loads(body).get("resourceSpans", []):
            for scope in resource["scopeSpans"]:
                self.trace_ids |= {span["traceId"] for span in scope["spans"]}


@dataclass(frozen=True)
class Told:
    """One alert of one notification."""

    at: float
    """By `time.monotonic()`."""
    channel: str
    status: str
    labels: dict[str, str] = field(hash=False)

    @property
    def what(self) -> str:
        """Its name, and the queue or the job of its target."""
        where = self.labels.get("queue") or self.labels.get("job", "")
        return f"{self.labels['alertname']} {where}".strip()


class Webhook(Endpoint):
    """Alertmanager's receivers: keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Told] = []

    def take(self, path: str, body: bytes) -> None:
        now = time.monotonic()
        notification: dict[str, Any] = json.loads(body)
        self.told += [Told(now, path.strip("/"), alert["status"], alert["labels"]) for alert in notification["alerts"]]

    def first(self, what: str, status: str, since: float = 0) -> Told | None:
        return next((one for one in self.told if (one.what, one.status) == (what, status) and one.at >= since), None)
