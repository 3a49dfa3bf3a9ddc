/// How a batch processor collects: `OTEL_BSP_*` and `OTEL_BLRP_*`.
public struct BatchLimits: Sendable, Hashable {
    /// The most items that wait; those that come when it is full are dropped and counted.
    public var queueSize: Int
    /// The most items in one export; as soon as there are so many they are exported.
    public var batchSize: Int
    /// How long fewer of them wait.
    public var scheduleDelay: Duration
    /// How long one export may take, with its retries.
    public var exportTimeout: Duration

    /// Makes limits; those of OpenTelemetry unless others are given. Sizes are at least 1, and a batch is no more than the queue.
    public init(
        queueSize: Int = 2048, batchSize: Int = 512, scheduleDelay: Duration = .seconds(5),
        exportTimeout: Duration = .seconds(30)
    ) {
        self.queueSize = max(1, queueSize)
        self.batchSize = min(max(1, batchSize), self.queueSize)
        self.scheduleDelay = max(scheduleDelay, .milliseconds(1))
        self.exportTimeout = exportTimeout
    }
}

/// The bounded queue of a batch processor: full batches, and the one that is being filled. Every operation takes constant
/// time, but for one allocation a batch.
struct BatchQueue<Item: Sendable>: Sendable {
    private let limits: BatchLimits
    private var full: [[Item]] = []
    private var filling: [Item] = []
    private(set) var count = 0

    init(_ limits: BatchLimits) {
        self.limits = limits
    }

    enum Admission {
        case refused
        case admitted
        /// It completed a batch: someone should export it.
        case completed
    }

    mutating func append(_ item: Item) -> Admission {
        guard count < limits.queueSize else { return .refused }
        if filling.capacity == 0 { filling.reserveCapacity(min(limits.batchSize, 4096)) }
        filling.append(item)
        count += 1
        guard filling.count >= limits.batchSize else { return .admitted }
        full.append(filling)
        filling = []
        return .completed
    }

    /// The oldest batch; nil where there is none. One that is not full only if asked for.
    mutating func next(evenPartial: Bool) -> [Item]? {
        if !full.isEmpty {
            // At most queueSize / batchSize of them: four, with the default limits.
            let batch = full.removeFirst()
            count -= batch.count
            return batch
        }
        guard evenPartial, !filling.isEmpty else { return nil }
        defer { filling = [] }
        count -= filling.count
        return filling
    }
}
