#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Takes notifications from Alertmanager's webhook and enqueues each as a job of type alert.notify.

usage: receiver.py [--listen HOST:PORT] [--spanq COMMAND] [--queue QUEUE] [--unique DURATION]

POST /page, /ticket, /direct; the path becomes the member `channel` of the payload. Retries and the twin of a pair of Alertmanagers
send the same again: within --unique the same alerts in the same state are one job. A reminder that comes later is a job of its own.

Where Redis cannot be reached the notification is written to stderr and answered with 503, so that Alertmanager sends it again; /direct
is written to stderr in any case. Which Redis is used says SPANQ_REDIS_URL.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHANNELS = ("page", "ticket", "direct")
MAXIMUM_BYTES = 1 << 20


def unique_key(channel: str, notification: dict[str, Any]) -> str:
    """The same for the same alerts in the same state; the figures in their texts may differ."""
    alerts = sorted(f"{one['fingerprint']} {one['status']} {one['startsAt']}" for one in notification["alerts"])
    text = "\n".join([channel, notification["groupKey"], notification["status"], *alerts])
    return hashlib.sha256(text.encode()).hexdigest()


def log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Receiver(BaseHTTPRequestHandler):
    options: argparse.Namespace
    timeout = 30

    def do_GET(self) -> None:
        """For health checks."""
        self.answer(200 if self.path == "/livez" else 404, "ok" if self.path == "/livez" else "POST to /page, /ticket or /direct")

    def do_POST(self) -> None:
        channel = self.path.strip("/")
        if channel not in CHANNELS:
            return self.answer(404, "POST to /page, /ticket or /direct")
        try:
            length = int(self.headers.get("Content-Length", "-1"))
            if not 0 <= length <= MAXIMUM_BYTES:
                return self.answer(413, f"a notification has a Content-Length of up to {MAXIMUM_BYTES} bytes")
            notification = json.loads(self.rfile.read(length))
            key = unique_key(channel, notification)
        except (ValueError, KeyError, TypeError) as error:
            return self.answer(400, f"this is not a notification of Alertmanager: {error!r}")
        payload = json.dumps({"channel": channel, **notification})
        if channel == "direct":
            log(payload)
        try:
            done = self.enqueue(key, payload)
        except subprocess.TimeoutExpired:
            log(payload)
            return self.answer(503, "spanq enqueue took more than 20 s")
        if done.returncode == 0:
            return self.answer(200, done.stdout.strip())
        log(f"{done.stderr.strip()}\n{payload}")
        # Alertmanager sends again after 5xx. Only an unreachable Redis (exit code 4) is worth that.
        self.answer(503 if done.returncode == 4 else 400, done.stderr.strip())

    def enqueue(self, key: str, payload: str) -> "subprocess.CompletedProcess[str]":
        options = self.options
        return subprocess.run(
            [options.spanq, "enqueue", "alert.notify", "-", "--queue", options.queue,
             "--unique", options.unique, "--unique-key", key],
            input=payload, capture_output=True, text=True, timeout=20, check=False)

    def answer(self, status: int, text: str) -> None:
        body = (text + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """No access log."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Alertmanager's webhook as jobs of SpanQueue.")
    parser.add_argument("--listen", default="127.0.0.1:9467", help="HOST:PORT, default 127.0.0.1:9467")
    parser.add_argument("--spanq", default="spanq", help="the command, default spanq")
    parser.add_argument("--queue", default="alerts", help="default alerts")
    parser.add_argument("--unique", default="1h", help="how long the same is not enqueued again, default 1h")
    Receiver.options = parser.parse_args()
    host, _, port = Receiver.options.listen.rpartition(":")
    if not port.isdigit():
        parser.error("--listen takes HOST:PORT")
    server = ThreadingHTTPServer((host.strip("[]"), int(port)), Receiver)
    log(f"listening on {host}:{server.server_port}")
    server.serve_forever()


if __name__ == "__main__":
    main()
