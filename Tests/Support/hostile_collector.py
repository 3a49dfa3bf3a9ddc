#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""A collector for OTLP/HTTP that behaves as the first word of the path says, to each test by itself: POST /hang/<test>/v1/traces.

Prints its port, and ends when its standard input does, so that it cannot outlive the test. GET /stats tells what came.
"""

import gzip
import http.server
import json
import pathlib
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tools/observability"))
try:
    import check_otlp
except ImportError:
    check_otlp = None


def field(number, content):
    """A field of protobuf that holds bytes, or a small number."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    return bytes([number << 3 | 2, len(content)]) + content


WARNING = "slow down:\r\nforged \x1b[31mline\u2028 " + "x" * 1000
REFUSAL = "unauthenticated: \x00the token has expired"

seen = []
lock = threading.Lock()
ANSWER = b'{"partialSuccess":{}}'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        if self.path == "/stats":
            with lock:
                self.answer(200, json.dumps(seen).encode())
        else:
            self.note(self.path.split("/")[1], 0, None)
            self.answer(200, ANSWER)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mode = self.path.split("/")[1]
        signal = self.path.split("/")[-1].split("?")[0]
        text = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        problem, items = None, 0
        if check_otlp and signal in check_otlp.REQUESTS:
            try:
                items = check_otlp.check(signal, text, self.is_protobuf)
            except Exception as error:
                problem = str(error)
        number = self.note(mode, items, problem, len(body))
        getattr(self, "mode_" + mode.replace("-", "_"))(number)

    @property
    def is_protobuf(self):
        return self.headers.get("Content-Type") == "application/x-protobuf"

    def note(self, mode, items, problem, size=0):
        with lock:
            test = self.path.split("/")[2]
            number = sum(entry["test"] == test for entry in seen)
            seen.append(
                {"test": test, "mode": mode, "path": self.path, "method": self.command, "time": time.time(), "items": items, "bytes": size, "problem": problem,
                 "headers": {key.lower(): value for key, value in self.headers.items()}})
            return number

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "application/x-protobuf" if self.command == "POST" and self.is_protobuf else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def once(self, number, status, **headers):
        self.answer(*((status, b"") if number == 0 else (200, ANSWER)), **(headers if number == 0 else {}))

    def mode_ok(self, number):
        self.answer(200, b"" if self.is_protobuf else ANSWER)

    def mode_warn(self, number):
        """Takes all, and says something, with what has no business in a log."""
        if self.is_protobuf:
            text = WARNING.encode()[:60]
            self.answer(200, field(1, field(2, text)))
        else:
            self.answer(200, json.dumps({"partialSuccess": {"errorMessage": WARNING}}).encode())

    def mode_401(self, number):
        """Refuses with a google.rpc.Status."""
        if self.is_protobuf:
            self.answer(401, field(1, 16) + field(2, REFUSAL.encode()))
        else:
            self.answer(401, json.dumps({"code": 16, "message": REFUSAL}).encode())

    def mode_401_text(self, number):
        """What stands before a collector refuses in its own words."""
        body = REFUSAL.encode()
        self.send_response(401)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def mode_hang(self, number):
        time.sleep(600)

    def mode_drip(self, number):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(1000):
            self.wfile.write(b" ")
            time.sleep(1)

    def mode_drip_headers(self, number):
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
            self.wfile.write(bytes([byte]))
            time.sleep(1)

    def mode_429_seconds(self, number):
        self.once(number, 429, Retry_After="2")

    def mode_429_date(self, number):
        self.once(number, 429, Retry_After=self.date_time_string(time.time() + 3))

    def mode_429_long(self, number):
        self.answer(429, Retry_After="86400")

    def mode_503_once(self, number):
        self.once(number, 503)

    def mode_503(self, number):
        self.answer(503)

    def mode_400(self, number):
        self.answer(400, b'{"message":"no"}')

    def mode_500(self, number):
        self.answer(500)

    def mode_redirect(self, number):
        rest = self.path.removeprefix("/redirect")
        self.answer(307, Location=f"http://127.0.0.1:{self.server.server_address[1]}/ok{rest}")

    def mode_close(self, number):
        """Closed without an answer, the first time."""
        if number == 0:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.answer(200, ANSWER)

    def mode_cut(self, number):
        """Closed in the middle of the body of a 200."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"partialSuccess"')
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def mode_cut_503(self, number):
        self.send_response(503)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def mode_garbage(self, number):
        self.answer(200, bytes(range(256)) * 16)

    def mode_partial(self, number):
        text = field(1, field(1, 3) + field(2, b"no room"))
        self.answer(200, text if self.is_protobuf else b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no room"}}')

    def mode_boast(self, number):
        self.answer(200, b'{"partialSuccess":{"rejectedSpans":"9223372036854775807"}}')

    def mode_huge(self, number):
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 30))
        self.end_headers()
        block = b"x" * (1 << 20)
        try:
            for _ in range(1 << 10):
                self.wfile.write(block)
        except OSError:
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *arguments):
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
