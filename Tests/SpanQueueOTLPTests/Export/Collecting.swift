// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

/// An exporter that keeps what it gets.
final class CollectingExporter<Item: Sendable>: BatchExporter {
    private let batches = NIOLockedValueBox<[[Item]]>([])
    private let isExporting = NIOLockedValueBox((now: 0, most: 0))
    private let outcome: ExportOutcome
    private let delay: Duration

    init(outcome: ExportOutcome = .exported(rejected: 0), delay: Duration = .zero) {
        self.outcome = outcome
        self.delay = delay
    }

    func export(_ batch: [Item], by deadline: ContinuousClock.Instant) async -> ExportOutcome {
        isExporting.withLockedValue { state in
            state.now += 1
            state.most = max(state.most, state.now)
        }
        defer { isExporting.withLockedValue { $0.now -= 1 } }
        if delay > .zero, (try? await Task.sleep(for: delay)) == nil { return .failed(errorType: "cancelled") }
        batches.withLockedValue { $0.append(batch) }
        return outcome
    }

    var collected: [[Item]] { batches.withLockedValue { $0 } }
    var items: [Item] { collected.flatMap { $0 } }
    var mostAtOnce: Int { isExporting.withLockedValue { $0.most } }
}

/// An exporter that keeps batches of spans as they are.
final class CollectedBatches: BatchExporter {
    private let collected = NIOLockedValueBox<[EncodedSpans]>([])

    func export(_ batch: EncodedSpans, by deadline: ContinuousClock.Instant) async -> ExportOutcome {
        collected.withLockedValue { $0.append(batch) }
        return .exported(rejected: 0)
    }

    var batches: [EncodedSpans] { collected.withLockedValue { $0 } }
}

/// A tracer and what it exported.
struct TracerFixture {
    let exporter = CollectingExporter<SpanData>()
    let processor: BatchProcessor<[SpanData]>
    let tracer: SpanQueueTracer

    init(_ sampler: Sampler = .parentBasedAlwaysOn, limits: SpanLimits = SpanLimits()) {
        processor = BatchProcessor(exporter: exporter)
        tracer = SpanQueueTracer(sampler: sampler, limits: limits, processor: processor)
    }

    func exported() async -> [SpanData] {
        _ = await processor.flush(within: .seconds(5))
        return exporter.items
    }
}
