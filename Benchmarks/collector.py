# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""A collector on loopback that takes everything and keeps nothing: a process of its own, so that it can be told apart."""

from __future__ import annotations

import http.server
import multiprocessing
import signal
import socket
import socketserver
from multiprocessing.queues import Queue

from processes import free_port


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body of an answer are two writes: the second would wait 40 ms for the first one's acknowledgement.
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def serve(ready: Queue[int]) -> None:
    # The driver ends it, also when both get Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    server = Server(("127.0.0.1", 0), Handler)
    ready.put(server.server_address[1])
    server.serve_forever()


class Collector:
    def __enter__(self) -> "Collector":
        ready: Queue[int] = multiprocessing.Queue()
        self.process = multiprocessing.Process(target=serve, args=(ready,), daemon=True)
        self.process.start()
        self.url = f"http://127.0.0.1:{ready.get()}"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.join()


class Refusing:
    """A collector that is not there: its port is closed."""

    def __enter__(self) -> "Refusing":
        self.url = f"http://127.0.0.1:{free_port()}"
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Silent:
    """A collector that accepts connections and never answers: the kernel does that for a socket that listens."""

    def __enter__(self) -> "Silent":
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
