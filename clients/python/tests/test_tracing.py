# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""A job's trace: from the producer's own span, through the gateway's, to the handler's. Checked by ids."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import baggage, context
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanqueue import Client, Context, Worker
from spanqueue.testing import Gateway, running, wait_for, wait_until


class Collector:
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path.endswith("/traces"):
                    request = ExportTraceServiceRequest.FromString(body)
                    collector.spans += [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


@pytest.mark.parametrize("kind", ["thread", "coroutine"])
def test_the_spans_of_a_job_are_one_tree(
    store: str, queue: str, collector: Collector, tmp_path: Path, kind: str
) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    gateway = Gateway(store, environment=environment, log=tmp_path / "log")
    worker = Worker(gateway.address, queues=queue)
    seen: list[object] = []

    def thread(job: Context) -> None:
        with tracer.start_as_current_span("in the handler"):
            seen.append(baggage.get_baggage("tenant"))

    async def coroutine(job: Context) -> None:
        thread(job)

    worker.handle("job", thread if kind == "thread" else coroutine)
    with Client(gateway.address) as client, tracer.start_as_current_span("in the producer"):
        token = context.attach(baggage.set_baggage("tenant", "blue"))
        receipt = client.enqueue("job", queue=queue)
        context.detach(token)
        with running(worker):
            wait_for(client, receipt.id)
    mine: dict[str, ReadableSpan] = {span.name: span for span in exporter.get_finished_spans()}
    trace_id = mine["in the producer"].context.trace_id.to_bytes(16, "big")
    assert receipt.trace_id == trace_id.hex() and seen == ["blue"]

    def theirs() -> dict[bytes, Span]:
        return {span.span_id: span for span in collector.spans if span.trace_id == trace_id}

    parent = mine["in the handler"].parent
    assert parent is not None and parent.trace_id.to_bytes(16, "big") == trace_id
    attempt_id = parent.span_id.to_bytes(8, "big")
    try:
        wait_until(lambda: attempt_id in theirs(), "the gateway has exported the attempt's span")
        chain = [attempt_id]
        wait_until(lambda: theirs()[attempt_id].parent_span_id in theirs(), "and the enqueue's")
    finally:
        gateway.close()
    found = theirs()
    while chain[-1] in found:
        chain.append(found[chain[-1]].parent_span_id)
    # Up from the handler: the attempt, then what the gateway did to enqueue it, then the producer's own span.
    assert len(chain) >= 3 and chain[-1] == mine["in the producer"].context.span_id.to_bytes(8, "big")
    assert found[attempt_id].kind == Span.SPAN_KIND_CONSUMER
