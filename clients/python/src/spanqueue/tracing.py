# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""OpenTelemetry's context, in and out, with whatever SDK the program has set up. Without opentelemetry-api nothing happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from opentelemetry import context as _context
    from opentelemetry.baggage.propagation import W3CBaggagePropagator
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    _available = False
else:
    _available = True
    # Not the program's own propagators, which may speak B3: SpanQueue speaks W3C.
    _propagators = (TraceContextTextMapPropagator(), W3CBaggagePropagator())


def injected() -> dict[str, str]:
    """`traceparent`, `tracestate` and `baggage` of the current context, those that there are."""
    if not _available:
        return {}
    carrier: dict[str, str] = {}
    for propagator in _propagators:
        propagator.inject(carrier)
    return carrier


def attached(traceparent: str, tracestate: str, baggage: str) -> Callable[[], None]:
    """Makes that the current context, so that spans begun from now on are its children. Returns what takes it away again."""
    if not _available or not traceparent:
        return _nothing
    carrier = {"traceparent": traceparent, "tracestate": tracestate, "baggage": baggage}
    found: Any = _context.Context()
    for propagator in _propagators:
        found = propagator.extract({name: value for name, value in carrier.items() if value}, found)
    token = _context.attach(found)
    return lambda: _context.detach(token)


def _nothing() -> None:
    pass
