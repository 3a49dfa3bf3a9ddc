import SpanQueueTelemetry
import Synchronization

@testable import SpanQueue

/// Telemetry whose spans end in memory.
final class CollectedSpans: BatchExporter {
    private let spans = Mutex<[SpanData]>([])

    func export(_ batch: [SpanData], by deadline: ContinuousClock.Instant) async -> ExportOutcome {
        spans.withLock { $0 += batch }
        return .exported(rejected: 0)
    }

    static func telemetry(
        _ sampler: Sampler = .parentBasedAlwaysOn, attemptParent: JobTelemetry.AttemptParent = .auto,
        slowAttempt: Duration? = nil
    ) -> (JobTelemetry, () async -> [SpanData]) {
        let exporter = CollectedSpans()
        let processor = BatchProcessor(exporter: exporter)
        let telemetry = JobTelemetry(
            tracer: SpanQueueTracer(sampler: sampler, processor: processor), attemptParent: attemptParent,
            slowAttempt: slowAttempt)
        return (
            telemetry,
            {
                _ = await processor.flush(within: .seconds(5))
                return exporter.spans.withLock { $0 }
            }
        )
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
