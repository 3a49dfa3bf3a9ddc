#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Takes the demo's deliveries on a free port of the loopback, and fails now and then: every fifth with 503, every
seventh with 429 and a Retry-After. Prints its port, then serves until it is killed."""
import http.server
import itertools
import sys

numbers = itertools.count(1)


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        number = next(numbers)
        status = 503 if number % 5 == 0 else 429 if number % 7 == 0 else 200
        body = b"" if status != 200 else b'{"received":%d}' % number
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
server.daemon_threads = True
print(server.server_port)
sys.stdout.flush()
server.serve_forever()
