// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry
import Synchronization

@testable import SpanQueue

/// Telemetry whose spans end in memory.
final class CollectedSpans: SpanProcessor {
    private let spans = Mutex<[SpanData]>([])

    func submit(_ span: SpanData) {
        spans.withLock { $0.append(span) }
    }

    static func telemetry(
        _ sampler: Sampler = .parentBasedAlwaysOn, traceWindow: Duration = .minutes(15),
        slowAttempt: Duration? = nil
    ) -> (JobTelemetry, () async -> [SpanData]) {
        let collected = CollectedSpans()
        let telemetry = JobTelemetry(
            tracer: SpanQueueTracer(sampler: sampler, processor: collected), traceWindow: traceWindow,
            slowAttempt: slowAttempt)
        return (telemetry, { collected.spans.withLock { $0 } })
    }
}

extension [SpanData] {
    /// The spans of one operation, in the order in which they were exported.
    func of(_ operation: String) -> [SpanData] {
        filter { $0.attributes["messaging.operation.name"] == .string(operation) }
    }

    var keptBecause: Set<String> {
        Set(
            map { span in
                if case .string(let reason) = span.attributes["spanq.sampled.by"] { reason } else { "" }
            })
    }
}
