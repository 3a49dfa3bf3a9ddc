# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Where the gateways are, how to reach them, and what they can be asked."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from spanqueue.v1 import job_pb2, producer_pb2, worker_pb2

#: Where a gateway listens unless it is told otherwise.
DEFAULT_ADDRESS = "localhost:9466"

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TLS:
    """How to verify the gateway, and who this program is. Files are PEM."""

    #: The authorities to trust; the system's where None.
    ca: str | Path | None = None
    #: This program's certificate and key, for gateways that want one.
    certificate: str | Path | None = None
    key: str | Path | None = None
    #: The name that the gateway's certificate must have; that of the address where None.
    server_name: str | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate needs its key, and a key its certificate")
        ca, certificate, key = (Path(p).read_bytes() if p is not None else None for p in (self.ca, self.certificate, self.key))
        return grpc.ssl_channel_credentials(ca, key, certificate)


class Gateways:
    """The addresses of all gateways, and what is the same for each call to any of them.

    An address is `host:port`, or anything that gRPC resolves (`dns:///gateways:9466`: all addresses of a name, in turns). Of several the
    next is taken where one does not answer. Without any, `SPANQ_GATEWAY` names them, with commas between, or else it is localhost:9466.
    """

    def __init__(self, addresses: str | Sequence[str] | None, *, token: str | None, tls: TLS | None) -> None:
        if addresses is None:
            addresses = os.environ.get("SPANQ_GATEWAY", "").split(",")
        elif isinstance(addresses, str):
            addresses = addresses.split(",")
        self.addresses = [a for a in (address.strip() for address in addresses) if a] or [DEFAULT_ADDRESS]
        self.tls = tls
        token = token if token is not None else os.environ.get("SPANQ_GATEWAY_TOKEN")
        self.metadata: Metadata = (("authorization", f"Bearer {token}"),) if token else ()

    def options(self) -> list[tuple[str, Any]]:
        options: list[tuple[str, Any]] = [
            # A gateway takes pings no more often than each 10 s.
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.lb_policy_name", "round_robin"),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 2_000),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            # A message of jobs can be larger than 4 MiB, where one job alone is.
            ("grpc.max_receive_message_length", 16 << 20),
            ("grpc.max_send_message_length", 16 << 20),
            ("grpc.enable_retries", 0),
        ]
        if self.tls is not None and self.tls.server_name is not None:
            options.append(("grpc.ssl_target_name_override", self.tls.server_name))
        return options

    def channel(self, address: str) -> grpc.Channel:
        # A pool of its own: channels with the same options would share one connection, and with it one gateway's fate.
        options = [*self.options(), ("grpc.use_local_subchannel_pool", 1)]
        if self.tls is None:
            return grpc.insecure_channel(address, options)
        return grpc.secure_channel(address, self.tls.credentials(), options)

    def aio_channel(self, address: str) -> grpc.aio.Channel:
        if self.tls is None:
            return grpc.aio.insecure_channel(address, self.options())
        return grpc.aio.secure_channel(address, self.tls.credentials(), self.options())


class ProducerCalls:
    """The calls of `Producer`, on a channel of either kind."""

    def __init__(self, channel: Any) -> None:
        def call(name: str, request: Any, reply: Any) -> Any:
            return channel.unary_unary(
                f"/spanqueue.v1.Producer/{name}",
                request_serializer=request.SerializeToString,
                response_deserializer=reply.FromString,
            )

        self.enqueue = call("Enqueue", producer_pb2.EnqueueRequest, producer_pb2.EnqueueReply)
        self.enqueue_batch = call("EnqueueBatch", producer_pb2.EnqueueBatchRequest, producer_pb2.EnqueueBatchReply)
        self.get_job = call("GetJob", producer_pb2.GetJobRequest, job_pb2.JobRecord)
        self.cancel_job = call("CancelJob", producer_pb2.CancelJobRequest, producer_pb2.ActionReply)


def work_call(channel: grpc.Channel) -> Any:
    """The call `Worker.Work`."""
    return channel.stream_stream(
        "/spanqueue.v1.Worker/Work",
        request_serializer=worker_pb2.FromWorker.SerializeToString,
        response_deserializer=worker_pb2.ToWorker.FromString,
    )


class Deadline:
    """How long a call and its repetitions may take together, and when to try again."""

    def __init__(self, timeout: float) -> None:
        self._end = time.monotonic() + timeout
        self._tries = 0

    @property
    def left(self) -> float:
        return max(0.001, self._end - time.monotonic())

    def pause(self, retry_after: float | None) -> float | None:
        """How many seconds to wait before another try; None where there is no time for one."""
        self._tries += 1
        wait = max(backoff(self._tries), retry_after or 0.0)
        return wait if time.monotonic() + wait < self._end else None


#: What may be better at the next try. Reads may be tried again, and so may enqueues: each has an id.
RETRYABLE = {"unavailable", "timeout", "deadline_exceeded", "overloaded", "out_of_memory", "closed"}


def backoff(tries: int) -> float:
    """Nothing at first, so that another gateway is asked at once; then up to 2 s, drawn so that not all come at the same moment."""
    return 0.0 if tries <= 1 else min(2.0, 0.05 * 2.0 ** min(tries - 2, 10)) * random.uniform(0.5, 1.0)
