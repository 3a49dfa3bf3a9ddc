// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Synchronization

/// A real HTTP server, in Python, on a free port of this machine. What it answers is in the path of the request:
///
/// - `/echo`: 200 and the request as JSON; `/echo?stale`: the same to the first request of a connection, which it closes at the second
/// - `/status/503?retry_after=…&body=…&location=…`
/// - `/big/<bytes>`: 200 and as many bytes
/// - `/endless`: 200 and bytes forever; `/headers`: header lines forever
/// - `/slow/<seconds>`: 200 after so long; `/trickle`: a byte every 50 ms forever
/// - `/webhook/<key>`: 204 where the signature is right by Python's `hmac`, else 401 and why; `<key>` is base64, for URLs
/// - `/garbage`: no HTTP; `/drop`: closes the connection
///
/// `/count/<path>` tells how often a path was asked for, `/connections` how many connections there were, `/aborted` how many
/// responses met a closed connection. It ends when its standard input does, and so cannot outlive the tests.
final class HTTPReceiver: Sendable {
    static let shared = Result { try HTTPReceiver() }

    let port: Int
    /// `http://127.0.0.1:<port>`
    var url: String { "http://127.0.0.1:\(port)" }
    private let process: Mutex<(Process, Pipe)>

    private init() throws {
        let process = Process()
        let (input, output) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", Self.script]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        var line = Data()
        while line.last != 0x0A {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { break }
            line += more
        }
        port = Int(String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
        self.process = Mutex((process, input))
    }

    private static let script = """
        import base64, collections, hashlib, hmac, http.server, json, os, sys, threading, time, urllib.parse

        counts = collections.Counter()
        connections = 0
        aborted = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                global connections
                super().setup()
                connections += 1
                self.answered = 0

            def log_message(self, *arguments):
                pass

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def stream(self, first, piece, pause):
                global aborted
                try:
                    self.wfile.write(first)
                    while True:
                        self.wfile.write(piece)
                        time.sleep(pause)
                except OSError:
                    aborted += 1
                self.close_connection = True

            def do_GET(self):
                self.do_POST()

            def do_PUT(self):
                self.do_POST()

            def do_POST(self):
                global aborted
                size = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(size)
                url = urllib.parse.urlsplit(self.path)
                query = {k: v[0] for k, v in urllib.parse.parse_qs(url.query).items()}
                parts = url.path.split("/")[1:]
                counts[url.path] += 1
                kind = parts[0]
                if url.query == "stale" and self.answered:
                    self.close_connection = True
                elif kind == "echo":
                    self.answered += 1
                    headers = {k.lower(): v for k, v in self.headers.items()}
                    text = body.decode("latin-1")
                    self.answer(200, json.dumps(dict(method=self.command, path=self.path, headers=headers, body=text)).encode())
                elif kind == "status":
                    headers = {}
                    if "retry_after" in query: headers["Retry_After"] = query["retry_after"]
                    if "location" in query: headers["Location"] = query["location"]
                    self.answer(int(parts[1]), query.get("body", "").encode(), **headers)
                elif kind == "big":
                    self.answer(200, b"x" * int(parts[1]))
                elif kind == "endless":
                    self.stream(b"HTTP/1.1 200 OK\\r\\n\\r\\n", b"y" * 65536, 0)
                elif kind == "headers":
                    self.stream(b"HTTP/1.1 200 OK\\r\\n", b"X-More: and more\\r\\n" * 100, 0)
                elif kind == "trickle":
                    self.stream(b"HTTP/1.1 200 OK\\r\\n\\r\\n", b"z", 0.05)
                elif kind == "slow":
                    end = time.time() + float(parts[1])
                    self.connection.settimeout(0.01)
                    while time.time() < end:
                        try:
                            if not self.connection.recv(1):
                                aborted += 1
                                self.close_connection = True
                                return
                        except TimeoutError:
                            pass
                    self.connection.settimeout(None)
                    self.answer(200, b"slow")
                elif kind == "webhook":
                    key = base64.urlsafe_b64decode(parts[1])
                    content = b".".join([self.headers["webhook-id"].encode(), self.headers["webhook-timestamp"].encode(), body])
                    right = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
                    given = self.headers["webhook-signature"].split(" ")
                    age = abs(time.time() - int(self.headers["webhook-timestamp"]))
                    if not any(hmac.compare_digest(right, one) for one in given):
                        self.answer(401, b"wrong signature")
                    elif age > 300:
                        self.answer(401, b"too old")
                    else:
                        self.answer(200, self.headers["webhook-id"].encode() + b" " + str(len(given)).encode())
                elif kind == "garbage":
                    self.wfile.write(b"\\x00\\xffthis is not HTTP\\r\\n\\r\\n")
                    self.close_connection = True
                elif kind == "drop":
                    self.close_connection = True
                elif kind == "count":
                    self.answer(200, str(counts["/" + "/".join(parts[1:])]).encode())
                elif kind == "connections":
                    self.answer(200, str(connections).encode())
                elif kind == "aborted":
                    self.answer(200, str(aborted).encode())
                else:
                    self.answer(404)

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 512
            daemon_threads = True

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
        print(server.server_address[1], flush=True)
        server.serve_forever()
        """
}
