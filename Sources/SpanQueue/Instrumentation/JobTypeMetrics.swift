// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry

/// The series of one job type in one queue, looked up once and held: a worker records into them for every job.
///
/// The counters begin at 0 with the type's first job, so that a first failure is seen as a rise. The histograms, of twenty
/// series each, begin with their first value: most types never have one of most outcomes.
final class JobTypeMetrics: Sendable {
    let queue: String
    let type: String
    private let attempts: [CounterSeries]
    private let process: [LazySeries<HistogramSeries>]
    private let lazyEndToEnd: LazySeries<HistogramSeries>

    init(_ metrics: JobMetrics, queue: String, type: String) {
        self.queue = queue
        self.type = type
        lazyEndToEnd = LazySeries { metrics.endToEnd.child(queue, type) }
        attempts = AttemptOutcome.known.map { metrics.attempts.child(queue, type, $0.rawValue) }
        process = AttemptOutcome.known.map { outcome in
            LazySeries { metrics.process.child(queue, type, outcome.rawValue) }
        }
    }

    var endToEnd: HistogramSeries { lazyEndToEnd.value }
    func attempts(_ outcome: AttemptOutcome) -> CounterSeries { attempts[Self.place(of: outcome)] }
    func process(_ outcome: AttemptOutcome) -> HistogramSeries { process[Self.place(of: outcome)].value }

    private static func place(of outcome: AttemptOutcome) -> Int {
        // A worker settles with outcomes that it knows.
        min(Int(outcome.code), AttemptOutcome.known.count - 1)
    }
}

/// The series of one kind of failure of one job type in one queue.
final class FailureMetrics: Sendable {
    let queue: String
    let type: String
    let errorType: String
    let errors: CounterSeries
    private let lazyProcess: LazySeries<HistogramSeries>

    init(_ metrics: JobMetrics, queue: String, type: String, errorType: String) {
        self.queue = queue
        self.type = type
        self.errorType = errorType
        errors = metrics.errors.child(queue, type, errorType)
        lazyProcess = LazySeries { metrics.series(metrics.processDuration, "process", queue, errorType) }
    }

    var process: HistogramSeries { lazyProcess.value }
}

/// The series of one queue that a worker records into. As above, counters begin at 0 and histograms with their first value.
final class QueueMetrics: Sendable {
    let claimed: CounterSeries
    let hits: CounterSeries
    let empties: CounterSeries
    let failures: CounterSeries
    let reclaimed: CounterSeries
    let lost: CounterSeries
    let swept: CounterSeries
    let sweepBehind: GaugeSeries
    let ignoredCancellations: CounterSeries
    let unsettled: GaugeSeries
    let consumed: CounterSeries
    private let lazyWait: LazySeries<HistogramSeries>
    private let lazyScheduleLag: LazySeries<HistogramSeries>
    private let lazyClaimDuration: LazySeries<HistogramSeries>
    private let lazySettleDuration: LazySeries<HistogramSeries>
    private let lazyProcessDuration: LazySeries<HistogramSeries>

    init(_ metrics: JobMetrics, queue: String) {
        claimed = metrics.claimed.child(queue)
        hits = metrics.claims.child(queue, "hit")
        empties = metrics.claims.child(queue, "empty")
        failures = metrics.claims.child(queue, "error")
        reclaimed = metrics.reclaimed.child(queue)
        lost = metrics.lost.child(queue)
        swept = metrics.swept.child(queue)
        sweepBehind = metrics.sweepBehind.child(queue)
        ignoredCancellations = metrics.ignoredCancellations.child(queue)
        unsettled = metrics.unsettled.child(queue)
        consumed = metrics.series(metrics.consumedMessages, "claim", queue)
        lazyWait = LazySeries { metrics.wait.child(queue) }
        lazyScheduleLag = LazySeries { metrics.scheduleLag.child(queue) }
        lazyClaimDuration = LazySeries { metrics.series(metrics.operationDuration, "claim", queue) }
        lazySettleDuration = LazySeries { metrics.series(metrics.operationDuration, "settle", queue) }
        lazyProcessDuration = LazySeries { metrics.series(metrics.processDuration, "process", queue) }
    }

    var wait: HistogramSeries { lazyWait.value }
    var scheduleLag: HistogramSeries { lazyScheduleLag.value }
    var claimDuration: HistogramSeries { lazyClaimDuration.value }
    var settleDuration: HistogramSeries { lazySettleDuration.value }
    var processDuration: HistogramSeries { lazyProcessDuration.value }
}
