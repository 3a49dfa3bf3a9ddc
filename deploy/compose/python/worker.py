#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""A worker in Python beside the stack's own, and the producer of its jobs: one each two seconds, some of which are tried again.

SPANQ_GATEWAY names the gateway, OTEL_EXPORTER_OTLP_ENDPOINT where spans go: a job's trace has those of the producer, of the gateway and of the handler.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from pathlib import Path

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from spanqueue import Client, Context, Retry, SpanQueueError, Worker

#: The health check looks at how old it is.
BEAT = Path("/tmp/beat")

logging.basicConfig(level=logging.INFO)
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("letters")
worker = Worker(queues="python", concurrency=8)


@worker.job("letters:count")
def count(context: Context) -> dict[str, int]:
    with tracer.start_as_current_span("count the letters"):
        time.sleep(random.uniform(0.02, 0.2))
        if random.random() < 0.1:
            raise Retry("the dictionary is away", after=1)
        return {"letters": len(context.json()["text"])}


def produce() -> None:
    with Client() as client:
        while True:
            try:
                with tracer.start_as_current_span("POST /letters"):
                    client.enqueue("letters:count", {"text": "x" * random.randrange(100)}, queue="python")
                BEAT.touch()
            except SpanQueueError as error:
                logging.warning("a job was not added: %s", error)
            time.sleep(2)


threading.Thread(target=produce, daemon=True).start()
worker.run()
provider.shutdown()
