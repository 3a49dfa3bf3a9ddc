/// One signal on its way out: a queue or a collection, and the exporter behind it.
public protocol ExportPipeline: Sendable {
    /// Exports in the background until its task is cancelled or the pipeline shut down.
    func run() async

    /// Exports what is there now.
    ///
    /// - Parameter limit: it is given up then.
    func flush(within limit: Duration) async -> FlushResult

    /// Takes no more, and exports what is there. What is not done in time is dropped and counted. Calls after the first one
    /// have nothing to do.
    func shutdown(within limit: Duration) async -> FlushResult

    /// What it has done so far.
    var statistics: ExportStatistics { get }
}

/// How a flush or a shutdown went.
public enum FlushResult: Sendable, Hashable, CaseIterable {
    /// All that was there has been exported.
    case ok
    /// Some of it was not taken.
    case failed
    /// It was not done in time.
    case timedOut

    /// The worse of two.
    func merged(with other: FlushResult) -> FlushResult {
        if self == .timedOut || other == .timedOut { return .timedOut }
        return self == .failed || other == .failed ? .failed : .ok
    }
}

/// Sends batches somewhere. A ``BatchProcessor`` calls it with one batch at a time.
public protocol BatchExporter<Item>: Sendable {
    /// What is exported.
    associatedtype Item: Sendable

    /// Sends a batch, and comes back by the deadline, or soon after its task is cancelled, whatever the other side does.
    func export(_ batch: [Item], by deadline: ContinuousClock.Instant) async -> ExportOutcome
}

/// What became of a batch.
public enum ExportOutcome: Sendable, Hashable {
    /// The other side took it, but for `rejected` items, which it does not want again.
    case exported(rejected: Int)
    /// It was dropped; `errorType` is a word or a status code that is fit for a metric's label.
    case failed(errorType: String)

    /// Whether the other side took all of it.
    public var isSuccess: Bool { self == .exported(rejected: 0) }
}
