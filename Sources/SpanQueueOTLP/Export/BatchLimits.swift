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
