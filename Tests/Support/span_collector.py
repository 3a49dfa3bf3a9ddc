#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""A collector for OTLP/JSON over HTTP that appends every span it gets to a file, one JSON object a line, and every log record to
FILE.logs.

usage: span_collector.py FILE [CERTIFICATE KEY]

With the PEM files it speaks HTTPS. Prints its port. Whoever starts it ends it.
"""

import gzip
import http.server
import json
import ssl
import sys
import threading

lock = threading.Lock()
file = open(sys.argv[1], "w", encoding="utf-8")
log_file = open(sys.argv[1] + ".logs", "w", encoding="utf-8")


def text(value):
    """An attribute's value as a text, whatever its type."""
    (kind, inner), = value.items()
    return json.dumps(inner) if kind == "boolValue" else str(inner)


def attributes(entries):
    return {entry["key"]: text(entry["value"]) for entry in entries}


def spans(request):
    for resource in request["resourceSpans"]:
        about = attributes(resource["resource"]["attributes"])
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                yield {
                    "service": about["service.name"],
                    "pid": int(about["process.pid"]),
                    "name": span["name"],
                    "kind": span["kind"],
                    "trace_id": span["traceId"],
                    "span_id": span["spanId"],
                    "parent_span_id": span.get("parentSpanId"),
                    "start": int(span["startTimeUnixNano"]),
                    "end": int(span["endTimeUnixNano"]),
                    "flags": span["flags"],
                    "attributes": attributes(span.get("attributes", [])),
                    "links": [{"trace_id": link["traceId"], "span_id": link["spanId"]} for link in span.get("links", [])],
                    "is_error": span.get("status", {}).get("code", 0) == 2,
                }


def logs(request):
    for resource in request["resourceLogs"]:
        for scope in resource["scopeLogs"]:
            for record in scope["logRecords"]:
                yield {
                    "severity": record["severityNumber"],
                    "body": record["body"]["stringValue"],
                    "trace_id": record.get("traceId"),
                    "span_id": record.get("spanId"),
                    "attributes": attributes(record.get("attributes", [])),
                }


def keep(items, where):
    lines = "".join(json.dumps(item) + "\n" for item in items)
    with lock:
        where.write(lines)
        where.flush()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces":
            keep(spans(json.loads(body)), file)
        elif self.path == "/v1/logs":
            keep(logs(json.loads(body)), log_file)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
if len(sys.argv) > 2:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
server.serve_forever()
