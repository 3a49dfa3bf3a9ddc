# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""HTTP/2 by hand, for what no library lets a client do: floods, frames out of order, windows that are never opened. RFC 9113."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from spanqueue.testing import Gateway
from spanqueue.v1 import worker_pb2 as pb

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, _, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
ACK = END_STREAM = 1
END_HEADERS = 4
#: Codes of GOAWAY.
ENHANCE_YOUR_CALM = 11
#: Settings.
INITIAL_WINDOW_SIZE = 4

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WORK = "/spanqueue.v1.Worker/Work"


def frame(kind: int, stream: int = 0, payload: bytes = b"", flags: int = 0) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def field(name: str, value: str) -> bytes:
    """A header as RFC 7541 has it: a literal without an index."""
    assert len(name) < 127 and len(value) < 127
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def call(stream: int, path: str = WORK, *, flags: int = END_HEADERS, more: bytes = b"") -> bytes:
    """The begin of a call."""
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "test", "te": "trailers"}
    fields["content-type"] = "application/grpc"
    return frame(HEADERS, stream, b"".join(field(name, value) for name, value in fields.items()) + more, flags)


def window_update(stream: int, by: int) -> bytes:
    return frame(WINDOW_UPDATE, stream, struct.pack(">I", by))


def reset(stream: int) -> bytes:
    return frame(RST_STREAM, stream, struct.pack(">I", 8))


@dataclass(frozen=True)
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes


class Connection:
    """A connection that sends what it is told to, and never lets the other side send more than the first `window` bytes by itself.

    Of flow control it keeps the other side's rules. Settings and pings are answered whenever it reads.
    """

    def __init__(self, gateway: Gateway, *, window: int = 65_535) -> None:
        host, _, port = gateway.address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._bytes = b""
        self.frames: list[Frame] = []
        self._data: dict[int, bytearray] = {}
        self._messages: dict[int, list[pb.ToWorker]] = {}
        #: The code of the other side's GOAWAY.
        self.goaway: int | None = None
        self.is_closed = False
        self._window = 65_535
        self._windows: dict[int, int] = {}
        self._first_window = 65_535
        self.send(PREFACE, frame(SETTINGS, payload=struct.pack(">HI", INITIAL_WINDOW_SIZE, window)))
        self.wait(lambda: any(f.kind == SETTINGS and not f.flags & ACK for f in self.frames), "its settings")

    def close(self) -> None:
        self._socket.close()
        self.is_closed = True

    def send(self, *frames: bytes) -> bool:
        """Whether the other side takes it."""
        if not self.is_closed:
            try:
                self._socket.settimeout(10)
                self._socket.sendall(b"".join(frames))
            except OSError:
                self.is_closed = True
        return not self.is_closed

    def read(self, seconds: float = 0.0) -> None:
        """Takes what has come, and waits for so long where that is nothing."""
        while not self.is_closed:
            self._socket.settimeout(seconds)
            try:
                data = self._socket.recv(1 << 20)
            except (BlockingIOError, TimeoutError):
                return
            except OSError:
                data = b""
            if not data:
                self.is_closed = True
                return
            self._bytes += data
            self._take()
            seconds = 0.0

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if self.is_closed or time.monotonic() >= end:
                self._missed(what)
            self.read(0.05)

    def wait_closed(self, seconds: float = 20.0) -> None:
        """Returns when the other side has closed it."""
        end = time.monotonic() + seconds
        while not self.is_closed:
            if time.monotonic() >= end:
                self._missed("the end")
            self.read(0.05)

    def _missed(self, what: str) -> NoReturn:
        kinds = [frame.kind for frame in self.frames[-20:]]
        raise TimeoutError(f"in vain for {what}: closed {self.is_closed}, goaway {self.goaway}, the last frames {kinds}")

    def _take(self) -> None:
        start = 0
        while len(self._bytes) >= start + 9:
            size = int.from_bytes(self._bytes[start : start + 3], "big")
            if len(self._bytes) < start + 9 + size:
                break
            kind, flags, stream = struct.unpack(">BBI", self._bytes[start + 3 : start + 9])
            found = Frame(kind, flags, stream, self._bytes[start + 9 : start + 9 + size])
            start += 9 + size
            self.frames.append(found)
            if kind == DATA:
                self._data.setdefault(stream, bytearray()).extend(found.payload)
            elif kind == SETTINGS and not flags & ACK:
                for place in range(0, size, 6):
                    setting, value = struct.unpack(">HI", found.payload[place : place + 6])
                    if setting == INITIAL_WINDOW_SIZE:
                        self._first_window = value
                self.send(frame(SETTINGS, flags=ACK))
            elif kind == PING and not flags & ACK:
                self.send(frame(PING, payload=found.payload, flags=ACK))
            elif kind == WINDOW_UPDATE:
                by = int.from_bytes(found.payload, "big")
                if stream:
                    self._windows[stream] = self._windows.get(stream, self._first_window) + by
                else:
                    self._window += by
            elif kind == GOAWAY:
                self.goaway = int.from_bytes(found.payload[4:8], "big")
        self._bytes = self._bytes[start:]

    def open(self, stream: int, queue: str, *, credit: int = 0) -> None:
        """A `Work` stream, after its Welcome."""
        self.begin(stream, queue, credit=credit)
        self.wait(lambda: self.is_open(stream), "Welcome")

    def begin(self, stream: int, queue: str, *, credit: int = 0) -> None:
        """A `Work` stream, before its Welcome."""
        self.send(call(stream))
        name = f"{queue}-{stream}-{id(self)}"
        self.say(stream, pb.FromWorker(hello=pb.Hello(protocol=1, worker=name, lanes=[pb.Lane(queue=queue)])))
        if credit:
            self.say(stream, pb.FromWorker(credit=pb.Credit(add=credit)))

    def is_open(self, stream: int) -> bool:
        return any(message.HasField("welcome") for message in self.messages(stream))

    def say(self, stream: int, message: pb.FromWorker, *, patience: float = 10.0) -> int:
        """Sends a message, as far as the other side's windows let it within that time. Returns how many bytes of it were sent."""
        data = message.SerializeToString()
        data = struct.pack(">BI", 0, len(data)) + data
        sent = 0
        end = time.monotonic() + patience
        while sent < len(data) and not self.is_closed:
            room = min(self._window, self._windows.setdefault(stream, self._first_window), len(data) - sent, 16_384)
            if room <= 0:
                if time.monotonic() >= end:
                    break
                self.read(0.05)
                continue
            self.send(frame(DATA, stream, data[sent : sent + room]))
            self._window -= room
            self._windows[stream] -= room
            sent += room
            self.read()
            end = time.monotonic() + patience
        return sent

    def messages(self, stream: int) -> list[pb.ToWorker]:
        """What has come whole on a stream."""
        found = self._messages.setdefault(stream, [])
        data = self._data.setdefault(stream, bytearray())
        place = 0
        while len(data) >= place + 5:
            size = int.from_bytes(data[place + 1 : place + 5], "big")
            if len(data) < place + 5 + size:
                break
            found.append(pb.ToWorker.FromString(bytes(data[place + 5 : place + 5 + size])))
            place += 5 + size
        del data[:place]
        return found
