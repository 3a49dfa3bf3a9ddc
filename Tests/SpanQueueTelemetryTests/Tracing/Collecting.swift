// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers
import SpanQueueTelemetry

/// A processor that keeps what it gets.
final class KeptSpans: SpanProcessor {
    private let kept = NIOLockedValueBox<[SpanData]>([])

    func submit(_ span: SpanData) {
        kept.withLockedValue { $0.append(span) }
    }

    var all: [SpanData] { kept.withLockedValue { $0 } }
}

/// A tracer and what it exported.
struct TracerFixture {
    private let spans = KeptSpans()
    let tracer: SpanQueueTracer

    init(_ sampler: Sampler = .parentBasedAlwaysOn, limits: SpanLimits = SpanLimits()) {
        tracer = SpanQueueTracer(sampler: sampler, limits: limits, processor: spans)
    }

    func exported() -> [SpanData] { spans.all }
}
