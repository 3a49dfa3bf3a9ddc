import SpanQueueTelemetry

/// The series of one job type in one queue, looked up once and held: a worker records into them for every job.
final class JobTypeMetrics: Sendable {
    let queue: String
    let type: String
    let endToEnd: HistogramSeries
    private let attempts: [CounterSeries]
    private let process: [HistogramSeries]

    init(_ metrics: JobMetrics, queue: String, type: String) {
        self.queue = queue
        self.type = type
        endToEnd = metrics.endToEnd.child(queue, type)
        attempts = AttemptOutcome.allCases.map { metrics.attempts.child(queue, type, $0.rawValue) }
        process = AttemptOutcome.allCases.map { metrics.process.child(queue, type, $0.rawValue) }
    }

    func attempts(_ outcome: AttemptOutcome) -> CounterSeries { attempts[Self.place(of: outcome)] }
    func process(_ outcome: AttemptOutcome) -> HistogramSeries { process[Self.place(of: outcome)] }

    private static func place(of outcome: AttemptOutcome) -> Int {
        switch outcome {
        case .completed: 0
        case .retried: 1
        case .buried: 2
        case .cancelled: 3
        case .lost: 4
        case .released: 5
        }
    }
}

/// The series of one queue that a worker records into.
final class QueueMetrics: Sendable {
    let claimed: CounterSeries
    let hits: CounterSeries
    let empties: CounterSeries
    let failures: CounterSeries
    let wait: HistogramSeries
    let scheduleLag: HistogramSeries
    let reclaimed: CounterSeries
    let lost: CounterSeries
    let ignoredCancellations: CounterSeries
    let consumed: CounterSeries
    let claimDuration: HistogramSeries
    let settleDuration: HistogramSeries
    let processDuration: HistogramSeries

    init(_ metrics: JobMetrics, queue: String) {
        claimed = metrics.claimed.child(queue)
        hits = metrics.claims.child(queue, "hit")
        empties = metrics.claims.child(queue, "empty")
        failures = metrics.claims.child(queue, "error")
        wait = metrics.wait.child(queue)
        scheduleLag = metrics.scheduleLag.child(queue)
        reclaimed = metrics.reclaimed.child(queue)
        lost = metrics.lost.child(queue)
        ignoredCancellations = metrics.ignoredCancellations.child(queue)
        consumed = metrics.series(metrics.consumedMessages, "claim", queue)
        claimDuration = metrics.series(metrics.operationDuration, "claim", queue)
        settleDuration = metrics.series(metrics.operationDuration, "settle", queue)
        processDuration = metrics.series(metrics.processDuration, "process", queue)
    }
}
