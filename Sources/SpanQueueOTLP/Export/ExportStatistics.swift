/// What one signal's way out has done: the source of `otel.sdk.processor.*` and `otel.sdk.exporter.*`.
public struct ExportStatistics: Sendable, Hashable {
    /// How many items wait.
    public var queueSize: Int
    /// How many may wait.
    public var queueCapacity: Int
    /// How many items left the processor, by error type; empty for those that went to the exporter, `queue_full` for those
    /// that found no room, `shutdown` for those that came or were left after the end.
    public var processed: [String: Int] = [:]
    /// How many items left the exporter, by error type; empty for those that the collector took. A status code, a word for
    /// what went wrong on the way, or `rejected`.
    public var exported: [String: Int] = [:]
    /// How long exports took, retries included, by error type; empty for success.
    public var operations: [String: DurationTally] = [:]

    /// Makes statistics without anything done.
    public init(queueSize: Int = 0, queueCapacity: Int) {
        self.queueSize = queueSize
        self.queueCapacity = queueCapacity
    }

    /// How many items were dropped before they reached the exporter.
    public var droppedItems: Int { processed.reduce(0) { $1.key.isEmpty ? $0 : $0 + $1.value } }

    /// How many items the exporter could not deliver.
    public var failedItems: Int { exported.reduce(0) { $1.key.isEmpty ? $0 : $0 + $1.value } }

    mutating func count(_ outcome: ExportOutcome, of items: Int, after duration: Duration) {
        switch outcome {
        case .exported(let rejected):
            // A collector may claim to have rejected more than it was sent.
            let rejected = min(max(0, rejected), items)
            if items > rejected { exported["", default: 0] += items - rejected }
            if rejected > 0 { exported["rejected", default: 0] += rejected }
            operations[rejected > 0 ? "rejected" : "", default: DurationTally()].add(duration)
        case .failed(let errorType):
            exported[errorType, default: 0] += items
            operations[errorType, default: DurationTally()].add(duration)
        }
    }
}

/// Durations counted in buckets.
public struct DurationTally: Sendable, Hashable {
    /// The upper bounds of the buckets in seconds.
    public static let boundsSeconds: [Double] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    /// How many fell into each bucket, not cumulative; the last one, beyond the bounds, is for the rest.
    public private(set) var buckets = [UInt64](repeating: 0, count: boundsSeconds.count + 1)
    /// How many there are.
    public private(set) var count: UInt64 = 0
    /// All together.
    public private(set) var sumSeconds = 0.0

    /// Makes a tally of nothing.
    public init() {}

    mutating func add(_ duration: Duration) {
        let (whole, fraction) = duration.components
        let seconds = Double(whole) + Double(fraction) * 1e-18
        buckets[Self.boundsSeconds.firstIndex { seconds <= $0 } ?? Self.boundsSeconds.count] += 1
        count += 1
        sumSeconds += seconds
    }
}
