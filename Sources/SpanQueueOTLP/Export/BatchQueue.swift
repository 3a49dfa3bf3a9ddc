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
