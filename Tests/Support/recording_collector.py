#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""A collector that takes everything and appends each body as it came to a file, and the headers to FILE.headers.

usage: recording_collector.py FILE

Prints its port, and ends when its standard input does.
"""

import http.server
import sys
import threading

lock = threading.Lock()


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with lock, open(sys.argv[1], "ab") as bodies, open(sys.argv[1] + ".headers", "a", encoding="utf-8") as headers:
            bodies.write(body + b"\n")
            headers.write(f"{self.path}\n{self.headers}")
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
